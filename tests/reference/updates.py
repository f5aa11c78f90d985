"""What the scripts that write reference updates share: networks, noise, data, the file.

Nothing here has a member axis: the learners are trained one after the other, each with its own
torch.nn.Linear layers, torch.optim.Adam and autograd.
"""

import json
import pathlib

import numpy as np
import torch

MEMBERS, OBSERVATION, ACTION, HIDDEN, BATCH, UPDATES = 2, 3, 2, [8, 6], 8, 10
DATA = pathlib.Path(__file__).parent.parent / "agents" / "data"


def network(random, inputs, outputs, hidden=HIDDEN):
    sizes = [inputs] + hidden + [outputs]
    layers = []
    for n_in, n_out in zip(sizes, sizes[1:]):
        layer = torch.nn.Linear(n_in, n_out)
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.copy_(torch.tensor(np.round(random.uniform(-0.5, 0.5, parameter.shape), 4)))
        layers += [layer, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def copy_of(net):
    copy = torch.nn.Sequential(*[torch.nn.Linear(layer.in_features, layer.out_features)
                                 if isinstance(layer, torch.nn.Linear) else torch.nn.ReLU() for layer in net])
    copy.load_state_dict(net.state_dict())
    return copy


def parameters(net):
    """[weight [in, out], bias] of each layer, flat."""
    linear = [layer for layer in net if isinstance(layer, torch.nn.Linear)]
    return [[layer.weight.detach().T.flatten().tolist(), layer.bias.detach().tolist()] for layer in linear]


class Noise:
    """The draws of a learner's update stream, one after the other; print_update_noise.cpp wrote them."""

    def __init__(self, member):
        self.draws = iter(json.loads((DATA / "update_noise.json").read_text())[member])

    def take(self, *shape):
        values = [next(self.draws) for _ in range(int(np.prod(shape)))]
        return torch.tensor(values, dtype=torch.float32).reshape(shape)


class Normalizer:
    def __init__(self, config, seen):
        self.config = config
        self.mean = torch.tensor(seen.mean(0), dtype=torch.float32)
        self.std = torch.tensor(np.sqrt(seen.var(0) + 1e-8), dtype=torch.float32)

    def __call__(self, observation):
        if not self.config["normalize_observations"]:
            return observation
        clip = self.config["observation_clip"]
        return ((observation - self.mean) / self.std).clamp(-clip, clip)


def step(loss, nets, optimizer, max_norm):
    optimizer.zero_grad()
    loss.backward()
    for net in nets:
        if max_norm > 0:
            torch.nn.utils.clip_grad_norm_(net.parameters(), max_norm)
    optimizer.step()


def move(target, net, tau):
    with torch.no_grad():
        for to, source in zip(target.parameters(), net.parameters()):
            to.mul_(1 - tau).add_(tau * source)


def write(name, cases, make_learner):
    """Ten updates of two learners for each case. A learner has update(batch) -> {metric: number},
    with None where it has none, networks() -> {name: [network, ...]}, and may have
    vectors() -> {entry of the archive: [numbers of a network, ...]} of what no linear layer holds."""
    records = []
    for case, config in cases.items():
        members = []
        for m in range(MEMBERS):
            random = np.random.RandomState(100 + m)
            draw = lambda scale, *shape: np.round(random.normal(0.3, scale, shape), 3)
            seen = draw(2.0, 12, OBSERVATION)
            learner = make_learner(config, random, Normalizer(config, seen), Noise(m))
            stacks = lambda: {k: [parameters(net) for net in nets] for k, nets in learner.networks().items()}
            vectors = lambda: learner.vectors() if hasattr(learner, "vectors") else {}
            member = {"seen": seen.flatten().tolist(), "initial": stacks(), "batches": [], "metrics": []}
            if vectors():
                member["initial_vectors"] = vectors()
            for _ in range(UPDATES):
                batch = [draw(2.0, BATCH, OBSERVATION), np.clip(draw(0.7, BATCH, ACTION), -1, 1),
                         draw(1.0, BATCH), draw(2.0, BATCH, OBSERVATION),
                         (random.uniform(size=BATCH) < 0.25).astype(float)]
                member["batches"].append([x.flatten().tolist() for x in batch])
                member["metrics"].append(learner.update(*(torch.tensor(x, dtype=torch.float32) for x in batch)))
            member["final"] = stacks()
            if vectors():
                member["final_vectors"] = vectors()
            members.append(member)
        records.append({"name": case, "config": config, "members": members})
    shape = {"observation": OBSERVATION, "action": ACTION, "hidden": HIDDEN, "batch": BATCH}
    text = json.dumps({"torch": torch.__version__, "shape": shape, "cases": records})
    (DATA / name).write_text(json.dumps(json.loads(text, parse_float=lambda x: float(f"{float(x):.9g}")),
                                        separators=(",", ":")) + "\n")
