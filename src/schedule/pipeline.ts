// The whole lowering, top to bottom, one named line a pass.

import type { Graph } from "../ir/graph.ts";
import type { Plan, Target } from "./plan.ts";

/** Lowers a graph for a backend. A null target (a backend that interprets graphs) gets no steps. */
export function lower(graph: Graph, target: Target | null): Plan {
  if (target === null) {
    const outputs = graph.outputs.map((o, i) => ({
      dtype: o.dtype,
      size: o.shape.reduce((p, d) => p * d, 1),
      buffer: -1,
      into: graph.into[i],
    }));
    return { graph, buffers: [], steps: [], outputs, arenaBytes: 0, commit: 0 };
  }
  throw new Error("not yet");
}
