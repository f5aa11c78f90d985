"""Writes recorded episodes of Gymnasium's MuJoCo tasks, in the form that `duet env replay` reads.

    pip install gymnasium[mujoco]==1.4.0 mujoco==3.17.0 numpy==2.4.6
    python3 tests/reference/generate_mujoco_traces.py [FOLDER]

FOLDER is by default tests/envs/data/traces. The cases are short episodes with options other than the
defaults and with actions beyond the range.
"""

import sys

import gymnasium
import numpy as np

import traces

# id, variant, seed, options, (size of actions relative to the range, share kept of the last one),
# number of steps
CASES = [
    ("Ant-v5", "options", 3,
     {"main_body": "aux_2", "contact_force_range": [-0.5, 0.25], "contact_cost_weight": 0.02,
      "exclude_current_positions_from_observation": False, "healthy_z_range": [0.3, 0.9],
      "ctrl_cost_weight": 0.3, "forward_reward_weight": 1.5, "healthy_reward": 0.7}, (1.5, 0.9), 60),
    ("Ant-v5", "without_forces", 11,
     {"include_cfrc_ext_in_observation": False, "terminate_when_unhealthy": False, "main_body": 5,
      "frame_skip": 3, "reset_noise_scale": 0.2}, (1.0, 0.0), 80),
    ("Humanoid-v5", "options", 4,
     {"include_cinert_in_observation": False, "include_cvel_in_observation": False,
      "exclude_current_positions_from_observation": False, "contact_cost_range": [0.5, 2.0],
      "contact_cost_weight": 1e-5, "terminate_when_unhealthy": False}, (1.5, 0.5), 40),
    ("HumanoidStandup-v5", "default", 12345, {}, (1.0, 0.0), 40),
    ("HumanoidStandup-v5", "options", 5,
     {"include_qfrc_actuator_in_observation": False, "include_cfrc_ext_in_observation": False,
      "include_cinert_in_observation": False, "exclude_current_positions_from_observation": False,
      "uph_cost_weight": 3.0, "ctrl_cost_weight": 0.2, "impact_cost_weight": 1e-4,
      "impact_cost_range": [0.25, 8.0], "reset_noise_scale": 0.05, "frame_skip": 4}, (2.0, 0.8), 60),
    ("Reacher-v5", "options", 6,
     {"reward_dist_weight": 2.5, "reward_control_weight": 0.1, "frame_skip": 3}, (2.0, 0.7), 50),
    ("Reacher-v5", "default", 2**40 + 3, {}, (1.0, 0.0), 50),
    ("Pusher-v5", "default", 13, {}, (1.0, 0.9), 100),
    ("Pusher-v5", "options", 8,
     {"reward_near_weight": 0.3, "reward_dist_weight": 2.0, "reward_control_weight": 0.05,
      "frame_skip": 4}, (1.5, 0.5), 100),
    ("Ant-v5", "free_contacts", 21,
     {"include_cfrc_ext_in_observation": False, "contact_cost_weight": 0.0}, (1.0, 0.5), 30),
    ("Walker2d-v5", "options", 9,
     {"healthy_z_range": [0.9, 1.9], "healthy_angle_range": [-0.5, 0.5], "frame_skip": 2,
      "exclude_current_positions_from_observation": False, "reset_noise_scale": 0.02}, (1.5, 0.9), 60),
]


def state_of(env, lagged):
    data = env.unwrapped.data
    state = {name: getattr(data, name).tolist() for name in ("qpos", "qvel", "qacc_warmstart")}
    state["time"] = data.time
    if lagged is not None:
        state["lagged_xy"] = lagged(env.unwrapped)
    return state


def lagging_place(env_id, options):
    """The place whose change is the reward's velocity, where it does not follow from qpos."""
    if env_id == "Ant-v5":
        return lambda env: env.data.body(options.get("main_body", 1)).xpos[:2].tolist()
    if env_id == "Humanoid-v5":
        mass_center = sys.modules["gymnasium.envs.mujoco.humanoid_v5"].mass_center
        return lambda env: mass_center(env.model, env.data).tolist()
    return None


def record(env_id, variant, seed, options, policy, num_steps):
    # A trace of bounds holds lists; Gymnasium takes them as they are.
    env = gymnasium.make(env_id, **options)
    lagged = lagging_place(env_id, options)
    size, kept = policy
    rng = np.random.default_rng([seed, num_steps])
    low, high = env.action_space.low, env.action_space.high
    observation, _ = env.reset(seed=seed)
    trace = traces.start(env, variant, seed, options, state_of(env, lagged), observation, "mujoco")
    trace["frame_skip"] = env.unwrapped.frame_skip
    # As after a reset everywhere: MuJoCo sets it in the first step.
    trace["state0"]["qacc_warmstart"] = [0.0] * env.unwrapped.model.nv
    action = np.zeros_like(low)
    for step in range(1, num_steps + 1):
        drawn = (size * rng.uniform(low, high)).astype(np.float32)
        action = (kept * action + (1.0 - kept) ** 0.5 * drawn).astype(np.float32)
        observation, ended = traces.step(env, trace, action)
        if len(observation) <= 40 or step % 10 == 1 or ended or step == num_steps:
            traces.add_observation(trace, observation)
        if step % 20 == 0:
            trace["states"].append({"t": step} | state_of(env, lagged))
        if ended:
            break
    return trace


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else traces.FOLDER
    for case in CASES:
        traces.write(folder, record(*case))


if __name__ == "__main__":
    main()
