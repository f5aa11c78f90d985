"""Writes sac.json: ten SAC updates of two learners, computed by plain PyTorch.

    pip install torch==2.11.0 numpy && python3 tests/reference/generate_sac.py

"plain" has the defaults; "everything" other values of all settings, observation normalisation, a reward
scale and gradient clipping; "fixed" a temperature that is not learned. The noise is that of
update_noise.json: of each transition first the next action's, then that of the actor's action.
"""

import math

import torch

import updates

COMMON = {"gamma": 0.99, "tau": 0.005, "actor_learning_rate": 3e-4, "critic_learning_rate": 3e-4,
          "policy_delay": 1, "learn_temperature": True, "initial_temperature": 1.0,
          "temperature_learning_rate": 3e-4, "target_entropy": -1.0, "log_std_bounds": "clamp",
          "max_gradient_norm": 0.0, "reward_scale": 1.0, "normalize_observations": False,
          "observation_clip": 5.0}
CASES = {
    "plain": COMMON,
    "everything": COMMON | {"gamma": 0.9, "tau": 0.05, "actor_learning_rate": 2e-3, "critic_learning_rate": 5e-3,
                            "policy_delay": 2, "initial_temperature": 0.2, "temperature_learning_rate": 1e-2,
                            "target_entropy": -0.5, "log_std_bounds": "rescale", "max_gradient_norm": 0.05,
                            "reward_scale": 0.1, "normalize_observations": True, "observation_clip": 1.5},
    "fixed": COMMON | {"learn_temperature": False, "initial_temperature": 0.3},
}


class Learner:
    def __init__(self, config, random, normalizer, noise):
        self.config, self.normalize, self.noise = config, normalizer, noise
        self.actor = updates.network(random, updates.OBSERVATION, 2 * updates.ACTION)
        self.critics = [updates.network(random, updates.OBSERVATION + updates.ACTION, 1) for _ in range(2)]
        self.target_critics = [updates.copy_of(critic) for critic in self.critics]
        self.log_temperature = torch.tensor(math.log(config["initial_temperature"]), requires_grad=True)
        self.actor_optimizer = torch.optim.Adam(self.actor.parameters(), lr=config["actor_learning_rate"])
        self.critic_optimizer = torch.optim.Adam(
            [p for critic in self.critics for p in critic.parameters()], lr=config["critic_learning_rate"])
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

    def values(self, critics, observation, action):
        return [q(torch.cat([observation, action], 1))[:, 0] for q in critics]

    def update(self, observation, action, reward, next_observation, terminated):
        c = self.config
        observation, next_observation = self.normalize(observation), self.normalize(next_observation)
        next_noise, own_noise = self.noise.take(updates.BATCH, 2 * updates.ACTION).chunk(2, 1)
        temperature = self.log_temperature.exp().detach()
        with torch.no_grad():
            next_action, next_log_prob = self.sample(next_observation, next_noise)
            next_value = torch.minimum(*self.values(self.target_critics, next_observation, next_action))
            target = (c["reward_scale"] * reward
                      + c["gamma"] * (1 - terminated) * (next_value - temperature * next_log_prob))
        values = self.values(self.critics, observation, action)
        critic_loss = 0.5 * sum(torch.nn.functional.mse_loss(value, target) for value in values)
        updates.step(critic_loss, self.critics, self.critic_optimizer, c["max_gradient_norm"])
        metrics = {"critic_loss": critic_loss.item(), "q_mean": torch.stack(values).mean().item(),
                   "ent_coef": temperature.item(), "actor_loss": None, "entropy": None, "ent_coef_loss": None}
        self.num_updates += 1
        if self.num_updates % c["policy_delay"] == 0:
            own_action, log_prob = self.sample(observation, own_noise)
            value = torch.minimum(*self.values(self.critics, observation, own_action))
            actor_loss = (temperature * log_prob - value).mean()
            updates.step(actor_loss, [self.actor], self.actor_optimizer, c["max_gradient_norm"])
            metrics |= {"actor_loss": actor_loss.item(), "entropy": -log_prob.mean().item()}
            if c["learn_temperature"]:
                target_entropy = c["target_entropy"] * updates.ACTION
                loss = -(self.log_temperature * (log_prob.detach() + target_entropy)).mean()
                updates.step(loss, [], self.temperature_optimizer, 0)
                metrics["ent_coef_loss"] = loss.item()
        for target_critic, critic in zip(self.target_critics, self.critics):
            updates.move(target_critic, critic, c["tau"])
        return metrics

    def networks(self):
        return {"actor": [self.actor], "critic": self.critics, "target_critic": self.target_critics}


if __name__ == "__main__":
    updates.write("sac.json", CASES, Learner)
