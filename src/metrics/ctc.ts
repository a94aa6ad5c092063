// The error rate of a network trained by CTC while it trains: edits between what its likeliest paths spell
// and the labels. Not here: decoding with beams (ctcBeamSearch in anneal/text).

import { full } from "../tensor/create.ts";
import { cat } from "../tensor/ops/join.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ShapeError } from "../util/errors.ts";
import type { Metric, TypedArray } from "./metric.ts";
import { editDistance } from "./text.ts";

/** Ends a row: no class. */
const end = -1;

/**
 * Edits over labels, of all samples together: outputs (B, T, C), of which the likeliest path is taken
 * (repetitions once, without blanks), with int32 targets (B, S), filled up with blanks behind their end.
 *
 * @example
 * await fit(model, { train, loss, optimizer, epochs, metrics: { errors: ctcErrorRate() } });
 */
export function ctcErrorRate({ blank = 0 }: { blank?: number } = {}): Metric {
  return {
    keep: true,
    measure({ output, target }) {
      const [B, , C] = output.shape;
      if (output.ndim !== 3 || target.ndim !== 2 || target.shape[0] !== B || blank >= C!) {
        const what = `wants output (B, T, C) and target (B, S), got [${output.shape}]`;
        throw new ShapeError("ctcErrorRate", `${what} and [${target.shape}]`);
      }
      return [ended(output.argmax(2).int()), ended(target.int())];
    },
    result([paths, targets]) {
      const said = rowsOf(paths!).map((row) => row.filter((c, t) => c !== row[t - 1]));
      const wanted = rowsOf(targets!);
      const labels = (row: readonly number[]) => row.filter((c) => c !== blank).map(String);
      let [edits, length] = [0, 0];
      said.forEach((row, i) => {
        const own = labels(wanted[i]!);
        edits += editDistance(labels(row), own);
        length += own.length;
      });
      return edits / length;
    },
  };
}

/** Rows one after another, each with its end: (B, N) → (B · (N + 1)). */
function ended(rows: Tensor): Tensor {
  return cat([rows, full([rows.shape[0]!, 1], end, { dtype: "int32" })], 1).flatten();
}

function rowsOf(values: TypedArray): number[][] {
  const rows: number[][] = [];
  let row: number[] = [];
  for (const value of values) {
    if (value === end) {
      rows.push(row);
      row = [];
    } else row.push(value);
  }
  return rows;
}
