// From a kernel to the text of a compute shader.
// Not here: loop kernels (render-loop.ts), contractions (render-contract.ts), pipelines and buffers.

import type { Kernel } from "../../schedule/kernel.ts";
import type { Target } from "../../schedule/plan.ts";
import { DeviceError } from "../../util/errors.ts";
import { renderContract } from "./render-contract.ts";
import { renderLoop } from "./render-loop.ts";
import type { Shader, ShaderFeatures, ShaderLayout } from "./shader.ts";

/** What plans for shaders look like: no panels, operands of contractions read with any strides. */
export const target: Target = { columns: 1, lanes: 4, words: true, strided: true };

/** The shader of a kernel whose operands are bound as `layout` says. Throws a DeviceError for a kernel
 *  that only other backends ask for. */
export function renderShader(
  kernel: Kernel,
  layout: ShaderLayout,
  features: ShaderFeatures,
): Shader {
  if (kernel.kind === "loop") return renderLoop(kernel, layout, features);
  if (kernel.kind === "contract") return renderContract(kernel, layout, features);
  throw new DeviceError("webgpu", `there is no shader for a kernel of kind ${kernel.kind}`);
}
