// Makes a failing program small: fewer outputs, fewer updates, values in the middle replaced by fresh
// leaves or by their sources, as long as it still fails. Prints what is left as code that runs.
import { makeGraph } from "../../src/ir/graph.ts";
import { type Node, topological } from "../../src/ir/node.ts";
import { printGraph } from "../../src/ir/print.ts";
import { copyOf } from "./compare.ts";
import { draw, leafSeed, type Program } from "./program.ts";

export type Fails = (program: Program) => Promise<boolean>;

/** The smallest failing program that is found in `tries` attempts. */
export async function shrink(program: Program, fails: Fails, tries = 600): Promise<Program> {
  let best = program;
  let left = tries;
  for (let found = true; found && left > 0; ) {
    found = false;
    for (const smaller of candidates(best)) {
      if (left-- <= 0) break;
      if (sizeOf(smaller) >= sizeOf(best) || !(await fails(smaller).catch(() => true))) continue;
      best = smaller;
      found = true;
      break;
    }
  }
  return best;
}

/** Nodes that compute, and a little for each leaf and update. */
export function sizeOf({ outputs, into }: Program): number {
  const nodes = topological(outputs);
  const leaves = nodes.filter((n) => n.op === "buffer").length;
  const updates = into.filter((leaf) => leaf !== null).length;
  return nodes.length - leaves + 0.01 * (leaves + updates + outputs.length);
}

/** Programs with something left out, the greatest cuts first. */
function* candidates(program: Program): Generator<Program> {
  const { outputs, into } = program;
  const kept = (keep: (i: number) => boolean): Program => ({
    outputs: outputs.filter((_, i) => keep(i)),
    into: into.filter((_, i) => keep(i)),
  });
  if (outputs.length > 1) {
    for (const at of outputs.keys()) yield kept((i) => i === at);
    for (const at of outputs.keys()) yield kept((i) => i !== at);
  }
  for (const at of into.keys()) {
    if (into[at]) yield { outputs, into: into.map((leaf, i) => (i === at ? null : leaf)) };
  }
  const nodes = topological(outputs).reverse();
  for (const [at, output] of outputs.entries()) {
    for (const src of output.src) {
      if (src.op === "buffer" || src.shape.length === 0) continue;
      const peeled = outputs.map((o, i) => (i === at ? src : o));
      yield { outputs: peeled, into: into.map((leaf, i) => (i === at ? null : leaf)) };
    }
  }
  for (const [i, node] of nodes.entries()) {
    if (node.op === "buffer" || outputs.includes(node)) continue;
    if (node.dtype === "float32") yield replaced(program, node, draw(node.shape, 77 + i));
    for (const src of node.src) {
      const fits = src.dtype === node.dtype && `${src.shape}` === `${node.shape}`;
      if (fits) yield replaced(program, node, src);
    }
  }
}

/** The program with another node (a leaf, or one of its sources) in a node's place. */
function replaced({ outputs, into }: Program, node: Node, by: Node): Program {
  const made = new Map<Node, Node>([[node, by]]);
  for (const n of topological(outputs, (stop) => stop === node)) {
    if (n === node) continue;
    made.set(
      n,
      copyOf(
        n,
        n.src.map((s) => made.get(s)!),
      ),
    );
  }
  return { outputs: outputs.map((o) => made.get(o)!), into };
}

/** A module, to be saved at the root of the repository, that runs the program and says what differs. */
export function printProgram({ outputs, into }: Program): string {
  const graph = makeGraph(
    outputs,
    into.map((leaf) => leaf?.buffer ?? null),
  );
  const seeds = graph.inputs.map((leaf) => leafSeed(leaf));
  const code = printGraph(graph).replace("export default ", "const graph = ");
  return [
    'import { check } from "./tests/fuzz/check.ts";',
    `${code}`,
    "// The seeds of the inputs' elements.",
    `await check(graph, [${seeds.join(", ")}]);`,
  ].join("\n");
}
