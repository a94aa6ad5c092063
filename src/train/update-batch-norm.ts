// updateBatchNorm: the running means and variances of batch norms, computed anew over data.
// Not here: batch norm itself (nn/norm.ts).

import { BatchNorm1d, BatchNorm2d, BatchNorm3d } from "../nn/index.ts";
import { compile } from "../tensor/compile.ts";
import { noGrad } from "../tensor/core.ts";
import { loop } from "./evaluate.ts";
import type { Batches, Inputs, Model } from "./types.ts";

const kinds = [BatchNorm1d, BatchNorm2d, BatchNorm3d];
type BatchNorm = InstanceType<(typeof kinds)[number]>;

/**
 * Goes once through the data in training mode, and gives each batch norm the even average of what it
 * saw: after weights have been averaged (`optim.SWA`, `optim.EMA`), as torch.optim.swa_utils.update_bn.
 *
 * @example
 * swa.copyTo();
 * await updateBatchNorm(model, trainLoader);
 */
export async function updateBatchNorm(
  model: Model,
  data: Batches<{ readonly x: Inputs }>,
): Promise<void> {
  const modules = model.modules();
  const norms = modules.filter((module) =>
    kinds.some((kind) => module instanceof kind),
  ) as BatchNorm[];
  if (norms.length === 0) return;
  const modes = modules.map((module) => [module, module.training] as const);
  const momenta = norms.map((norm) => norm.momentum);
  const forward = compile((x: Inputs) => noGrad(() => model.forward(x as never)).sum());
  try {
    model.train();
    for (const norm of norms) {
      norm.resetRunningStats();
      norm.momentum = null;
    }
    for await (const { x } of loop(data)) await forward(x).data();
  } finally {
    norms.forEach((norm, i) => {
      norm.momentum = momenta[i];
    });
    for (const [module, training] of modes) module.training = training;
  }
}
