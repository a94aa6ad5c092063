// The WebGPU backend for tests: on whatever card there is, else on SwiftShader where Debian's chromium
// has brought it. Where there is neither, tests are skipped, and say why.
import { existsSync } from "node:fs";
import { describeAdapter } from "../../src/backend/webgpu/device.ts";
import type { Node } from "../../src/ir/node.ts";
import { topological } from "../../src/ir/node.ts";

const software = "/usr/lib/chromium/vk_swiftshader_icd.json";

/** Why there is no adapter; null: there is one. */
export async function missingAdapter(): Promise<string | null> {
  if (process.env.VK_DRIVER_FILES === undefined && existsSync(software)) {
    process.env.VK_DRIVER_FILES = software;
  }
  try {
    await describeAdapter();
    return null;
  } catch (error) {
    return String(error).split("\n")[0]!;
  }
}

/** Why a graph cannot run on a graphics card; null: it can. */
export function refused(nodes: readonly Node[]): string | null {
  const wide = topological(nodes).some(({ dtype }) => dtype === "float64");
  return wide ? "no float64 on a graphics card" : null;
}
