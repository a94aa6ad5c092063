// anneal/vis: what a run looked like: drawings in text, and a report as one HTML file. Names only.

export { type DigitStyle, drawDigit, type Picture } from "./digit.ts";
export { drawFigures, type Figure } from "./figures.ts";
export {
  boxedPicture,
  filters,
  type Gallery,
  type GalleryDrawing,
  type GalleryPicture,
  type PictureBox,
} from "./gallery.ts";
export { type HeatMap, heatMap } from "./heat-map.ts";
export { type Line, type LineChartOptions, lineChart } from "./line-chart.ts";
export { type LrRange, lrChart } from "./lr-chart.ts";
export { confusions, drawMatrix, type Matrix } from "./matrix.ts";
export { drawPassage, type Passage } from "./passage.ts";
export {
  type Contours,
  classColors,
  type Layers,
  type Mask,
  pictureOf,
  pngDataUrl,
} from "./picture.ts";
export { type Mistake, type ReportRun, report } from "./report.ts";
export { averaged, type SparklineOptions, smoothed, sparkline } from "./series.ts";
export { beside, padTo, type TextStyle, widthOf } from "./style.ts";
export {
  type Bar,
  bars,
  type Column,
  facts,
  percent,
  type TableWriter,
  table,
  tableWriter,
} from "./table.ts";
