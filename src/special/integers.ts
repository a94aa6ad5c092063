// The greatest common divisor and the least common multiple, by Euclid's algorithm written out: as many
// steps as the dtype's worst case (two neighbours in Fibonacci's series) needs.

import { isFloat } from "../ir/dtype.ts";
import type { Node } from "../ir/node.ts";
import { wrap } from "../tensor/core.ts";
import { dtypeError, pairOf } from "../tensor/ops/common.ts";
import * as n from "../tensor/ops/nodes.ts";
import type { Operand } from "../tensor/shape-types.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** F(47) is the first Fibonacci number beyond int32, F(14) the first beyond uint8. */
const steps = { int32: 46, uint8: 13 } as const;

function whole(op: string, x: Operand, y: Operand): [Node, Node] {
  const [p, q] = pairOf(op, x, y);
  if (isFloat(p.dtype) || p.dtype === "bool") {
    throw dtypeError(op, `needs ints, got ${p.dtype}`, "use x.int()");
  }
  return p.dtype === "int32" ? [n.abs(p), n.abs(q)] : [p, q];
}

function euclid(x: Node, y: Node): Node {
  let [p, q] = [x, y];
  for (let i = 0; i < (x.dtype === "uint8" ? steps.uint8 : steps.int32); i++) {
    const done = n.eq(q, 0);
    const rest = n.mod(p, n.where(done, 1, q));
    [p, q] = [n.where(done, p, q), n.where(done, 0, rest)];
  }
  return p;
}

/**
 * The greatest common divisor, not negative, in the operands' int dtype and common shape; gcd(0, 0) is 0.
 * Source: torch.gcd.
 *
 * @throws DtypeError where the operands are no ints.
 *
 * @example
 * await gcd(tensor([12], { dtype: "int32" }), 18).array(); // [6]
 */
export function gcd(x: Operand, y: Operand): Tensor {
  return wrap(euclid(...whole("gcd", x, y)));
}

/**
 * The least common multiple, not negative, in the operands' int dtype and common shape; 0 where one is 0.
 * Source: torch.lcm.
 *
 * @throws DtypeError where the operands are no ints.
 *
 * @example
 * await lcm(tensor([4], { dtype: "int32" }), 6).array(); // [12]
 */
export function lcm(x: Operand, y: Operand): Tensor {
  const [p, q] = whole("lcm", x, y);
  const divisor = euclid(p, q);
  const some = n.ne(divisor, 0);
  const product = n.mul(n.div(p, n.where(some, divisor, 1)), q);
  return wrap(p.dtype === "int32" ? n.abs(product) : product);
}
