"""./duet distill from its command line to its files, on tasks of seconds.

Run by ctest, one entry per test: distill_test.py PROGRAM SOURCE_DIR [DistillTest.test_name].
"""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM, SOURCE = sys.argv.pop(1), sys.argv.pop(1)

DATA = """name = "tiny"
seeds = [0, 1]
device = "cpu"
[data]
set = "shapes"
resolution = 8
train = 160
validation = 40
test = 60
unlabelled = 80
shapes.train_images = 400
shapes.test_images = 60
[training]
epochs = 3
batch_size = 32
learning_rate = 0.05
[augmentation]
flip = true
"""
TEACHER = """
[[models]]
name = "teacher"
network.kind = "cnn"
network.channels = [8, 8]
"""
STUDENT = """
[[models]]
name = "student"
network.kind = "cnn"
network.channels = [4]
teachers = ["teacher"]
label_weight = 0.1
[[models.rules]]
rule = "kd"
temperature = 4.0
weight = 0.9
"""
CONTRAST = """
[[contrasts]]
name = "control gap"
metric = "test_agreement"
plus = ["student"]
minus = ["student/control_agreement"]
"""
# A row of every system that needs another way of training.
EVERYTHING = DATA + TEACHER + STUDENT + """
[[models]]
name = "ensemble"
network.kind = "cnn"
network.channels = [4]
teachers = ["teacher", "student"]
label_weight = 0.0
augmentation.mixup_alpha = 1.0
[[models.rules]]
rule = "soft_cross_entropy"
[[models]]
name = "near"
network.kind = "cnn"
network.channels = [8, 8]
teachers = ["teacher"]
teacher_seed = "next"
start.from = "teacher"
start.share = 0.5
unlabelled_share = 0.5
label_weight = 0.0
[[models.rules]]
rule = "kd"
unlabelled_temperature = 1.0
[[models]]
name = "features"
network.kind = "cnn"
network.channels = [4]
teachers = ["teacher"]
[[models.rules]]
rule = "dkd"
warmup_epochs = 2
[[models.rules]]
rule = "dist"
weight_until = 0.5
[[models]]
name = "beta"
network.kind = "cnn"
network.channels = [4]
teachers = ["average"]
targets.beta_share = 0.6
targets.label_smoothing = 0.1
targets.confidence_penalty = 0.1
[[models.rules]]
rule = "forward_kl"
weight = 0.5
[path]
networks = ["cnn6", "cnn4", "cnn2"]
[[path.rules]]
rule = "kd"
""" + CONTRAST
OFTEN = ["--set", "checkpoint_seconds=0"]


class DistillTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="duet-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.write("tiny.toml", DATA + TEACHER + STUDENT + CONTRAST)
        self.environment = dict(os.environ, XDG_CACHE_HOME=self.path("cache"), OMP_WAIT_POLICY="passive")
        self.environment.pop("DUET_DATA", None)

    # --- helpers

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, content):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(content)

    def read(self, *names):
        with open(self.path(*names), "rb") as file:
            return file.read()

    def summary(self, run):
        return json.loads(self.read(run, "summary.json"))

    def duet(self, *arguments, code=0, **options):
        options.setdefault("env", self.environment)
        done = subprocess.run([PROGRAM, *arguments], cwd=self.folder, text=True, capture_output=True, timeout=500,
                              **options)
        self.assertEqual(done.returncode, code, f"{arguments}\n{done.stdout}\n{done.stderr}")
        return done

    def refused(self, *arguments, **options):
        """The one line with which the program refuses, before it does anything."""
        done = self.duet("distill", *arguments, code=2, **options)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertTrue(done.stderr.startswith("duet: "), done.stderr)
        self.assertFalse(os.path.exists(self.path("runs")))
        return done.stderr[len("duet: "):-1]

    def assertSameRun(self, run, other):
        self.assertEqual(self.summary(run)["fingerprint"], self.summary(other)["fingerprint"])
        compared = 0
        for folder, _, names in os.walk(self.path(other)):
            for name in names:
                if name in ("metrics.csv", "classifier.safetensors", "predictions.safetensors"):
                    inside = os.path.relpath(os.path.join(folder, name), self.path(other))
                    self.assertEqual(self.read(run, inside), self.read(other, inside), inside)
                    compared += 1
        self.assertGreaterEqual(compared, 6)

    # --- tests

    def test_quickstart_prints_the_table_and_leaves_the_files(self):
        done = self.duet("distill", os.path.join(SOURCE, "configs/distill/quickstart.toml"), "--out", "run", "--set",
                         "training.epochs=2", "--set", "seeds=[0, 1]")
        for text in ("teacher", "alone", "kd", "last epoch [95 %]", "NLL", "ECE", "DS", "gain of KD", "report: "):
            self.assertIn(text, done.stdout)
        self.assertLessEqual(max(map(len, done.stdout.splitlines())), 110)
        for name in ("config.toml", "log.txt", "summary.json", "report.html"):
            self.assertTrue(os.path.exists(self.path("run", name)), name)
        for model in ("teacher", "alone", "kd"):
            self.assertEqual(self.read("run/models", model, "metrics.csv").count(b"\n"), 1 + 2 * 2)
            self.assertTrue(os.listdir(self.path("run/models", model, "events/seed_0")))
        summary = self.summary("run")
        self.assertEqual(summary["kind"], "distillation")
        self.assertEqual([model["name"] for model in summary["models"]], ["teacher", "alone", "kd"])
        for model in summary["models"]:
            self.assertEqual(len(model["last"]["test_accuracy"]), 2)
        self.assertIn("distillation_score", summary["models"][2]["last"])
        self.assertIsNone(re.search(rb"(src|href)=.?https?:", self.read("run/report.html")))

    def test_every_kind_of_row_runs_and_runs_again_the_same(self):
        self.write("all.toml", EVERYTHING)
        self.duet("distill", "all.toml", "--out", "one", "--set", "cache=false")
        self.duet("distill", "all.toml", "--out", "two", "--set", "cache=false", *OFTEN)
        self.assertSameRun("one", "two")
        summary = self.summary("one")
        self.assertEqual(len(summary["models"]), 6 + 1 + 1 + 2)
        self.assertEqual([path["models"][-1] for path in summary["paths"]], ["cnn4", "cnn2"])
        self.assertEqual(len(summary["agreement"]), len(summary["models"]))
        rerendered = self.duet("report", "one")
        self.assertIn("control gap", rerendered.stdout)

    def test_killed_at_any_time_it_resumes_to_the_same_numbers(self):
        self.write("all.toml", EVERYTHING)
        self.duet("distill", "all.toml", "--out", "whole", "--set", "cache=false")
        rng = random.Random(1)
        process = subprocess.Popen([PROGRAM, "distill", "all.toml", "--out", "killed", "--set", "cache=false", *OFTEN],
                                   cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env=self.environment)
        kills = 0
        while True:
            try:
                process.wait(timeout=1.0 + 2.0 * rng.random())
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                kills += 1
            self.assertLess(kills, 100)
            if not os.path.exists(self.path("killed", "config.toml")):
                shutil.rmtree(self.path("killed"), ignore_errors=True)
                start = ["all.toml", "--out", "killed", "--set", "cache=false", *OFTEN]
            else:
                start = ["--resume", "killed"]
            process = subprocess.Popen([PROGRAM, "distill", *start], cwd=self.folder, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL, env=self.environment)
        self.assertEqual(process.returncode, 0)
        self.assertGreaterEqual(kills, 1)
        self.assertSameRun("killed", "whole")

    def test_ctrl_c_saves_a_checkpoint_and_says_how_to_go_on(self):
        self.duet("distill", "tiny.toml", "--out", "whole", "--set", "training.epochs=40", "--set", "cache=false")
        process = subprocess.Popen([PROGRAM, "distill", "tiny.toml", "--out", "stopped", "--set", "training.epochs=40",
                                    "--set", "cache=false"], cwd=self.folder, text=True, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=self.environment)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        for line in process.stderr:
            if re.search(r" [1-9]\d %", line):
                break
        process.send_signal(signal.SIGINT)
        error = process.stderr.read()
        self.assertEqual(process.wait(), 130, error)
        self.assertIn("a checkpoint is saved: continue with ./duet distill --resume stopped", error)
        self.duet("distill", "--resume", "stopped")
        self.assertSameRun("stopped", "whole")

    def test_a_teacher_is_trained_once_for_all_runs(self):
        first = self.duet("distill", "tiny.toml", "--out", "first")
        second = self.duet("distill", "tiny.toml", "--out", "second", "--set", "models.1.rules.0.temperature=2")
        self.assertNotIn("trained by an earlier run", first.stderr)
        self.assertIn("trained by an earlier run", second.stderr)
        self.assertEqual(self.read("first/models/teacher/classifier.safetensors"),
                         self.read("second/models/teacher/classifier.safetensors"))
        # Answers to the plain and the mirrored images, which come again in every epoch.
        self.assertEqual(len(os.listdir(self.path("first/models/teacher/outputs"))), 2)
        third = self.duet("distill", "tiny.toml", "--out", "third", "--set", "data.split_seed=1")
        self.assertNotIn("trained by an earlier run", third.stderr)
        again = self.duet("distill", "tiny.toml", "--out", "again")
        self.assertIn("trained by an earlier run", again.stderr)
        self.assertSameRun("again", "first")

    def test_a_model_of_another_run_teaches(self):
        self.duet("distill", "tiny.toml", "--out", "first")
        loaded = DATA + '[[models]]\nname = "teacher"\nload = "first/models/teacher"\n' + STUDENT
        self.write("loaded.toml", loaded)
        self.duet("distill", "loaded.toml", "--out", "second")
        first, second = self.summary("first"), self.summary("second")
        self.assertEqual(first["models"][0]["last"]["test_accuracy"], second["models"][0]["last"]["test_accuracy"])
        self.assertEqual(first["models"][1]["last"], second["models"][1]["last"])
        self.assertRegex(self.refused("loaded.toml", "--set", "data.shapes.classes=5"),
                         r"first/models/teacher/classifier.safetensors: is for 10 classes .* the data has 5 classes")
        self.assertIn("has no seed 7", self.refused("loaded.toml", "--set", "seeds=[0, 7]"))

    def test_compressed_and_scaffolded_rows_and_the_export_of_a_model(self):
        self.write("small.toml", DATA + TEACHER + """
[[models]]
name = "ticket"
network.kind = "cnn"
network.channels = [8, 8]
seed_as = "teacher"
compression.sparsity = 0.75
compression.mask_from = "teacher"
[[models]]
name = "ptq"
network.kind = "cnn"
network.channels = [8, 8]
start.from = "teacher"
training.epochs = 0
compression.bits = 3
compared_with = ["teacher"]
[[models]]
name = "scaffold"
network.kind = "cnn"
network.channels = [4]
teachers = ["teacher"]
training.epochs = 4
[models.guide]
layer = "conv2"
channels = 4
warmup_passes = 1
student_passes = 2
guide_passes = 1
""")
        self.duet("distill", "small.toml", "--out", "one")
        models = {model["name"]: model for model in self.summary("one")["models"]}
        self.assertLess(models["ticket"]["size"], 0.5 * models["teacher"]["size"])
        self.assertLess(models["ptq"]["size"], 0.5 * models["teacher"]["size"])
        self.assertGreater(models["ptq"]["last"]["test_agreement"][0], 30.0)
        self.assertEqual(models["ptq"]["gradient_steps"], 0)
        # Five batches an epoch; two passes of the guide beside the student's four.
        self.assertEqual(models["scaffold"]["gradient_steps"], 5 * (4 + 1 + 1))
        header, *rows = self.read("one/models/scaffold/metrics.csv").decode().splitlines()
        help_column = header.split(",").index("help")
        for row in rows:
            self.assertTrue(0.0 <= float(row.split(",")[help_column]) <= 1.0)
        for name, model in models.items():
            folder = f"one/models/{name}/"
            self.assertEqual(model["onnx_bytes"], os.path.getsize(self.path(folder + "model.onnx")))
            self.assertEqual(model["onnx_int8_bytes"], os.path.getsize(self.path(folder + "model-int8.onnx")))
            self.assertLess(model["onnx_int8_bytes"], model["onnx_bytes"])
        floats = self.duet("export", "one/models/teacher", "--out", "float.onnx").stdout
        self.assertEqual(self.read("float.onnx"), self.read("one/models/teacher/model.onnx"))
        self.duet("export", "one/models/teacher", "--bits", "8", "--seed", "1", "--out", "bytes.onnx")
        self.duet("export", "one/models/teacher", "--format", "torchscript", "--epoch", "selected")
        self.assertRegex(floats, r"float.onnx: [\d,]+ bytes; seed 0, images \[B, 3, 8, 8\]")
        self.assertLess(os.path.getsize(self.path("bytes.onnx")), os.path.getsize(self.path("float.onnx")))
        self.assertTrue(os.path.exists(self.path("one/models/teacher/model.pt")))
        self.assertIn("has no seed 9", self.duet("export", "one/models/teacher", "--seed", "9", code=2).stderr)
        self.assertIn("classifier.safetensors", self.duet("export", "one", code=2).stderr)

    def test_bad_input_is_told_in_one_line(self):
        self.assertIn('"nobody", which is no model of the file; allowed are teacher, student',
                      self.refused("tiny.toml", "--set", "models.1.teachers=['nobody']"))
        self.assertIn("data.set", self.refused("tiny.toml", "--set", "data.set=nothing"))
        self.assertIn("missing.toml", self.refused("missing.toml"))
        self.assertIn("cifar10", self.refused("tiny.toml", "--set", "data.set=cifar10", "--data", "nowhere").lower())
        self.assertIn("not a known key", self.refused("tiny.toml", "--set", "models.0.epochs=3"))
        self.assertIn("rule", self.refused("tiny.toml", "--set", "models.1.rules.0.rule=magic"))
        self.assertIn("there is no config.toml", self.refused("--resume", "."))
        self.assertIn("network", self.refused("tiny.toml", "--set", "models.0.network.kind=cnn3").lower())

    def test_a_loss_that_is_not_finite_ends_the_run_with_its_name(self):
        done = self.duet("distill", "tiny.toml", "--out", "wild", "--set", "training.learning_rate=100", "--set",
                         "training.weight_decay=1", "--set", "training.epochs=10", code=2)
        last = done.stderr.splitlines()[-1]
        self.assertRegex(last, r"model \"teacher\": the training loss of .* is -?(nan|inf) in epoch")


if __name__ == "__main__":
    unittest.main()
