// What ANNEAL_DEBUG prints of programs: 1 a line for each, 2 also the time of each kernel of each run,
// 3 also the kernels, 4 also their code, 5 also the graph (ir/print.ts). Everything goes to stderr.
// Not here: the level itself (util/env.ts).

import { printGraph } from "../../ir/print.ts";
import type { Affine, Expr, Kernel, Store } from "../../schedule/kernel.ts";
import { say } from "../../util/env.ts";
import type { WasmProgram } from "./program.ts";
import type { Compiled } from "./program-kernels.ts";

/** Tells of a program that was just compiled. */
export function describeProgram(program: WasmProgram, compiled: Compiled, level: number): void {
  const { plan } = program;
  if (level >= 5) say(`graph:\n${printGraph(plan.graph)}`);
  const kernels = `${plan.steps.length} kernels (${compiled.kernels} new, ${compiled.bytes} bytes)`;
  const arena = `arena ${(plan.arenaBytes / 2 ** 20).toFixed(2)} MiB`;
  const threads = program.threaded ? "threaded" : "one thread";
  say(`program: ${kernels}, ${arena}, ${threads}, ${program.compileMs.toFixed(2)} ms`);
  if (level >= 3)
    plan.steps.forEach((step, i) => say(`${i} ${step.label}: ${kernelText(step.kernel)}`));
  if (level >= 4) for (const text of compiled.text) say(text);
}

/** Tells the times of one run, in microseconds. */
export function describeRun(program: WasmProgram, microseconds: readonly number[]): void {
  const total = microseconds.reduce((sum, t) => sum + t, 0);
  say(`run: ${total.toFixed(1)} us in ${microseconds.length} kernels`);
  microseconds.forEach((t, i) => {
    say(`  ${t.toFixed(1).padStart(10)} us  ${program.steps[i]!.label}`);
  });
}

/** A kernel as pseudo-code. */
function kernelText(kernel: Kernel): string {
  const axes = kernel.axes.map((extent, i) => `i${i}<${extent}`).join(" ");
  if (kernel.kind === "contract") {
    const { a, b, store, sums } = kernel;
    const product = `a${a.operand}[${affineText(a.at)}] * a${b.operand}[${affineText(b.at)}]`;
    const over = sums.map((i) => `i${i}`).join(" ");
    return `contract ${axes}\n  acc = sum(${over}) ${product}\n  ${storeText(store)}`;
  }
  if (kernel.kind !== "loop") {
    const { height, width, channels } = kernel.image;
    const of = `${height}×${width} pixels of ${channels} channels`;
    return `${kernel.kind} ${axes} of ${of}${"store" in kernel ? `\n  ${storeText(kernel.store)}` : ""}`;
  }
  const stages = kernel.stages.map((stage) => {
    const reduces = stage.reduces.map((r) => `r${r.reg} = ${r.fn} ${exprText(r.value)}`);
    const over = stage.axes.map((i) => `i${i}`).join(" ");
    return [`  for (${over})`, ...reduces, ...stage.stores.map(storeText)].join("\n    ");
  });
  return [`loop ${axes} parallel=${kernel.parallel} vector=${kernel.vector}`, ...stages].join("\n");
}

function storeText({ operand, at, value, scatter }: Store): string {
  if (!scatter) return `a${operand}[${affineText(at)}] = ${exprText(value)}`;
  const index = `${affineText(at)} + ${scatter.stride}*${exprText(scatter.index)}`;
  return `a${operand}[${index}] ${scatter.fn === "add" ? "+=" : "="} ${exprText(value)}`;
}

function affineText({ base, coef }: Affine): string {
  const terms = coef.flatMap((c, i) => (c === 0 ? [] : [c === 1 ? `i${i}` : `${c}*i${i}`]));
  return (base !== 0 || terms.length === 0 ? [...terms, String(base)] : terms).join("+");
}

function exprText(expr: Expr): string {
  switch (expr.k) {
    case "load":
      return `a${expr.operand}[${affineText(expr.at)}]`;
    case "gather":
      return `a${expr.operand}[${affineText(expr.at)} + ${expr.stride}*${exprText(expr.index)}]`;
    case "const":
      return String(expr.value);
    case "scalar":
      return `s${expr.slot}`;
    case "axis":
      return affineText(expr.at);
    case "unary":
      return `${expr.fn}(${exprText(expr.x)})`;
    case "binary":
    case "compare":
      return `${expr.fn}(${exprText(expr.x)}, ${exprText(expr.y)})`;
    case "where":
      return `(${exprText(expr.cond)} ? ${exprText(expr.x)} : ${exprText(expr.y)})`;
    case "cast":
      return `${expr.dtype}(${exprText(expr.x)})`;
    case "masked": {
      const inside = expr.ranges.map(({ at, size }) => `0<=${affineText(at)}<${size}`).join(" && ");
      return `(${inside} ? ${exprText(expr.x)} : ${expr.fill})`;
    }
    case "reg":
      return `r${expr.reg}`;
    case "random":
      return `random(${exprText(expr.seed)}, ${exprText(expr.base)}, ${affineText(expr.at)})`;
    case "acc":
      return "acc";
  }
}
