"""Writes dqn.json: ten DQN updates of two learners, computed by plain PyTorch.

    pip install torch==2.11.0 numpy && python3 tests/reference/generate_dqn.py

Nothing here has a member axis: the two learners are trained one after the other, each with its own
torch.nn.Linear layers, torch.optim.Adam and autograd. A dueling network has one linear head for the value and
one for the advantages.
"""

import json
import pathlib

import numpy as np
import torch

MEMBERS, OBSERVATION, ACTIONS, HIDDEN, BATCH, UPDATES = 2, 3, 4, [8, 6], 8, 10
PLAIN = {"gamma": 0.99, "tau": 0.005, "learning_rate": 1e-3, "double_q": True, "dueling": False, "huber_delta": 1.0,
         "target_update_interval": 1, "max_gradient_norm": 0.0, "reward_scale": 1.0, "normalize_observations": False,
         "observation_clip": 5.0}
CASES = {
    "plain": PLAIN,
    "nature": {**PLAIN, "double_q": False, "tau": 1.0, "target_update_interval": 3, "learning_rate": 1e-2},
    "everything": {"gamma": 0.9, "tau": 0.05, "learning_rate": 5e-3, "double_q": True, "dueling": True, "huber_delta": 0.3,
                   "target_update_interval": 2, "max_gradient_norm": 0.05, "reward_scale": 2.0,
                   "normalize_observations": True, "observation_clip": 1.5},
    "squared": {**PLAIN, "dueling": True, "huber_delta": 0.0, "learning_rate": 1e-2},
}


def linear(random, inputs, outputs):
    layer = torch.nn.Linear(inputs, outputs)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.tensor(np.round(random.uniform(-0.5, 0.5, parameter.shape), 4)))
    return layer


class Network(torch.nn.Module):
    def __init__(self, random, dueling):
        super().__init__()
        sizes = [OBSERVATION] + HIDDEN
        self.hidden = torch.nn.ModuleList(linear(random, n_in, n_out) for n_in, n_out in zip(sizes, sizes[1:]))
        self.value = linear(random, sizes[-1], 1) if dueling else None
        self.advantages = linear(random, sizes[-1], ACTIONS)

    def forward(self, observation):
        x = observation
        for layer in self.hidden:
            x = torch.relu(layer(x))
        advantages = self.advantages(x)
        if self.value is None:
            return advantages
        return self.value(x) + advantages - advantages.mean(1, keepdim=True)

    def parameters_by_layer(self):
        """[weight [in, out], bias] of each layer, flat; a value head is the first column of the last one."""
        heads = [self.advantages] if self.value is None else [self.value, self.advantages]
        layers = [(layer.weight, layer.bias) for layer in self.hidden]
        layers.append((torch.cat([head.weight for head in heads]), torch.cat([head.bias for head in heads])))
        return [[weight.detach().T.flatten().tolist(), bias.detach().tolist()] for weight, bias in layers]


class Learner:
    def __init__(self, config, random, seen):
        self.config = config
        self.online = Network(random, config["dueling"])
        self.target = Network(random, config["dueling"])
        self.target.load_state_dict(self.online.state_dict())
        self.optimizer = torch.optim.Adam(self.online.parameters(), lr=config["learning_rate"])
        self.mean = torch.tensor(seen.mean(0), dtype=torch.float32)
        self.std = torch.tensor(np.sqrt(seen.var(0) + 1e-8), dtype=torch.float32)
        self.updates = 0

    def normalize(self, observation):
        if not self.config["normalize_observations"]:
            return observation
        clip = self.config["observation_clip"]
        return ((observation - self.mean) / self.std).clamp(-clip, clip)

    def update(self, batch):
        observation, action, reward, next_observation, terminated = (
            torch.tensor(x, dtype=torch.float32) for x in batch)
        observation, next_observation = self.normalize(observation), self.normalize(next_observation)
        rows = torch.arange(BATCH)
        with torch.no_grad():
            by_target = self.target(next_observation)
            chooser = self.online(next_observation) if self.config["double_q"] else by_target
            next_value = by_target[rows, chooser.argmax(1)]
            target = (self.config["reward_scale"] * reward
                      + self.config["gamma"] * (1 - terminated) * next_value)
        value = self.online(observation)[rows, action.long()]
        if self.config["huber_delta"] > 0:
            loss = torch.nn.functional.huber_loss(value, target, delta=self.config["huber_delta"])
        else:
            loss = 0.5 * torch.nn.functional.mse_loss(value, target)
        self.optimizer.zero_grad()
        loss.backward()
        if self.config["max_gradient_norm"] > 0:
            torch.nn.utils.clip_grad_norm_(self.online.parameters(), self.config["max_gradient_norm"])
        self.optimizer.step()
        self.updates += 1
        if self.updates % self.config["target_update_interval"] == 0:
            with torch.no_grad():
                for to, source in zip(self.target.parameters(), self.online.parameters()):
                    to.mul_(1 - self.config["tau"]).add_(self.config["tau"] * source)
        return [loss.item(), value.mean().item()]

    def networks(self):
        return {"q": self.online.parameters_by_layer(), "target_q": self.target.parameters_by_layer()}


def main():
    cases = []
    for name, config in CASES.items():
        members = []
        for m in range(MEMBERS):
            random = np.random.RandomState(100 + m)
            draw = lambda scale, *shape: np.round(random.normal(0.3, scale, shape), 3)
            seen = draw(2.0, 12, OBSERVATION)
            learner = Learner(config, random, seen)
            member = {"seen": seen.flatten().tolist(), "initial": learner.networks(), "batches": [], "losses": []}
            for _ in range(UPDATES):
                batch = [draw(2.0, BATCH, OBSERVATION), random.randint(ACTIONS, size=BATCH).astype(float),
                         draw(1.0, BATCH), draw(2.0, BATCH, OBSERVATION),
                         (random.uniform(size=BATCH) < 0.25).astype(float)]
                member["batches"].append([x.flatten().tolist() for x in batch])
                member["losses"].append(learner.update(batch))
            member["final"] = learner.networks()
            members.append(member)
        cases.append({"name": name, "config": config, "members": members})
    shape = {"observation": OBSERVATION, "actions": ACTIONS, "hidden": HIDDEN, "batch": BATCH}
    path = pathlib.Path(__file__).parent.parent / "agents" / "data" / "dqn.json"
    text = json.dumps({"torch": torch.__version__, "shape": shape, "cases": cases}, separators=(",", ":"))
    path.write_text(json.dumps(json.loads(text, parse_float=lambda x: float(f"{float(x):.9g}")),
                               separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
