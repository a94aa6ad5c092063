// The worker in which a page's wasm device lives: a Host around a WasmBackend, which starts the threads of
// its own. Runs in Web Workers and in Node's worker_threads. Not here: what it does (host.ts).

import { WasmBackend, type WasmOptions } from "../wasm/backend.ts";
import { Host } from "./host.ts";
import { serve } from "./serve.ts";

serve((say) => new Host((options: WasmOptions) => new WasmBackend(options), say));
