// SHA-256 of bytes in memory, by the platform's own code on every runtime.
import { DeviceError } from "../util/errors.ts";

/**
 * The SHA-256 of `bytes` in lower-case hex. Throws DeviceError in a page without a secure context.
 */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  if (globalThis.crypto?.subtle === undefined) {
    const hint = "serve the page over https or from localhost";
    throw new DeviceError("sha256", "this page is not a secure context", { hint });
  }
  const digest = new Uint8Array(await globalThis.crypto.subtle.digest("SHA-256", bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
