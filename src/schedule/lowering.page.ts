// Takes the place of lowering.ts in what pages load. The devices of a page take graphs as they are.

import type { Graph } from "../ir/graph.ts";
import { DeviceError } from "../util/errors.ts";
import { type Plan, type Target, withoutSteps } from "./plan.ts";

/** Plans without steps, which is all that devices in workers want. */
export function lower(graph: Graph, target: Target | null): Plan {
  if (target === null) return withoutSteps(graph);
  throw new DeviceError("device", "a page has no compiler for backends on its own thread", {
    hint: 'import { wasmHere } from "anneal/wasm"; device(wasmHere())',
  });
}
