"""The program from its command line to its files, on a task of seconds.

Run by ctest, one entry per test: program_test.py PROGRAM SOURCE_DIR [ProgramTest.test_name].
"""

import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM, SOURCE = sys.argv.pop(1), sys.argv.pop(1)

SETTINGS = """name = "tiny"
seeds = [0, 1]
device = "cpu"
[training]
env_steps_total = 1200
warmup_steps = 100
[evaluation]
every = 300
episodes = 2
[agent]
hidden = [16]
batch_size = 16
"""
ONE_METHOD = """
[[methods]]
name = "NAME"
kind = "NAME"
"""
SAVE_OFTEN = ["--set", "training.checkpoint_seconds=0"]
LONGER = ["--set", "training.env_steps_total=4000"]


class ProgramTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="duet-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.write("tiny.toml", SETTINGS)

    # --- helpers

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, content):
        mode = "wb" if isinstance(content, bytes) else "w"
        with open(self.path(name), mode) as file:
            file.write(content)
        return name

    def read(self, *names):
        with open(self.path(*names), "rb") as file:
            return file.read()

    def json(self, *names):
        return json.loads(self.read(*names))

    def start(self, *arguments, **options):
        process = subprocess.Popen([PROGRAM, *arguments], cwd=self.folder, text=True, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, **options)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        return process

    def wait_until_it_learns(self, process):
        """Reads the progress until some method has done a tenth of its work."""
        for line in process.stderr:
            if re.search(r" [1-9]\d %", line):
                return
        self.fail("it ended without progress")

    def duet(self, *arguments, code=0, **options):
        done = subprocess.run([PROGRAM, *arguments], cwd=self.folder, text=True, capture_output=True, timeout=200,
                              **options)
        self.assertEqual(done.returncode, code, f"{arguments}\n{done.stdout}\n{done.stderr}")
        return done

    def refused(self, *arguments, **options):
        """The one line with which the program refuses, before it does anything."""
        done = self.duet(*arguments, code=2, **options)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertTrue(done.stderr.startswith("duet: "), done.stderr)
        return done.stderr[len("duet: "):-1]

    def failed(self, *arguments, **options):
        """The last line of a run that failed under way; lines before it are its progress."""
        done = self.duet(*arguments, code=2, **options)
        lines = [line for line in done.stderr.splitlines() if line.startswith("duet: ")]
        self.assertEqual(lines, done.stderr.splitlines()[-1:], done.stderr)
        return lines[0][len("duet: "):]

    def fingerprint(self, run):
        return self.json(run, "summary.json")["fingerprint"]

    def assertSameRun(self, run, other):
        self.assertEqual(self.fingerprint(run), self.fingerprint(other))
        compared = 0
        for folder, _, names in os.walk(self.path(other)):
            for name in names:
                if name in ("metrics.csv", "policy.safetensors"):
                    inside = os.path.relpath(os.path.join(folder, name), self.path(other))
                    self.assertEqual(self.read(run, inside), self.read(other, inside), inside)
                    compared += 1
        self.assertGreaterEqual(compared, 2)

    def assertNothingPartial(self, run):
        for folder, _, names in os.walk(self.path(run)):
            self.assertEqual([name for name in names if ".partial" in name], [], folder)

    # --- the same numbers

    def test_equal_settings_give_equal_runs_whatever_the_threads(self):
        self.duet("compare", "tiny.toml", "--out", "one")
        for threads, methods in ((1, 2), (2, 1), (4, 3)):
            out = f"threads{threads}"
            self.duet("compare", "tiny.toml", "--out", out, "--set", f"actor_threads={threads}",
                      "--set", f"parallel_methods={methods}")
            self.assertEqual(self.fingerprint(out), self.fingerprint("one"))
            for method in ("alone", "teacher", "dual"):
                metrics = ("methods", method, "metrics.csv")
                self.assertEqual(self.read(out, *metrics), self.read("one", *metrics))

    def test_another_seed_gives_another_run(self):
        for seed in (0, 1):
            self.duet("train", "tiny.toml", "--out", f"seed{seed}", "--set", f"seeds=[{seed}]")
        self.assertNotEqual(self.fingerprint("seed0"), self.fingerprint("seed1"))

    def test_a_seed_learns_the_same_whichever_seeds_run_beside_it(self):
        for kind, source in (("dual", "student_states"), ("teacher", "student_states"), ("teacher", "teacher_replay"),
                             ("teacher", "teacher_rollouts")):
            rows = []
            self.write("one.toml", SETTINGS + ONE_METHOD.replace("NAME", kind) +
                       (f'teacher.source = "{source}"\nteacher.rollout_steps = 50\n' if kind == "teacher" else ""))
            for seeds in ("[0, 1]", "[1]"):
                out = f"{kind} {source} {seeds}"
                # Short, since rounding may differ with the number of members and learning amplifies it.
                self.duet("train", "one.toml", "--out", out, "--set", f"seeds={seeds}",
                          "--set", "training.env_steps_total=480", "--set", "evaluation.every=60")
                lines = self.read(out, "methods", kind, "metrics.csv").decode().splitlines()
                rows.append([[float(cell or 0) for cell in line.replace("training", "0").split(",")]
                             for line in lines[1:] if line.split(",")[4] == "1"])
            both, alone = rows
            self.assertEqual(len(both), len(alone))
            for one, other in zip(both, alone):
                for a, b in zip(one, other):
                    self.assertAlmostEqual(a, b, delta=1e-3 * max(1.0, abs(a)), msg=f"{kind} {source}: {one} {other}")

    # --- interruptions

    def kill_and_resume(self, kind, wait_for):
        """Kills a run soon after a file of it is there, then at random moments, and resumes it until it is finished."""
        self.write("one.toml", SETTINGS + ONE_METHOD.replace("NAME", kind))
        arguments = [*SAVE_OFTEN, *LONGER]
        self.duet("train", "one.toml", "--out", "whole", *arguments)
        moments = random.Random(kind)
        process = self.start("train", "one.toml", "--out", "killed", *arguments)
        kills = 0
        while True:
            if wait_for:
                while not os.path.exists(self.path("killed", "methods", kind, wait_for)) and process.poll() is None:
                    time.sleep(0.005)
            try:
                process.communicate(timeout=moments.uniform(0.02, 0.3) if wait_for else moments.uniform(0.3, 1.2))
                self.assertEqual(process.returncode, 0)
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                kills += 1
            wait_for = None
            if kills >= 4 or not os.path.exists(self.path("killed", "config.toml")):
                done = os.path.exists(self.path("killed", "config.toml"))
                self.duet("train", *(["--resume", "killed"] if done else ["one.toml", "--out", "killed", *arguments]))
                break
            process = self.start("train", "--resume", "killed")
        self.assertGreaterEqual(kills, 1)
        self.assertSameRun("killed", "whole")
        self.assertNothingPartial("killed")

    def test_killed_alone_it_resumes_bit_for_bit(self):
        self.kill_and_resume("alone", wait_for="config.toml")

    def test_killed_in_a_pair_it_resumes_bit_for_bit(self):
        self.kill_and_resume("dual", wait_for="checkpoints/latest.safetensors")

    def test_killed_while_the_teacher_learns_it_resumes_bit_for_bit(self):
        self.kill_and_resume("teacher", wait_for="teacher/checkpoints/latest.safetensors")

    def test_killed_while_the_student_learns_it_resumes_bit_for_bit(self):
        self.kill_and_resume("teacher", wait_for="checkpoints/latest.safetensors")

    def test_killed_where_steps_overlap_updates_it_resumes_bit_for_bit(self):
        self.write("one.toml", SETTINGS.replace("[evaluation]", "overlap = true\n[evaluation]") +
                   ONE_METHOD.replace("NAME", "alone"))
        self.duet("train", "one.toml", "--out", "whole", *LONGER)
        process = self.start("train", "one.toml", "--out", "killed", *LONGER, *SAVE_OFTEN)
        self.wait_until_it_learns(process)
        process.kill()
        process.communicate()
        self.duet("train", "--resume", "killed")
        self.assertSameRun("killed", "whole")
        # Without a core to spare there is no second thread, and other numbers neither.
        self.duet("train", "one.toml", "--out", "threads", *LONGER, "--set", "learner_threads=64")
        self.assertEqual(self.read("threads", "methods/alone/metrics.csv"),
                         self.read("whole", "methods/alone/metrics.csv"))

    def test_signals_save_a_checkpoint_and_say_how_to_resume(self):
        self.duet("compare", "tiny.toml", "--out", "whole", *LONGER)
        for name, sent in (("int", signal.SIGINT), ("term", signal.SIGTERM)):
            process = self.start("compare", "tiny.toml", "--out", name, *LONGER)
            self.wait_until_it_learns(process)
            process.send_signal(sent)
            _, errors = process.communicate()
            self.assertEqual(process.returncode, 130, errors)
            self.assertRegex(errors.splitlines()[-1],
                             rf"^duet: stopped at step \d+ of \d+; a checkpoint is saved: continue with "
                             rf"\./duet compare --resume {name}$")
            self.duet("compare", "--resume", name)
            self.assertSameRun(name, "whole")

    def test_a_finished_run_resumes_to_its_results(self):
        first = self.duet("train", "tiny.toml", "--out", "run")
        before = self.read("run", "methods", "alone", "metrics.csv")
        begin = time.monotonic()
        self.assertIn("alone", self.duet("train", "--resume", "run").stdout)
        self.assertLess(time.monotonic() - begin, 30)
        self.assertEqual(self.read("run", "methods", "alone", "metrics.csv"), before)
        self.assertIn("report: run/report.html", first.stdout)

    def test_training_stops_early_where_the_settings_say_so(self):
        self.write("one.toml", SETTINGS + ONE_METHOD.replace("NAME", "alone"))
        self.duet("train", "one.toml", "--out", "whole", *LONGER)
        means = [sum(seed[0] for seed in point["returns"]) / 2 for point in
                 self.json("whole/methods/alone/result.json")["evaluations"]]
        best = max(means[1:])
        waits = next(i for i in range(2, len(means)) if i - means.index(max(means[:i + 1])) >= 2)
        for setting, stop, words in (
                (f"stop_at_return={best}", next(i for i, mean in enumerate(means) if mean >= best), "reached"),
                ("patience=2", waits, "has not risen above")):
            out = setting.split("=", maxsplit=1)[0]
            done = self.duet("train", "one.toml", "--out", out, *LONGER, "--set", f"training.{setting}")
            result = self.json(out, "methods/alone/result.json")
            self.assertEqual((len(result["evaluations"]), result["env_steps_total"]), (stop + 1, 300 * stop))
            reason = result["stopped_early"]
            self.assertRegex(reason, rf"^the mean return .*{words} .*training.{out} = ")
            self.assertEqual(self.json(out, "summary.json")["methods"][0]["stopped_early"], reason)
            self.assertIn(f"; stopped early: {reason}", done.stderr)
            # As far as it went it is the same run, also when it was killed where it stopped.
            self.assertTrue(self.read("whole/methods/alone/metrics.csv").startswith(
                self.read(out, "methods/alone/metrics.csv")))
            fingerprint = self.fingerprint(out)
            os.remove(self.path(out, "methods/alone/result.json"))
            self.duet("train", "--resume", out)
            self.assertEqual(self.fingerprint(out), fingerprint)
        self.assertEqual(self.refused("compare", "tiny.toml", "--set", "training.patience=3"),
                         "training.patience ends methods before their budget, which a comparison keeps equal; "
                         "allowed is to leave it out, or ./duet train with one method")

    # --- bad input

    def test_settings_that_are_wrong_are_refused_in_one_line(self):
        for text, error in (
                ("seed = 1", "bad.toml:1: seed is not a known key; did you mean \"seeds\"? known here: actor_threads, "
                 "agent, device, env, evaluation, learner_threads, methods, name, parallel_methods, precision, seeds, "
                 "training"),
                ("[agent]\ngamma = \"high\"", "bad.toml:2: agent.gamma = 'high' is a string; allowed is a number"),
                ("[agent]\ngamma = 1.5", "bad.toml:2: agent.gamma = 1.5 is outside [0, 1]"),
                ("seeds = []", "bad.toml:1: seeds is empty; allowed is at least one seed"),
                ("seeds = [3, 3]", "bad.toml:1: seeds holds a seed twice; allowed are different seeds"),
                ("device = \"tpu\"", "bad.toml:1: device = \"tpu\" is not one of \"auto\", \"cpu\", \"cuda\""),
                ("[[methods]]\nkind = \"trio\"",
                 "bad.toml:2: methods.0.kind = \"trio\" is not one of \"alone\", \"teacher\", \"dual\""),
                ("[[methods]]\nname = \"a/b\"", "bad.toml:2: methods.0.name = \"a/b\" cannot name a folder; allowed are "
                 "letters, digits, '_', '-', '.', '+', '=' and ','"),
                ("[[methods]]\nname = \"a\"\n[[methods]]\nname = \"a\"",
                 "bad.toml:4: methods.1.name = \"a\" is taken by a method before it; names must differ"),
                ("[[methods]]\nkind = \"teacher\"\n[methods.teacher]\nshare = 1.0",
                 "bad.toml:4: methods.0.teacher.share: the teacher takes 100000 of training.env_steps_total = 100000, "
                 "which leaves the student none; allowed is a smaller teacher.share or teacher.rollout_steps"),
        ):
            self.write("bad.toml", text + "\n")
            self.assertEqual(self.refused("compare", "bad.toml", "--out", "run"), error)
        self.write("bad.toml", "name = \n")
        self.assertRegex(self.refused("train", "bad.toml"), r"^bad\.toml:1: not valid TOML: .+")
        self.write("bad.toml", "[env]\nid = \"Hoper-v5\"\n")
        self.assertRegex(self.refused("train", "bad.toml"),
                         r"^bad\.toml:2: env\.id: .*Hoper-v5.*HalfCheetah-v5.*InvertedPendulum-v5.*Walker2d-v5")
        self.assertFalse(os.path.exists(self.path("run")))

    def test_command_lines_that_are_wrong_are_refused_in_one_line(self):
        os.mkdir(self.path("full"))
        self.write("full/file", "mine")
        os.mkdir(self.path("empty"))
        for arguments, error in (
                (["train", "none.toml"], "none.toml: cannot read: No such file or directory"),
                (["train", "empty"], "empty: is a folder; allowed is a settings file, or --resume to continue the run "
                 "in the folder"),
                (["train", "tiny.toml", "--out", "full"], "--out full: the folder is not empty; allowed are a new "
                 "folder, or --resume to continue the run in it"),
                (["train", "--resume", "empty"], "--resume empty: there is no config.toml; allowed is the folder of a "
                 "run"),
                (["train", "--resume", "empty", "--out", "x"], "--out: not together with --resume, which continues a "
                 "run where it is"),
                (["train", "tiny.toml", "--method", "trio"], "--method trio: there is no such method; allowed are "
                 "alone, teacher, dual"),
                (["train", "tiny.toml", "--set", "agent.gamma"], "--set agent.gamma: no value; the form is "
                 "key.path=value, as in agent.gamma=0.99"),
                (["train", "tiny.toml", "--set", "agent.gamma=2"], "--set agent.gamma = 2 is outside [0, 1]"),
                (["evaluate", "empty"], "empty: there is no policy.safetensors; allowed is the folder of a finished "
                 "run"),
        ):
            self.assertEqual(self.refused(*arguments), error)
        self.assertRegex(self.refused("dance"),
                         r'^"dance" is no command; allowed are compare, train, distill, .*, bench \(see duet --help\)$')
        self.assertRegex(self.refused("data", "fetch"), r'^"fetch" is no command; allowed are list, .*')
        for arguments in (["train"], [], ["train", "tiny.toml", "--fast"], ["evaluate", "x", "--episodes", "0"],
                          ["report", "empty"]):
            self.refused(*arguments)
        self.assertEqual(self.read("full", "file"), b"mine")

    def test_a_damaged_checkpoint_is_named_and_the_run_stays_usable(self):
        self.write("one.toml", SETTINGS + ONE_METHOD.replace("NAME", "alone"))
        self.duet("train", "one.toml", "--out", "whole", *LONGER)
        process = self.start("train", "one.toml", "--out", "run", *LONGER)
        self.wait_until_it_learns(process)
        process.send_signal(signal.SIGINT)
        process.communicate()
        checkpoint = "run/methods/alone/checkpoints/latest.safetensors"
        good = self.read(checkpoint)
        metrics = self.read("run/methods/alone/metrics.csv")
        header = int.from_bytes(good[:8], "little")
        flipped = good[:-100] + bytes([good[-100] ^ 1]) + good[-99:]
        future = good[:8 + header].replace(b'"version":"1"', b'"version":"9"') + good[8 + header:]
        allowed = "; allowed is a complete file written by this program"
        for content, error in ((flipped, "the content does not match its checksum" + allowed),
                               (good[:len(good) // 2], "" + "the content does not match its checksum" + allowed),
                               (good[:header // 2], "the file is cut off or of another kind" + allowed),
                               (b"", "the file is cut off" + allowed),
                               (future, "written in format version 9; this program reads versions up to 1: use a "
                                "newer Duet")):
            self.write(checkpoint, content)
            self.assertEqual(self.failed("train", "--resume", "run"), f"{checkpoint}: {error}")
        self.write(checkpoint, good)
        self.assertEqual(self.failed("train", "--resume", "run", "--set", "agent.hidden=[8]").count("\n"), 0)
        self.assertEqual(self.read("run/methods/alone/metrics.csv"), metrics)
        self.duet("train", "--resume", "run", "--set", "agent.hidden=[16]")
        self.assertSameRun("run", "whole")

    def test_teachers_that_do_not_fit_are_refused_before_anything_starts(self):
        self.duet("train", "tiny.toml", "--out", "run")
        self.write("one.toml", SETTINGS + ONE_METHOD.replace("NAME", "teacher"))

        def refused(teacher, *more):
            return self.refused("compare", "one.toml", "--out", "new", "--set", f"methods.0.teacher.run={teacher}", *more)

        teacher = "run/methods/alone"
        self.assertEqual(refused("none"), "none: there is no policy.safetensors; allowed is the folder of a finished run")
        self.assertEqual(refused(teacher, "--set", "env.id=Hopper-v5"),
                         f"{teacher}/policy.safetensors: the teacher was trained on InvertedPendulum-v5 (4 observations "
                         "and 1 actions); allowed is one of Hopper-v5 (11 observations and 3 actions)")
        policy = self.read(teacher, "policy.safetensors")
        self.write(f"{teacher}/policy.safetensors", policy[:-1])
        self.assertRegex(refused(teacher), rf"^{teacher}/policy.safetensors: the content does not match its checksum; ")
        self.write(f"{teacher}/policy.safetensors", self.read(teacher, "checkpoints", "latest.safetensors"))
        self.assertEqual(refused(teacher), f"{teacher}/policy.safetensors: holds no policy; allowed is the "
                         "policy.safetensors of a run")
        self.write(f"{teacher}/policy.safetensors", policy)
        shutil.rmtree(self.path(teacher, "checkpoints"))
        self.assertEqual(refused(teacher, "--set", "methods.0.teacher.source=teacher_replay"),
                         f"{teacher}/checkpoints/latest.safetensors: there is no such file; source \"teacher_replay\" needs "
                         "the checkpoint of the teacher's run")
        self.assertFalse(os.path.exists(self.path("new")))

    def test_folders_of_another_kind_of_run_are_not_resumed(self):
        self.duet("compare", "tiny.toml", "--out", "run")
        config = self.read("run", "config.toml")
        self.assertEqual(self.refused("train", "--resume", "run"),
                         "--resume run: is a run of 3 methods; continue it with ./duet compare --resume run")
        self.assertEqual(self.refused("train", "--resume", "run/methods/dual"),
                         "--resume run/methods/dual: is one method of a run; allowed is the folder of the run, two levels up")
        self.assertEqual(self.read("run", "config.toml"), config)

    def test_a_full_disk_is_one_line_and_the_run_resumes_when_there_is_space(self):
        self.write("one.toml", SETTINGS + ONE_METHOD.replace("NAME", "alone"))
        self.duet("train", "one.toml", "--out", "whole", *LONGER)

        def no_large_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

        # Replay grows, so the first checkpoints fit and a later one does not.
        error = self.failed("train", "one.toml", "--out", "run", *LONGER, *SAVE_OFTEN, preexec_fn=no_large_files)
        self.assertEqual(error, "run/methods/alone/checkpoints/latest.safetensors: cannot write: File too large")
        self.assertNothingPartial("run")
        self.duet("train", "--resume", "run")
        self.assertEqual(self.fingerprint("run"), self.fingerprint("whole"))
        self.assertEqual(self.read("run/methods/alone/metrics.csv"), self.read("whole/methods/alone/metrics.csv"))

    # --- from training to report

    def test_train_evaluate_and_report_agree(self):
        self.duet("train", "tiny.toml", "--out", "run", "--method", "dual")
        for name in ("config.toml", "summary.json", "report.html", "methods/dual/config.toml", "methods/dual/metrics.csv",
                     "methods/dual/result.json", "methods/dual/policy.safetensors", "methods/dual/events"):
            self.assertTrue(os.path.exists(self.path("run", name)), name)
        last = self.json("run/methods/dual/result.json")["evaluations"][-1]["returns"]
        for folder in ("run", "run/", "run/methods/dual", "run/methods/dual/"):
            found = json.loads(self.duet("evaluate", folder, "--episodes", "2", "--json").stdout)
            self.assertEqual([entry["mean"] for entry in found], [value for seed in last for value in seed])
            self.assertEqual({entry["method"] for entry in found}, {"dual"})
            self.assertEqual([(entry["seed"], entry["learner"]) for entry in found], [(0, 0), (0, 1), (1, 0), (1, 1)])
        self.assertIn("dual on InvertedPendulum-v5, 10 episodes each", self.duet("evaluate", "run").stdout)
        os.remove(self.path("run/report.html"))
        self.assertIn("report: run/report.html", self.duet("report", "run").stdout)
        self.assertIn(b"</html>", self.read("run/report.html"))

    def test_budgets_are_equal_and_counted_over_all_learners(self):
        rollouts = '\n[[methods]]\nname = "rollouts"\nkind = "teacher"\nteacher.source = "teacher_rollouts"\n' \
                   'teacher.rollout_steps = 100\n'
        self.write("all.toml", SETTINGS + "".join(ONE_METHOD.replace("NAME", name) for name in
                                                  ("alone", "teacher", "dual")) + rollouts)
        self.duet("compare", "all.toml", "--out", "run")
        methods = {method["name"]: method for method in self.json("run/summary.json")["methods"]}
        self.assertEqual({method["env_steps_total"] for method in methods.values()}, {1200})
        # A learner updates once per step from the 100th on; a student and a peer distil as often.
        for name, learners, per_learner, updates, distillations in (
                ("alone", 1, 1200, 1101, 0), ("dual", 2, 600, 2 * 501, 2 * 501), ("teacher", 2, 600, 2 * 501, 501),
                ("rollouts", 2, 500, 501 + 401, 401)):
            method = methods[name]
            self.assertEqual((method["learners"], method["env_steps_per_learner"]), (learners, per_learner), name)
            self.assertEqual(method["distillation_steps_total"], distillations, name)
            self.assertEqual(method["gradient_steps_total"], updates + distillations, name)

    def test_teachers_of_every_source_and_from_other_runs_teach(self):
        self.duet("compare", "tiny.toml", "--out", "compared", "--set", "agent.normalize_observations=true")
        self.write("one.toml", SETTINGS + ONE_METHOD.replace("NAME", "teacher"))
        fingerprints = set()
        for run in ("", "compared/methods/dual", "compared/methods/teacher"):
            for source in ("student_states", "teacher_replay", "teacher_rollouts"):
                out = f"{source} of {run.replace('/', ' ')}"
                # The teacher's layers and statistics are its own.
                self.duet("train", "one.toml", "--out", out, "--set", f"methods.0.teacher.run={run}", "--set",
                          f"methods.0.teacher.source={source}", "--set", "methods.0.teacher.rollout_steps=100", "--set",
                          "agent.hidden=[8, 8]", "--set", "training.env_steps_total=600")
                fingerprints.add(self.fingerprint(out))
                rows = self.read(out, "methods/teacher/metrics.csv").decode().splitlines()
                distances = [row[rows[0].split(",").index("distill_loss")] for row in
                             (line.split(",") for line in rows[1:])]
                self.assertTrue(any(distance and float(distance) > 0 for distance in distances), out)
        self.assertEqual(len(fingerprints), 9)

    def test_a_sweep_trains_every_combination_and_resumes(self):
        sweep = ["--set", "agent.gamma=[0.9, 0.99]", "--set", "agent.hidden=[[8], [16]]"]
        done = self.duet("train", "--sweep", "tiny.toml", *sweep)
        names = [f"gamma={gamma},hidden={hidden}" for gamma in ("0.9", "0.99") for hidden in (8, 16)]
        self.assertEqual(sorted(os.listdir(self.path("runs/tiny-sweep/methods"))), sorted(names))
        rows = [line.split()[-1] for line in done.stdout.splitlines() if line.endswith(tuple(names))]
        self.assertEqual(sorted(rows), sorted(names))
        self.assertIn("4 combinations, 2 seeds each", done.stdout)
        # A combination is the run that one would start with these settings.
        self.duet("train", "tiny.toml", "--out", "one", "--set", "agent.gamma=0.9", "--set", "agent.hidden=[16]")
        self.assertEqual(self.read("runs/tiny-sweep/methods", names[1], "metrics.csv"),
                         self.read("one/methods/alone/metrics.csv"))
        process = self.start("train", "--sweep", "tiny.toml", *sweep, "--out", "killed", *SAVE_OFTEN)
        self.wait_until_it_learns(process)
        process.kill()
        process.communicate()
        self.duet("train", "--resume", "killed")
        for name in names:
            self.assertEqual(self.read("killed/methods", name, "metrics.csv"),
                             self.read("runs/tiny-sweep/methods", name, "metrics.csv"))
        self.assertIn("no setting has several values", self.refused("train", "--sweep", "tiny.toml"))

    def test_memory_is_told_at_the_start_and_what_does_not_fit_is_refused(self):
        done = self.duet("train", "tiny.toml", "--out", "run")
        # Two observations of 4, an action, the reward, the end.
        self.assertRegex(done.stderr, r"\nmemory: 0 MB of replay when full \(2 learners x 1,200 transitions x 44 bytes\), "
                                      r"\d+\.\d GB available\n")
        many = "1000000000000"
        line = self.refused("train", "tiny.toml", "--set", f"training.env_steps_total={many}", "--set",
                            "agent.replay_capacity=1000000000")
        self.assertRegex(line, r"^agent.replay_capacity = 1000000000: needs 88.0 GB of replay when full \(.*\), but "
                               r"[\d.]+ GB of memory are available; allowed is about \d+ with as many seeds$")
        self.assertFalse(os.path.exists(self.path("runs")))

    def test_bench_learner_prints_rates_and_ratio_of_one_run(self):
        for options in (["--agent", "sac", "--members", "2", "--threads", "2"],
                        ["--agent", "td3", "--precision", "bf16", "--loop", "--overlap"],
                        ["--agent", "ppo", "--loop", "--envs", "8", "--set", "agent.rollout_steps=32"],
                        ["--agent", "dqn", "--env", "CartPole-v1", "--set", "agent.dueling=true"]):
            done = self.duet("bench", "learner", *options, "--hidden", "16,16", "--batch", "32", "--rounds", "2", "--json")
            report = json.loads(done.stdout)
            members = report["members"]
            self.assertAlmostEqual(report["member_updates_per_second"], members * report["updates_per_second"])
            self.assertAlmostEqual(report["update_seconds"] * report["updates_per_second"], 1.0)
            self.assertGreater(report["product_seconds"], 0.0)
            self.assertGreater(report["ratio"], 0.0)
            self.assertEqual("loop_steps_per_second" in report, "--loop" in options)
        self.assertIn("updates/s", self.duet("bench", "learner", "--hidden", "8", "--batch", "8", "--rounds", "1").stdout)
        self.assertIn("agent.gama is not a known key", self.refused("bench", "learner", "--set", "agent.gama=1"))
        self.assertIn("--agent: a3c not in {ddpg,", self.refused("bench", "learner", "--agent", "a3c"))
        self.assertIn("only a GPU has such products", self.failed("bench", "learner", "--precision", "tf32"))

    def test_precision_is_a_setting_that_changes_numbers(self):
        for precision in ("float32", "bf16"):
            self.duet("train", "tiny.toml", "--out", precision, "--set", f"precision={precision}")
        self.assertNotEqual(self.fingerprint("bf16"), self.fingerprint("float32"))
        self.assertIn("only a GPU has such products", self.failed("train", "tiny.toml", "--set", "precision=tf32"))

    def test_help_of_every_command_names_its_settings(self):
        commands = re.findall(r"^  (\w+) ", self.duet("--help").stdout.split("Subcommands:")[1], re.MULTILINE)
        self.assertLessEqual({"compare", "train", "evaluate", "report", "env"}, set(commands))
        for command in commands:
            self.assertIn("Usage", self.duet(command, "--help").stdout)
        for command in ("compare", "train"):
            text = self.duet(command, "--help").stdout
            for line in ("gamma = 0.99", "env_steps_total = 100000", "learning_rate = 0.0001", "share = 0.5",
                         "(student_states | teacher_replay | teacher_rollouts)", "(0 to 1)", "[methods.distill.weight]"):
                self.assertIn(line, text)
            for line in ("algorithm = 'sac'", "target_entropy = -1.0", "target_noise = 0.2", "clip_range = 0.2",
                         "double_q = true"):  # of other algorithms than the default
                self.assertIn(line, text)
        self.assertIn("12345", self.duet("evaluate", "--help").stdout)

    # --- what the documents say

    def test_the_log_tells_starts_stops_and_the_end(self):
        process = self.start("train", "tiny.toml", "--out", "run", *LONGER)
        self.wait_until_it_learns(process)
        process.send_signal(signal.SIGTERM)
        process.communicate()
        self.duet("train", "--resume", "run")
        lines = self.read("run", "log.txt").decode().splitlines()
        words = [line.split(" ", 2) for line in lines]
        self.assertTrue(all(level == "info" for _, level, _ in words), lines)
        texts = [text for _, _, text in words]
        self.assertTrue(texts[0].startswith("start tiny on InvertedPendulum-v5: Duet "), lines)
        self.assertEqual(sum(text.endswith("checkpoint saved") for text in texts), 1, lines)
        self.assertEqual(sum(text.startswith("resume tiny on ") for text in texts), 1, lines)
        self.assertTrue(texts[-1].endswith(self.fingerprint("run")), lines)


if __name__ == "__main__":
    unittest.main()
