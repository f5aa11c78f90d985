"""Writes ppo.json: PPO on two given rollouts of two learners each, computed by plain PyTorch.

    pip install torch==2.11.0 numpy && python3 tests/reference/generate_ppo.py

Nothing here has a member axis: the two learners are trained one after the other, each with its own
torch.nn.Linear layers, torch.optim.Adam and autograd; losses are written as CleanRL writes them. A
minibatch is the whole rollout, so that the order of its samples does not matter; two rollouts of five
epochs are ten updates. "plain" has no normalisation and no bonus, "everything" all of them with clipped
values, advantages estimated anew for every epoch and a falling learning rate, "discrete" a categorical
policy.
"""

import json
import pathlib

import numpy as np
import torch

MEMBERS, ENVS, STEPS, ROLLOUTS, EPOCHS = 2, 2, 12, 2, 5
OBSERVATION, ACTION, NUM_ACTIONS, HIDDEN = 3, 2, 3, [8, 6]
PLAIN = {"gamma": 0.99, "gae_lambda": 0.95, "learning_rate": 1e-2, "anneal_learning_rate": False,
         "clip_range": 0.2, "value_clip_range": 0.0, "value_coef": 0.5, "entropy_coef": 0.0,
         "max_gradient_norm": 0.0, "normalize_advantages": False, "recompute_advantages": False,
         "activation": "tanh", "initial_log_std": 0.0, "normalize_observations": False,
         "observation_clip": 10.0, "normalize_rewards": False, "reward_clip": 10.0}
EVERYTHING = {"gamma": 0.9, "gae_lambda": 0.8, "anneal_learning_rate": True, "clip_range": 0.1,
              "value_clip_range": 0.1, "value_coef": 0.7, "entropy_coef": 0.02, "max_gradient_norm": 0.3,
              "normalize_advantages": True, "recompute_advantages": True, "initial_log_std": -0.5,
              "normalize_observations": True, "observation_clip": 1.5, "normalize_rewards": True,
              "reward_clip": 0.8}
CASES = {
    "plain": PLAIN,
    "everything": PLAIN | EVERYTHING,
    "discrete": PLAIN | {"entropy_coef": 0.01, "activation": "relu", "normalize_advantages": True,
                         "max_gradient_norm": 0.5},
}


def network(random, outputs, activation):
    sizes = [OBSERVATION] + HIDDEN + [outputs]
    layers = []
    for n_in, n_out in zip(sizes, sizes[1:]):
        layer = torch.nn.Linear(n_in, n_out)
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.copy_(torch.tensor(np.round(random.uniform(-0.5, 0.5, parameter.shape), 4)))
        layers += [layer, torch.nn.Tanh() if activation == "tanh" else torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def parameters(net):
    """[weight [in, out], bias] of each layer, flat."""
    linear = [layer for layer in net if isinstance(layer, torch.nn.Linear)]
    return [[layer.weight.detach().T.flatten().tolist(), layer.bias.detach().tolist()] for layer in linear]


class Statistics:
    """Mean and variance of all rows seen."""

    def __init__(self):
        self.rows = []

    def add(self, rows):
        self.rows += [np.asarray(row, dtype=np.float64) for row in rows]

    def std(self):
        variance = np.var(self.rows, axis=0) if len(self.rows) > 1 else np.ones_like(self.rows[0])
        return np.sqrt(variance + 1e-8)

    def normalize(self, x, clip):
        if not self.rows:
            return np.clip(x, -clip, clip)
        return np.clip((x - np.mean(self.rows, axis=0)) / self.std(), -clip, clip)


class Learner:
    def __init__(self, config, random, discrete):
        self.config, self.discrete = config, discrete
        self.actor = network(random, NUM_ACTIONS if discrete else ACTION, config["activation"])
        self.critic = network(random, 1, config["activation"])
        self.log_std = torch.nn.Parameter(torch.full((ACTION,), config["initial_log_std"]))
        self.trained = list(self.actor.parameters()) + list(self.critic.parameters())
        if not discrete:
            self.trained.append(self.log_std)
        self.optimizer = torch.optim.Adam(self.trained, lr=config["learning_rate"], eps=1e-5)
        self.observations, self.returns = Statistics(), Statistics()
        self.running = np.zeros(ENVS)

    def distribution(self, x):
        output = self.actor(x)
        if self.discrete:
            return torch.distributions.Categorical(logits=output)
        return torch.distributions.Independent(
            torch.distributions.Normal(output, self.log_std.exp().expand_as(output)), 1)

    def see(self, observation):
        if not self.config["normalize_observations"]:
            return np.asarray(observation)
        return self.observations.normalize(observation, self.config["observation_clip"])

    def scale(self, reward, ended):
        """gymnasium.wrappers.NormalizeReward, all environments of a step at once."""
        if not self.config["normalize_rewards"]:
            return reward
        self.running = self.config["gamma"] * self.running + reward
        self.returns.add(self.running)
        self.running = np.where(ended, 0.0, self.running)
        return np.clip(reward / self.returns.std(), -self.config["reward_clip"], self.config["reward_clip"])

    def collect(self, rollout):
        """Tensors [T, E, ...] of what was seen, done, and its log-probability."""
        seen, rewards = [], []
        for t in range(STEPS):
            observation, _, reward, _, terminated, truncated = (part[t] for part in rollout)
            seen.append(self.see(observation))
            rewards.append(self.scale(reward, (terminated + truncated) > 0))
            self.observations.add(observation)
        self.x = torch.tensor(np.array(seen), dtype=torch.float32)
        self.rewards = torch.tensor(np.array(rewards), dtype=torch.float32)
        self.next_x = torch.tensor(self.see(rollout[3]), dtype=torch.float32)
        self.actions = torch.tensor(rollout[1], dtype=torch.float32)
        if self.discrete:
            self.actions = self.actions[..., 0]
        self.terminated = torch.tensor(rollout[4], dtype=torch.float32)
        self.truncated = torch.tensor(rollout[5], dtype=torch.float32)
        with torch.no_grad():
            self.log_probs = self.distribution(self.x).log_prob(self.actions)

    def estimate(self):
        """Generalised advantages backwards in time."""
        with torch.no_grad():
            self.values = self.critic(self.x)[..., 0]
            final_values = self.critic(self.next_x)[..., 0]
            self.advantages = torch.zeros_like(self.values)
            carried = torch.zeros(ENVS)
            for t in reversed(range(STEPS)):
                next_values = final_values[t]
                if t + 1 < STEPS:
                    next_values = torch.where(self.truncated[t] > 0, final_values[t], self.values[t + 1])
                error = (self.rewards[t] + self.config["gamma"] * (1 - self.terminated[t]) * next_values
                         - self.values[t])
                goes_on = (1 - self.terminated[t]) * (1 - self.truncated[t])
                carried = error + self.config["gamma"] * self.config["gae_lambda"] * goes_on * carried
                self.advantages[t] = carried
            self.targets = self.advantages + self.values

    def update(self, rate):
        config = self.config
        distribution = self.distribution(self.x)
        log_ratio = distribution.log_prob(self.actions) - self.log_probs
        ratio = log_ratio.exp()
        advantages = self.advantages
        if config["normalize_advantages"]:
            advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        pg_loss = torch.max(-advantages * ratio, -advantages * torch.clamp(
            ratio, 1 - config["clip_range"], 1 + config["clip_range"])).mean()
        values = self.critic(self.x)[..., 0]
        value_losses = (values - self.targets) ** 2
        if config["value_clip_range"] > 0:
            clipped = self.values + torch.clamp(
                values - self.values, -config["value_clip_range"], config["value_clip_range"])
            value_losses = torch.max(value_losses, (clipped - self.targets) ** 2)
        entropy = distribution.entropy().mean()
        loss = pg_loss + config["value_coef"] * value_losses.mean() - config["entropy_coef"] * entropy
        for group in self.optimizer.param_groups:
            group["lr"] = config["learning_rate"] * rate
        self.optimizer.zero_grad()
        loss.backward()
        if config["max_gradient_norm"] > 0:
            torch.nn.utils.clip_grad_norm_(self.trained, config["max_gradient_norm"])
        self.optimizer.step()
        with torch.no_grad():
            kl = ((ratio - 1) - log_ratio).mean().item()
            clip_fraction = ((ratio - 1).abs() > config["clip_range"]).float().mean().item()
        return [pg_loss.item(), value_losses.mean().item(), -entropy.item(), kl, clip_fraction]

    def networks(self):
        return {"actor": parameters(self.actor), "critic": parameters(self.critic),
                "log_std": [] if self.discrete else self.log_std.detach().tolist()}


def draw_rollout(random, discrete):
    """Observation, action, reward, final observation, terminated, truncated: [T, E, ...] each. What
    comes next is what the next step sees, except after an end."""
    draw = lambda scale, *shape: np.round(random.normal(0.3, scale, shape), 3)
    observations = draw(2.0, STEPS, ENVS, OBSERVATION)
    terminated = (random.uniform(size=(STEPS, ENVS)) < 0.15).astype(float)
    truncated = (random.uniform(size=(STEPS, ENVS)) < 0.15).astype(float)
    final_observations = draw(2.0, STEPS, ENVS, OBSERVATION)
    for t in range(STEPS - 1):
        goes_on = (terminated[t] + truncated[t]) == 0
        final_observations[t][goes_on] = observations[t + 1][goes_on]
    if discrete:
        actions = random.randint(NUM_ACTIONS, size=(STEPS, ENVS, 1)).astype(float)
    else:
        actions = np.clip(draw(0.7, STEPS, ENVS, ACTION), -1, 1)
    return [observations, actions, draw(1.0, STEPS, ENVS), final_observations, terminated, truncated]


def main():
    cases = []
    for name, config in CASES.items():
        members = []
        for m in range(MEMBERS):
            random = np.random.RandomState(200 + m)
            learner = Learner(config, random, name == "discrete")
            member = {"initial": learner.networks(), "rollouts": [], "advantages": [], "losses": []}
            for number in range(ROLLOUTS):
                rollout = draw_rollout(random, name == "discrete")
                member["rollouts"].append([part.flatten().tolist() for part in rollout])
                learner.collect(rollout)
                rate = 1 - number / ROLLOUTS if config["anneal_learning_rate"] else 1.0
                for epoch in range(EPOCHS):
                    if epoch == 0 or config["recompute_advantages"]:
                        learner.estimate()
                    if epoch == 0:
                        member["advantages"].append(learner.advantages.flatten().tolist())
                    member["losses"].append(learner.update(rate))
            member["final"] = learner.networks()
            members.append(member)
        cases.append({"name": name, "config": config, "members": members})
    shape = {"observation": OBSERVATION, "action": ACTION, "num_actions": NUM_ACTIONS, "hidden": HIDDEN,
             "envs": ENVS, "steps": STEPS, "rollouts": ROLLOUTS, "epochs": EPOCHS}
    path = pathlib.Path(__file__).parent.parent / "agents" / "data" / "ppo.json"
    text = json.dumps({"torch": torch.__version__, "shape": shape, "cases": cases},
                      separators=(",", ":"))
    path.write_text(json.dumps(json.loads(text, parse_float=lambda x: float(f"{float(x):.9g}")),
                               separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
