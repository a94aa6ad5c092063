"""PyTorch as a peer of the benchmark: the protocol of serve.ts over stdin and stdout.

Settings are PyTorch's best as far as we know them: oneDNN convolutions, OpenBLAS's OpenMP build,
`foreach` Adam, gradients set to None, inputs taken from host arrays without a copy.
"""

import json
import resource
import sys
import time

import numpy as np
import torch
from torch.nn import functional as F


class Cnn(torch.nn.Module):
    def __init__(self, spec):
        super().__init__()
        a, b, c, classes = spec["sizes"]
        side = spec["input"][1] // 4
        self.conv1 = torch.nn.Conv2d(a, b, 3, padding=1)
        self.conv2 = torch.nn.Conv2d(b, c, 3, padding=1)
        self.fc = torch.nn.Linear(c * side * side, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc(x.flatten(1))


class Mlp(torch.nn.Module):
    def __init__(self, spec):
        super().__init__()
        sizes = spec["sizes"]
        for i in range(len(sizes) - 1):
            setattr(self, f"fc{i + 1}", torch.nn.Linear(sizes[i], sizes[i + 1]))
        self.layers = [getattr(self, f"fc{i + 1}") for i in range(len(sizes) - 1)]
        self.activation = torch.tanh if spec["activation"] == "tanh" else F.relu

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return self.layers[-1](x)


def prepare_training(spec, pool, arrays):
    model = Cnn(spec) if spec["net"] == "cnn" else Mlp(spec)
    weights = {k: torch.from_numpy(v.copy()) for k, v in arrays.items() if "." in k}
    model.load_state_dict(weights)
    optimizers = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}
    optimizer = optimizers[spec["optimizer"]](model.parameters(), lr=spec["lr"], foreach=True)
    loss_fn = F.mse_loss if spec["loss"] == "mse" else F.cross_entropy

    # The targets' int32 is the file's; PyTorch wants int64, so they are widened once, here.
    def target(i):
        y = arrays[f"y{i}"]
        return y if y.dtype == np.float32 else y.astype(np.int64)

    inputs = [arrays[f"x{i}"] for i in range(pool)]
    targets = [target(i) for i in range(pool)]

    def step(i):
        x = torch.from_numpy(inputs[i % pool])
        y = torch.from_numpy(targets[i % pool])
        optimizer.zero_grad(set_to_none=True)
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step, None


def check_figure(result):
    """Mean of the squares, each weighted by 1 to 7 in turn; see serve.ts. In pieces, so that the
    float64 copies do not show in the peak of memory."""
    total, piece = 0.0, 7 * 8192
    values = result.flatten()
    weights = (torch.arange(piece) % 7 + 1).double()
    for part in values.split(piece):
        total += (part.double().square() * weights[: len(part)]).sum().item()
    return total / values.numel()


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
    last = [None]

    def step(i):
        with torch.no_grad():
            last[0] = apply(*operands[i % pool])
        return 0.0

    return step, lambda: check_figure(last[0])


def read_data(path):
    with open(path, "rb") as file:
        header = json.loads(file.readline())
        body = np.fromfile(file, dtype=np.uint8)
    arrays = {}
    for entry in header["entries"]:
        count = int(np.prod(entry["shape"]))
        start = entry["offset"]
        view = body[start : start + 4 * count].view(entry["dtype"])
        arrays[entry["name"]] = view.reshape(entry["shape"])
    return header, arrays


def memory_line(name):
    try:
        with open("/proc/self/status") as file:
            line = next(line for line in file if line.startswith(name + ":"))
        return int(line.split()[1]) / 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def rest_memory():
    """Resets the peak the kernel keeps (Linux), and returns the memory held now, in MB."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        pass
    return memory_line("VmRSS")


class Runner:
    def __init__(self, path):
        header, arrays = read_data(path)
        self.base = rest_memory()
        spec = header["spec"]
        prepare = prepare_training if spec["kind"] == "train" else prepare_operation
        self.step, self.check = prepare(spec, header["pool"], arrays)
        self.done = 0

    def run(self, steps):
        ms, losses, first = [], [], None
        for _ in range(steps):
            start = time.perf_counter()
            loss = self.step(self.done)
            ms.append((time.perf_counter() - start) * 1e3)
            if self.done == 0:
                first = time.time() * 1e3
            self.done += 1
            if self.check is None:
                losses.append(loss)
        if self.check is not None and first is not None:
            losses.append(self.check())
        peak = memory_line("VmHWM") - self.base
        return {"ms": ms, "losses": losses, "firstStepAt": first, "peakMb": peak}


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
    return "BLAS other than OpenBLAS"


def send(line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main():
    threads = int(sys.argv[1])
    torch.set_num_threads(threads)
    note = f"{blas_library()}, {threads} thread{'' if threads == 1 else 's'}"
    send({"hello": {"name": "PyTorch", "version": torch.__version__, "note": note}})
    runners = {}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            work = request["work"]
            if work not in runners:
                runners[work] = Runner(request["data"])
            send(runners[work].run(request["steps"]))
        except Exception as error:  # the parent prints it; one failed workload ends nothing
            send({"error": f"{type(error).__name__}: {error}"})


main()
