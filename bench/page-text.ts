// What the results page says besides figures: how to run the benchmark and how to read it.

export const PREFACE = `# Benchmarks

This page is written by \`npm run bench -- --write-docs\`; a run without that option leaves it alone.

\`npm run bench\` trains and computes the same things with Anneal and with its peers, on this
machine, in one go. Its first run installs the JavaScript peers (tfjs, jax-js, ONNX Runtime) into
\`bench/\`. \`npm run bench -- --setup\` fetches the others: Debian's PyTorch 1.13 (as root; else
\`apt-get install python3-torch libopenblas0-openmp\`), a virtual environment of 6 GB with current
PyTorch and JAX, Node 20 and Node 22. \`torch.compile\` needs a C++ compiler. What is not there is
left out with a sentence.

| option | meaning |
|---|---|
| \`--only NAME,…\` | only these workloads |
| \`--peers NAME,…\` | only these peers: \`anneal\`, \`anneal-strict\`, \`torch\`, \`torch-new\`, \`torch-compile\`, \`jax\`, \`tfjs\`, \`jax-js\`, \`onnxruntime\`, or one process such as \`torch1\` |
| \`--threads N,…\` | Anneal's thread counts; peers run with these, with one and with the largest (default 1,2) |
| \`--runtimes NAME,…\` | Anneal also in \`node20\`, \`node22\`, \`bun\`, \`deno\`, \`chromium\` |
| \`--rounds N\` | turns that every peer takes (default 9) |
| \`--busy\` | also the step beside a process that keeps one core busy |
| \`--json FILE\` | the figures as JSON |
| \`--from FILE\` | results of an earlier run, for a page made in pieces; of Anneal alone, a run adds its runtimes |
| \`--setup\` | install the peers, then stop |
| \`--write-docs\` | write this page |

All of it takes half an hour on two cores; most of that is jax-js's convolutions, at seconds
a step, and \`torch.compile\`'s compiler.

## How it is measured

- Every peer is a process of its own, with its own best settings. It gets the same network, the same
  initial weights and the same batches, all from one seeded generator. A training step takes fresh
  inputs from host arrays and gives its loss back to the host, both inside the timed region, and so
  does inference with its answer; a bare operation runs on operands that already belong to the
  framework, and its last result is let go when the next one is there.
- The losses of the first 20 steps are compared with PyTorch's (of a bare operation, a weighted mean
  square of the result). If they differ, the run fails.
- After these 20 steps the peers take turns (A B A B …), with a burst of a known kernel between
  turns, because a machine's own speed changes from moment to moment. The median is over turns that
  lie between two fast bursts, in rounds whose two threads had a core each, if there are at least
  three such turns, else over all.
- *First step* counts from the start of the process, imports included; for networks it is the median
  of three starts if it comes within a second. *20 steps* counts from the start of the first step. *Peak* is the largest
  memory of the process less what it held after its imports and after it read the data.
- Anneal runs as its users have it: the built package, imported by name. The peers' programs have
  their types stripped beforehand, so that nobody's start pays for TypeScript.
- PyTorch's allocator is told to keep freed memory rather than return it at every step: faster, and
  a part of its peak. Networks of images are also run in channels last (\`nhwc\`). Current PyTorch
  takes its \`fused\` optimizers. \`torch.compile\` compiles network, loss and backward pass; its
  compiled kernels are kept between runs in \`bench/.cache\`, so that a first step may be a later one's.
- JAX compiles loss, gradients and update as one function whose state is donated, with images as
  NHWC; XLA has as many threads as cores that it may use.
- tfjs has no threads in Node. jax-js has them only where the browser's \`Worker\` exists; \`jax-js2\`
  gives it one made of Node's worker threads. ONNX Runtime takes part in inference only.
- \`resnet20_cifar\` has projections (1×1 convolutions with stride 2 and a batch norm) where a shortcut
  changes its size, ReLU after each sum, and 20 layers with weights. \`unet_small\` is padded, with
  transposed convolutions of 2×2 on the way up.
- *ratio* is Anneal's median over the best median of PyTorch 1.13 with at most so many threads,
  *ratioBest* the same over the best of all peers; below 1, Anneal is faster.
`;

export const BARS = `What Anneal has set out to reach, and what this run had: of several workloads the worst, and how many
of them reached the bar. With more than one thread count, ratios are those with the most threads.`;

export const OVERVIEW = `Medians in ms, of each framework the best of its processes with at most so many threads. A dash: it
cannot, it took too long, or it was not there; the tables of the workloads say which.`;

export const VARIANTS = `Medians in ms. *strict* gives the same bits on every machine: no relaxed instructions, sums in a fixed order.
No speed is promised in other runtimes; their losses are compared like everybody's.`;
