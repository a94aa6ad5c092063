// The files of recorded cases: what each part of the score is called, where its cases are, and who judges it.
import type { Score } from "./cases.ts";
import { nnScore } from "./nn.ts";
import { opinfoScore } from "./opinfo.ts";
import { optimizerScore, scheduleScore } from "./optimizer.ts";
import { trajectoryScore } from "./trajectory.ts";

export interface GoldenFile {
  readonly name: string;
  /** Without .jsonl or .jsonl.gz. */
  readonly file: string;
  readonly score: () => Promise<Score>;
}

export const files: readonly GoldenFile[] = [
  { name: "nn-module", file: "nn-module-cases", score: nnScore },
  { name: "optimizer", file: "optimizer-cases", score: optimizerScore },
  { name: "lr-scheduler", file: "lr-scheduler-cases", score: scheduleScore },
  { name: "training-trajectory", file: "training-trajectory-cases", score: trajectoryScore },
  { name: "opinfo-first", file: "opinfo-cases", score: () => opinfoScore("first") },
  { name: "opinfo-second", file: "opinfo-cases", score: () => opinfoScore("second") },
];
