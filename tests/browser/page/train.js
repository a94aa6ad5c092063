// Trains on the device that the address asks for, and watches meanwhile that the page stays alive: tasks of
// more than 50 ms on the main thread (the browser's own list), and how late timers are.
import { device } from "anneal";
import { train } from "./problem.js";

const asked = new URLSearchParams(location.search);
const number = (name) => Number(asked.get(name));

/** Long tasks, as [when, how many milliseconds]. */
const tasks = [];
new PerformanceObserver((list) => {
  for (const { startTime, duration } of list.getEntries()) tasks.push([startTime, duration]);
}).observe({ type: "longtask", buffered: true });

/** The latest that a timer of 10 ms came, in milliseconds. */
function watchTimers() {
  let [last, latest] = [performance.now(), 0];
  const timer = setInterval(() => {
    const now = performance.now();
    latest = Math.max(latest, now - last - 10);
    last = now;
  }, 10);
  return () => {
    clearInterval(timer);
    return latest;
  };
}

/** Waits until a device in a worker has said how it is. */
const settle = (backend) => (typeof backend.ready === "function" ? backend.ready() : undefined);

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function run(choose) {
  const { backend } = choose();
  const ends = [];
  let start = 0;
  let timers;
  let submitsBefore = 0;
  const ready = async () => {
    await pause(100); // the page's own start and the new model are no part of it
    timers = watchTimers();
    start = performance.now();
  };
  const between = (i) => {
    ends.push(performance.now());
    // Asked between two steps, so it counts the first one's work and nothing of the second's.
    const asked = i === 0 ? settle(backend) : undefined;
    asked?.then(() => {
      submitsBefore = backend.describe().submits;
    });
  };
  const size = { steps: number("steps"), batch: number("batch") };
  const losses = await train(size, { ready, between });
  const latest = timers();
  await pause(100); // the observer tells of tasks a little later
  await settle(backend);
  const during = ([at, ms], from, to) => at + ms > from && at < to;
  const within = (from, to) => tasks.filter((t) => during(t, from, to)).map(([, ms]) => ms);
  return {
    losses,
    firstMs: ends[0] - start,
    stepMs: (ends.at(-1) - ends[0]) / (ends.length - 1),
    firstTasks: within(start, ends[0]),
    laterTasks: within(ends[0], ends.at(-1)),
    latestTimer: latest,
    isolated: crossOriginIsolated,
    facts: backend.describe(),
    laterSubmits: backend.describe().submits - submitsBefore,
  };
}

/** Leaves what came of it where the test looks. */
export async function report(choose) {
  try {
    globalThis.outcome = await run(choose);
  } catch (error) {
    globalThis.outcome = { error: String(error?.stack ?? error) };
  }
  document.title = "done";
}

export function byName() {
  const name = asked.get("device");
  return name === "wasm" ? device("wasm", { strict: asked.has("strict") }) : device(name);
}
