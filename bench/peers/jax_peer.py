"""JAX on the CPU as a peer of the benchmark: `jax_peer.py THREADS`.

One jitted function a training step (loss, gradients and update together) whose state is donated, so
that it is updated in place. Images and weights are laid out as NHWC and HWIO, XLA's own layout on a
CPU. XLA takes as many threads as the process may run on, so one thread means one core.
"""

import os
import sys

THREADS = int(sys.argv[1])
if hasattr(os, "sched_setaffinity"):
    cores = sorted(os.sched_getaffinity(0))[-THREADS:]
    os.sched_setaffinity(0, cores)

import jax  # noqa: E402  (after the choice of cores)
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from jax import lax  # noqa: E402

from protocol import check_figure, serve  # noqa: E402

B1, B2, EPS = 0.9, 0.999, 1e-8


def linear(p, name, x):
    return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]


def conv(p, name, x, stride=1, groups=1):
    """Padded so that a stride of 1 keeps the size."""
    weight = p[f"{name}.weight"]
    edge = (weight.shape[0] - 1) // 2
    y = lax.conv_general_dilated(
        x,
        weight,
        (stride, stride),
        ((edge, edge), (edge, edge)),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=groups,
    )
    return y + p[f"{name}.bias"] if f"{name}.bias" in p else y


def lift(p, name, x):
    """A transposed convolution of 2×2 with stride 2: every pixel becomes four."""
    weight = p[f"{name}.weight"]  # (in, out, 2, 2), as in PyTorch
    b, h, w, _ = x.shape
    y = jnp.einsum("bhwi,iokl->bhkwlo", x, weight)
    return y.reshape(b, 2 * h, 2 * w, weight.shape[1]) + p[f"{name}.bias"]


def pool(x):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def norm(p, name, x):
    """Batch norm in training; running means are left out, since nothing here reads them."""
    mean = x.mean((0, 1, 2))
    variance = jnp.square(x - mean).mean((0, 1, 2))
    scale = p[f"{name}.weight"] * lax.rsqrt(variance + 1e-5)
    return (x - mean) * scale + p[f"{name}.bias"]


def mlp(spec, p, x):
    layers = len(spec["sizes"]) - 1
    for i in range(1, layers + 1):
        x = linear(p, f"fc{i}", x)
        if i < layers:
            x = jnp.tanh(x) if spec["activation"] == "tanh" else jax.nn.relu(x)
    return x


def cnn(spec, p, x):
    for name in ("conv1", "conv2"):
        x = pool(jax.nn.relu(conv(p, name, x)))
    return linear(p, "fc", x.reshape(x.shape[0], -1))


def resnet20(spec, p, x):
    x = jax.nn.relu(norm(p, "bn", conv(p, "conv", x)))
    for i in range(9):
        at = f"blocks.{i}"
        projects = f"{at}.down.weight" in p
        stride = 2 if projects else 1
        h = jax.nn.relu(norm(p, f"{at}.bn1", conv(p, f"{at}.conv1", x, stride)))
        h = norm(p, f"{at}.bn2", conv(p, f"{at}.conv2", h))
        past = norm(p, f"{at}.downBn", conv(p, f"{at}.down", x, stride)) if projects else x
        x = jax.nn.relu(h + past)
    return linear(p, "fc", x.mean((1, 2)))


def mobilenet(spec, p, x):
    x = jax.nn.relu(norm(p, "bn1", conv(p, "depthwise", x, groups=x.shape[-1])))
    x = jax.nn.relu(norm(p, "bn2", conv(p, "pointwise", x)))
    return linear(p, "fc", x.mean((1, 2)))


def unet(spec, p, x):
    def double(name, h):
        return jax.nn.relu(conv(p, f"{name}.2", jax.nn.relu(conv(p, f"{name}.0", h))))

    level1 = double("down1", x)
    level2 = double("down2", pool(level1))
    x = double("bottom", pool(level2))
    x = double("up2", jnp.concatenate([lift(p, "lift2", x), level2], -1))
    x = double("up1", jnp.concatenate([lift(p, "lift1", x), level1], -1))
    return conv(p, "head", x)


def recurrent(step, states):
    """Layers of a cell: the inputs' part of all steps is one product before the loop."""

    def network(spec, p, x):
        h = p["embedding.weight"][x.T]  # (T, B, E)
        layers = len(spec["sizes"]) - 3
        for k in range(layers):
            w = {n: p[f"rnn.{n}_l{k}"] for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
            given = h @ w["weight_ih"].T + w["bias_ih"]
            zero = jnp.zeros((x.shape[0], w["weight_hh"].shape[1]))
            _, h = lax.scan(lambda s, g: step(w, s, g), (zero,) * states, given)
        return linear(p, "fc", h.transpose(1, 0, 2)).reshape(-1, spec["sizes"][-1])

    return network


def lstm_step(w, state, given):
    h, c = state
    i, f, g, o = jnp.split(given + h @ w["weight_hh"].T + w["bias_hh"], 4, -1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    h = jax.nn.sigmoid(o) * jnp.tanh(c)
    return (h, c), h


def gru_step(w, state, given):
    (h,) = state
    r, z, n = jnp.split(given, 3, -1)
    hr, hz, hn = jnp.split(h @ w["weight_hh"].T + w["bias_hh"], 3, -1)
    r, z = jax.nn.sigmoid(r + hr), jax.nn.sigmoid(z + hz)
    n = jnp.tanh(n + r * hn)
    h = (1 - z) * n + z * h
    return (h,), h


def scale_norm(p, name, x):
    """Layer norm without a shift."""
    return jax.nn.standardize(x, -1, epsilon=1e-5) * p[f"{name}.weight"]


def attend(q, k, v, seen=None):
    scores = q @ jnp.swapaxes(k, -1, -2) * q.shape[-1] ** -0.5
    if seen is not None:
        scores = jnp.where(seen, scores, -jnp.inf)
    return jax.nn.softmax(scores, -1) @ v


def gpt_layers(spec, p, x, attention):
    """`attention(i, q, k, v)` of layer i; all of shape (batch, heads, time, size)."""
    _, _, width, layers, heads = spec["sizes"]
    for i in range(layers):
        at = f"transformer.h.{i}"
        h = scale_norm(p, f"{at}.ln_1", x) @ p[f"{at}.attn.c_attn.weight"].T
        split = [
            y.reshape(*y.shape[:2], heads, width // heads).transpose(0, 2, 1, 3)
            for y in jnp.split(h, 3, -1)
        ]
        y = attention(i, *split).transpose(0, 2, 1, 3).reshape(x.shape)
        x = x + y @ p[f"{at}.attn.c_proj.weight"].T
        h = scale_norm(p, f"{at}.ln_2", x) @ p[f"{at}.mlp.c_fc.weight"].T
        x = x + jax.nn.gelu(h, approximate=False) @ p[f"{at}.mlp.c_proj.weight"].T
    return scale_norm(p, "transformer.ln_f", x)


def gpt(spec, p, tokens):
    time = tokens.shape[1]
    x = p["transformer.wte.weight"][tokens] + p["transformer.wpe.weight"][:time]
    seen = jnp.tril(jnp.ones((time, time), bool))
    x = gpt_layers(spec, p, x, lambda i, q, k, v: attend(q, k, v, seen))
    return (x @ p["transformer.wte.weight"].T).reshape(-1, spec["sizes"][0])


def gpt_read(spec, p, cache, token, place):
    """The logits of what follows one more token, and the cache with its keys and values."""
    x = p["transformer.wte.weight"][token] + p["transformer.wpe.weight"][place]
    seen = jnp.arange(spec["sizes"][1]) <= place
    cache = list(cache)

    def attention(i, q, k, v):
        put = lambda kept, new: lax.dynamic_update_slice(kept, new, (0, 0, place, 0))  # noqa: E731
        cache[i] = (put(cache[i][0], k), put(cache[i][1], v))
        return attend(q, *cache[i], seen)

    x = gpt_layers(spec, p, x, attention)
    return x[:, -1] @ p["transformer.wte.weight"].T, cache


NETWORKS = {
    "mlp": mlp,
    "cnn": cnn,
    "resnet20": resnet20,
    "mobilenet": mobilenet,
    "unet": unet,
    "lstm": recurrent(lstm_step, 2),
    "gru": recurrent(gru_step, 1),
    "gpt": gpt,
}


def channels_last(name, weight, arrays):
    """(out, in, kh, kw) to (kh, kw, in, out); the columns of the CNN's last layer from CHW to HWC."""
    if weight.ndim == 4 and not name.startswith("lift"):
        return weight.transpose(2, 3, 1, 0)
    if name == "fc.weight" and "conv2.weight" in arrays:
        channels = arrays["conv2.weight"].shape[0]
        side = int((weight.shape[1] // channels) ** 0.5)
        split = weight.reshape(len(weight), channels, side, side)
        return split.transpose(0, 2, 3, 1).reshape(len(weight), -1)
    return weight


def parameters_of(arrays):
    named = {k: v for k, v in arrays.items() if "." in k}
    return {k: jnp.array(channels_last(k, v, arrays)) for k, v in named.items()}


def images(x):
    return x.transpose(0, 2, 3, 1) if x.ndim == 4 else x


def loss_of(spec, p, x, y):
    out = NETWORKS[spec["net"]](spec, p, images(x))
    if spec["loss"] == "mse":
        return jnp.square(out - y).mean()
    picked = jnp.take_along_axis(jax.nn.log_softmax(out), y[..., None], -1)
    return -picked.mean()


def adam(spec, p, m, v, g, count):
    m = jax.tree.map(lambda a, b: B1 * a + (1 - B1) * b, m, g)
    v = jax.tree.map(lambda a, b: B2 * a + (1 - B2) * b * b, v, g)
    c1, c2 = 1 - B1**count, 1 - B2**count

    def move(p, m, v):
        return p - spec["lr"] * (m / c1) / (jnp.sqrt(v / c2) + EPS)

    return jax.tree.map(move, p, m, v), m, v


def adamw(spec, p, m, v, g, count):
    """Its weights shrink by lr · 0.01 besides, as torch.optim.AdamW's."""
    shrunk = jax.tree.map(lambda a: a * (1 - spec["lr"] * 0.01), p)
    return adam(spec, shrunk, m, v, g, count)


def sgd(spec, p, m, g):
    if not spec["momentum"]:
        return jax.tree.map(lambda a, b: a - spec["lr"] * b, p, g), m
    m = jax.tree.map(lambda a, b: spec["momentum"] * a + b, m, g)
    return jax.tree.map(lambda a, b: a - spec["lr"] * b, p, m), m


def prepare_training(spec, pool_size, arrays):
    p = parameters_of(arrays)
    rule = {"adam": adam, "adamw": adamw}.get(spec["optimizer"])
    adaptive = rule is not None
    zeros = jax.tree.map(jnp.zeros_like, p)
    state = {
        "p": p,
        "m": zeros if adaptive or spec["momentum"] else {},
        "v": jax.tree.map(jnp.zeros_like, p) if adaptive else {},
        "count": jnp.float32(0),
    }

    def update(state, x, y):
        loss, g = jax.value_and_grad(lambda p: loss_of(spec, p, x, y))(state["p"])
        p, m, v, count = state["p"], state["m"], state["v"], state["count"] + 1
        if adaptive:
            p, m, v = rule(spec, p, m, v, g, count)
        else:
            p, m = sgd(spec, p, m, g)
        return loss, {"p": p, "m": m, "v": v, "count": count}

    jitted = jax.jit(update, donate_argnums=0)
    held = [state]

    def step(i):
        loss, held[0] = jitted(held[0], arrays[f"x{i % pool_size}"], arrays[f"y{i % pool_size}"])
        value = float(loss)
        jax.block_until_ready(held[0])
        return value

    return step, None


def prepare_inference(spec, pool_size, arrays):
    p = parameters_of(arrays)
    answer = jax.jit(lambda p, x: NETWORKS[spec["net"]](spec, p, images(x)))
    return lambda i: np.asarray(answer(p, arrays[f"x{i % pool_size}"])), None


def prepare_generation(spec, pool_size, arrays):
    p = parameters_of(arrays)
    _, context, width, layers, heads = spec["sizes"]
    shape = (spec["batch"], heads, context, width // heads)
    read = jax.jit(
        lambda p, cache, token, place: gpt_read(spec, p, cache, token, place), donate_argnums=1
    )

    def step(i):
        cache = [(jnp.zeros(shape), jnp.zeros(shape)) for _ in range(layers)]
        for t, token in enumerate(np.split(arrays[f"x{i % pool_size}"], context, 1)):
            logits, cache = read(p, cache, token, t)
            value = np.asarray(logits)
        return value

    return step, None


def prepare_attention(spec, pool_size, arrays):
    operands = [[jnp.array(arrays[f"{name}{i}"]) for name in "abcd"] for i in range(pool_size)]

    def both(q, k, v, g):
        out, pull = jax.vjp(attend, q, k, v)
        return [out, *pull(g)]

    jitted = jax.jit(both)
    last = [None]

    def step(i):
        last[0] = jitted(*operands[i % pool_size])
        jax.block_until_ready(last[0])
        return 0.0

    return step, lambda: sum(check_figure(x) for x in last[0])


def prepare_operation(spec, pool_size, arrays):
    operands = [
        [jnp.array(arrays[f"{name}{i}"]) for name in "ab" if f"{name}{i}" in arrays]
        for i in range(pool_size)
    ]
    kind = spec["kind"] if spec["kind"] != "rows" else spec["op"]
    apply = {
        "matmul": lambda a, b: a @ b,
        "eltwise": lambda x, y: jnp.tanh(x * y + x).sum(),
        "softmax": lambda a: jax.nn.softmax(a, -1),
        "layernorm": lambda a: jax.nn.standardize(a, -1, epsilon=1e-5),
    }[kind]
    jitted = jax.jit(apply)
    last = [None]

    def step(i):
        last[0] = jitted(*operands[i % pool_size])
        last[0].block_until_ready()
        return 0.0

    return step, lambda: check_figure(last[0])


def prepare(spec, pool_size, arrays):
    kinds = {
        "train": prepare_training,
        "infer": prepare_inference,
        "generate": prepare_generation,
        "attention": prepare_attention,
    }
    return kinds.get(spec["kind"], prepare_operation)(spec, pool_size, arrays)


note = f"XLA on {THREADS} core{'' if THREADS == 1 else 's'}"
serve({"name": "JAX", "version": jax.__version__, "note": note}, prepare)
