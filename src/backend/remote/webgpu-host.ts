// The worker in which a page's webgpu device lives: a Host around a WebgpuBackend, so that neither making
// shaders nor waiting for the card blocks the page. Not here: what it does (host.ts).

import { WebgpuBackend, type WebgpuOptions } from "../webgpu/backend.ts";
import { Host } from "./host.ts";
import { serve } from "./serve.ts";

serve((say) => new Host((options: WebgpuOptions) => new WebgpuBackend(options), say));
