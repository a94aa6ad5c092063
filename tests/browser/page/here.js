// The same on the page's own thread, which it blocks.
import { device } from "anneal";
import { wasmHere } from "anneal/wasm";
import { report } from "./train.js";

report(() => device(wasmHere({ strict: true })));
