"""Writes ddpg.json: ten DDPG updates of two learners, computed by plain PyTorch.

    pip install torch==2.11.0 numpy && python3 tests/reference/generate_ddpg.py

Nothing here has a member axis: the two learners are trained one after the other, each with its own
torch.nn.Linear layers, torch.optim.Adam and autograd. "plain" has the defaults, "everything" observation
normalisation, a reward scale, L2 on the critic and gradient clipping as well.
"""

import json
import pathlib

import numpy as np
import torch

MEMBERS, OBSERVATION, ACTION, HIDDEN, BATCH, UPDATES = 2, 3, 2, [8, 6], 8, 10
CASES = {
    "plain": {"gamma": 0.99, "tau": 0.005, "actor_learning_rate": 1e-3, "critic_learning_rate": 1e-3,
              "critic_l2": 0.0, "max_gradient_norm": 0.0, "reward_scale": 1.0,
              "normalize_observations": False, "observation_clip": 5.0},
    "everything": {"gamma": 0.9, "tau": 0.05, "actor_learning_rate": 2e-3, "critic_learning_rate": 5e-3,
                   "critic_l2": 1e-2, "max_gradient_norm": 0.05, "reward_scale": 0.1,
                   "normalize_observations": True, "observation_clip": 1.5},
}


def network(random, inputs, outputs):
    sizes = [inputs] + HIDDEN + [outputs]
    layers = []
    for n_in, n_out in zip(sizes, sizes[1:]):
        layer = torch.nn.Linear(n_in, n_out)
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.copy_(torch.tensor(np.round(random.uniform(-0.5, 0.5, parameter.shape), 4)))
        layers += [layer, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def parameters(net):
    """[weight [in, out], bias] of each layer, flat."""
    linear = [layer for layer in net if isinstance(layer, torch.nn.Linear)]
    return [[layer.weight.detach().T.flatten().tolist(), layer.bias.detach().tolist()] for layer in linear]


class Learner:
    def __init__(self, config, random, seen):
        self.config = config
        self.actor = network(random, OBSERVATION, ACTION)
        self.critic = network(random, OBSERVATION + ACTION, 1)
        self.target_actor = network(random, OBSERVATION, ACTION)
        self.target_critic = network(random, OBSERVATION + ACTION, 1)
        self.target_actor.load_state_dict(self.actor.state_dict())
        self.target_critic.load_state_dict(self.critic.state_dict())
        self.actor_optimizer = torch.optim.Adam(self.actor.parameters(), lr=config["actor_learning_rate"])
        self.critic_optimizer = torch.optim.Adam(
            self.critic.parameters(), lr=config["critic_learning_rate"], weight_decay=config["critic_l2"])
        self.mean = torch.tensor(seen.mean(0), dtype=torch.float32)
        self.std = torch.tensor(np.sqrt(seen.var(0) + 1e-8), dtype=torch.float32)

    def normalize(self, observation):
        if not self.config["normalize_observations"]:
            return observation
        clip = self.config["observation_clip"]
        return ((observation - self.mean) / self.std).clamp(-clip, clip)

    def act(self, actor, observation):
        return torch.tanh(actor(observation))

    def clip(self, net):
        if self.config["max_gradient_norm"] > 0:
            torch.nn.utils.clip_grad_norm_(net.parameters(), self.config["max_gradient_norm"])

    def update(self, batch):
        observation, action, reward, next_observation, terminated = (
            torch.tensor(x, dtype=torch.float32) for x in batch)
        observation, next_observation = self.normalize(observation), self.normalize(next_observation)
        with torch.no_grad():
            next_action = self.act(self.target_actor, next_observation)
            next_value = self.target_critic(torch.cat([next_observation, next_action], 1))[:, 0]
            target = (self.config["reward_scale"] * reward
                      + self.config["gamma"] * (1 - terminated) * next_value)
        value = self.critic(torch.cat([observation, action], 1))[:, 0]
        critic_loss = torch.nn.functional.mse_loss(value, target)
        self.critic_optimizer.zero_grad()
        critic_loss.backward()
        self.clip(self.critic)
        self.critic_optimizer.step()

        actor_loss = -self.critic(torch.cat([observation, self.act(self.actor, observation)], 1)).mean()
        self.actor_optimizer.zero_grad()
        actor_loss.backward()
        self.clip(self.actor)
        self.actor_optimizer.step()

        with torch.no_grad():
            for target_net, net in ((self.target_actor, self.actor), (self.target_critic, self.critic)):
                for to, source in zip(target_net.parameters(), net.parameters()):
                    to.mul_(1 - self.config["tau"]).add_(self.config["tau"] * source)
        return [critic_loss.item(), actor_loss.item(), value.mean().item()]

    def networks(self):
        return {name: parameters(getattr(self, name))
                for name in ("actor", "critic", "target_actor", "target_critic")}


def main():
    cases = []
    for name, config in CASES.items():
        members = []
        for m in range(MEMBERS):
            random = np.random.RandomState(100 + m)
            draw = lambda scale, *shape: np.round(random.normal(0.3, scale, shape), 3)
            seen = draw(2.0, 12, OBSERVATION)
            learner = Learner(config, random, seen)
            member = {"seen": seen.flatten().tolist(), "initial": learner.networks(), "batches": [],
                      "losses": []}
            for _ in range(UPDATES):
                batch = [draw(2.0, BATCH, OBSERVATION), np.clip(draw(0.7, BATCH, ACTION), -1, 1),
                         draw(1.0, BATCH), draw(2.0, BATCH, OBSERVATION),
                         (random.uniform(size=BATCH) < 0.25).astype(float)]
                member["batches"].append([x.flatten().tolist() for x in batch])
                member["losses"].append(learner.update(batch))
            member["final"] = learner.networks()
            members.append(member)
        cases.append({"name": name, "config": config, "members": members})
    shape = {"observation": OBSERVATION, "action": ACTION, "hidden": HIDDEN, "batch": BATCH}
    path = pathlib.Path(__file__).parent.parent / "agents" / "data" / "ddpg.json"
    text = json.dumps({"torch": torch.__version__, "shape": shape, "cases": cases},
                      separators=(",", ":"))
    path.write_text(json.dumps(json.loads(text, parse_float=lambda x: float(f"{float(x):.9g}")),
                               separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
