"""Images per second of training classifiers in Python's PyTorch and in Duet, by turns.

    pip install torch==2.11.0 numpy
    python3 benchmarks/tasks/pytorch_training_speed.py --duet build/release/bin/duet_training_speed

The plain networks, at the best of PyTorch's two layouts and with what its tutorials do: zero_grad, backward, step.
Wall-clock and processor time of a step, medians over all rounds; the processor's is little disturbed by what else
the machine does. Threads that wait are told to sleep (OMP_WAIT_POLICY=passive), or waiting would count as work.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch
import torch.nn as nn
import torch.nn.functional as F

NETWORKS = {"cnn2": "16 M 16 M", "cnn4": "16 16 M 32 32 M", "cnn6": "16 16 M 32 32 M 64 64 M"}
TEMPERATURE = 4.0


def network(kind, size):
    layers, channels = [], 3
    for word in NETWORKS[kind].split():
        if word == "M":
            layers.append(nn.MaxPool2d(2))
            size //= 2
        else:
            layers += [nn.Conv2d(channels, int(word), 3, padding=1), nn.BatchNorm2d(int(word)), nn.ReLU(inplace=True)]
            channels = int(word)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * size * size, 10))


class Training:
    def __init__(self, kind, teacher, size, batch, layout):
        self.student = network(kind, size).to(memory_format=layout)
        self.teacher = network(teacher, size).to(memory_format=layout).eval() if teacher else None
        self.images = torch.randn(batch, 3, size, size).contiguous(memory_format=layout)
        self.labels = torch.randint(0, 10, (batch,))
        self.sgd = torch.optim.SGD(self.student.parameters(), 0.01, momentum=0.9, weight_decay=1e-4)

    def step(self):
        if self.teacher:
            with torch.no_grad():
                teaching = F.softmax(self.teacher(self.images) / TEMPERATURE, 1)
        self.sgd.zero_grad()
        logits = self.student(self.images)
        loss = F.cross_entropy(logits, self.labels)
        if self.teacher:
            kd = F.kl_div(F.log_softmax(logits / TEMPERATURE, 1), teaching, reduction="batchmean")
            loss = 0.1 * loss + 0.9 * TEMPERATURE ** 2 * kd
        loss.backward()
        self.sgd.step()


def measure(training, steps):
    wall, busy = [], []
    for step in range(steps + 3):
        start, busy_start = time.perf_counter(), time.process_time()
        training.step()
        if step >= 3:
            wall.append(time.perf_counter() - start)
            busy.append(time.process_time() - busy_start)
    return 1e3 * statistics.median(wall), 1e3 * statistics.median(busy)


def measure_duet(arguments, kind, teacher):
    command = [arguments.duet, "--networks", kind, "--size", str(arguments.size), "--batch", str(arguments.batch),
               "--steps", str(arguments.steps), "--threads", str(arguments.threads)]
    if teacher:
        command += ["--teacher", teacher]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found["milliseconds"], found["processor_milliseconds"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--duet", help="the program duet_training_speed; without, PyTorch alone")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    layouts = {"pytorch": torch.contiguous_format, "pytorch, channels last": torch.channels_last}
    for kind, teacher in (("cnn4", None), ("cnn2", None), ("cnn2", "cnn4")):
        found = {}
        for _ in range(arguments.rounds):
            for name, layout in layouts.items():
                training = Training(kind, teacher, arguments.size, arguments.batch, layout)
                found.setdefault(name, []).append(measure(training, arguments.steps))
            if arguments.duet:
                found.setdefault("duet", []).append(measure_duet(arguments, kind, teacher))
        best = {}
        for name, times in found.items():
            wall, busy = (statistics.median(values) for values in zip(*times))
            best[name] = (wall, busy)
            print(json.dumps({"network": kind, "teacher": teacher, "size": arguments.size,
                              "threads": arguments.threads, "by": name, "milliseconds": round(wall, 2),
                              "processor_milliseconds": round(busy, 2),
                              "images_per_second": round(1e3 * arguments.batch / wall)}), flush=True)
        if arguments.duet:
            others = [value for name, value in best.items() if name != "duet"]
            ratios = [min(other[i] for other in others) / best["duet"][i] for i in (0, 1)]
            print(json.dumps({"network": kind, "teacher": teacher, "wall_ratio": round(ratios[0], 2),
                              "processor_ratio": round(ratios[1], 2)}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
