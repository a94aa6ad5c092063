"""The networks of the benchmark in PyTorch, as its users write them; see networks.ts."""

import torch
from torch import nn
from torch.nn import functional as F


class Mlp(nn.Module):
    def __init__(self, spec):
        super().__init__()
        sizes = spec["sizes"]
        for i in range(len(sizes) - 1):
            setattr(self, f"fc{i + 1}", nn.Linear(sizes[i], sizes[i + 1]))
        self.layers = [getattr(self, f"fc{i + 1}") for i in range(len(sizes) - 1)]
        self.activation = torch.tanh if spec["activation"] == "tanh" else F.relu

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return self.layers[-1](x)


class Cnn(nn.Module):
    def __init__(self, spec):
        super().__init__()
        a, b, c, classes = spec["sizes"]
        side = spec["input"][1] // 4
        self.conv1 = nn.Conv2d(a, b, 3, padding=1)
        self.conv2 = nn.Conv2d(b, c, 3, padding=1)
        self.fc = nn.Linear(c * side * side, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc(x.flatten(1))


class Block(nn.Module):
    def __init__(self, start, end, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(start, end, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(end)
        self.conv2 = nn.Conv2d(end, end, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(end)
        self.projects = start != end
        if self.projects:
            self.down = nn.Conv2d(start, end, 1, stride, bias=False)
            self.downBn = nn.BatchNorm2d(end)

    def forward(self, x):
        h = F.relu(self.bn1(self.conv1(x)), inplace=True)
        h = self.bn2(self.conv2(h))
        return F.relu(h + (self.downBn(self.down(x)) if self.projects else x), inplace=True)


class ResNet(nn.Module):
    def __init__(self, spec):
        super().__init__()
        colours, *stages, classes = spec["sizes"]
        start = stages[0]
        self.conv = nn.Conv2d(colours, start, 3, 1, 1, bias=False)
        self.bn = nn.BatchNorm2d(start)
        blocks = []
        for end in stages:
            for _ in range(3):
                blocks.append(Block(start, end, 1 if start == end else 2))
                start = end
        self.blocks = nn.Sequential(*blocks)
        self.fc = nn.Linear(start, classes)

    def forward(self, x):
        x = F.relu(self.bn(self.conv(x)), inplace=True)
        return self.fc(self.blocks(x).mean((2, 3)))


class MobileNet(nn.Module):
    def __init__(self, spec):
        super().__init__()
        a, b, classes = spec["sizes"]
        self.depthwise = nn.Conv2d(a, a, 3, 1, 1, groups=a, bias=False)
        self.bn1 = nn.BatchNorm2d(a)
        self.pointwise = nn.Conv2d(a, b, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(b)
        self.fc = nn.Linear(b, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.depthwise(x)), inplace=True)
        x = F.relu(self.bn2(self.pointwise(x)), inplace=True)
        return self.fc(x.mean((2, 3)))


def double(start, end):
    return nn.Sequential(
        nn.Conv2d(start, end, 3, 1, 1),
        nn.ReLU(inplace=True),
        nn.Conv2d(end, end, 3, 1, 1),
        nn.ReLU(inplace=True),
    )


class UNet(nn.Module):
    def __init__(self, spec):
        super().__init__()
        colours, a, b, c, classes = spec["sizes"]
        self.down1 = double(colours, a)
        self.down2 = double(a, b)
        self.bottom = double(b, c)
        self.lift2 = nn.ConvTranspose2d(c, b, 2, 2)
        self.up2 = double(2 * b, b)
        self.lift1 = nn.ConvTranspose2d(b, a, 2, 2)
        self.up1 = double(2 * a, a)
        self.head = nn.Conv2d(a, classes, 1)

    def forward(self, x):
        level1 = self.down1(x)
        level2 = self.down2(F.max_pool2d(level1, 2))
        x = self.bottom(F.max_pool2d(level2, 2))
        x = self.up2(torch.cat([self.lift2(x), level2], 1))
        x = self.up1(torch.cat([self.lift1(x), level1], 1))
        return self.head(x)


class Recurrent(nn.Module):
    def __init__(self, spec):
        super().__init__()
        vocabulary, inner, *states, classes = spec["sizes"]
        kind = {"lstm": nn.LSTM, "gru": nn.GRU}[spec["net"]]
        self.embedding = nn.Embedding(vocabulary, inner)
        self.rnn = kind(inner, states[0], len(states), batch_first=True)
        self.fc = nn.Linear(states[0], classes)

    def forward(self, x):
        return self.fc(self.rnn(self.embedding(x))[0]).flatten(0, 1)


def attend(q, k, v, causal, mask=None):
    """Scaled dot-product attention; by hand where this PyTorch has no function for it."""
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)
    scores = (q @ k.transpose(-2, -1)) * (q.shape[-1] ** -0.5)
    if causal:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return F.softmax(scores, -1) @ v


class Norm(nn.Module):
    """Layer norm without a shift, as nanoGPT has it."""

    def __init__(self, size):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x):
        return F.layer_norm(x, self.weight.shape, self.weight, None)


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.c_attn = nn.Linear(width, 3 * width, bias=False)
        self.c_proj = nn.Linear(width, width, bias=False)

    def forward(self, x, cache=None, place=None, seen=None):
        b, t, c = x.shape
        split = self.c_attn(x).split(c, 2)
        q, k, v = (y.view(b, t, self.heads, c // self.heads).transpose(1, 2) for y in split)
        if cache is None:
            y = attend(q, k, v, causal=True)
        else:
            keys, values = cache
            keys.index_copy_(2, place, k)
            values.index_copy_(2, place, v)
            if isinstance(seen, int):
                y = attend(q, keys[:, :, :seen], values[:, :, :seen], causal=False)
            else:
                y = attend(q, keys, values, causal=False, mask=seen)
        return self.c_proj(y.transpose(1, 2).reshape(b, t, c))


class Feed(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width, bias=False)
        self.c_proj = nn.Linear(4 * width, width, bias=False)

    def forward(self, x):
        return self.c_proj(F.gelu(self.c_fc(x)))


class Layer(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.ln_1 = Norm(width)
        self.attn = Attention(width, heads)
        self.ln_2 = Norm(width)
        self.mlp = Feed(width)

    def forward(self, x, *cache):
        x = x + self.attn(self.ln_1(x), *cache)
        return x + self.mlp(self.ln_2(x))


class Gpt(nn.Module):
    def __init__(self, spec):
        super().__init__()
        tokens, context, width, layers, heads = spec["sizes"]
        self.heads = heads
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(tokens, width),
                "wpe": nn.Embedding(context, width),
                "h": nn.ModuleList(Layer(width, heads) for _ in range(layers)),
                "ln_f": Norm(width),
            }
        )

    def forward(self, x):
        t = self.transformer
        y = t.wte(x) + t.wpe.weight[: x.shape[1]]
        for layer in t.h:
            y = layer(y)
        return F.linear(t.ln_f(y), t.wte.weight).flatten(0, 1)

    def empty_cache(self, batch):
        """Keys and values of each layer, for every place of the context."""
        context, width = self.transformer.wpe.weight.shape
        shape = (batch, self.heads, context, width // self.heads)
        return [(torch.zeros(shape), torch.zeros(shape)) for _ in self.transformer.h]

    def read(self, token, place, cache, seen):
        """The logits of what follows one more token; `seen` is how many places there are by then, or
        a mask of them."""
        t = self.transformer
        y = t.wte(token) + t.wpe(place)
        for layer, kept in zip(t.h, cache):
            y = layer(y, kept, place, seen)
        return F.linear(t.ln_f(y[:, -1]), t.wte.weight)


NETWORKS = {
    "mlp": Mlp,
    "cnn": Cnn,
    "resnet20": ResNet,
    "mobilenet": MobileNet,
    "unet": UNet,
    "lstm": Recurrent,
    "gru": Recurrent,
    "gpt": Gpt,
}
