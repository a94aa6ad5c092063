// Assignment: a tensor's new value, in place and outside the gradient.
// Not here: how it is carried out or recorded (core.ts).

import * as b from "../../ir/build.ts";
import { assignAll, noGrad } from "../core.ts";
import type { Operand } from "../shape-types.ts";
import type { Tensor } from "../tensor.ts";
import { broadcastOf, operandNode, shapeError } from "./common.ts";

/** Gives `target` a value that broadcasts to its shape, in its dtype. */
export function assignValue(target: Tensor, value: Operand): void {
  const node = noGrad(() => operandNode("assign", value, target.dtype));
  if (!b.sameShape(broadcastOf("assign", target.shape, node.shape), target.shape)) {
    throw shapeError("assign", `${b.show(node.shape)} does not fit ${b.show(target.shape)}`);
  }
  assignAll([target], [b.broadcastTo(node, target.shape)]);
}
