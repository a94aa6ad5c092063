// The census: what is held is always found, and what is garbage is not, within one task and across
// awaits that never leave it.
import { describe, expect, it } from "vitest";
import { Census, type Ticket } from "../../src/util/census.ts";

type Value = { readonly id: number };

const fail = () => {
  throw new Error("nothing is finalized where one can ask");
};

describe("a census", () => {
  it("finds what is held, and not what is garbage", () => {
    const census = new Census<Value>(fail);
    const held: Ticket<Value>[] = [];
    for (let i = 0; i < 1000; i++) {
      const ticket = census.issue({ id: i });
      if (i % 10 === 0) held.push(ticket);
      if (i % 100 !== 99) continue;
      const found = census.take()!;
      for (const { value } of held) expect(found.has(value)).toBe(true);
      // A few are still in a register when they are looked for, and old by the next time.
      expect(found.size).toBeLessThanOrEqual(held.length + 20);
    }
    expect(held.length).toBe(100);
  });

  it("does so in a loop of awaits", async () => {
    const census = new Census<Value>(fail);
    let last: Ticket<Value> | null = null;
    for (let i = 0; i < 300; i++) {
      last = census.issue({ id: i });
      await null;
      if (i % 30 !== 29) continue;
      const found = census.take()!;
      expect(found.has(last.value)).toBe(true);
      expect(found.size).toBeLessThanOrEqual(20);
    }
  });

  it("finds old garbage once the engine has collected it, and never calls the living dead", () => {
    const census = new Census<Value>(fail);
    const held = Array.from({ length: 5000 }, (_, id) => census.issue({ id }));
    for (let i = 0; i < 5; i++) {
      const found = census.take()!;
      expect(held.every((ticket) => found.has(ticket.value))).toBe(true);
    }
  });
});
