"""Writes networks.json: gradients and SGD steps of image classifiers, computed by plain PyTorch in double precision.

    pip install torch==2.11.0 numpy && python3 tests/reference/generate_networks.py

Parameters, images and labels come from formulas that the test knows too. Of each tensor of parameters two numbers
are kept: its sum, and its product with cos(0, 1, 2, ...). "rates" holds what torch.optim's schedulers say.
"""

import json
import pathlib

import torch
import torch.nn as nn
import torch.nn.functional as F

DATA = pathlib.Path(__file__).parents[1] / "distill/tasks/data"
BATCH, CLASSES, STEPS = 8, 10, 3
CASES = {
    "cnn2": {"channels": 3, "size": 8},
    "cnn6": {"channels": 3, "size": 12},
    "resnet8": {"channels": 3, "size": 8},
    "resnet14": {"channels": 1, "size": 9},
    "resnet8x4": {"channels": 3, "size": 8},
    "resnet10": {"channels": 3, "size": 8, "width": 8},
    "preresnet20": {"channels": 3, "size": 8},
    "preresnet47": {"channels": 3, "size": 8},
    "densenet16": {"channels": 3, "size": 9, "growth": 6},
    "lenet5": {"channels": 1, "size": 28},
    "mlp": {"channels": 1, "size": 6},
}
# Of which only the number of parameters is kept: kind, classes, pixels on a side.
COUNTS = [(kind, classes, 32) for kind in ("cnn2", "cnn4", "cnn6", "cnn8", "cnn10") for classes in (10, 100)]
COUNTS += [(kind, 10, 32) for kind in (
    "resnet8", "resnet20", "resnet32", "resnet56", "resnet110", "resnet8x4", "resnet32x4", "resnet10", "resnet18",
    "resnet34", "preresnet20", "preresnet56", "densenet40", "densenet100")]

# 3 x 3 convolutions of the plain networks, M: maximum; then the hidden linear layer.
PLAIN = {
    "cnn2": ("16 M 16 M", 0, "32 M 32 M", 0),
    "cnn4": ("16 16 M 32 32 M", 0, "32 32 M 64 64 M", 0),
    "cnn6": ("16 16 M 32 32 M 64 64 M", 0, "32 32 M 64 64 M 128 128", 0),
    "cnn8": ("16 16 M 32 32 M 64 64 M 128 128 M", 64, "32 32 M 64 64 M 128 128 M 256 256 M", 64),
    "cnn10": ("32 32 M 64 64 M 128 128 M 256 256 256 256 M", 128, "32 32 M 64 64 M 128 128 M 256 256 256 256 M", 512),
}


def plain(kind, channels, size, classes):
    few, few_hidden, many, many_hidden = PLAIN[kind]
    layers, hidden = [], few_hidden if classes <= 10 else many_hidden
    for word in (few if classes <= 10 else many).split():
        if word == "M":
            layers.append(nn.MaxPool2d(2))
            size //= 2
        else:
            layers += [nn.Conv2d(channels, int(word), 3, padding=1), nn.BatchNorm2d(int(word)), nn.ReLU()]
            channels = int(word)
    layers.append(nn.Flatten())
    features = channels * size * size
    if hidden:
        layers += [nn.Linear(features, hidden), nn.ReLU()]
        features = hidden
    return nn.Sequential(*layers, nn.Linear(features, classes))


def conv(inputs, outputs, kernel, stride=1):
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)


class PostActivation(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.body = nn.Sequential(conv(inputs, outputs, 3, stride), nn.BatchNorm2d(outputs), nn.ReLU(),
                                  conv(outputs, outputs, 3), nn.BatchNorm2d(outputs))
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))

    def forward(self, x):
        return F.relu(self.body(x) + self.shortcut(x))


class PreActivation(nn.Module):
    def __init__(self, widths, kernels, stride):
        super().__init__()
        layers = []
        for i, kernel in enumerate(kernels):
            here = stride if i == kernels.index(3) else 1
            layers += [nn.BatchNorm2d(widths[i]), nn.ReLU(), conv(widths[i], widths[i + 1], kernel, here)]
        self.body = nn.Sequential(*layers)
        self.shortcut = nn.Identity()
        if stride != 1 or widths[0] != widths[-1]:
            self.shortcut = conv(widths[0], widths[-1], 1, stride)

    def forward(self, x):
        return self.body(x) + self.shortcut(x)


FOUR_STAGES = {"resnet10": (1, 1, 1, 1), "resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3)}


def residual(kind, channels, classes, width):
    pre = kind.startswith("pre")
    wide = kind.endswith("x4")
    depth = int(kind.removeprefix("pre").removeprefix("resnet").removesuffix("x4"))
    bottleneck = pre and depth >= 44
    blocks = FOUR_STAGES.get(kind, 3 * ((depth - 2) // (9 if bottleneck else 6),))
    first = 4 * width if wide else width
    width = 2 * width if wide else width
    layers = [conv(channels, width, 3)]
    if not pre:
        layers += [nn.BatchNorm2d(width), nn.ReLU()]
    for stage in range(len(blocks)):
        planes = first * 2 ** stage
        for block in range(blocks[stage]):
            stride = 2 if stage > 0 and block == 0 else 1
            if bottleneck:
                layers.append(PreActivation([width, planes, planes, 4 * planes], [1, 3, 1], stride))
            elif pre:
                layers.append(PreActivation([width, planes, planes], [3, 3], stride))
            else:
                layers.append(PostActivation(width, planes, stride))
            width = 4 * planes if bottleneck else planes
    if pre:
        layers += [nn.BatchNorm2d(width), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes))


class Dense(nn.Module):
    def __init__(self, inputs, growth):
        super().__init__()
        self.body = nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU(), conv(inputs, 4 * growth, 1),
                                  nn.BatchNorm2d(4 * growth), nn.ReLU(), conv(4 * growth, growth, 3))

    def forward(self, x):
        return torch.cat([x, self.body(x)], 1)


def dense(kind, channels, classes, growth):
    width = 2 * growth
    layers = [conv(channels, width, 3)]
    for stage in range(3):
        if stage > 0:
            layers += [nn.BatchNorm2d(width), nn.ReLU(), conv(width, width // 2, 1), nn.AvgPool2d(2)]
            width //= 2
        for _ in range((int(kind.removeprefix("densenet")) - 4) // 6):
            layers.append(Dense(width, growth))
            width += growth
    return nn.Sequential(*layers, nn.BatchNorm2d(width), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(width, classes))


def network(kind, channels, size, classes=CLASSES, width=64, growth=12):
    if kind in PLAIN:
        return plain(kind, channels, size, classes)
    if kind == "mlp":
        return nn.Sequential(nn.Flatten(), nn.Linear(channels * size * size, 7), nn.ReLU(), nn.Linear(7, 5),
                             nn.ReLU(), nn.Linear(5, classes))
    if kind == "lenet5":
        pixels = ((size // 2 - 4) // 2) ** 2
        return nn.Sequential(nn.Conv2d(channels, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5),
                             nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16 * pixels, 120), nn.ReLU(),
                             nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, classes))
    if kind.startswith("densenet"):
        return dense(kind, channels, classes, growth)
    return residual(kind, channels, classes, width if kind in FOUR_STAGES else 16)


def scales(model):
    return {id(m.weight) for m in model.modules() if isinstance(m, nn.BatchNorm2d)}


def start(model):
    """Parameter i of all is sin(0.7 i^1.1) / sqrt(numbers that an output sums), and 1 + 0.3 sin of scales."""
    first, norm = 0, scales(model)
    for p in model.parameters():
        wave = torch.sin(0.7 * torch.arange(first, first + p.numel(), dtype=torch.double) ** 1.1).view(p.shape)
        inputs = p[0].numel() if p.dim() > 1 else 1
        p.data = 1 + 0.3 * wave if id(p) in norm else wave / inputs ** 0.5
        first += p.numel()


def two(tensors):
    return [[t.sum().item(), (t.flatten() @ torch.cos(torch.arange(t.numel(), dtype=torch.double))).item()]
            for t in tensors]


def case(kind, channels, size, **more):
    model = network(kind, channels, size, **more).double()
    start(model)
    parameters = list(model.parameters())
    optimizer = torch.optim.SGD(parameters, 0.02, momentum=0.9, weight_decay=1e-3, nesterov=True)
    count = channels * size * size * BATCH
    labels = torch.arange(BATCH) * 7 % CLASSES
    losses = []
    for step in range(STEPS):
        images = torch.sin(0.3 * torch.arange(count, dtype=torch.double) ** 1.2 + step)
        loss = F.cross_entropy(model(images.view(BATCH, channels, size, size)), labels)
        optimizer.zero_grad()
        loss.backward()
        losses.append(loss.item())
        if step == 0:
            gradients = two([p.grad for p in parameters])
        optimizer.step()
    model.eval()
    with torch.no_grad():
        logits = model(images.view(BATCH, channels, size, size))
    statistics = [b for b in model.buffers() if b.dim() > 0]
    return {"kind": kind, "channels": channels, "size": size, **more, "losses": losses, "gradients": gradients,
            "parameters": two(p.data for p in parameters), "statistics": two(statistics),
            "logits": logits.flatten().tolist()}


def rates(make, epochs=12):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.4)
    scheduler, found = make(optimizer), []
    for _ in range(epochs):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def schedules():
    at = torch.optim.lr_scheduler
    warm = lambda after: lambda o: at.SequentialLR(o, [at.LinearLR(o, 0.25, 1.0, 4), after(o)], [4])
    return {"cosine": rates(lambda o: at.CosineAnnealingLR(o, 12, 0.01)),
            "multistep": rates(lambda o: at.MultiStepLR(o, [3, 7], 0.2)),
            "warm_restarts": rates(lambda o: at.CosineAnnealingWarmRestarts(o, 2, 2, 0.01)),
            "warm_up_and_cosine": rates(warm(lambda o: at.CosineAnnealingLR(o, 8, 0.01)))}


def main():
    counts = [[kind, classes, size, sum(p.numel() for p in network(kind, 3, size, classes).parameters())]
              for kind, classes, size in COUNTS]
    DATA.mkdir(parents=True, exist_ok=True)
    found = {"torch": torch.__version__, "counts": counts, "rates": schedules(),
             "cases": [case(kind, **images) for kind, images in CASES.items()]}
    text = json.dumps(found)
    (DATA / "networks.json").write_text(json.dumps(json.loads(text, parse_float=lambda x: float(f"{float(x):.12g}")),
                                                   separators=(",", ":")) + "\n")


main()
