// What this runtime can compute on: asked, not assumed. Not here: choosing one (device.ts).

import { type DeviceName, engineOn } from "./device.ts";

/** A device of this runtime, or why there is none. */
export interface DeviceInfo {
  readonly name: DeviceName;
  readonly available: boolean;
  /** Why it is not available, and what to do. */
  readonly reason?: string;
  /** A graphics card's name, say. */
  readonly description: string;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
}

type Found = Pick<DeviceInfo, "description" | "features" | "limits">;

const finders: { [K in DeviceName]: () => Found | Promise<Found> } = {
  async wasm() {
    const { backend } = engineOn("wasm");
    await backend.init();
    const { threads, ...facts } = backend.describe();
    const features = ["simd", "relaxed", "revectorized", "worker"].filter((name) => facts[name]);
    const limits: Record<string, number> = typeof threads === "number" ? { threads } : {};
    return { description: "WebAssembly", features, limits };
  },
  async webgpu() {
    const { describeAdapter } = await import("../backend/webgpu/device.ts");
    const { name, features, limits } = await describeAdapter();
    return { description: name, features, limits };
  },
  reference: () => ({ description: "plain JavaScript, slow and exact", features: [], limits: {} }),
};

/**
 * The devices that this library knows, and for each whether this runtime can have it: its description,
 * features and limits, or the reason why not.
 *
 * @example
 * for (const { name, available, reason } of await devices()) console.log(name, available, reason);
 */
export function devices(): Promise<DeviceInfo[]> {
  const names = Object.keys(finders) as DeviceName[];
  return Promise.all(names.map(find));
}

async function find(name: DeviceName): Promise<DeviceInfo> {
  try {
    return { name, available: true, ...(await finders[name]()) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { name, available: false, reason, description: "", features: [], limits: {} };
  }
}
