// The public names of anneal/data.
export { Rng, type RngState } from "../util/rng.ts";
export { type Arff, type ArffAttribute, parseArff, readArff } from "./arff.ts";
export { type Collated, collate, mapBatch, type NdArray, type NumericArray } from "./collate.ts";
export {
  adjustBrightness,
  adjustContrast,
  adjustHue,
  adjustSaturation,
  type ColorJitterOptions,
  colorJitter,
  gaussianBlur,
  type RandomErasingOptions,
  randomErasing,
  type Spread,
} from "./color.ts";
export {
  type Csv,
  type CsvOptions,
  type MissingPolicy,
  type NumberTable,
  parseCsv,
  parseTable,
  readCsv,
  readTable,
  type TableOptions,
} from "./csv.ts";
export {
  ArrayDataset,
  type BatchSampler,
  ColumnDataset,
  type Dataset,
  MapDataset,
  RandomSampler,
  randomSplit,
  type Sampler,
  SequentialSampler,
  Subset,
  stratifiedFolds,
} from "./dataset.ts";
export { DigitDataset, type DigitSample } from "./digits.ts";
export {
  centerCrop,
  type RandomAffineOptions,
  type RandomResizedCropOptions,
  randomAffine,
  randomCrop,
  randomHorizontalFlip,
  randomResizedCrop,
  randomRotation,
  randomVerticalFlip,
  resize,
  type Size,
} from "./geometric.ts";
export { type IdxArray, type IdxData, type IdxDtype, parseIdx, readIdx } from "./idx.ts";
export {
  type Affine,
  affine,
  crop,
  flipHorizontal,
  flipVertical,
  type ImageArray,
  image,
  type Layout,
  resizeTo,
  toLayout,
  type Window,
} from "./image.ts";
export { type ImageSample, LabeledImages } from "./labeled-images.ts";
export { DataLoader, type LoaderOptions, type LoaderState } from "./loader.ts";
export { cutmix, type Labelled, type Mix, type MixOptions, mixup, oneOf } from "./mix.ts";
export { type Digits, MNIST_CHECKSUMS, type Mnist, type MnistOptions, mnist } from "./mnist.ts";
export {
  type BadItem,
  badItem,
  type ReadAll,
  type ReadAllOptions,
  readAll,
} from "./read-all.ts";
export {
  type Mask,
  type Move,
  moveMask,
  moveScene,
  onPixels,
  onPlaces,
  type Scene,
  type SceneBox,
  type SceneTransform,
  type Transform,
} from "./scene.ts";
export { type SeriesOptions, type SeriesWindow, SeriesWindows } from "./series.ts";
export { type GroupSplitOptions, groupSplit } from "./split.ts";
export { toTensor } from "./tensors.ts";
export { compose, grayscale, normalize, toFloat } from "./transforms.ts";
export { parseWav, readWav, type Wav } from "./wav.ts";
export { WorkerDataset, type WorkerOptions } from "./workers.ts";
