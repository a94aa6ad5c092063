// The public names of anneal/vision.
export type { Annotation, BoxOptions } from "./boxes.ts";
export { type Cifar, type CifarPictures, parseCifar, readCifar } from "./cifar.ts";
export { type Coco, parseCoco, readCoco } from "./coco.ts";
export { type DecodeOptions, decodePicture } from "./decode.ts";
export { type FileTree, openFiles } from "./files.ts";
export {
  type FolderEntry,
  type FolderSample,
  ImageFolder,
  type ImageFolderOptions,
  PICTURE_EXTENSIONS,
} from "./folder.ts";
export { type MaskOptions, readMask } from "./mask.ts";
export { batchedNms, nms } from "./nms.ts";
export {
  type Connectivity,
  type ConnectivityOption,
  connectedComponents,
  innerBoundaries,
  type LabelMap,
  otsuThreshold,
  regionSizes,
} from "./regions.ts";
export { readSegmented, type SegmentedOptions, type SegmentedPicture } from "./segmented.ts";
export { parseVoc, readNames, readVoc, type VocOptions } from "./voc.ts";
export { type WatershedOptions, watershed } from "./watershed.ts";
