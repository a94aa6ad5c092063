"""Records torch-cases.jsonl: what PyTorch computes for layers that the golden folder has no cases of.

    python tests/nn/torch-cases.py > tests/nn/torch-cases.jsonl   (PyTorch 2.11 or later)

Each case: the state before, inputs, outputs, gradients of inputs and parameters for fixed cotangents, and
the state after one training forward.
"""
import json
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations, weight_norm

torch.manual_seed(7)
cases = []


def tensor(t):
    kind = "int32" if not t.dtype.is_floating_point else "float32"
    return {"t": kind, "shape": list(t.shape), "data": [float("%.8g" % v) for v in t.flatten().tolist()]}


def record(name, f, *inputs, module=None):
    state = {}
    if module is not None:
        state = {k: tensor(v) for k, v in module.state_dict().items()}
        module.zero_grad()
    leaves = [x.detach().clone().requires_grad_() if x.dtype.is_floating_point else x for x in inputs]
    out = f(*leaves)
    outs = list(out) if isinstance(out, (tuple, list)) else [out]
    floats = [y for y in outs if y.dtype.is_floating_point and y.requires_grad]
    cotangents = [torch.linspace(-1, 2, max(y.numel(), 1)).reshape(y.shape) for y in floats]
    if floats:
        torch.autograd.backward(floats, cotangents)
    case = {
        "name": name,
        "inputs": [tensor(x) for x in inputs],
        "outputs": [tensor(y.detach()) for y in outs],
        "cotangents": [tensor(c) for c in cotangents],
        "grads": [tensor(x.grad) if x.dtype.is_floating_point and x.grad is not None else None for x in leaves],
    }
    if module is not None:
        case["state"] = state
        case["params"] = {k: tensor(p.grad) for k, p in module.named_parameters() if p.grad is not None}
        case["after"] = {k: tensor(v) for k, v in module.state_dict().items()}
    cases.append(case)


def module(name, m, *inputs):
    record(name, m, *inputs, module=m)


r = torch.randn
module("weightNorm legacy", weight_norm(nn.Linear(4, 3)), r(2, 4))
module("weightNorm", parametrizations.weight_norm(nn.Linear(4, 3)), r(2, 4))
module("weightNorm conv axis 1", parametrizations.weight_norm(nn.Conv1d(2, 3, 2), dim=1), r(2, 2, 5))
module("weightNorm whole", parametrizations.weight_norm(nn.Linear(4, 3), dim=None), r(2, 4))
module("spectralNorm", parametrizations.spectral_norm(nn.Linear(4, 3)), r(2, 4))
module("spectralNorm twice", parametrizations.spectral_norm(nn.Linear(4, 3), n_power_iterations=2), r(2, 4))
module("spectralNorm transposed", parametrizations.spectral_norm(nn.ConvTranspose1d(2, 3, 2)), r(2, 2, 4))
module("spectralNorm eval", parametrizations.spectral_norm(nn.Linear(4, 3)).eval(), r(2, 4))

x = r(1, 2, 5, 7)
for mode in ("bilinear", "bicubic"):
    for corners in (False, True):
        record(f"interpolate {mode} smooth {corners}",
               lambda t, m=mode, c=corners: F.interpolate(t, size=(3, 9), mode=m, align_corners=c, antialias=True), x)
record("interpolate bilinear smooth factor",
       lambda t: F.interpolate(t, scale_factor=0.4, mode="bilinear", antialias=True), x)
record("interpolate nearest-exact", lambda t: F.interpolate(t, size=(3, 9), mode="nearest-exact"), x)
record("interpolate nearest-exact factor", lambda t: F.interpolate(t, scale_factor=1.7, mode="nearest-exact"), x)

module("ChannelShuffle", nn.ChannelShuffle(2), r(2, 6, 2))
module("LPPool3d", nn.LPPool3d(2, 2), r(1, 2, 4, 4, 2))
module("LPPool2d ceil", nn.LPPool2d(2, 2, ceil_mode=True), r(1, 2, 5, 3))
module("CircularPad3d", nn.CircularPad3d((1, 0, 2, 1, 0, 1)), r(1, 1, 2, 3, 2))
module("ZeroPad3d", nn.ZeroPad3d((1, 0, 2, 1, 0, 1)), r(1, 1, 2, 3, 2))
module("RReLU eval", nn.RReLU(0.1, 0.4).eval(), r(3, 4))
module("RMSNorm", nn.RMSNorm((3, 4)), r(2, 3, 4))
module("Dropout3d eval", nn.Dropout3d().eval(), r(1, 2, 2, 2, 2))
module("AdaptiveMaxPool1d indices", nn.AdaptiveMaxPool1d(3, return_indices=True), r(2, 2, 7))
module("AdaptiveMaxPool2d indices", nn.AdaptiveMaxPool2d((3, None), return_indices=True), r(2, 2, 5, 4))
module("AdaptiveMaxPool3d indices", nn.AdaptiveMaxPool3d(2, return_indices=True), r(1, 2, 3, 4, 5))
pooled, places = F.max_pool2d(r(1, 2, 5, 5), 2, return_indices=True)
module("MaxUnpool2d", nn.MaxUnpool2d(2), *F.max_pool2d(r(1, 2, 4, 4), 2, return_indices=True))
record("MaxUnpool2d odd", lambda t, i: nn.MaxUnpool2d(2)(t, i, output_size=(5, 5)), pooled, places)

bags, offsets = torch.tensor([1, 2, 4, 0, 2, 2]), torch.tensor([0, 2, 2, 5])
for mode in ("sum", "mean", "max"):
    module(f"EmbeddingBag {mode}", nn.EmbeddingBag(5, 3, mode=mode, padding_idx=0), bags, offsets)
module("EmbeddingBag last", nn.EmbeddingBag(5, 3, include_last_offset=True), bags, torch.tensor([0, 2, 6]))

a, b, c = r(4, 3), r(4, 3), r(4, 3)
far = lambda p, q: (p - q).abs().amax(-1)
record("tripletMarginWithDistance", lambda *t: F.triplet_margin_with_distance_loss(*t), a, b, c)
record("tripletMarginWithDistance swap",
       lambda *t: F.triplet_margin_with_distance_loss(*t, distance_function=far, margin=0.5, swap=True), a, b, c)
t = (r(4, 3) > 0).float()
bce = lambda x: F.binary_cross_entropy_with_logits(x, t, reduction="none")
right = lambda x: torch.sigmoid(x) * t + (1 - torch.sigmoid(x)) * (1 - t)
record("sigmoidFocalLoss", lambda x, _: ((0.25 * t + 0.75 * (1 - t)) * bce(x) * (1 - right(x)) ** 2).mean(), a, t)
record("sigmoidFocalLoss plain", lambda x, _: (bce(x) * (1 - right(x)) ** 1.5).sum(), a, t)
labels = torch.tensor([0, 2, 1, 1])
weight = torch.tensor([0.5, 1.0, 2.0])
own = lambda x: F.cross_entropy(x, labels, reduction="none")
record("focalLoss", lambda x, _: ((1 - torch.exp(-own(x))) ** 2 * own(x)).mean(), a, labels)
record("focalLoss weight",
       lambda x, _, w: ((1 - torch.exp(-own(x))) ** 2 * own(x) * weight[labels]).mean(), a, labels, weight)
record("generalizedCrossEntropy", lambda x, _: ((1 - torch.exp(-own(x)) ** 0.7) / 0.7).mean(), a, labels)
mask = (r(2, 3, 4) > 0).float()
seg = r(2, 3, 4)
overlap = lambda p: (2 * (p * mask).sum(-1) + 1) / (p.sum(-1) + mask.sum(-1) + 1)
record("diceLoss", lambda x, _: (1 - overlap(torch.sigmoid(x))).mean(), seg, mask)
tversky = lambda p: ((p * mask).sum(-1) + 1) / (
    (p * mask).sum(-1) + 0.3 * (p * (1 - mask)).sum(-1) + 0.7 * ((1 - p) * mask).sum(-1) + 1)
record("tverskyLoss", lambda x, _: (1 - tversky(torch.softmax(x, 1))).mean(), seg, mask)
record("logCoshLoss", lambda x, y: torch.log(torch.cosh(x - y)).mean(), a, b)
record("mapeLoss", lambda x, y: ((y - x) / y).abs().mean() * 100, a, b)
record("msleLoss", lambda x, y: (torch.log1p(x) - torch.log1p(y)).square().mean(), a.abs(), b.abs())
sign = torch.sign(b)
record("hingeLoss", lambda x, y: (1 - y * x).clamp(min=0).mean(), a, sign)
record("squaredHingeLoss", lambda x, y: (1 - y * x).clamp(min=0).square().mean(), a, sign)
hot = F.one_hot(labels, 3).float()
record("categoricalHingeLoss",
       lambda x, y: ((1 - y) * x).amax(-1).sub((y * x).sum(-1)).add(1).clamp(min=0).mean(), a, hot)
unit = lambda x: F.normalize(x)
record("infoNceLoss", lambda q, k: F.cross_entropy(unit(q) @ unit(k).T / 0.1, torch.arange(4)), a, b)
record("infoNceLoss symmetric",
       lambda q, k: (F.cross_entropy(q @ k.T / 0.5, torch.arange(4)) + F.cross_entropy(k @ q.T / 0.5, torch.arange(4))) / 2,
       a, b)
record("swiglu", lambda x: F.silu(x[..., :2]) * x[..., 2:], r(3, 4))
record("geglu", lambda x: F.gelu(x[..., :2]) * x[..., 2:], r(3, 4))
record("dirac", lambda: nn.init.dirac_(torch.empty(4, 2, 3, 2)))
record("dirac groups", lambda: nn.init.dirac_(torch.empty(4, 3, 2), groups=2))
record("fold", lambda x: F.fold(x, (4, 5), (2, 2), dilation=(2, 1), padding=(1, 0), stride=(2, 2)), r(1, 8, 4))
record("unfold", lambda x: F.unfold(x, (2, 2), dilation=(2, 1), padding=(1, 0), stride=(2, 2)), r(1, 2, 4, 5))
ct = nn.ConvTranspose2d(2, 1, 3, stride=2, padding=1)
record("ConvTranspose2d output size", lambda x: ct(x, output_size=[6, 5]), r(1, 2, 3, 3), module=ct)
ada = nn.AdaptiveLogSoftmaxWithLoss(6, 10, [3, 6], div_value=2.0, head_bias=True)
names = torch.tensor([0, 2, 4, 9, 7])
record("AdaptiveLogSoftmaxWithLoss", lambda x, y: tuple(ada(x, y)), r(5, 6), names, module=ada)
record("AdaptiveLogSoftmaxWithLoss logProb", lambda x: ada.log_prob(x), r(5, 6), module=ada)

print("\n".join(json.dumps(c) for c in cases))
