// How a report looks: one column of sections, light or dark as the reader's system is, readable on
// a telephone and in print.

/** The style sheet of reports. */
export const reportCss = `
:root {
  --paper: #fbfaf8; --card: #ffffff; --ink: #1d1c1a; --quiet: #6b675f; --line: #e4e0d8;
  --series-1: #2f6fce; --series-2: #d9731a; --right: #2f6fce; --wrong: #d0453c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #17181a; --card: #1f2124; --ink: #e8e6e1; --quiet: #9c9a94; --line: #34363a;
    --series-1: #6ea8fe; --series-2: #f2a65a; --right: #5b95e8; --wrong: #e8685f;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 1040px; padding: 2rem 1.25rem 4rem;
  background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; font-variant-numeric: tabular-nums;
}
h1 { font-size: 1.15rem; font-weight: 600; margin: 0; color: var(--quiet); }
h2 { font-size: 1.1rem; margin: 0 0 .6rem; }
.headline { margin: .2rem 0 0; font-size: 1.15rem; }
.headline strong { font-size: 2.8rem; font-weight: 650; letter-spacing: -.02em; line-height: 1.15; }
.facts, .note { color: var(--quiet); margin: .2rem 0 0; }
.note { margin: -.4rem 0 .8rem; }
main > * { margin-top: 1.25rem; }
main > section, figure, .facts-grid > section {
  background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1.1rem 1.25rem;
}
main > section.charts { background: none; border: 0; padding: 0; }
.charts, .facts-grid { display: grid; grid-template-columns: 1fr 1fr; gap: 1.25rem; }
.charts > *, .facts-grid > * { min-width: 0; }
.wide { grid-column: 1 / -1; }
figure { margin: 0; padding: 1rem 1rem .5rem .5rem; overflow: hidden; }
figcaption { font-weight: 600; margin: 0 0 .4rem .75rem; }
figure > svg { display: block; width: 100%; height: auto; }
.u-legend { font-size: 12px; color: var(--quiet); }
.u-legend th { font-weight: 400; }
.scroll { overflow-x: auto; }
.scroll:has(.numbers, .model) { max-height: 34rem; }
.numbers thead th, .model thead th { position: sticky; top: 0; background: var(--card); }
table { border-collapse: collapse; }
th { font-weight: 600; color: var(--quiet); }
.numbers, .model { width: 100%; }
.numbers th, .numbers td { text-align: right; padding: .3rem .6rem; white-space: nowrap; }
.model th, .model td { text-align: right; padding: .3rem .6rem; white-space: nowrap; }
.model th:first-child, .model td:first-child { text-align: left; }
.model i { color: var(--quiet); font-style: normal; margin-left: .4em; }
.numbers tbody tr, .model tbody tr, tfoot tr { border-top: 1px solid var(--line); }
tfoot td { font-weight: 600; }
.pair { display: flex; gap: 2rem; align-items: flex-start; flex-wrap: wrap; }
.matrix td, .matrix th { min-width: 2.9rem; height: 2.1rem; padding: 0 .3rem; text-align: center; }
.matrix tbody th { text-align: right; padding-right: .7rem; min-width: 0; }
.matrix td { border: 1px solid var(--card); border-radius: 4px; }
.matrix .none { color: var(--line); }
.matrix .right { background: color-mix(in srgb, var(--right) var(--depth), var(--card)); color: #fff; }
.matrix .wrong { background: color-mix(in srgb, var(--wrong) var(--depth), var(--card)); }
.matrix .rate { color: var(--quiet); text-align: right; white-space: nowrap; padding-left: .8rem; }
.dense { font-size: 10px; }
.dense td, .dense th { min-width: 1rem; height: 1.15rem; padding: 0 1px; line-height: 1; }
.dense thead span {
  white-space: nowrap; writing-mode: vertical-rl; transform: rotate(180deg); padding: .3rem 0 0;
}
.dense thead th { vertical-align: bottom; font-weight: 400; }
.dense tbody th { font-weight: 400; white-space: nowrap; padding-right: .4rem; }
.figures { width: 100%; }
.figures th, .figures td { text-align: left; padding: .35rem 1rem .35rem 0; vertical-align: baseline; }
.figures tbody tr { border-top: 1px solid var(--line); }
.figures strong { font-size: 1.15rem; font-weight: 650; }
.figures td:last-child { color: var(--quiet); }
.often { margin: 2rem 0 0; padding: 0; list-style: none; color: var(--quiet); }
.often strong { color: var(--ink); }
.mistakes {
  list-style: none; margin: 0; padding: 0;
  display: grid; grid-template-columns: repeat(auto-fill, minmax(96px, 1fr)); gap: 1rem .75rem;
}
.mistakes li {
  display: flex; flex-direction: column; align-items: center;
  font-size: 13px; line-height: 1.4; color: var(--quiet); text-align: center;
}
.mistakes img {
  image-rendering: pixelated; border-radius: 6px; margin-bottom: .3rem; border: 1px solid var(--line);
}
.mistakes b { color: var(--ink); }
.key { list-style: none; margin: 0 0 .8rem; padding: 0; display: flex; flex-wrap: wrap; gap: .2rem 1rem; }
.key li { font-size: 13px; color: var(--quiet); }
.key i {
  display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .4em;
  border: 1px solid var(--quiet);
}
.gallery { list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: 1rem .9rem; }
.gallery > li { max-width: 100%; font-size: 12.5px; line-height: 1.4; color: var(--quiet); }
.gallery span { display: block; margin-top: .3rem; white-space: pre-line; overflow-wrap: anywhere; }
.picture { position: relative; border-radius: 6px; overflow: hidden; box-shadow: 0 0 0 1px var(--line); }
.picture img { display: block; width: 100%; height: auto; image-rendering: pixelated; }
.picture img.smooth { image-rendering: auto; }
.picture svg { position: absolute; inset: 0; width: 100%; height: 100%; }
.picture rect { fill: none; stroke-width: 2; vector-effect: non-scaling-stroke; pointer-events: all; }
.picture .halo { stroke: rgb(0 0 0 / .55); stroke-width: 4; pointer-events: none; }
.picture .dashed { stroke-dasharray: 5 4; }
.picture text { font-weight: 600; paint-order: stroke; stroke: rgb(0 0 0 / .75); stroke-width: .25em; }
.gallery .right .picture { box-shadow: 0 0 0 2px var(--right); }
.gallery .wrong .picture { box-shadow: 0 0 0 2px var(--wrong); }
.passages { list-style: none; margin: 0; padding: 0; display: grid; gap: .9rem; }
.passages li { border-left: 3px solid var(--right); padding-left: .8rem; }
.passages li.wrong { border-color: var(--wrong); }
.passages p { margin: 0; }
.passages p span {
  background: color-mix(in srgb, var(--series-2) var(--depth), transparent);
  border-radius: 3px; padding: 0 .15em;
}
.passages b { font-weight: 500; font-size: 13px; color: var(--quiet); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: 0; }
dt { color: var(--quiet); }
dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 720px) {
  body { padding: 1.25rem .75rem 3rem; }
  .charts, .facts-grid { grid-template-columns: minmax(0, 1fr); }
  main > section, .facts-grid > section { padding: .9rem; }
  .matrix td, .matrix th { min-width: 1.6rem; font-size: 10.5px; height: 1.7rem; padding: 0 1px; }
  .matrix tbody th { padding-right: .3rem; }
  .matrix .rate { padding-left: .4rem; }
  .mistakes { grid-template-columns: repeat(auto-fill, minmax(76px, 1fr)); gap: .8rem .4rem; }
  .mistakes img { width: 70px; height: 70px; }
  .often { margin-top: 0; }
}
@media print { body { max-width: none; } section, figure { break-inside: avoid; } }
`;
