// How an engine lowers graphs in this process. Pages load lowering.page.ts in its place: their devices live
// in workers and lower for themselves, so that no page loads the compiler on its main thread.

export { lower } from "./pipeline.ts";
