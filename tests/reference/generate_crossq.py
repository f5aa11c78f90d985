"""Writes crossq.json: ten CrossQ updates of two learners, computed by plain PyTorch.

    pip install torch==2.11.0 numpy && python3 tests/reference/generate_crossq.py

"plain" has the defaults, but that the warm-up of batch renormalisation ends within the ten updates;
"everything" other values of all settings, bounds of r and d that bite, observation normalisation, a reward
scale and gradient clipping; "fixed" a temperature that is not learned. The noise is that of
update_noise.json: of each transition first the next action's, then that of the actor's action.
"""

import math

import numpy as np
import torch

import updates

COMMON = {"critic_hidden": [10, 7], "gamma": 0.99, "actor_learning_rate": 1e-3, "critic_learning_rate": 1e-3,
          "adam_beta1": 0.5, "policy_delay": 3, "learn_temperature": True, "initial_temperature": 1.0,
          "temperature_learning_rate": 1e-3, "target_entropy": -1.0, "log_std_bounds": "clamp",
          "momentum": 0.99, "epsilon": 1e-3, "r_max": 3.0, "d_max": 5.0, "warmup_steps": 2,
          "max_gradient_norm": 0.0, "reward_scale": 1.0, "normalize_observations": False,
          "observation_clip": 5.0}
CASES = {
    "plain": COMMON,
    "everything": COMMON | {"gamma": 0.9, "actor_learning_rate": 2e-3, "critic_learning_rate": 5e-3,
                            "adam_beta1": 0.8, "policy_delay": 1, "initial_temperature": 0.2,
                            "temperature_learning_rate": 1e-2, "target_entropy": -0.5,
                            "log_std_bounds": "rescale", "momentum": 0.8, "epsilon": 1e-2, "r_max": 1.1,
                            "d_max": 0.2, "warmup_steps": 0, "max_gradient_norm": 0.05, "reward_scale": 0.1,
                            "normalize_observations": True, "observation_clip": 1.5},
    "fixed": COMMON | {"policy_delay": 1, "warmup_steps": 0, "learn_temperature": False,
                       "initial_temperature": 0.3},
}


class BatchRenorm(torch.nn.Module):
    """Algorithm 1 of arXiv:1702.03275 in training mode, the running statistics in evaluation mode."""

    def __init__(self, config, random, features, after_relu):
        super().__init__()
        self.config, self.batches, self.after_relu = config, 0, after_relu
        draw = lambda low, high: torch.tensor(np.round(random.uniform(low, high, features), 4), dtype=torch.float32)
        self.scale = torch.nn.Parameter(draw(0.5, 1.5))
        self.shift = torch.nn.Parameter(draw(-0.5, 0.5))
        self.running_mean, self.running_variance = draw(-0.5, 0.5), draw(0.5, 2.0)

    def forward(self, x):
        c = self.config
        running = (self.running_variance + c["epsilon"]).sqrt()
        if not self.training:
            return (x - self.running_mean) / running * self.scale + self.shift
        # A unit that is active on the whole batch only moves its mean: the gradient by its bias is 0, and
        # Adam would make steps of what rounding leaves of it.
        assert not (self.after_relu and (x > 0).all(0).any())
        mean, variance = x.mean(0), x.var(0, unbiased=False)
        deviation = (variance + c["epsilon"]).sqrt()
        r, d = torch.ones_like(mean), torch.zeros_like(mean)
        if self.batches >= c["warmup_steps"]:
            r = (deviation / running).detach().clamp(1 / c["r_max"], c["r_max"])
            d = ((mean - self.running_mean) / running).detach().clamp(-c["d_max"], c["d_max"])
        keep = c["momentum"]
        self.running_mean = keep * self.running_mean + (1 - keep) * mean.detach()
        self.running_variance = keep * self.running_variance + (1 - keep) * variance.detach()
        self.batches += 1
        return ((x - mean) / deviation * r + d) * self.scale + self.shift


def with_batch_renorm(config, random, net):
    layers = []
    for layer in net:
        if isinstance(layer, torch.nn.Linear):
            layers.append(BatchRenorm(config, random, layer.in_features, after_relu=bool(layers)))
            with torch.no_grad():
                layer.bias.copy_(-layer.bias.abs() - 0.2)  # so that no unit is always active
        layers.append(layer)
    return torch.nn.Sequential(*layers).eval()


def renorms(net):
    return [layer for layer in net if isinstance(layer, BatchRenorm)]


def joined(net, parts):
    """One part after the other, each of all layers."""
    return [x for part in parts for layer in renorms(net) for x in getattr(layer, part).tolist()]


class Learner:
    def __init__(self, config, random, normalizer, noise):
        self.config, self.normalize, self.noise = config, normalizer, noise
        network = lambda *sizes: with_batch_renorm(config, random, updates.network(random, *sizes))
        self.actor = network(updates.OBSERVATION, 2 * updates.ACTION)
        self.critics = [network(updates.OBSERVATION + updates.ACTION, 1, config["critic_hidden"]) for _ in range(2)]
        self.log_temperature = torch.tensor(math.log(config["initial_temperature"]), requires_grad=True)
        betas = (config["adam_beta1"], 0.999)
        self.actor_optimizer = torch.optim.Adam(
            self.actor.parameters(), lr=config["actor_learning_rate"], betas=betas)
        self.critic_optimizer = torch.optim.Adam(
            [p for critic in self.critics for p in critic.parameters()], lr=config["critic_learning_rate"],
            betas=betas)
        self.temperature_optimizer = torch.optim.Adam(
            [self.log_temperature], lr=config["temperature_learning_rate"])
        self.num_updates = 0

    def sample(self, observation, noise):
        location, log_std = self.actor(observation).chunk(2, 1)
        if self.config["log_std_bounds"] == "clamp":
            log_std = log_std.clamp(-20, 2)
        else:
            log_std = -5 + 0.5 * (2 - -5) * (torch.tanh(log_std) + 1)
        gaussian = torch.distributions.Normal(location, log_std.exp())
        squash = torch.distributions.transforms.TanhTransform()
        x = location + log_std.exp() * noise
        action = squash(x)
        return action, (gaussian.log_prob(x) - squash.log_abs_det_jacobian(x, action)).sum(1)

    def update(self, observation, action, reward, next_observation, terminated):
        c = self.config
        observation, next_observation = self.normalize(observation), self.normalize(next_observation)
        next_noise, own_noise = self.noise.take(updates.BATCH, 2 * updates.ACTION).chunk(2, 1)
        temperature = self.log_temperature.exp().detach()
        with torch.no_grad():
            next_action, next_log_prob = self.sample(next_observation, next_noise)
        both = torch.cat([torch.cat([observation, action], 1), torch.cat([next_observation, next_action], 1)])
        values, next_values = zip(*[critic.train()(both)[:, 0].chunk(2) for critic in self.critics])
        next_value = torch.minimum(*next_values).detach()
        target = (c["reward_scale"] * reward
                  + c["gamma"] * (1 - terminated) * (next_value - temperature * next_log_prob))
        critic_loss = 0.5 * sum(torch.nn.functional.mse_loss(value, target) for value in values)
        updates.step(critic_loss, self.critics, self.critic_optimizer, c["max_gradient_norm"])
        metrics = {"critic_loss": critic_loss.item(), "q_mean": torch.stack(values).mean().item(),
                   "ent_coef": temperature.item(), "actor_loss": None, "entropy": None, "ent_coef_loss": None}
        self.num_updates += 1
        if self.num_updates % c["policy_delay"] == 0:
            self.actor.train()
            own_action, log_prob = self.sample(observation, own_noise)
            self.actor.eval()
            own = torch.cat([observation, own_action], 1)
            value = torch.minimum(*[critic.eval()(own)[:, 0] for critic in self.critics])
            actor_loss = (temperature * log_prob - value).mean()
            updates.step(actor_loss, [self.actor], self.actor_optimizer, c["max_gradient_norm"])
            metrics |= {"actor_loss": actor_loss.item(), "entropy": -log_prob.mean().item()}
            if c["learn_temperature"]:
                target_entropy = c["target_entropy"] * updates.ACTION
                loss = self.log_temperature.exp() * (-log_prob.detach().mean() - target_entropy)
                updates.step(loss, [], self.temperature_optimizer, 0)
                metrics["ent_coef_loss"] = loss.item()
        return metrics

    def networks(self):
        return {"actor": [self.actor], "critic": self.critics}

    def vectors(self):
        rows = {}
        for name, nets in self.networks().items():
            rows[name + ".free"] = [joined(net, ["scale", "shift"]) for net in nets]
            rows[name + ".statistics"] = [joined(net, ["running_mean", "running_variance"])
                                          + [renorms(net)[0].batches] for net in nets]
        return rows


if __name__ == "__main__":
    updates.write("crossq.json", CASES, Learner)
