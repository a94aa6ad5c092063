// What a printed program ends with: fills its inputs, compares, and says what differs.
import type { Graph } from "../../src/ir/graph.ts";
import { allModes, compare, disposeOf } from "./compare.ts";
import { fill } from "./program.ts";

/** Prints what differs between the reference and wasm; the process then fails. */
export async function check(graph: Graph, seeds: readonly number[]): Promise<void> {
  graph.inputs.forEach((leaf, i) => {
    fill(leaf.buffer!, seeds[i]!);
  });
  const into = graph.into.map((at) => (at < 0 ? null : graph.inputs[at]!));
  const modes = await allModes();
  const { fault } = await compare({ outputs: graph.outputs, into }, modes);
  await disposeOf(modes);
  console.log(fault ?? "no difference");
  process.exitCode = fault === null ? 0 : 1;
}
