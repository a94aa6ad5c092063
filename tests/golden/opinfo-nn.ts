// The adapters of PyTorch's functional forms of pooling and unpooling, bags, and blocks as columns.
// Not here: losses and norms (opinfo-losses.ts).
import { embeddingBag } from "../../src/nn/embedding-bag.ts";
import { unfold } from "../../src/nn/fold.ts";
import { adaptiveMaxPoolWithIndices, maxUnpool } from "../../src/nn/pool-places.ts";
import * as pool from "../../src/tensor/ops/pool.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";

// biome-ignore lint/suspicious/noExplicitAny: what a case holds is known only to its op
type Any = any;
type Adapter = (x: Tensor, a: Any[], k: Any) => unknown;

const unpool =
  (dims: 1 | 2 | 3): Adapter =>
  (x, a, k) =>
    maxUnpool(dims, x, a[0], k.kernel_size, {
      stride: k.stride ?? undefined,
      padding: k.padding,
      outputSize: k.output_size,
    });

const adaptiveMax =
  (dims: 1 | 2 | 3): Adapter =>
  (x, a) =>
    a[1] ? adaptiveMaxPoolWithIndices(dims, x, a[0]) : pool.adaptiveMaxPool(dims, x, a[0]);

export const layers: Record<string, Adapter> = {
  "nn.functional.max_unpool1d": unpool(1),
  "nn.functional.max_unpool2d": unpool(2),
  "nn.functional.max_unpool3d": unpool(3),
  "nn.functional.adaptive_max_pool1d": adaptiveMax(1),
  "nn.functional.adaptive_max_pool2d": adaptiveMax(2),
  "nn.functional.adaptive_max_pool3d": adaptiveMax(3),
  "nn.functional.unfold": (x, a) =>
    unfold(x, a[0], { dilation: a[1], padding: a[2], stride: a[3] }),
  "nn.functional.embedding_bag": (x, a, k) =>
    embeddingBag(a[0], x, k.offsets ?? null, {
      mode: k.mode,
      perSampleWeights: k.per_sample_weights ?? undefined,
      paddingIdx: k.padding_idx,
      includeLastOffset: k.include_last_offset,
    }),
};
