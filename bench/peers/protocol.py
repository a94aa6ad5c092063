"""The Python side of the protocol of serve.ts: JSON lines over stdin and stdout, the data files, and
the figures by which results are compared. Not a peer itself."""

import json
import resource
import sys
import time

import numpy as np


class CannotRun(Exception):
    """Raised where a framework cannot run a workload; the message is one sentence."""


def check_figure(values):
    """Mean of the squares, each weighted by 1 to 7 in turn; see protocol.ts. In pieces, so that the
    float64 copies do not show in the peak of memory."""
    values = np.asarray(values).reshape(-1)
    total, piece = 0.0, 7 * 8192
    weights = np.arange(piece) % 7 + 1.0
    for start in range(0, len(values), piece):
        part = values[start : start + piece].astype(np.float64)
        total += float((part * part * weights[: len(part)]).sum())
    return total / len(values)


def read_data(path):
    """The header and the arrays of a data file."""
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
    """One workload. `prepare(spec, pool, arrays)` gives a step and, for a bare operation, a check."""

    def __init__(self, path, prepare):
        header, arrays = read_data(path)
        self.base = rest_memory()
        self.step, self.check = prepare(header["spec"], header["pool"], arrays)
        self.done = 0

    def run(self, steps):
        ms, losses, first = [], [], None
        for _ in range(steps):
            start = time.perf_counter()
            value = self.step(self.done)
            ms.append((time.perf_counter() - start) * 1e3)
            if self.done == 0:
                first = time.time() * 1e3
            self.done += 1
            if self.check is None:
                losses.append(value if isinstance(value, float) else check_figure(value))
        if self.check is not None and first is not None:
            losses.append(self.check())
        peak = memory_line("VmHWM") - self.base
        return {"ms": ms, "losses": losses, "firstStepAt": first, "peakMb": peak}


def send(line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def serve(hello, prepare):
    """Answers requests until stdin ends."""
    send({"hello": hello})
    runners = {}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            work = request["work"]
            if work not in runners:
                runners[work] = Runner(request["data"], prepare)
            send(runners[work].run(request["steps"]))
        except CannotRun as reason:
            send({"why": str(reason)})
        except Exception as error:  # the parent prints it; one failed workload ends nothing
            send({"error": f"{type(error).__name__}: {error}"})
