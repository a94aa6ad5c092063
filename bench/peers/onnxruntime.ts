// ONNX Runtime (Node) as a peer of the benchmark, for inference: the same network as an ONNX file,
// with every graph optimization, on as many threads as asked for.
import { createRequire } from "node:module";
import { cnnModel } from "./onnx.ts";
import { CannotRun, get, type Prepared, type WorkData } from "./protocol.ts";
import { serve } from "./serve.ts";

const require = createRequire(import.meta.url);
const { InferenceSession, Tensor } =
  require("onnxruntime-node") as typeof import("onnxruntime-node");
const { version } = require("onnxruntime-node/package.json") as { version: string };
const threads = Number(process.argv[2] ?? 1);

async function prepare(data: WorkData): Promise<Prepared> {
  const { spec } = data;
  if (spec.kind !== "infer" || spec.net !== "cnn") throw new CannotRun("it is for inference.");
  const session = await InferenceSession.create(cnnModel(data, spec), {
    executionProviders: ["cpu"],
    graphOptimizationLevel: "all",
    executionMode: "sequential",
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  });
  return {
    async step(i) {
      const { shape, data: values } = get(data, "x", i);
      const out = await session.run({ x: new Tensor("float32", values as Float32Array, shape) });
      return out.y!.data as Float32Array;
    },
  };
}

const note = `${threads} thread${threads === 1 ? "" : "s"}`;
await serve({ name: "ONNX Runtime", version, note }, prepare);
