// State dicts: a module's tensors by name, out and in. Loading is all or nothing: everything is checked
// before the first tensor changes. Not here: files (io/), or which tensors a module has (module.ts).

import { show } from "../ir/build.ts";
import { isFloat, type TypedArray } from "../ir/dtype.ts";
import { sizeOf } from "../ir/node.ts";
import { describe } from "../tensor/ops/common.ts";
import { refuseInTrace, setState, snapshot } from "../tensor/state.ts";
import { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, LoadError } from "../util/errors.ts";

/** Tensors by name. */
export type StateDict = Record<string, Tensor>;

/** What can be loaded: tensors, or flat typed arrays in row-major order. */
export type StateValues =
  | Readonly<Record<string, Tensor | TypedArray>>
  | ReadonlyMap<string, Tensor | TypedArray>;

export interface LoadOptions {
  /** False keeps what fits and ignores the rest. */
  strict?: boolean | undefined;
  /** What is loaded, for the error: a file's name. */
  source?: string | undefined;
}

/** Snapshots of tensors under their names. They stay what they are when the tensors are updated. */
export function takeState(named: readonly (readonly [string, Tensor])[]): StateDict {
  refuseInTrace("stateDict");
  const dict: StateDict = {};
  for (const [name, tensor] of named) dict[name] = snapshot(tensor);
  return dict;
}

/** Gives tensors the values of their names; throws a LoadError, with nothing changed, if they do not
 *  fit. */
export function loadState(
  named: readonly (readonly [string, Tensor])[],
  values: StateValues,
  options: LoadOptions & { what: string },
): void {
  refuseInTrace("loadStateDict");
  const { strict = true, source = "the state dict", what } = options;
  if (typeof values !== "object" || values === null || Array.isArray(values)) {
    throw new ArgumentError("loadStateDict", `takes tensors by name, got ${describe(values)}`, {
      hint: "use model.loadStateDict(other.stateDict())",
    });
  }
  const given = new Map(values instanceof Map ? values : Object.entries(values));
  const findings = compare(named, given, source);
  if (strict && findings.lines.length > 0) {
    throw new LoadError(source, `does not fit ${what}: ${findings.counts}`, {
      lines: findings.lines,
      hint: "loadStateDict(values, { strict: false }) keeps what fits",
    });
  }
  setState(findings.fitting);
}

interface Findings {
  readonly fitting: [Tensor, Tensor | TypedArray][];
  readonly lines: string[];
  readonly counts: string;
}

function compare(
  named: readonly (readonly [string, Tensor])[],
  given: ReadonlyMap<string, Tensor | TypedArray>,
  source: string,
): Findings {
  const fitting: [Tensor, Tensor | TypedArray][] = [];
  const missing: string[] = [];
  const shapes: string[] = [];
  const dtypes: string[] = [];
  const from = source === "the state dict" ? "given" : "file";
  const known = new Set<string>();
  for (const [name, tensor] of named) {
    known.add(name);
    const value = given.get(name);
    if (value === undefined) missing.push(`missing     ${name}`);
    else if (!(value instanceof Tensor || ArrayBuffer.isView(value))) {
      dtypes.push(`dtype       ${name}: ${from} ${describe(value)}, model ${tensor.dtype}`);
    } else if (!fits(tensor, value)) {
      const there = value instanceof Tensor ? show(value.shape) : `${value.length} elements`;
      shapes.push(`shape       ${name}: ${from} ${there}, model ${show(tensor.shape)}`);
    } else if (isFloat(tensor.dtype) && !holdsFloats(value)) {
      const there = value instanceof Tensor ? value.dtype : value.constructor.name;
      dtypes.push(`dtype       ${name}: ${from} ${there}, model ${tensor.dtype}`);
    } else fitting.push([tensor, value]);
  }
  const unexpected = [...given.keys()]
    .filter((name) => !known.has(name))
    .map((name) => `unexpected  ${name}`);
  const counts = [
    missing.length > 0 ? `${missing.length} missing` : "",
    unexpected.length > 0 ? `${unexpected.length} unexpected` : "",
    shapes.length > 0 ? `${shapes.length} wrong shape` : "",
    dtypes.length > 0 ? `${dtypes.length} wrong dtype` : "",
  ].filter((text) => text !== "");
  const lines = [...missing, ...unexpected, ...shapes, ...dtypes];
  return { fitting, lines, counts: counts.join(", ") };
}

function holdsFloats(value: Tensor | TypedArray): boolean {
  if (value instanceof Tensor) return isFloat(value.dtype);
  return value instanceof Float32Array || value instanceof Float64Array;
}

// A typed array has no shape: its length must be right. PyTorch's counters are of shape [] or [1].
function fits(tensor: Tensor, value: Tensor | TypedArray): boolean {
  if (!(value instanceof Tensor)) return value.length === sizeOf(tensor.shape);
  return show(value.shape) === show(tensor.shape);
}
