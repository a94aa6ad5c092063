// summary: the table of a model's layers, their output shapes and how many parameters they have. The
// shapes come from one forward of an input of zeros that is recorded and never computed.
// Not here: drawing (vis/, cli/).

import { show } from "../ir/build.ts";
import type { DType } from "../ir/dtype.ts";
import { type Shape, sizeOf } from "../ir/node.ts";
import { noGrad } from "../tensor/core.ts";
import { zeros } from "../tensor/create.ts";
import { Tensor } from "../tensor/tensor.ts";
import { Trace, withTrace } from "../tensor/trace.ts";
import { ArgumentError } from "../util/errors.ts";
import { type ForwardHook, registerForwardHook } from "./hooks.ts";
import type { Module } from "./module.ts";

/** One line of a summary. */
export interface SummaryRow {
  /** The path of the module; "" is the model itself. */
  readonly name: string;
  /** Its class. */
  readonly kind: string;
  /** The shape of what its last call gave; null if the forward did not call it. */
  readonly outputShape: Shape | null;
  /** Parameters of the module itself, without its children's; tied ones count where they come first. */
  readonly parameters: number;
}

export interface Summary {
  readonly rows: readonly SummaryRow[];
  readonly total: number;
  readonly trainable: number;
  /** Bytes of all parameters and buffers. */
  readonly bytes: number;
  toString(): string;
}

interface Callable {
  forward: (...inputs: unknown[]) => unknown;
}

/** What a model is shown for its summary: a shape without the batch axis, or what `forward` takes. */
export type SummaryInput = Shape | Tensor | Readonly<Record<string, Tensor>>;

/**
 * The layers of a model in the order of its fields, as one forward of the given input goes through them.
 * Nothing is computed, and no state changes.
 *
 * @example
 * console.log(String(nn.summary(model, [1, 28, 28]))); // a batch axis of 1 is put before it
 */
export function summary(
  model: Module,
  input: SummaryInput,
  options: { dtype?: DType; batch?: number } = {},
): Summary {
  const { dtype = "float32", batch = 1 } = options;
  const isShape = (of: SummaryInput): of is Shape => Array.isArray(of);
  const given = isShape(input) ? zeros([batch, ...input], { dtype }) : input;
  const shapes = outputShapes(model, given);
  const counted = new Set<Tensor>();
  const named = model.namedModules();
  const rows: SummaryRow[] = [];
  for (const [name, module] of named) {
    const own = module.namedTensors().filter(([path]) => !belongsToChild(module, path));
    let parameters = 0;
    for (const [, tensor] of own) {
      if (counted.has(tensor) || !model.parameters().includes(tensor)) continue;
      counted.add(tensor);
      parameters += sizeOf(tensor.shape);
    }
    const kind = module.constructor.name;
    rows.push({ name, kind, outputShape: shapes.get(module) ?? null, parameters });
  }
  return new Table(rows, model);
}

function belongsToChild(module: Module, path: string): boolean {
  return module.namedChildren().some(([name]) => path.startsWith(`${name}.`));
}

// Records the outputs of all modules while the model runs in a trace that is thrown away.
function outputShapes(model: Module, input: unknown): Map<Module, Shape> {
  const found = new Map<Module, Shape>();
  if (typeof (model as Partial<Callable>).forward !== "function") {
    throw new ArgumentError("summary", `${model.constructor.name} has no forward`);
  }
  const restore: (() => void)[] = [];
  const trace = new Trace();
  try {
    for (const module of model.modules()) {
      const { training } = module;
      module.training = false; // batch norm would refuse a batch of one
      restore.push(() => {
        module.training = training;
      });
      if (typeof (module as Partial<Callable>).forward !== "function") continue;
      const record: ForwardHook = (_, __, output) => {
        const first = Array.isArray(output) ? output[0] : output;
        if (first instanceof Tensor) found.set(module, first.shape);
      };
      restore.push(registerForwardHook(module, record));
    }
    withTrace(trace, () => noGrad(() => (model as Module & Callable).forward(input)));
  } finally {
    for (const undo of trace.undo) undo();
    for (const undo of restore) undo();
  }
  return found;
}

class Table implements Summary {
  readonly rows: readonly SummaryRow[];
  readonly total: number;
  readonly trainable: number;
  readonly bytes: number;

  constructor(rows: readonly SummaryRow[], model: Module) {
    this.rows = rows;
    const parameters = model.parameters();
    const count = (tensors: readonly Tensor[]) =>
      tensors.reduce((sum, tensor) => sum + sizeOf(tensor.shape), 0);
    this.total = count(parameters);
    this.trainable = count(parameters.filter((tensor) => tensor.requiresGrad));
    this.bytes = 4 * (this.total + count(model.buffers()));
  }

  toString(): string {
    const head = ["layer", "output shape", "parameters"];
    const lines = this.rows.map(({ name, kind, outputShape, parameters }) => {
      const depth = name === "" ? 0 : name.split(".").length;
      const last = name === "" ? kind : `${name.split(".").at(-1)} (${kind})`;
      const shape = outputShape ? show(outputShape) : "-";
      return ["  ".repeat(depth) + last, shape, parameters ? grouped(parameters) : "-"];
    });
    const widths = head.map((text, i) =>
      Math.max(text.length, ...lines.map((cells) => cells[i]!.length)),
    );
    const row = ([a, b, c]: readonly string[]) =>
      `${a!.padEnd(widths[0]!)}  ${b!.padEnd(widths[1]!)}  ${c!.padStart(widths[2]!)}`;
    const rule = "-".repeat(widths[0]! + widths[1]! + widths[2]! + 4);
    const frozen = this.total - this.trainable;
    return [
      row(head),
      rule,
      ...lines.map(row),
      rule,
      `total ${grouped(this.total)} parameters, ${sizeText(this.bytes)}`,
      ...(frozen > 0 ? [`of which ${grouped(frozen)} frozen`] : []),
    ].join("\n");
  }
}

function grouped(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ",");
}

function sizeText(bytes: number): string {
  if (bytes < 1e3) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(2)} MB`;
}
