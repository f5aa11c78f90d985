#!/usr/bin/env python3
"""Compares the speed of learning with Stable-Baselines3's, and prints a Markdown table.

    python3 -m venv sb3
    sb3/bin/pip install stable-baselines3==2.9.2 torch==2.11.0 'gymnasium[mujoco]==1.4.0' mujoco==3.17.0
    benchmarks/agents/stable_baselines3_speed.py --python sb3/bin/python

Three things are measured, all on the CPU:
  - updates of DDPG, TD3 and SAC with HalfCheetah-v5's shapes, networks of 256x256, batches of 256;
  - the whole loop (act, step, store, update; one update per step) of TD3 and SAC on Pendulum-v1, networks of 64x64,
    batches of 100, one thread;
  - the whole loop of PPO on HalfCheetah-v5 with 8 environments and Stable-Baselines3's default settings.

Duet's side is `duet bench learner`; its rate counts the updates of all members. Stable-Baselines3 has one learner per
process, which may use its threads as suits it best: one learner on all threads, one on a single thread, and, beside
several members, several learners in processes side by side are all measured. The rates of processes side by side are
added up, and the split with the highest median counts. The processes stay from round to round and sleep while others
are measured. Both sides run in turns, one after the other, so that a busy minute meets both; a round gives one ratio.
The table has the median over the rounds and, in brackets, the lowest and the highest.
"""

import argparse
import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
AGENTS = ["ddpg", "td3", "sac", "ppo"]
NUM_TRANSITIONS = 20_000  # random ones in the replay before updates are measured
CALL_UPDATES = 10  # of one call of train()
CALL_STEPS = 50  # of one call of learn(); PPO's takes one rollout
PPO_ENVS = 8


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--duet", default=os.path.join(ROOT, "build", "release", "bin", "duet"), help="the program")
    parser.add_argument("--python", required=True, help="a Python that has Stable-Baselines3 2.9.2")
    parser.add_argument("--agents", nargs="+", choices=AGENTS, default=AGENTS, help="only these agents")
    parser.add_argument("--what", nargs="+", choices=["updates", "loop"], default=["updates", "loop"],
                        help="only updates, or only the whole loop")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2], help="of updates and of PPO's loop")
    parser.add_argument("--members", nargs="+", type=int, default=[1, 2], help="where updates are measured")
    parser.add_argument("--rounds", type=int, default=9, help="how often everything is measured")
    parser.add_argument("--seconds", type=float, default=3.0,
                        help="of each measurement of Stable-Baselines3; PPO takes one iteration at least")
    parser.add_argument("--extra", action="append", default=[], metavar="AGENT=WORDS",
                        help="more options for an agent's `duet bench learner`")
    parser.add_argument("--json", metavar="FILE", help="where all single results go")
    parser.add_argument("--inside", type=int, help=argparse.SUPPRESS)  # Stable-Baselines3's own process: its threads
    arguments = parser.parse_args()
    for word in arguments.extra:
        if "=" not in word or word.split("=", 1)[0] not in AGENTS:
            sys.exit(f"--extra: found '{word}', allowed is AGENT=WORDS with one of {', '.join(AGENTS)}")
    return arguments


def cases(arguments):
    """What is measured: the case, then (members, threads) of Duet's sides."""
    for agent in arguments.agents:
        if "updates" in arguments.what and agent != "ppo":
            yield ({"agent": agent, "what": "updates", "env": "HalfCheetah-v5", "hidden": [256, 256], "batch": 256},
                   [(members, threads) for threads in arguments.threads for members in arguments.members])
        if "loop" in arguments.what and agent in ("td3", "sac"):
            yield {"agent": agent, "what": "loop", "env": "Pendulum-v1", "hidden": [64, 64], "batch": 100}, [(1, 1)]
        if "loop" in arguments.what and agent == "ppo":
            yield ({"agent": agent, "what": "loop", "env": "HalfCheetah-v5", "hidden": [64, 64], "batch": 64},
                   [(1, threads) for threads in arguments.threads])


# Stable-Baselines3's own process


def make_work(case):
    """A function that does a little of what is measured and returns how much."""
    import gymnasium
    import numpy as np
    import stable_baselines3
    from stable_baselines3.common.logger import Logger
    from stable_baselines3.common.vec_env import DummyVecEnv

    kind = getattr(stable_baselines3, case["agent"].upper())
    if case["agent"] == "ppo":  # whose defaults are the case's networks and batches
        env = DummyVecEnv([lambda: gymnasium.make(case["env"])] * PPO_ENVS)
        model = kind("MlpPolicy", env, seed=1, device="cpu")
    else:
        capacity = NUM_TRANSITIONS if case["what"] == "updates" else 1_000_000
        model = kind("MlpPolicy", gymnasium.make(case["env"]), policy_kwargs={"net_arch": case["hidden"]},
                     batch_size=case["batch"], train_freq=1, gradient_steps=1, learning_starts=CALL_STEPS,
                     seed=1, device="cpu", buffer_size=capacity)
    model.set_logger(Logger(folder=None, output_formats=[]))

    def update():
        model.train(gradient_steps=CALL_UPDATES, batch_size=case["batch"])
        return CALL_UPDATES

    def loop():
        before = model.num_timesteps
        steps = model.n_steps * PPO_ENVS if case["agent"] == "ppo" else CALL_STEPS
        model.learn(steps, reset_num_timesteps=before == 0)
        return model.num_timesteps - before

    if case["what"] == "loop":
        return loop
    replay, rng = model.replay_buffer, np.random.default_rng(2)
    for values in (replay.observations, replay.next_observations, replay.actions, replay.rewards):
        values[:] = rng.uniform(-1.0, 1.0, values.shape)
    replay.dones[::100] = 1.0
    replay.full = True
    return update


def serve(num_threads):
    """Answers lines with a case and a duration: with the rate, or without a duration after a warm-up."""
    import torch

    torch.set_num_threads(num_threads)
    works = {}
    for line in sys.stdin:
        case, seconds = json.loads(line)
        key = json.dumps(case)
        if seconds is None:
            works[key] = make_work(case)
            works[key]()
            if case["agent"] != "ppo":  # whose call is long; the others' first one may be without any update
                works[key]()
            print("ready", flush=True)
            continue
        begin, done, passed = time.perf_counter(), 0, 0.0
        while not done or passed < seconds:
            done += works[key]()
            passed = time.perf_counter() - begin
        print(done / passed, flush=True)


class Worker:
    """A process with Stable-Baselines3 on so many threads."""

    def __init__(self, python, num_threads, folder):
        self._errors = tempfile.TemporaryFile(mode="w+", encoding="utf-8")
        environment = {**os.environ, "OMP_NUM_THREADS": str(num_threads), "MKL_NUM_THREADS": str(num_threads)}
        self._process = subprocess.Popen(
            [python, os.path.abspath(__file__), "--python", python, "--inside", str(num_threads)], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, env=environment,
            cwd=folder)
        self._ready = set()

    def prepare(self, case):
        if json.dumps(case) not in self._ready:
            self.start(case, None)
            self.answer()
            self._ready.add(json.dumps(case))

    def start(self, case, seconds):
        try:
            self._process.stdin.write(json.dumps([case, seconds]) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self._fail()

    def answer(self):
        line = self._process.stdout.readline()
        if not line:
            self._fail()
        return line.strip()

    def _fail(self):
        self._process.wait()
        self._errors.seek(0)
        sys.exit(f"Stable-Baselines3's process ended: {self._errors.read().strip()[-2000:]}")


class StableBaselines3:
    def __init__(self, python):
        self._python = shutil.which(python)
        if not self._python:
            sys.exit(f"--python: found '{python}', allowed is a program")
        self._python = os.path.abspath(self._python)
        self._folder = tempfile.TemporaryDirectory()  # for MuJoCo's log of warnings
        self._workers = {}

    def rate(self, case, seconds, num_processes, num_threads):
        """Of so many learners side by side with so many threads each, added up."""
        workers = []
        for number in range(num_processes):
            if (number, num_threads) not in self._workers:
                self._workers[number, num_threads] = Worker(self._python, num_threads, self._folder.name)
            workers.append(self._workers[number, num_threads])
        for worker in workers:
            worker.prepare(case)
        for worker in workers:
            worker.start(case, seconds)
        return sum(float(worker.answer()) for worker in workers)


# The comparison


def splits(members, threads):
    """How Stable-Baselines3 may use the threads: (processes, threads of each)."""
    return dict.fromkeys([(1, 1)] + [(count, threads // count) for count in range(1, min(members, threads) + 1)])


def duet_report(arguments, case, members, threads):
    command = [arguments.duet, "bench", "learner", "--agent", case["agent"], "--env", case["env"],
               "--members", str(members), "--threads", str(threads), "--hidden", ",".join(map(str, case["hidden"])),
               "--batch", str(case["batch"]), "--json"]
    if case["what"] == "loop":
        command.append("--loop")
    for word in arguments.extra:
        agent, options = word.split("=", 1)
        command += shlex.split(options) if agent == case["agent"] else []
    try:
        done = subprocess.run(command, text=True, capture_output=True)
    except OSError as error:
        sys.exit(f"{arguments.duet}: {error.strerror}")
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def measure(arguments):
    """One result per case, members, threads and round."""
    peer = StableBaselines3(arguments.python)
    results = []
    for number in range(arguments.rounds):
        for case, sides in cases(arguments):
            key = "loop_steps_per_second" if case["what"] == "loop" else "member_updates_per_second"
            rates = {}  # of this round
            for members, threads in sides:
                mine = splits(members, threads)
                for split in mine:
                    if split not in rates:
                        rates[split] = peer.rate(case, arguments.seconds, *split)
                report = duet_report(arguments, case, members, threads)
                results.append({**case, "members": members, "threads": threads, "round": number, "duet": report[key],
                                "stable_baselines3": {f"{count}x{each}": rates[count, each] for count, each in mine},
                                "report": report})
        print(f"round {number + 1} of {arguments.rounds} done", file=sys.stderr)
    return results


def table(results):
    yield "| agent | what | env | hidden, batch | members | threads | Duet, per s | Stable-Baselines3, per s " \
        "| its processes x threads | ratio (lowest–highest) |"
    yield "|---|---|---|---|---:|---:|---:|---:|---|---:|"
    groups = {}
    for one in results:
        groups.setdefault((one["agent"], one["what"], one["members"], one["threads"]), []).append(one)
    for (agent, what, members, threads), found in groups.items():
        others = {split: [one["stable_baselines3"][split] for one in found] for split in found[0]["stable_baselines3"]}
        best = max(others, key=lambda split: statistics.median(others[split]))
        ratios = [one["duet"] / other for one, other in zip(found, others[best])]
        own, other, ratio = map(statistics.median, ([one["duet"] for one in found], others[best], ratios))
        hidden = "x".join(map(str, found[0]["hidden"]))
        yield (f"| {agent} | {what} | {found[0]['env']} | {hidden}, {found[0]['batch']} | {members} | {threads} "
               f"| {own:,.0f} | {other:,.0f} | {best} | {ratio:.2f} ({min(ratios):.2f}–{max(ratios):.2f}) |")


def main():
    arguments = parse()
    if arguments.inside:
        serve(arguments.inside)
        return
    results = measure(arguments)
    for line in table(results):
        print(line)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
