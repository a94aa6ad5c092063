// A remote device without a worker: the host lives here, behind messages that are cloned and answered
// later as a worker's are. Tests see what is said, and in which order.
import type { Backend } from "../../src/backend/backend.ts";
import {
  type Connect,
  RemoteBackend,
  type RemoteOptions,
} from "../../src/backend/remote/backend.ts";
import { Host } from "../../src/backend/remote/host.ts";
import type { Answer, Request } from "../../src/backend/remote/messages.ts";

export interface Loopback {
  readonly backend: RemoteBackend;
  /** All requests and answers, in the order in which they were sent. */
  readonly said: (Request | Answer)[];
  /** Ends the worker, as a crash would. */
  crash(why: string): void;
}

export function loopback(inner: Backend, name = "remote", options?: RemoteOptions): Loopback {
  const said: (Request | Answer)[] = [];
  let crash = (_why: string) => {};
  const connect: Connect = (take, lost) => {
    let alive = true;
    const host = new Host(
      () => inner,
      (answer, transfer) => {
        const copy = structuredClone(answer, { transfer: [...transfer] });
        said.push(copy);
        setTimeout(() => alive && take(copy));
      },
    );
    crash = (why) => {
      alive = false;
      lost(why);
    };
    return {
      send: (request, transfer) => {
        const copy = structuredClone(request, { transfer: [...transfer] });
        said.push(copy);
        setTimeout(() => alive && host.take(copy));
      },
      hold: () => {},
      stop: () => {
        alive = false;
      },
    };
  };
  const backend = new RemoteBackend(name, connect, {}, options);
  return { backend, said, crash: (why) => crash(why) };
}
