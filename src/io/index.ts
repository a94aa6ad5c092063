// The public names of anneal/io.
export { writeFileAtomic } from "./atomic.ts";
export {
  type Checkpoint,
  type CheckpointFiles,
  findCheckpoint,
  makeFolder,
  openCheckpoint,
  readCheckpointFile,
  writeCheckpoint,
} from "./checkpoint.ts";
export {
  cacheFolder,
  type DownloadOptions,
  download,
  fetchBytes,
  unpack as gunzip,
} from "./download.ts";
export { sha256 } from "./hash.ts";
export {
  parseSafetensors,
  type ReadOptions,
  type Safetensors,
  type SafetensorsData,
  type SafetensorsDtype,
  type SafetensorsEntry,
  type WritableEntry,
  writeSafetensors,
} from "./safetensors.ts";
export {
  readSafetensorsFile,
  SafetensorsFile,
  writeSafetensorsFile,
} from "./safetensors-file.ts";
export type { TensorInfo } from "./safetensors-header.ts";
export { parseTar, type TarFile } from "./tar.ts";
export { decodeText, linesOf, readText, type TextSource, textFrom } from "./text.ts";
export { parseZip, type ZipFile } from "./zip.ts";
