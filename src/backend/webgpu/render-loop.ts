// Loop kernels as compute shaders. An invocation has a parallel point, or several share one: then each
// takes every so-maniest of the inner points, and what they found is combined in workgroup memory, in an
// order that the shape alone decides. Scatters walk their inner axes in order, one invocation a point;
// additions by few points over many indices run all at once instead, by atomic additions.
// Not here: expressions (render-expr.ts), contractions (render-contract.ts).

import type { LoopKernel, Reduce, Stage } from "../../schedule/kernel.ts";
import { ExprWriter } from "./render-expr.ts";
import { axesFromIndex, dispatchOf, guard } from "./render-grid.ts";
import { ShaderMemory } from "./render-memory.ts";
import { binaryText, typeOf } from "./render-ops.ts";
import { floatText, ShaderText } from "./render-text.ts";
import type { Shader, ShaderFeatures, ShaderLayout } from "./shader.ts";

/** Invocations of a workgroup where each has a point. */
const ordinary = 64;
/** Invocations that keep a device busy: with fewer points several share one. */
const busy = 65536;
/** So many partial results become one at a time. */
const together = 16;
/** A scatter with fewer points and more indices than these adds atomically. */
const scatterPoints = 4096;
const scatterSteps = 128;

/** How invocations share points: `sharing` of them have one, `points` points a workgroup. */
interface Sharing {
  readonly sharing: number;
  readonly points: number;
  /** Neighbours among invocations have the same point (else neighbouring points). */
  readonly along: boolean;
}

export function renderLoop(
  given: LoopKernel,
  layout: ShaderLayout,
  features: ShaderFeatures,
): Shader {
  const added = addedAtOnce(given, layout);
  const kernel = added.length > 0 ? flat(given) : given;
  return new LoopRenderer(kernel, layout, features, added).render();
}

const product = (extents: readonly number[]) => extents.reduce((n, d) => n * d, 1);

/** The operands of additions that are to run all at once: none, or all that the kernel stores. */
function addedAtOnce(kernel: LoopKernel, { places }: ShaderLayout): number[] {
  const { axes, parallel, stages } = kernel;
  const [stage, ...others] = stages;
  if (stage === undefined || others.length > 0 || stage.reduces.length > 0) return [];
  const adds = stage.stores.every(
    ({ operand, scatter }) => scatter?.fn === "add" && places[operand]!.count === 1,
  );
  const points = product(axes.slice(0, parallel));
  const steps = product(stage.axes.map((a) => axes[a]!));
  if (!adds || points >= scatterPoints || steps <= scatterSteps) return [];
  return stage.stores.map((s) => s.operand);
}

/** The same with all axes parallel. */
function flat(kernel: LoopKernel): LoopKernel {
  const stages = kernel.stages.map((s) => ({ ...s, axes: [] }));
  return { ...kernel, parallel: kernel.axes.length, stages };
}

function hasScatter({ stages }: LoopKernel): boolean {
  return stages.some((s) => s.stores.some((st) => st.scatter !== undefined));
}

const powerUpTo = (n: number) => 2 ** Math.floor(Math.log2(Math.max(1, n)));

/** Words of workgroup memory that an invocation takes, of two stages at most. */
function wordsOf({ stages }: LoopKernel): number {
  const words = stages.map((s) => s.reduces.reduce((n, r) => n + (r.index ? 2 : 1), 1));
  return Math.max(...words);
}

function shareOf(kernel: LoopKernel, { invocations, workgroupBytes }: ShaderFeatures): Sharing {
  const { axes, parallel, stages, vector } = kernel;
  const alone = { sharing: 1, points: ordinary, along: false };
  const points = product(axes.slice(0, parallel));
  const inner = Math.max(...stages.map((s) => product(s.axes.map((a) => axes[a]!))));
  if (hasScatter(kernel) || inner < 16 || points === 0) return alone;
  const most = Math.min(256, invocations, powerUpTo(workgroupBytes / (8 * wordsOf(kernel))));
  const wanted = powerUpTo(busy / points);
  if (vector >= parallel) {
    const sharing = Math.min(most, powerUpTo(inner / 2), Math.max(32, wanted));
    return { sharing, points: Math.max(1, ordinary / sharing), along: true };
  }
  const across = Math.min(16, powerUpTo(points));
  const sharing = Math.min(most / across, powerUpTo(inner / 4), wanted);
  if (sharing <= 1) return alone;
  return { sharing, points: Math.max(across, ordinary / sharing), along: false };
}

class LoopRenderer {
  private readonly kernel: LoopKernel;
  private readonly share: Sharing;
  private readonly guarded: boolean;
  private readonly shared: boolean;
  private readonly text = new ShaderText();
  private readonly memory: ShaderMemory;
  private readonly writer: ExprWriter;
  /** Names of workgroup arrays. */
  private readonly arrays = new Set<string>();
  private combined = 0;

  constructor(
    kernel: LoopKernel,
    layout: ShaderLayout,
    features: ShaderFeatures,
    added: readonly number[],
  ) {
    this.kernel = kernel;
    this.share = shareOf(kernel, features);
    this.guarded = layout.guarded;
    this.shared = added.length > 0;
    this.memory = new ShaderMemory(this.text, kernel, layout, added);
    this.writer = new ExprWriter(this.text, this.memory, kernel.axes, (axis) => `i${axis}`);
  }

  render(): Shader {
    const { kernel, share, text } = this;
    const { axes, parallel } = kernel;
    const points = product(axes.slice(0, parallel));
    if (this.guarded) guard(text, share.sharing > 1);
    this.findPoint();
    axesFromIndex(text, "point", axes.slice(0, parallel));
    kernel.regs.forEach((dtype, reg) => text.line(`var r${reg}: ${typeOf[dtype]};`));
    kernel.stages.forEach((stage, i) => {
      const stores = kernel.stages.slice(0, i).some((s) => s.stores.length > 0);
      if (share.sharing > 1 && stores) text.line("storageBarrier();");
      this.stage(stage);
    });
    const code = text.finish(share.sharing * share.points);
    return { code, dispatch: dispatchOf(Math.ceil(points / share.points)), constants: [points] };
  }

  /** Which point the invocation has, and which of those that share it it is. */
  private findPoint(): void {
    const { text, memory, share } = this;
    const { sharing, points, along } = share;
    const group = "(group_id.y * groups.x + group_id.x)";
    if (sharing === 1) {
      text.line(`let point = ${group} * ${points}u + lane;`);
      text.line(`if (point >= ${memory.constant}) { return; }`);
      return;
    }
    const [point, part] = along
      ? [`lane / ${sharing}u`, `lane % ${sharing}u`]
      : [`lane % ${points}u`, `lane / ${points}u`];
    text.line(`let part = ${part};`);
    text.line(`let wanted = ${group} * ${points}u + ${point};`);
    text.line(`let live = wanted < ${memory.constant};`);
    text.line(`let point = min(wanted, ${memory.constant} - 1u);`);
  }

  private stage(stage: Stage): void {
    const { text, writer, share } = this;
    const wide = stage.axes.length > 0;
    const split = share.sharing > 1 && wide;
    for (const r of stage.reduces) this.start(r);
    const body = () => {
      for (const { value, scatter } of stage.stores) {
        writer.value(value);
        if (scatter !== undefined) writer.value(scatter.index);
      }
      for (const r of stage.reduces) this.fold(r);
      if (stage.stores.length === 0) return;
      const live = share.sharing > 1 ? (wide ? "live" : "live && part == 0u") : null;
      if (live !== null) text.open(`if (${live})`);
      writer.scoped(() => {
        for (const s of stage.stores) writer.store(s, this.shared);
      });
      if (live !== null) text.close();
    };
    text.open("");
    writer.scoped(() => {
      if (split) this.sharedLoop(stage, body);
      else this.loops(stage.axes, body);
    });
    text.close();
    if (split && stage.reduces.length > 0) this.combine(stage.reduces);
  }

  /** One loop an axis. */
  private loops(axes: readonly number[], body: () => void): void {
    const { text, writer, kernel } = this;
    for (const a of axes) text.open(`for (var i${a} = 0; i${a} < ${kernel.axes[a]}; i${a}++)`);
    writer.scoped(body);
    for (const _ of axes) text.close();
  }

  /** One loop over the part of the inner points that is the invocation's. */
  private sharedLoop({ axes }: Stage, body: () => void): void {
    const { text, writer, kernel, share } = this;
    const extents = axes.map((a) => kernel.axes[a]!);
    const step = `step += ${share.sharing}u`;
    text.open(`for (var step = part; step < ${product(extents)}u; ${step})`);
    axesFromIndex(text, "step", extents, axes);
    writer.scoped(body);
    text.close();
  }

  private valueType(r: Reduce): "f32" | "i32" | "bool" {
    return typeOf[r.value.dtype];
  }

  /** Sets a register, and for argmax what it is the place of, before the first element. */
  private start(r: Reduce): void {
    const { text } = this;
    const float = this.valueType(r) === "f32";
    const low = float ? floatText(Number.NEGATIVE_INFINITY, text) : "i32(-2147483648)";
    const high = float ? floatText(Number.POSITIVE_INFINITY, text) : "2147483647";
    const zero = { f32: "0f", i32: "0", bool: "false" }[this.valueType(r)];
    const one = { f32: "1f", i32: "1", bool: "true" }[this.valueType(r)];
    const bool = this.valueType(r) === "bool";
    const starts: { [K in Reduce["fn"]]: string } = {
      sum: zero,
      prod: one,
      max: bool ? "false" : low,
      min: bool ? "true" : high,
      argmax: bool ? "false" : low,
      argmin: bool ? "true" : high,
    };
    if (r.index === undefined) text.line(`r${r.reg} = ${starts[r.fn]};`);
    else {
      text.line(`var best${r.reg} = ${starts[r.fn]};`);
      text.line(`r${r.reg} = -1;`);
    }
  }

  /** Takes in the element at the present point. */
  private fold(r: Reduce): void {
    const { text, writer } = this;
    const x = writer.value(r.value);
    if (r.index === undefined) {
      text.line(`r${r.reg} = ${this.joined(r, `r${r.reg}`, x)};`);
      return;
    }
    const better = this.isBetter(r, x, `best${r.reg}`);
    text.open(`if (r${r.reg} < 0 || ${better})`);
    text.line(`best${r.reg} = ${x};`);
    text.line(`r${r.reg} = ${writer.form(r.index)};`);
    text.close();
  }

  private joined({ fn, value }: Reduce, a: string, b: string): string {
    const ops = { sum: "add", prod: "mul", max: "max", min: "min" } as const;
    const op = ops[fn as keyof typeof ops];
    return binaryText(op, value.dtype, a, b, this.text.use.bind(this.text));
  }

  /** Whether x beats the best so far; the first NaN beats all. */
  private isBetter(r: Reduce, x: string, best: string): string {
    const type = this.valueType(r);
    const max = r.fn === "argmax";
    if (type === "bool") return max ? `(${x} && !${best})` : `(!${x} && ${best})`;
    const beats = `${x} ${max ? ">" : "<"} ${best}`;
    if (type === "i32") return `(${beats})`;
    const nan = this.text.use("is_nan");
    return `((${beats} && !${nan}(${best})) || (${nan}(${x}) && !${nan}(${best})))`;
  }

  /** Combines what the invocations of a point have, and gives each the result. */
  private combine(reduces: readonly Reduce[]): void {
    const { text, share } = this;
    const { sharing, points, along } = share;
    const kept = this.keep(reduces);
    for (const { r, value, position } of kept) {
      text.line(`${value}[lane] = ${position === null ? `r${r.reg}` : `best${r.reg}`};`);
      if (position !== null) text.line(`${position}[lane] = r${r.reg};`);
    }
    text.line("workgroupBarrier();");
    const apart = (parts: number) => (along ? parts : parts * points);
    for (let left = sharing; left > 1; ) {
      const width = Math.max(1, left / together);
      const [first, end] = [`lane + ${apart(width)}u`, `lane + ${apart(left)}u`];
      text.open(`if (part < ${width}u)`);
      text.open(`for (var other = ${first}; other < ${end}; other += ${apart(width)}u)`);
      for (const { r, value, position } of kept) this.join(r, value, position);
      text.close();
      text.close();
      text.line("workgroupBarrier();");
      left = width;
    }
    const first = along ? "lane - part" : `lane % ${points}u`;
    for (const { r, value, position } of kept) {
      text.line(`r${r.reg} = ${position ?? value}[${first}];`);
    }
  }

  /** Workgroup arrays for what is combined: those of one stage and of the next take turns, so that
   *  nobody writes what others may still read. */
  private keep(reduces: readonly Reduce[]) {
    const { text, share } = this;
    const turn = this.combined++ % 2;
    const uses = new Map<string, number>();
    const array = (type: string) => {
      const at = uses.get(type) ?? 0;
      uses.set(type, at + 1);
      const name = `shared_${type}_${at}_${turn}`;
      if (!this.arrays.has(name)) {
        this.arrays.add(name);
        text.declare(`var<workgroup> ${name}: array<${type}, ${share.sharing * share.points}>;`);
      }
      return name;
    };
    return reduces.map((r) => {
      const position = r.index === undefined ? null : array("i32");
      return { r, value: array(this.valueType(r)), position };
    });
  }

  private join(r: Reduce, value: string, position: string | null): void {
    const { text } = this;
    const [mine, theirs] = [`${value}[lane]`, `${value}[other]`];
    if (position === null) {
      text.line(`${mine} = ${this.joined(r, mine, theirs)};`);
      return;
    }
    const [at, there] = [`${position}[lane]`, `${position}[other]`];
    const better = this.isBetter(r, theirs, mine);
    const worse = this.isBetter(r, mine, theirs);
    const first = `(!${worse} && ${there} < ${at})`;
    text.open(`if (${there} >= 0 && (${at} < 0 || ${better} || ${first}))`);
    text.line(`${mine} = ${theirs};`);
    text.line(`${at} = ${there};`);
    text.close();
  }
}
