// The op table: one list of graphs with sample data, for every backend, the gradients, the printer
// and the checks of legality. A new op adds rows to the file of its section.
import type { Case } from "./case.ts";
import { contractCases } from "./contract-cases.ts";
import { elementwiseCases } from "./elementwise-cases.ts";
import { loopCases } from "./loop-cases.ts";
import { modelCases } from "./model-cases.ts";
import { shapeCases } from "./shape-cases.ts";

export const sections: Readonly<Record<string, readonly Case[]>> = {
  elementwise: elementwiseCases,
  "reductions, movement and indexing": shapeCases,
  contractions: contractCases,
  models: modelCases,
  loops: loopCases,
};

export const table: readonly Case[] = Object.values(sections).flat();
