// A short look at the machine: does the engine know SIMD and relaxed SIMD, and does V8's revectorizer
// really make the register tile faster, with the right result? Its failures are silent (right results at
// a third of the speed), so it is measured, once a process, in about two milliseconds.
// Not here: the tile (contract.ts), or the flags (flags.ts).

import { type FuncRef, ModuleBuilder } from "./assembler.ts";
import { type Probe, renderProbe } from "./contract.ts";
import { canRevectorize, withFlags } from "./flags.ts";
import type { RenderOptions } from "./program-kernels.ts";
import { installModule, makeTable } from "./worker-instance.ts";

/** What code is generated for this machine. */
export type Choice = RenderOptions;

/** The tiles to choose from: rows where pairs of vectors are joined, and where not. */
const packedRows = 6;
const plainRows = 4;
/** Joined code must be this much faster to be taken; it is about twice as fast when it works. */
const worthIt = 1.25;

let simd: boolean | undefined;
let relaxedSimd: boolean | undefined;
let measured: boolean | undefined;

/** Does the engine compile these instructions? */
function validates(emit: (module: ModuleBuilder) => void): boolean {
  const module = new ModuleBuilder();
  emit(module);
  return withFlags(false, () => WebAssembly.validate(module.toBytes()));
}

/** True where WebAssembly has 128-bit vectors. */
export function hasSimd(): boolean {
  simd ??=
    typeof WebAssembly !== "undefined" &&
    validates((module) => {
      const f = module.func([], [], "simd");
      f.v128f32(1);
      f.op("f32x4.neg");
      f.op("drop");
    });
  return simd;
}

/** True where WebAssembly has relaxed SIMD (multiply and add in one). */
export function hasRelaxedSimd(): boolean {
  relaxedSimd ??= validates((module) => {
    const f = module.func([], [], "relaxed");
    for (let i = 0; i < 3; i++) f.v128f32(1);
    f.op("f32x4.relaxed_madd");
    f.op("drop");
  });
  return relaxedSimd;
}

/** Decides what code to generate. What is asked for is taken where it exists. */
export function chooseCode(asked: { strict: boolean; revectorize?: boolean }): Choice {
  const relaxed = !asked.strict && hasRelaxedSimd();
  let revectorize = (asked.revectorize ?? true) && canRevectorize();
  if (revectorize && asked.revectorize === undefined) {
    measured ??= packingHelps(relaxed);
    revectorize = measured;
  }
  return { relaxed, revectorize, rows: revectorize ? packedRows : plainRows };
}

function packingHelps(relaxed: boolean): boolean {
  const packed = new TileBench({ relaxed, revectorize: true, rows: packedRows });
  const plain = new TileBench({ relaxed, revectorize: false, rows: plainRows });
  // In turns, so that both meet the same moods of the machine; the best of each counts.
  for (let turn = 0; turn < 12; turn++) {
    packed.burst(8);
    plain.burst(8);
  }
  return packed.right && packed.best > worthIt * plain.best;
}

/** GFLOP/s of the tiles, measured longer: for `anneal doctor`. */
export function measureTiles({ relaxed, revectorize }: Choice): Record<string, number> {
  const tiles: Record<string, RenderOptions> = {
    "tile 4x8": { relaxed, revectorize: false, rows: 4 },
    "tile 6x8": { relaxed, revectorize: false, rows: 6 },
  };
  if (revectorize) {
    tiles["tile 4x16"] = { relaxed, revectorize, rows: 4 };
    tiles["tile 6x16"] = { relaxed, revectorize, rows: 6 };
  }
  const benches = Object.entries(tiles).map(([name, t]) => ({ name, bench: new TileBench(t) }));
  for (let turn = 0; turn < 40; turn++) for (const { bench } of benches) bench.burst(32);
  return Object.fromEntries(
    benches.map(({ name, bench }) => [`${name} GFLOP/s`, Math.round(10 * bench.best) / 10]),
  );
}

/** One tile over data of its own. */
class TileBench {
  /** The best GFLOP/s so far. */
  best = 0;
  private readonly probe: Probe;
  private readonly f32: Float32Array;
  private readonly kernel: (p: number, lo: number, hi: number) => void;
  private readonly at: readonly number[];

  constructor(options: RenderOptions) {
    const module = new ModuleBuilder();
    module.importMemory({ module: "env", name: "memory", min: 1 });
    this.probe = renderProbe(module, options);
    const func: FuncRef = this.probe.func;
    module.exportFunc("tile", func);
    const memory = new WebAssembly.Memory({ initial: 2 });
    const bytes = module.toBytes();
    const compiled = withFlags(options.revectorize, () => new WebAssembly.Module(bytes));
    const { tile } = installModule({ module: compiled, functions: 0 }, memory, makeTable());
    this.kernel = tile as never;
    this.f32 = new Float32Array(memory.buffer);
    const [a, b] = this.probe.sizes;
    this.at = [1024, 1024 + a, 1024 + a + b];
    const words = new Int32Array(memory.buffer, params, 3);
    this.at.forEach((at, i) => {
      words[i] = 4 * at;
    });
    for (let i = 0; i < a + b; i++) this.f32[1024 + i] = ((i * 7) % 13) - 6;
  }

  /** Runs the tile a few times and notes the speed. */
  burst(times: number): void {
    const start = performance.now();
    this.kernel(params, 0, times);
    const seconds = (performance.now() - start) / 1000;
    if (seconds > 0) this.best = Math.max(this.best, (times * this.probe.flops) / seconds / 1e9);
  }

  /** Are the sums right? The data are small integers: exact in any order. */
  get right(): boolean {
    const { f32, at } = this;
    const K = 256;
    const rows = this.probe.sizes[0] / K;
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < 16; c++) {
        let sum = 0;
        for (let k = 0; k < K; k++) sum += f32[at[0]! + r * K + k]! * f32[at[1]! + k * 16 + c]!;
        if (f32[at[2]! + r * 16 + c] !== sum) return false;
      }
    }
    return true;
  }
}

/** Where a tile's parameters lie. */
const params = 1024;
