// A network that learns in a page while you watch: what it says of each place, and its loss. All computing is
// in a worker; the page only draws.
//   npm run build && npx vite examples/page
// Address with ?device=webgpu: the same on the graphics card.

import { compile, device, manualSeed, nn, noGrad, optim, Tensor } from "anneal";

const asked = new URLSearchParams(location.search).get("device");
if (asked === "wasm" || asked === "webgpu") device(asked);
manualSeed(1);

const points = 400;
const side = 120;
const steps = 1000;

/** Points on two spirals, x and y within [-1, 1], and which spiral each is on. */
function spirals(): [Tensor, Tensor] {
  const places = new Float32Array(2 * points);
  const classes = new Float32Array(points);
  for (let i = 0; i < points; i++) {
    const which = i % 2;
    const along = 0.08 + (0.9 * i) / points;
    const angle = 9 * along + Math.PI * which;
    places.set([along * Math.cos(angle), along * Math.sin(angle)], 2 * i);
    classes[i] = which;
  }
  return [Tensor.from(places, [points, 2]), Tensor.from(classes, [points, 1])];
}

/** The middle of every pixel of the map. */
function pixels(): Tensor {
  const places = new Float32Array(2 * side * side);
  for (let i = 0; i < side * side; i++) {
    const [x, y] = [i % side, Math.floor(i / side)];
    places.set([(2 * x + 1) / side - 1, (2 * y + 1) / side - 1], 2 * i);
  }
  return Tensor.from(places, [side * side, 2]);
}

const model = new nn.Sequential(
  new nn.Linear(2, 64),
  new nn.Tanh(),
  new nn.Linear(64, 64),
  new nn.Tanh(),
  new nn.Linear(64, 1),
);
const optimizer = new optim.Adam(model.parameters(), { lr: 5e-3 });
const step = compile((x: Tensor, y: Tensor) => {
  const loss = nn.bceWithLogits(model.forward(x), y);
  optimizer.step(loss);
  return loss;
});
const answer = compile((x: Tensor) => noGrad(() => model.forward(x).sigmoid())); // (N, 1)

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const map = element<HTMLCanvasElement>("map").getContext("2d")!;
const chart = element<HTMLCanvasElement>("loss").getContext("2d")!;

/** Blue for one spiral, orange for the other, white where the network cannot tell. */
function drawMap(chances: ArrayLike<number>, x: ArrayLike<number>): void {
  const image = map.createImageData(side, side);
  for (let i = 0; i < side * side; i++) {
    const far = 2 * chances[i]! - 1;
    const color = far > 0 ? [240, 140, 50] : [50, 110, 200];
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = 255 - Math.abs(far) * (255 - color[c]!);
    image.data[4 * i + 3] = 255;
  }
  map.putImageData(image, 0, 0);
  for (let i = 0; i < points; i++) {
    map.fillStyle = i % 2 ? "#7a3c00" : "#0a2550";
    const [left, top] = [x[2 * i]!, x[2 * i + 1]!].map((v) => Math.floor(((v + 1) * side) / 2));
    map.fillRect(left!, top!, 1, 1);
  }
}

function drawLosses(losses: readonly number[]): void {
  const { width, height } = chart.canvas;
  chart.clearRect(0, 0, width, height);
  chart.strokeStyle = "#326ec8";
  chart.lineWidth = 2;
  chart.beginPath();
  losses.forEach((loss, i) => {
    const y = height - 4 - (loss / losses[0]!) * (height - 8);
    chart.lineTo((i * width) / (steps / 20), y);
  });
  chart.stroke();
}

const [x, y] = spirals();
const grid = pixels();
const places = await x.data();
const losses: number[] = [];
const start = performance.now();
for (let i = 1; i <= steps; i++) {
  const loss = step(x, y); // not awaited: the next is on its way while this one runs
  if (i % 20 !== 0) continue;
  losses.push(await loss.item());
  drawMap(await answer(grid).data(), places);
  drawLosses(losses);
  const ms = (performance.now() - start) / i;
  const figures = `loss ${losses.at(-1)!.toPrecision(3)} · ${ms.toFixed(2)} ms a step`;
  element("status").textContent = `step ${i} of ${steps} · ${figures}`;
}
document.title = "done";
