"""Every command in the README and in docs/, in order, in one folder, with budgets of seconds.

Run by ctest: docs_test.py PROGRAM SOURCE_DIR.
"""

import glob
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM, SOURCE = sys.argv.pop(1), sys.argv.pop(1)

# The launcher's own words; tests/system/launcher_test.py has them.
LAUNCHER = ("test", "setup")
SHORT = ["training.env_steps_total=600", "training.warmup_steps=50", "evaluation.every=300",
         "evaluation.episodes=1", "agent.hidden=[8]", "agent.batch_size=8"]
SHORT_TASK = ["training.epochs=1", "data.test=50"]


def documents():
    return [os.path.join(SOURCE, "README.md")] + sorted(glob.glob(os.path.join(SOURCE, "docs", "**", "*.md"),
                                                                  recursive=True))


def text_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def commands(path):
    """The lines ./duet ... of the blocks marked sh."""
    inside = False
    for line in text_of(path).splitlines():
        line = line.strip()
        if line.startswith("```"):
            inside = line == "```sh"
        elif inside and line and not line.startswith("#"):
            yield line


def shortened(words):
    """The same command with a budget of seconds."""
    trains = words[0] in ("compare", "train") and not {"--resume", "--help"} & set(words)
    if trains:
        short = SHORT + (["agent.critic_hidden=[8]"] if "crossq" in words[1] else [])
        return words + [word for setting in short for word in ("--set", setting)]
    if words[0] == "distill":
        return words + [word for setting in SHORT_TASK for word in ("--set", setting)]
    if words[:2] == ["bench", "learner"]:
        return words + ["--rounds", "1"]
    if words[:2] == ["env", "bench"]:
        return words + ["--seconds", "0.05"]
    if words[0] == "record" and "--width" not in words:
        return words + ["--width", "32"]
    return words


class DocsTest(unittest.TestCase):
    def test_every_command_runs(self):
        folder = tempfile.mkdtemp(prefix="duet-docs-")
        self.addCleanup(shutil.rmtree, folder)
        for name in ("configs", "tests"):
            os.symlink(os.path.join(SOURCE, name), os.path.join(folder, name))
        os.mkdir(os.path.join(folder, "DIR"))
        ran = 0
        for document in documents():
            for line in commands(document):
                words = shlex.split(line, comments=True)
                self.assertEqual(words[0], "./duet", f"{document}: {line}")
                if words[1] in LAUNCHER:
                    continue
                result = subprocess.run([PROGRAM] + shortened(words[1:]), cwd=folder, text=True,
                                        capture_output=True)
                if "DIR" in words:  # which a reader has and this test has not: it is asked for, in one line
                    self.assertEqual(result.returncode, 2, line)
                    self.assertRegex(result.stderr, r"\Aduet: .*/DIR: no .*\n\Z", line)
                    continue
                if words[1] == "record" and "need OpenGL" in result.stderr:
                    print(f"left out: {line}: {result.stderr.strip()}")
                    continue
                self.assertEqual(result.returncode, 0, f"{document}: {line}\n{result.stderr}")
                ran += 1
        self.assertGreater(ran, 10)

    def test_every_link_leads_somewhere(self):
        for document in documents():
            for piece in text_of(document).split("](")[1:]:
                target = piece.split(")")[0].split("#")[0]
                if target and "://" not in target:
                    path = os.path.join(os.path.dirname(document), target)
                    self.assertTrue(os.path.exists(path), f"{document}: {target}")


if __name__ == "__main__":
    unittest.main()
