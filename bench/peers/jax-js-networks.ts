// The networks of the benchmark in jax-js: functions of a record of parameters, which they consume,
// as every function of jax-js consumes its arguments (`.ref` is one more use). NCHW throughout.
import { lax, nn, numpy } from "@jax-js/jax";
import type { InferSpec, NetName, TrainSpec } from "../workloads.ts";
import { CannotRun } from "./protocol.ts";

type Array_ = import("@jax-js/jax").Array;
type Params = Record<string, Array_>;
type Spec = TrainSpec | InferSpec;

/** The network's answer. */
export function forward(spec: Spec, p: Params, x: Array_): Array_ {
  return networks[spec.net](spec, p, x);
}

const networks: { [N in NetName]: (spec: Spec, p: Params, x: Array_) => Array_ } = {
  mlp(spec, p, x) {
    const layers = spec.sizes.length - 1;
    for (let i = 1; i <= layers; i++) {
      x = linear(p, `fc${i}`, x);
      if (i < layers) x = spec.activation === "tanh" ? numpy.tanh(x) : nn.relu(x);
    }
    return x;
  },

  cnn(_, p, x) {
    for (const name of ["conv1", "conv2"]) x = pool(nn.relu(conv(p, name, x))); // (B, C, H/2, W/2)
    return linear(p, "fc", x.reshape([x.shape[0]!, -1]));
  },

  resnet20(_, p, x) {
    x = nn.relu(norm(p, "bn", conv(p, "conv", x)));
    for (let i = 0; `blocks.${i}.conv1.weight` in p; i++) {
      const at = `blocks.${i}`;
      const projects = `${at}.down.weight` in p;
      const stride = projects ? 2 : 1;
      let h = nn.relu(norm(p, `${at}.bn1`, conv(p, `${at}.conv1`, x.ref, stride)));
      h = norm(p, `${at}.bn2`, conv(p, `${at}.conv2`, h));
      const past = projects ? norm(p, `${at}.downBn`, conv(p, `${at}.down`, x, stride)) : x;
      x = nn.relu(h.add(past));
    }
    return linear(p, "fc", numpy.mean(x, [2, 3]));
  },

  mobilenet(_, p, x) {
    const groups = x.shape[1]!;
    x = nn.relu(norm(p, "bn1", conv(p, "depthwise", x, 1, groups)));
    x = nn.relu(norm(p, "bn2", conv(p, "pointwise", x)));
    return linear(p, "fc", numpy.mean(x, [2, 3]));
  },

  unet(_, p, x) {
    const double = (name: string, h: Array_) =>
      nn.relu(conv(p, `${name}.2`, nn.relu(conv(p, `${name}.0`, h))));
    const level1 = double("down1", x);
    const level2 = double("down2", pool(level1.ref));
    x = double("bottom", pool(level2.ref));
    x = double("up2", numpy.concatenate([lift(p, "lift2", x), level2], 1));
    x = double("up1", numpy.concatenate([lift(p, "lift1", x), level1], 1));
    return conv(p, "head", x);
  },

  lstm: withoutLoops,
  gru: withoutLoops,
  gpt() {
    throw new CannotRun("attention is not written for it here.");
  },
};

function withoutLoops(): never {
  throw new CannotRun(
    "it has no scan, and a loop written out does not compile in reasonable time.",
  );
}

function linear(p: Params, name: string, x: Array_): Array_ {
  return numpy.matmul(x, p[`${name}.weight`]!.transpose()).add(p[`${name}.bias`]!);
}

/** Padded so that a stride of 1 keeps the size. */
function conv(p: Params, name: string, x: Array_, stride = 1, groups = 1): Array_ {
  const weight = p[`${name}.weight`]!;
  const edge = (weight.shape[2]! - 1) / 2;
  const padding: [number, number][] = [
    [edge, edge],
    [edge, edge],
  ];
  const options = { featureGroupCount: groups };
  return biased(p, name, lax.convGeneralDilated(x, weight, [stride, stride], padding, options));
}

/** A transposed convolution of 2×2 with stride 2: every pixel becomes four. */
function lift(p: Params, name: string, x: Array_): Array_ {
  const options = { transposeKernel: true };
  return biased(p, name, lax.convTranspose(x, p[`${name}.weight`]!, [2, 2], "VALID", options));
}

function biased(p: Params, name: string, x: Array_): Array_ {
  const bias = p[`${name}.bias`];
  return bias ? x.add(bias.reshape([1, bias.shape[0]!, 1, 1])) : x;
}

function pool(x: Array_): Array_ {
  const [b, c, h, w] = x.shape as [number, number, number, number];
  return numpy.max(x.reshape([b, c, h / 2, 2, w / 2, 2]), [3, 5]);
}

/** Batch norm in training; running means are left out, since nothing here reads them. */
function norm(p: Params, name: string, x: Array_): Array_ {
  const shape = [1, x.shape[1]!, 1, 1];
  const axes = [0, 2, 3];
  const centred = x.ref.sub(numpy.mean(x, axes, { keepdims: true }));
  const variance = numpy.mean(numpy.square(centred.ref), axes, { keepdims: true });
  const unit = centred.div(numpy.sqrt(variance.add(1e-5)));
  return unit.mul(p[`${name}.weight`]!.reshape(shape)).add(p[`${name}.bias`]!.reshape(shape));
}
