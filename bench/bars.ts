// The bars that Anneal has set itself, and which of them a run reached. Figures come from results.ts;
// a bar whose workloads were not run has none.
import { type Results, type Row, timed } from "./results.ts";
import { workloads } from "./workloads.ts";

/** One bar: what, how much at most (or at least), and what this run had. */
export interface Bar {
  what: string;
  limit: string;
  /** The figure, with the workload it comes from where there are several. */
  reached: string;
  ok: boolean | null;
}

/** A figure of one row: its name for the reader, and the value. */
type Figure = [name: string, value: number | null];

const TRAINING = Object.keys(workloads).filter((name) => workloads[name]!.kind === "train");
const CUBES = ["matmul256", "matmul512", "matmul1024"];

/** All bars, in the order of the page. */
export function barsOf({ results, bundleKb }: Results): Bar[] {
  const most = Math.max(...results.map((row) => row.threads));
  const rows = (names: string[], threads = most) =>
    results.filter((row) => names.includes(row.work) && row.threads === threads);
  const all = (names: string[]) => results.filter((row) => names.includes(row.work));
  const ratios = (list: Row[]): Figure[] => list.map((row) => [nameOf(row), row.ratio]);
  const training = rows(TRAINING);
  return [
    atLeast(
      "matmul 256³ to 1024³ ÷ register tile, 1 thread",
      0.85,
      rows(CUBES, 1).map((row) => [row.work, row.ofTile]),
    ),
    atMost("matmul 256³ to 1024³ ÷ PyTorch 1.13", 1.05, ratios(all(CUBES))),
    atMost("matmul 64³ ÷ PyTorch 1.13", 0.7, ratios(rows(["matmul64"]))),
    atMost("matmul 4096×256×64 ÷ PyTorch 1.13", 0.85, ratios(rows(["matmul4096x256x64"]))),
    atMost("eltwise1M ÷ PyTorch 1.13", 0.2, ratios(rows(["eltwise1M"]))),
    atMost("softmax ÷ PyTorch 1.13", 0.75, ratios(rows(["softmax"]))),
    atMost("layernorm ÷ PyTorch 1.13", 0.6, ratios(rows(["layernorm"]))),
    atMost("every training workload ÷ PyTorch 1.13", 0.6, ratios(training)),
    atMost("mlp_tiny ÷ PyTorch 1.13", 0.02, ratios(rows(["mlp_tiny"]))),
    atMost("cnn_mnist ÷ PyTorch 1.13", 0.4, ratios(rows(["cnn_mnist"]))),
    atMost("lstm_char ÷ PyTorch 1.13", 0.45, ratios(rows(["lstm_char"]))),
    atMost("gru_small ÷ PyTorch 1.13", 0.35, ratios(rows(["gru_small"]))),
    atMost("geometric mean of the training workloads ÷ PyTorch 1.13", 0.45, [
      [`${training.length} workloads`, geometricMean(training.map((row) => row.ratio))],
    ]),
    atMost("inference at batch 1 ÷ PyTorch 1.13", 0.4, ratios(rows(["cnn_mnist_infer1"]))),
    atMost("gpt_nano ÷ PyTorch's best", 0.5, rows(["gpt_nano"]).map(overTorch)),
    atMost("attention ÷ PyTorch's best", 0.6, rows(["attention"]).map(overTorch)),
    atMost("gpt_infer ÷ PyTorch's best", 0.2, rows(["gpt_infer"]).map(overTorch)),
    atMost(
      "every training workload ÷ best of any peer",
      1,
      training.map((row) => [row.work, row.ratioBest]),
    ),
    atMost(
      "every workload ÷ best JavaScript peer",
      1,
      rows(Object.keys(workloads)).map((row) => [row.work, overScript(row)]),
    ),
    atMost(
      "first step of cnn_mnist, from the start of the process, ms",
      250,
      all(["cnn_mnist"]).map((row) => [nameOf(row), row.firstStepMs]),
    ),
    atMost(
      "first step of lstm_char, from the start of the process, ms",
      500,
      all(["lstm_char"]).map((row) => [nameOf(row), row.firstStepMs]),
    ),
    atMost(
      "first step of gpt_nano, from the start of the process, ms",
      800,
      all(["gpt_nano"]).map((row) => [nameOf(row), row.firstStepMs]),
    ),
    atMost(
      "growth of memory ÷ PyTorch's, every network",
      1,
      all([...TRAINING, "cnn_mnist_infer1"]).map((row) => [nameOf(row), memoryRatio(row)]),
    ),
    atLeast(
      "two threads ÷ one, where the machine's own two give 1.8",
      1.5,
      rows(["cnn_mnist", "resnet20_cifar"]).map((row) => [
        `${row.work}, the machine ${row.machineScaling?.toFixed(2) ?? "–"}`,
        row.scaling,
      ]),
    ),
    atMost(
      "step beside a busy process ÷ one thread alone",
      2,
      rows(Object.keys(workloads)).map((row) => [row.work, row.busy]),
    ),
    atMost("core bundle, kB gzip", 80, [["a page's own script", bundleKb]]),
  ];
}

function nameOf(row: Row): string {
  return `${row.work}, ${row.threads} thread${row.threads === 1 ? "" : "s"}`;
}

/** The worst of the figures is what counts. */
function bar(
  what: string,
  limit: string,
  figures: Figure[],
  ok: (v: number) => boolean,
  sign: number,
) {
  const known = figures.filter(
    (f): f is [string, number] => f[1] !== null && Number.isFinite(f[1]),
  );
  if (known.length === 0) return { what, limit, reached: "not measured", ok: null };
  const [name, worst] = known.sort((a, b) => sign * (b[1] - a[1]))[0]!;
  const good = known.filter(([, value]) => ok(value)).length;
  const of = known.length > 1 ? `, ${good} of ${known.length}` : "";
  return { what, limit, reached: `${worst.toPrecision(3)} (${name}${of})`, ok: ok(worst) };
}

function atMost(what: string, limit: number, figures: Figure[]): Bar {
  return bar(what, `≤ ${limit}`, figures, (v) => v <= limit, 1);
}

function atLeast(what: string, limit: number, figures: Figure[]): Bar {
  return bar(what, `≥ ${limit}`, figures, (v) => v >= limit, -1);
}

/** The geometric mean of what is known; null if nothing is. */
export function geometricMean(values: (number | null)[]): number | null {
  const known = values.filter((v): v is number => v !== null);
  if (known.length === 0) return null;
  return Math.exp(known.reduce((sum, v) => sum + Math.log(v), 0) / known.length);
}

/** Anneal's median over that of the quickest PyTorch, old, new or compiled. */
function overTorch(row: Row): Figure {
  const families = ["torch", "torch-new", "torch-compile"] as const;
  const mine = timed(row.anneal)?.median;
  const others = families.flatMap((family) => timed(row.peers[family])?.median ?? []);
  return [nameOf(row), mine && others.length ? mine / Math.min(...others) : null];
}

/** Anneal's median over the best of tfjs and jax-js. */
function overScript({ anneal, peers }: Row): number | null {
  const mine = timed(anneal)?.median;
  const others = [peers.tfjs, peers["jax-js"]].flatMap((peer) => timed(peer)?.median ?? []);
  return mine && others.length ? mine / Math.min(...others) : null;
}

function memoryRatio({ peakMb, peers }: Row): number | null {
  const torch = peers.torch?.peakMb;
  return peakMb !== null && torch ? peakMb / torch : null;
}
