// Plans written by hand for the tests of the wasm runtime: chains of elementwise kernels over vectors,
// without the lowering. One builder makes one plan.
import { Buffer } from "../../src/ir/buffer.ts";
import { type DType, itemSize } from "../../src/ir/dtype.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { type Fault, Node } from "../../src/ir/node.ts";
import type { Affine, Expr, LoopKernel, Operand } from "../../src/schedule/kernel.ts";
import type { Plan, PlanBuffer, PlanOutput, Step } from "../../src/schedule/plan.ts";

type Place = { readonly buffer: number; readonly dtype: DType; readonly size: number };

/** An expression over places and scalars: `(e) => e.add(e.load(x), e.scalar(0))`. */
export interface Terms {
  load(place: Place, base?: number): Expr;
  gather(table: Place, index: Place): Expr;
  scalar(slot: number): Expr;
  value(x: number): Expr;
  add(x: Expr, y: Expr): Expr;
  mul(x: Expr, y: Expr): Expr;
}

export class PlanBuilder {
  private readonly buffers: PlanBuffer[] = [];
  private readonly steps: Step[] = [];
  private readonly inputs: Node[] = [];
  private readonly scalars: Node[] = [];
  private readonly outputs: { node: Node; output: PlanOutput }[] = [];
  private arenaBytes = 0;
  private commit: number | null = null;

  input(size: number, dtype: DType = "float32"): Place {
    const node = new Node("buffer", dtype, [size], [], null);
    node.buffer = new Buffer(dtype, size, null);
    this.inputs.push(node);
    return this.addBuffer(dtype, size, this.inputs.length - 1, 0);
  }

  scalar(): number {
    return this.scalars.push(new Node("scalar", "float32", [], [], null)) - 1;
  }

  temporary(size: number, dtype: DType = "float32"): Place {
    const offset = this.arenaBytes;
    this.arenaBytes += Math.ceil((size * itemSize[dtype] + 64) / 64) * 64;
    return this.addBuffer(dtype, size, -1, offset);
  }

  private addBuffer(dtype: DType, size: number, input: number, offset: number): Place {
    this.buffers.push({ dtype, size, input, offset });
    return { buffer: this.buffers.length - 1, dtype, size };
  }

  /** `size` elements of another place, from `first` on. */
  part({ buffer, dtype }: Place, first: number, size: number): Place {
    const { input, offset } = this.buffers[buffer]!;
    const start = first * itemSize[dtype];
    this.buffers.push({ dtype, size, input, offset: offset + start, part: { of: buffer, start } });
    return { buffer: this.buffers.length - 1, dtype, size };
  }

  /** Steps from here on write into inputs. */
  commitHere(): void {
    this.commit = this.steps.length;
  }

  /** to[i] = value at i. */
  step(to: Place, value: (terms: Terms) => Expr, { grain = 64 } = {}): void {
    const places: Place[] = [];
    const faults: Fault[] = [];
    const scalars: number[] = [];
    const operandOf = (place: Place) => {
      if (!places.includes(place)) places.push(place);
      return places.indexOf(place);
    };
    const along = (base = 0): Affine => ({ base, coef: [1] });
    const { dtype } = to;
    const expr = value({
      load: (place, base) => ({
        k: "load",
        dtype: place.dtype,
        operand: operandOf(place),
        at: along(base),
      }),
      gather: (table, index) => {
        faults.push({
          op: "gather",
          detail: `an index is outside [0, ${table.size})`,
          scope: "model.emb",
        });
        const at = { base: 0, coef: [0] };
        const which: Expr = { k: "load", dtype: "int32", operand: operandOf(index), at: along() };
        const [operand, size, fault] = [operandOf(table), table.size, faults.length - 1];
        return { k: "gather", dtype, operand, at, index: which, stride: 1, size, fault };
      },
      scalar: (slot) => {
        scalars.push(slot);
        return { k: "scalar", dtype, slot: scalars.length - 1 };
      },
      value: (x) => ({ k: "const", dtype, value: x }),
      add: (x, y) => ({ k: "binary", dtype, fn: "add", x, y }),
      mul: (x, y) => ({ k: "binary", dtype, fn: "mul", x, y }),
    });
    const operand = operandOf(to);
    const operands: Operand[] = places.map((p) => ({ dtype: p.dtype, write: p === to }));
    const kernel: LoopKernel = {
      kind: "loop",
      axes: [to.size],
      parallel: 1,
      vector: 0,
      operands,
      regs: [],
      scalars: scalars.map(() => "float32"),
      stages: [{ axes: [], reduces: [], stores: [{ operand, at: along(), value: expr }] }],
      grain,
    };
    const label = `step ${this.steps.length}`;
    this.steps.push({ kernel, buffers: places.map((p) => p.buffer), scalars, label, faults });
  }

  /** The place's data is an output; `into` names the input whose memory it is in. */
  output(place: Place, into: Place | null = null): void {
    const { buffer, dtype, size } = place;
    const input = into === null ? -1 : this.buffers[into.buffer]!.input;
    const own = this.buffers[buffer]!.input;
    const isInput = into === null && own >= 0;
    const node = isInput ? this.inputs[own]! : new Node("iota", "int32", [size], [], null);
    this.outputs.push({ node, output: { dtype, size, buffer, into: input } });
  }

  plan(): Plan {
    const { buffers, steps, arenaBytes } = this;
    const outputs = this.outputs.map(({ output }) => output);
    const graph: Graph = {
      inputs: this.inputs,
      scalars: this.scalars,
      outputs: this.outputs.map(({ node }) => node),
      into: outputs.map(({ into }) => into),
      key: "by hand",
    };
    return { graph, buffers, steps, outputs, arenaBytes, commit: this.commit ?? steps.length };
  }
}

/** y = x·2 + s, then `steps` times y += x. */
export function chain(size: number, steps: number): Plan {
  const p = new PlanBuilder();
  const x = p.input(size);
  const s = p.scalar();
  let y = p.temporary(size);
  p.step(y, (e) => e.add(e.mul(e.load(x), e.value(2)), e.scalar(s)));
  for (let i = 0; i < steps; i++) {
    const next = p.temporary(size);
    const last = y;
    p.step(next, (e) => e.add(e.load(last), e.load(x)));
    y = next;
  }
  p.output(y);
  return p.plan();
}
