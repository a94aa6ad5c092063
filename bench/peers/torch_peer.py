"""PyTorch as a peer of the benchmark: `torch_peer.py THREADS [nhwc] [compile]`.

Settings are PyTorch's best as far as we know them: oneDNN convolutions (in either memory format),
OpenBLAS's OpenMP build where Debian's is used, gradients set to None, inputs taken from host arrays
without a copy. Optimizers are `fused` where this PyTorch has that for the CPU (faster than `foreach`
and than a compiled one), else `foreach`. `compile` is torch.compile of network and loss together,
the backward pass included.
"""

import sys

import numpy as np
import torch
from torch.nn import functional as F

from protocol import CannotRun, check_figure, serve
from torch_networks import NETWORKS, attend

THREADS = int(sys.argv[1])
VERSION = tuple(int(part) for part in torch.__version__.split(".")[:2])
NHWC = "nhwc" in sys.argv
COMPILE = "compile" in sys.argv


def network(spec, arrays):
    model = NETWORKS[spec["net"]](spec)
    weights = {k: torch.from_numpy(v.copy()) for k, v in arrays.items() if "." in k}
    left = model.load_state_dict(weights, strict=False)
    unset = [k for k in left.missing_keys if "running_" not in k and "num_batches" not in k]
    if unset or left.unexpected_keys:
        raise ValueError(f"weights do not fit: {unset}, {left.unexpected_keys}")
    return model.to(memory_format=torch.channels_last) if NHWC else model


def image(array):
    """An input without a copy; in channels last, the conversion is a part of the step."""
    x = torch.from_numpy(array)
    return x.contiguous(memory_format=torch.channels_last) if NHWC and x.dim() == 4 else x


def optimizer_of(spec, model):
    parameters, lr = model.parameters(), spec["lr"]
    how = {"fused": True} if VERSION >= (2, 4) else {"foreach": True}
    if spec["optimizer"] == "adam":
        return torch.optim.Adam(parameters, lr=lr, **how)
    if spec["optimizer"] == "adamw":
        return torch.optim.AdamW(parameters, lr=lr, **how)
    return torch.optim.SGD(parameters, lr=lr, momentum=spec["momentum"], **how)


def prepare_training(spec, pool, arrays):
    model = network(spec, arrays)
    optimizer = optimizer_of(spec, model)
    loss_fn = F.mse_loss if spec["loss"] == "mse" else F.cross_entropy

    # The targets' int32 is the file's; PyTorch wants int64, so they are widened once, here.
    def target(i):
        y = arrays[f"y{i}"]
        return y if y.dtype == np.float32 else y.astype(np.int64)

    inputs = [arrays[f"x{i}"] for i in range(pool)]
    targets = [target(i) for i in range(pool)]

    def loss_of(x, y):
        return loss_fn(model(x), y)

    if COMPILE:
        loss_of = torch.compile(loss_of)

    def step(i):
        x = image(inputs[i % pool])
        y = torch.from_numpy(targets[i % pool])
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(x, y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step, None


def prepare_inference(spec, pool, arrays):
    model = network(spec, arrays).eval()
    answer = torch.compile(model) if COMPILE else model
    inputs = [arrays[f"x{i}"] for i in range(pool)]

    def step(i):
        with torch.inference_mode():
            return answer(image(inputs[i % pool])).numpy()

    return step, None


def prepare_generation(spec, pool, arrays):
    model = network(spec, arrays).eval()
    read = torch.compile(model.read) if COMPILE else model.read
    texts = [torch.from_numpy(arrays[f"x{i}"].astype(np.int64)) for i in range(pool)]
    places = torch.arange(spec["input"][0])

    def step(i):
        cache = model.empty_cache(spec["batch"])
        with torch.inference_mode():
            for t, token in enumerate(texts[i % pool].split(1, 1)):
                # Compiled, all lengths must be one program; else only what is there is looked at.
                seen = (places <= t)[None] if COMPILE else t + 1
                logits = read(token, places[t : t + 1], cache, seen).numpy()
        return logits

    return step, None


def prepare_attention(spec, pool, arrays):
    operands = [[torch.from_numpy(arrays[f"{name}{i}"]) for name in "abcd"] for i in range(pool)]
    for group in operands:
        for x in group[:3]:
            x.requires_grad = True
    apply = torch.compile(attend) if COMPILE else attend
    last = [None]

    def step(i):
        q, k, v, g = operands[i % pool]
        out = apply(q, k, v, False)
        last[0] = [out, *torch.autograd.grad(out, (q, k, v), g)]
        return 0.0

    return step, lambda: sum(check_figure(x.detach().numpy()) for x in last[0])


def prepare_operation(spec, pool, arrays):
    operands = [
        [torch.from_numpy(arrays[f"{name}{i}"]) for name in "ab" if f"{name}{i}" in arrays]
        for i in range(pool)
    ]
    kind = spec["kind"] if spec["kind"] != "rows" else spec["op"]
    apply = {
        "matmul": lambda a, b: torch.mm(a, b),
        "eltwise": lambda x, y: torch.tanh(torch.addcmul(x, x, y)).sum(),
        "softmax": lambda a: F.softmax(a, -1),
        "layernorm": lambda a: F.layer_norm(a, (spec["cols"],), eps=1e-5),
    }[kind]
    if COMPILE:
        apply = torch.compile(apply)
    last = [None]

    def step(i):
        with torch.no_grad():
            last[0] = apply(*operands[i % pool])
        return 0.0

    return step, lambda: check_figure(last[0].numpy())


def prepare(spec, pool, arrays):
    if NHWC and len(spec.get("input", [])) < 3:
        raise CannotRun("there are no images in it.")
    kinds = {
        "train": prepare_training,
        "infer": prepare_inference,
        "generate": prepare_generation,
        "attention": prepare_attention,
    }
    return kinds.get(spec["kind"], prepare_operation)(spec, pool, arrays)


def blas_library():
    """Which build of BLAS is mapped into this process: its folder's name says so on Debian."""
    torch.mm(torch.ones(2, 2), torch.ones(2, 2))
    try:
        with open("/proc/self/maps") as file:
            paths = [line.split()[-1] for line in file if "blas" in line]
    except OSError:
        return "BLAS unknown"
    for build in ("openblas-openmp", "openblas-pthread", "openblas-serial"):
        if any(build in path for path in paths):
            return build
    return "MKL" if torch.backends.mkl.is_available() else "BLAS other than OpenBLAS"


def main():
    torch.set_num_threads(THREADS)
    settings = [blas_library(), f"{THREADS} thread{'' if THREADS == 1 else 's'}"]
    settings += ["channels last"] * NHWC + ["torch.compile"] * COMPILE
    version = torch.__version__
    serve({"name": "PyTorch", "version": version, "note": ", ".join(settings)}, prepare)


main()
