// What compile captures (arguments, state, guards, constants), and what it refuses.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { compile, setCheckMode } from "../../src/tensor/compile.ts";
import { assignAll, nodeOf, noGrad } from "../../src/tensor/core.ts";
import { device } from "../../src/tensor/device.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { bumpGeneration, untraced } from "../../src/tensor/trace.ts";
import { ArgumentError, ShapeError, StateError } from "../../src/util/errors.ts";
import { leaf, list, number, onEveryDevice, vector } from "./devices.ts";

onEveryDevice((use) => {
  beforeEach(() => {
    use();
    setCheckMode(true);
  });

  describe("arguments", () => {
    it("are inputs: every call computes with its own", async () => {
      let traces = 0;
      const f = compile((x: Tensor, y: Tensor) => {
        traces++;
        return x.mul(y).add(1);
      });
      expect(await list(f(vector(1, 2), vector(3, 4)))).toEqual([4, 9]);
      expect(await list(f(vector(5, 6), vector(7, 8)))).toEqual([36, 49]);
      expect(await list(f(vector(0, 1), vector(7, 8)))).toEqual([1, 9]);
      expect(traces).toBe(2); // the second is check mode's
    });

    it("may be lazy, nested, the same twice, or unused", async () => {
      const f = compile((a: { x: Tensor; more: Tensor[] }, b: Tensor, _unused: Tensor) => ({
        sum: a.x.add(a.more[0]!).add(b),
        parts: [a.more[1]!.mul(2)],
      }));
      const x = vector(1, 2);
      for (let i = 0; i < 3; i++) {
        const lazy = x.add(i);
        const out = f({ x: lazy, more: [x, x] }, lazy, vector(9, 9));
        expect(await list(out.sum)).toEqual([3 + 2 * i, 6 + 2 * i]);
        expect(await list(out.parts[0]!)).toEqual([2, 4]);
      }
    });

    it("of other shapes, dtypes or constants find or make another program", async () => {
      const f = compile((x: Tensor, times: number, how: string) =>
        how === "sum" ? x.mul(times).sum() : x.mul(times).max(),
      );
      expect(await f(vector(1, 2), 3, "sum").item()).toBe(9);
      expect(await f(vector(1, 2), 4, "sum").item()).toBe(12);
      expect(await f(vector(1, 2, 3), 4, "max").item()).toBe(12);
      expect(await f(vector(1, 2), 3, "sum").item()).toBe(9);
      const int = Tensor.from(new Int32Array([1, 2]), [2]);
      expect(f(int, 3, "sum").dtype).toBe("int32");
      const engine = use();
      const before = engine.compiled;
      await f(vector(1, 2), 5, "sum").item(); // another number is an input of the same program
      expect(engine.compiled).toBe(before);
    });

    it("can be assigned to: the caller's tensor changes", async () => {
      const f = compile((x: Tensor) => {
        x.assign(x.mul(2));
        return x;
      });
      for (let i = 0; i < 3; i++) {
        const x = vector(1, 2 + i);
        const same = f(x);
        expect(same).toBe(x);
        expect(await list(x)).toEqual([2, 4 + 2 * i]);
      }
    });

    it("may also be state of the function", async () => {
      const w = vector(1, 1);
      const f = compile((x: Tensor) => {
        w.assign(w.add(x));
        return x.add(w);
      });
      expect(await list(f(vector(1, 2)))).toEqual([3, 5]); // w = [2, 3]
      expect(await list(f(w))).toEqual([8, 12]); // w = [4, 6], and x is w
      expect(await list(f(w))).toEqual([16, 24]);
      expect(await list(f(vector(1, 1)))).toEqual([10, 14]);
      expect(await list(w)).toEqual([9, 13]);
    });
  });

  describe("state", () => {
    it("is read at the moment of the call, and what is assigned stays", async () => {
      const count = number(0);
      const f = compile(() => {
        count.assign(count.add(1));
        return count.mul(10);
      });
      for (let i = 1; i <= 4; i++) expect(await f().item()).toBe(10 * i);
      expect(await count.item()).toBe(4);
      count.assign(100);
      expect(await f().item()).toBe(1010);
      expect(await count.item()).toBe(101);
    });

    it("may be lazy when the call comes", async () => {
      const w = vector(1, 2);
      const f = compile((x: Tensor) => x.mul(w));
      await list(f(vector(1, 1)));
      const plus = w.add(1);
      w.current = plus.current;
      expect(await list(f(vector(1, 1)))).toEqual([2, 3]);
    });

    it("sees its own assignments inside the trace, and swaps are simultaneous", async () => {
      const [a, b] = [number(1), number(2)];
      const f = compile(() => {
        const old = a.add(0);
        assignAll([a, b], [nodeOf(b), nodeOf(a)]);
        return old.mul(100).add(a.mul(10)).add(b);
      });
      expect(await f().item()).toBe(121);
      expect(await f().item()).toBe(212);
      expect([await a.item(), await b.item()]).toEqual([1, 2]);
    });

    it("a learning rate in a 0-d tensor changes without another trace", async () => {
      const rate = number(0.5);
      let traces = 0;
      const f = compile((x: Tensor) => {
        traces++;
        return x.mul(rate);
      });
      await list(f(vector(2)));
      await list(f(vector(2)));
      const before = [traces, use().compiled];
      rate.assign(0.25);
      expect(await list(f(vector(2)))).toEqual([0.5]);
      expect(traces).toBe(before[0]);
    });

    it("born in a trace is made once and enters by identity", async () => {
      let moment: Tensor | null = null;
      let born = 0;
      const f = compile((x: Tensor) => {
        moment ??= untraced(() => {
          born++;
          return Tensor.from(new Float32Array([100]), [1]).mul(1);
        });
        moment.assign(moment.add(x));
        return moment;
      });
      for (let i = 1; i <= 3; i++) expect(await list(f(vector(1)))).toEqual([100 + i]);
      expect(born).toBe(1);
      expect(await list(moment!)).toEqual([103]);
    });

    it("is as it was after a trace that throws", async () => {
      const w = leaf(1, 2);
      const f = compile((x: Tensor, bad: boolean) => {
        w.assign(w.add(x));
        w.mul(x).sum().backward();
        if (bad) x.add(vector(1, 2, 3));
        return w.grad!;
      });
      expect(() => f(vector(1, 1), true)).toThrow(ShapeError);
      expect(await list(w)).toEqual([1, 2]);
      expect(w.grad).toBe(null);
      expect(await list(f(vector(1, 1), false))).toEqual([1, 1]);
      expect(await list(w)).toEqual([2, 3]);
    });
  });

  describe("guards", () => {
    it("requiresGrad decides anew", async () => {
      const [a, b] = [leaf(1), leaf(2)];
      const f = compile((x: Tensor) => {
        const trained = [a, b].filter((t) => t.requiresGrad).length;
        return a.add(b).mul(x).mul(trained);
      });
      expect(await list(f(vector(1)))).toEqual([6]);
      b.requiresGrad = false;
      expect(await list(f(vector(1)))).toEqual([3]);
      b.requiresGrad = true;
      expect(await list(f(vector(1)))).toEqual([6]);
    });

    it("a mode that bumps the generation is honoured, and its program found again", async () => {
      let training = true;
      const f = compile((x: Tensor) => (training ? x.mul(2) : x.exp()));
      const setMode = (mode: boolean) => {
        training = mode;
        bumpGeneration();
      };
      const run = () => list(f(vector(0)));
      expect(await run()).toEqual([0]);
      setMode(false);
      expect(await run()).toEqual([1]);
      const { compiled } = use();
      setMode(true);
      expect(await run()).toEqual([0]);
      setMode(false);
      expect(await run()).toEqual([1]);
      expect(use().compiled).toBe(compiled);
    });

    it("noGrad around the call means what it means without compile", async () => {
      const w = leaf(3);
      const f = compile((x: Tensor) => {
        const y = w.mul(x).sum();
        y.backward();
        return y;
      });
      await f(vector(2)).item();
      expect(await list(w.grad!)).toEqual([2]);
      expect(() => noGrad(() => f(vector(2)))).toThrow(StateError);
    });
  });

  describe("what a trace refuses", () => {
    it("a tensor that escapes throws when used", async () => {
      let kept: Tensor | null = null;
      const f = compile((x: Tensor) => {
        kept = x.mul(2);
        return kept.add(1);
      });
      await list(f(vector(1)));
      expect(() => kept!.add(1)).toThrow(
        "compile: a tensor made inside a compiled function was used outside it\n" +
          "  hint: return it from the function",
      );
      await expect(kept!.data()).rejects.toThrow(StateError);
      const g = compile((x: Tensor) => x.add(kept!));
      expect(() => g(vector(1))).toThrow(StateError);
    });

    it("values are not there while tracing", () => {
      const f = compile((x: Tensor) => (x.itemSync() > 0 ? x : x.neg()));
      expect(() => f(vector(1))).toThrow(
        "a value cannot be read while its function is being traced",
      );
    });

    it("async functions and promises", () => {
      expect(() => compile(async (x: Tensor) => x)).toThrow(ArgumentError);
      const f = compile((x: Tensor) => Promise.resolve(x));
      expect(() => f(vector(1))).toThrow("the function gave a promise");
    });

    it("typed arrays as arguments", () => {
      const f = compile((x: unknown) => (x instanceof Tensor ? x.add(1) : vector(0)));
      expect(() => f(new Float32Array(3))).toThrow("takes tensors, got a Float32Array");
    });
  });

  it("a compiled function inside another is part of it", async () => {
    const w = number(2);
    const inner = compile((x: Tensor) => {
      w.assign(w.add(1));
      return x.mul(w);
    });
    const outer = compile((x: Tensor) => inner(inner(x)));
    expect(await outer(number(1)).item()).toBe(12);
    expect(await outer(number(1)).item()).toBe(30);
    expect(await w.item()).toBe(6);
  });

  it("results keep their structure, constants and the caller's own tensors", async () => {
    const w = vector(7);
    const f = compile((x: Tensor) => ({ y: x.add(1), name: "y", w, x, list: [x, null] }));
    for (let i = 0; i < 3; i++) {
      const x = vector(i);
      const out = f(x);
      expect(await list(out.y)).toEqual([i + 1]);
      expect([out.name, out.w, out.x, out.list]).toEqual(["y", w, x, [x, null]]);
      expect(out.x).toBe(x);
    }
  });

  it("variants are bounded however many constants come", async () => {
    let traces = 0;
    const f = compile((x: Tensor, n: number) => {
      traces++;
      return x.mul(n);
    });
    const x = vector(1);
    for (let n = 0; n < 200; n++) await list(f(x, n));
    const before = traces;
    await list(f(x, 199));
    expect(traces - before).toBeLessThanOrEqual(1); // known: at most check mode's trace
    await list(f(x, 0));
    expect(traces - before).toBeGreaterThanOrEqual(1); // long forgotten
  });
});

describe("check mode", () => {
  beforeEach(() => {
    device("reference");
    setCheckMode(true);
  });
  afterEach(() => setCheckMode(true));

  const twice = (f: (x: Tensor) => unknown) => () => {
    const g = compile(f);
    g(vector(1, 2));
    g(vector(1, 2));
  };

  it("names a captured number that changed", () => {
    let n = 0;
    expect(twice((x) => x.mul(++n))).toThrow(
      "compile: a captured number changed from 1 to 2 after the first call, but is a constant of the trace",
    );
  });

  it("finds a branch that changed", () => {
    let n = 0;
    expect(twice((x) => (n++ === 0 ? x.exp() : x.sin()))).toThrow(
      /the second call computes something else: "unary .*sin.*" instead of "unary .*exp/,
    );
  });

  it("finds another captured tensor, other data, another result", () => {
    expect(twice((x) => x.add(untraced(() => vector(1, 2))))).toThrow("another captured tensor");
    let n = 0;
    expect(twice((x) => x.add(vector(n++, 2)))).toThrow("data that the function made a tensor of");
    n = 1;
    expect(twice((x) => [x.add(1), n++])).toThrow("the result holds 1 at the first call and 2");
    expect(twice((x) => (n++ % 2 ? [x.add(1)] : [x.add(1), x.add(1)]))).toThrow(StateError);
  });

  it("finds what is assigned elsewhere", () => {
    const [a, b] = [vector(1, 2), vector(1, 2)];
    let n = 0;
    expect(twice((x) => (n++ === 0 ? a : b).assign(x.mul(2)))).toThrow("assigns to other tensors");
  });

  it("can be turned off, and then the first trace stands", async () => {
    setCheckMode(false);
    let n = 0;
    const f = compile((x: Tensor) => x.mul(++n));
    await list(f(vector(1)));
    expect(await list(f(vector(5)))).toEqual([5]);
    const g = compile((x: Tensor) => x.mul(++n), { check: true });
    g(vector(1));
    expect(() => g(vector(1))).toThrow(StateError);
  });
});
