// docs/layers.md names what there is: each name of its tables, and each layer and loss of ours in it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import * as nn from "../../src/nn/index.ts";

const text = readFileSync(join(import.meta.dirname, "../../docs/layers.md"), "utf8");

/** `Conv1d/2d/3d` is Conv1d, Conv2d and Conv3d. */
function spelledOut(word: string): string[] {
  const found = /^(\w+?)(\dd(?:\/\dd)+)$/.exec(word);
  return found ? found[2]!.split("/").map((end) => found[1]! + end) : [word];
}

const quoted = [...text.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);
const lists = text.split("\n").flatMap((line) => {
  if (!line.startsWith("|")) return [];
  return [...line.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);
});

it("names in the tables are exports of nn", () => {
  const names = lists.flatMap((list) => list.split(" ")).flatMap(spelledOut);
  const strange = names.filter((name) => !(name in nn) && name !== "torch.nn");
  expect(names.length).toBeGreaterThan(150);
  expect(strange).toEqual([]);
});

it("every module of nn is in it", () => {
  const named = new Set(quoted.flatMap((list) => list.split(/\s+/)).flatMap(spelledOut));
  const modules = Object.entries(nn).filter(
    ([, value]) => typeof value === "function" && value.prototype instanceof nn.Module,
  );
  expect(modules.map(([name]) => name).filter((name) => !named.has(name))).toEqual([]);
});
