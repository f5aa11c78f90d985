"""Writes numpy_random.json: numbers of NumPy's generator, draws of all kinds in turn.

    pip install numpy==2.4.6 && python3 tests/reference/generate_numpy_random.py

For each seed the first draws as written by `float.hex` or as an integer, and for all draws the sum
of bits(i) * (2 i + 1) modulo 2^64, where bits(i) is draw i as a 64-bit pattern.
"""

import json
import pathlib
import struct

import numpy as np

SEEDS = [0, 1, 7, 12345, 2**31, 2**32, 2**40 + 3, 2**64 - 1]
DRAWS = 60_000
SHOWN = 60
# [low, high] of integers: buffered halves with and without rejections, all 32 bits, one outcome, 64
# bits with and without rejections, nearly all numbers.
RANGES = [[-3, 4], [0, 2**31 + 1], [10, 10 + 2**32 - 1], [-5, 2**32 - 5], [5, 6], [0, 2**32 + 1],
          [-2**62, 2**63 - 1], [-2**63, 2**63 - 1]]


def draw(generator, index):
    """Draw `index`: the kinds alternate so that every kind comes after every other."""
    kind = (index * index + index // 5) % (4 + len(RANGES))
    if kind == 0:
        return generator.uniform(-1.5, 2.25)
    if kind <= 3:
        return generator.standard_normal()
    return int(generator.integers(*RANGES[kind - 4]))


def bits(number):
    return struct.unpack("<Q", struct.pack("<d" if isinstance(number, float) else "<q", number))[0]


def case(seed):
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
    numbers = [draw(generator, i) for i in range(DRAWS)]
    digest = sum(bits(number) * (2 * i + 1) for i, number in enumerate(numbers)) % 2**64
    shown = [n.hex() if isinstance(n, float) else n for n in numbers[:SHOWN]]
    return {"seed": seed, "first": shown, "digest": digest}


def main():
    result = {"numpy": np.__version__, "draws": DRAWS, "ranges": RANGES,
              "cases": [case(seed) for seed in SEEDS]}
    text = json.dumps(result).replace('{"seed"', '\n {"seed"').replace("}]}", "}\n]}")
    pathlib.Path(__file__).with_name("numpy_random.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
