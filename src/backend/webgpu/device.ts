// Getting a GPUDevice: in a page and in Deno from navigator.gpu, in Node from the package webgpu where
// the user has installed it. With the best limits that the adapter has, and the features that shaders
// can make use of. Not here: what is done with it (backend.ts).

import { runtimeName } from "../../util/env.ts";
import { DeviceError } from "../../util/errors.ts";

/** A device that works, and what is known of it. */
export interface Gpu {
  readonly device: GPUDevice;
  readonly name: string;
  readonly features: ReadonlySet<string>;
  readonly limits: GPUSupportedLimits;
}

/** GPUBufferUsage, which not every runtime has as a global. */
export const usage = {
  mapRead: 0x1,
  copyFrom: 0x4,
  copyTo: 0x8,
  uniform: 0x40,
  storage: 0x80,
} as const;

/** GPUMapMode.READ. */
export const mapToRead = 1;

const wantedFeatures = ["shader-f16", "subgroups", "timestamp-query"] as const;

const wantedLimits = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
  "maxComputeWorkgroupStorageSize",
] as const;

/** The package that brings WebGPU to Node. */
const peer = "webgpu";

/** Node's GPU, which must outlive all that comes from it. */
let dawn: GPU | null = null;

/** Opens the adapter's device. Throws a DeviceError that says what is missing and what to do. */
export async function openGpu(): Promise<Gpu> {
  const adapter = await findAdapter(await findGpu());
  const requiredFeatures = wantedFeatures.filter((feature) => adapter.features.has(feature));
  const requiredLimits: Record<string, number> = {};
  for (const limit of wantedLimits) requiredLimits[limit] = adapter.limits[limit];
  try {
    const device = await adapter.requestDevice({ requiredFeatures, requiredLimits });
    const features = new Set<string>(requiredFeatures);
    return { device, name: nameOf(adapter), features, limits: device.limits };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new DeviceError("webgpu", `${nameOf(adapter)} gives no device: ${why}`, { cause });
  }
}

/** What the adapter is and has, for who only wants to know. Throws a DeviceError where there is none. */
export async function describeAdapter(): Promise<{
  readonly name: string;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
}> {
  const adapter = await findAdapter(await findGpu());
  const limits: Record<string, number> = {};
  for (const limit of wantedLimits) limits[limit] = adapter.limits[limit];
  const features = wantedFeatures.filter((feature) => adapter.features.has(feature));
  return { name: nameOf(adapter), features, limits };
}

async function findGpu(): Promise<GPU> {
  const here = (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu;
  if (here) return here;
  if (dawn !== null) return dawn;
  const [runtime] = runtimeName().split(" ");
  if (runtime !== "node" && runtime !== "bun") {
    throw new DeviceError("webgpu", "this runtime has no navigator.gpu", { hint: hints(runtime) });
  }
  try {
    // Named by a variable, so that no bundler looks for it.
    const { create } = (await import(/* @vite-ignore */ peer)) as {
      create(options: string[]): GPU;
    };
    dawn = create([]);
    return dawn;
  } catch (cause) {
    const missing = (cause as { code?: string }).code === "ERR_MODULE_NOT_FOUND";
    const why = missing ? "is not installed" : `does not load: ${(cause as Error).message}`;
    throw new DeviceError("webgpu", `the package webgpu, which brings WebGPU to Node, ${why}`, {
      hint: "npm install webgpu",
      cause,
    });
  }
}

async function findAdapter(gpu: GPU): Promise<GPUAdapter> {
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (adapter !== null) return adapter;
  throw new DeviceError("webgpu", "there is no adapter: no driver of a graphics card was found", {
    hint: hints(runtimeName().split(" ")[0]!),
  });
}

function hints(runtime: string): string {
  const byRuntime: Readonly<Record<string, string>> = {
    browser:
      "use a browser with WebGPU, over https or on localhost; " +
      "for Chromium without a card: --enable-unsafe-webgpu --use-webgpu-adapter=swiftshader",
    deno: "run with --unstable-webgpu, and with a Vulkan, Metal or Direct3D 12 driver installed",
  };
  const here = byRuntime[runtime];
  return here ?? "install a Vulkan driver, or name one: VK_DRIVER_FILES=/path/to/its_icd.json";
}

function nameOf({ info }: GPUAdapter): string {
  const { vendor, architecture, device, description } = info;
  const text = description !== "" ? description : [vendor, architecture, device].join(" ").trim();
  return text === "" ? "unnamed adapter" : text;
}
