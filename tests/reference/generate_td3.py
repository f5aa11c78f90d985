"""Writes td3.json: ten TD3 updates of two learners, computed by plain PyTorch.

    pip install torch==2.11.0 numpy && python3 tests/reference/generate_td3.py

"plain" has the defaults; "everything" other values of all settings, observation normalisation, a reward
scale and gradient clipping. The noise on target actions is that of update_noise.json.
"""

import torch

import updates

COMMON = {"gamma": 0.99, "tau": 0.005, "actor_learning_rate": 3e-4, "critic_learning_rate": 3e-4,
          "policy_delay": 2, "target_noise": 0.2, "noise_clip": 0.5, "max_gradient_norm": 0.0,
          "reward_scale": 1.0, "normalize_observations": False, "observation_clip": 5.0}
CASES = {
    "plain": COMMON,
    "everything": COMMON | {"gamma": 0.9, "tau": 0.05, "actor_learning_rate": 2e-3, "critic_learning_rate": 5e-3,
                            "policy_delay": 3, "target_noise": 0.5, "noise_clip": 0.4, "max_gradient_norm": 0.05,
                            "reward_scale": 0.1, "normalize_observations": True, "observation_clip": 1.5},
}


class Learner:
    def __init__(self, config, random, normalizer, noise):
        self.config, self.normalize, self.noise = config, normalizer, noise
        self.actor = updates.network(random, updates.OBSERVATION, updates.ACTION)
        self.critics = [updates.network(random, updates.OBSERVATION + updates.ACTION, 1) for _ in range(2)]
        self.target_actor = updates.copy_of(self.actor)
        self.target_critics = [updates.copy_of(critic) for critic in self.critics]
        self.actor_optimizer = torch.optim.Adam(self.actor.parameters(), lr=config["actor_learning_rate"])
        self.critic_optimizer = torch.optim.Adam(
            [p for critic in self.critics for p in critic.parameters()], lr=config["critic_learning_rate"])
        self.num_updates = 0

    def update(self, observation, action, reward, next_observation, terminated):
        c = self.config
        observation, next_observation = self.normalize(observation), self.normalize(next_observation)
        with torch.no_grad():
            noise = (c["target_noise"] * self.noise.take(*action.shape)).clamp(-c["noise_clip"], c["noise_clip"])
            next_action = (torch.tanh(self.target_actor(next_observation)) + noise).clamp(-1, 1)
            next_values = [q(torch.cat([next_observation, next_action], 1))[:, 0] for q in self.target_critics]
            target = (c["reward_scale"] * reward
                      + c["gamma"] * (1 - terminated) * torch.minimum(*next_values))
        values = [q(torch.cat([observation, action], 1))[:, 0] for q in self.critics]
        critic_loss = sum(torch.nn.functional.mse_loss(value, target) for value in values)
        updates.step(critic_loss, self.critics, self.critic_optimizer, c["max_gradient_norm"])
        metrics = {"critic_loss": critic_loss.item(), "q_mean": torch.stack(values).mean().item(),
                   "actor_loss": None}
        self.num_updates += 1
        if self.num_updates % c["policy_delay"] == 0:
            own_action = torch.tanh(self.actor(observation))
            actor_loss = -self.critics[0](torch.cat([observation, own_action], 1)).mean()
            updates.step(actor_loss, [self.actor], self.actor_optimizer, c["max_gradient_norm"])
            metrics["actor_loss"] = actor_loss.item()
            updates.move(self.target_actor, self.actor, c["tau"])
            for target_critic, critic in zip(self.target_critics, self.critics):
                updates.move(target_critic, critic, c["tau"])
        return metrics

    def networks(self):
        return {"actor": [self.actor], "critic": self.critics, "target_actor": [self.target_actor],
                "target_critic": self.target_critics}


if __name__ == "__main__":
    updates.write("td3.json", CASES, Learner)
