"""The launcher, on a stand-in project: no network, no compiler, no LibTorch; apt and pip are played.

Run by ctest, one entry per test: launcher_test.py SOURCE_DIR [LauncherTest.test_name].
"""

import hashlib
import importlib.util
import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest
import zipfile

SOURCE = sys.argv.pop(1)
TOOLS = ["bash", "sh", "python3", "cmake", "ctest", "ninja", "env", "readlink", "dirname", "cat", "cksum", "cp",
         "mkdir", "setarch", "grep", "true", "false"]

PROJECT = """
cmake_minimum_required(VERSION 3.22)
project(duet LANGUAGES NONE)
add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/bin/duet DEPENDS main.sh VERBATIM
  COMMAND sh ${CMAKE_SOURCE_DIR}/compile.sh ${CMAKE_SOURCE_DIR}/main.sh ${CMAKE_BINARY_DIR}/bin)
add_custom_target(duet ALL DEPENDS ${CMAKE_BINARY_DIR}/bin/duet)
enable_testing()
add_test(NAME good COMMAND true)
add_test(NAME bad COMMAND false)
add_test(NAME skips COMMAND cat ${CMAKE_SOURCE_DIR}/skips.txt)
"""
COMPILE = '! grep "error:" "$1" && mkdir -p "$2" && cp "$1" "$2/duet"'
SKIPS = """[ RUN      ] A.Works
[       OK ] A.Works (0 ms)
[ RUN      ] A.Needs/3
a_test.cpp:12: Skipped
no GPU
on this machine

[  SKIPPED ] A.Needs/3 (0 ms)
[ RUN      ] All/A.Needs/Everything
a_test.cpp:12: Skipped
no GPU

[  SKIPPED ] All/A.Needs/Everything (0 ms)
[ RUN      ] All/A.Needs/Nothing
a_test.cpp:12: Skipped
no GPU

[  SKIPPED ] All/A.Needs/Nothing (0 ms)
[ RUN      ] A.Silent
a_test.cpp:14: Skipped

[  SKIPPED ] A.Silent (0 ms)
[  SKIPPED ] 2 tests, listed below:
[  SKIPPED ] A.Needs/3
test_reads (b_test.B) ... skipped 'no package'
"""
PROGRAM = '#!/bin/sh\necho "program in $PWD: $*"\nexit 7\n'

DPKG_QUERY = r"""#!/bin/sh
for name in "$@"; do
  case " $MISSING -W -f " in *" $name "*) ;; *) echo "$name installed" ;; esac
done
"""
FAILING_APT = """#!/bin/sh
echo "E: Failed to fetch: Temporary failure resolving the name of the mirror" >&2
exit 100
"""
# Installs into a file, and says how far it is on descriptor 3.
WORKING_APT = """#!/bin/sh
[ "$1" = install ] || exit 0
echo "pmstatus:g++:60.0:Installing" >&3
echo "$@" >> "$HOME/apt-calls"
"""
# Counts its calls, waits as long as told, then does as told with the prepared archives.
PIP = """
import os, shutil, sys, time
here = os.path.dirname(__file__)
arguments = sys.argv[1:]
if arguments == ["--version"]:
    sys.exit(0)
with open(here + "/calls", "a") as calls:
    calls.write(str(os.getpid()) + " " + " ".join(arguments) + "\\n")
time.sleep(float(os.environ.get("PIP_SLEEPS", "0")))
if os.environ.get("PIP_FAILS"):
    sys.exit(os.environ["PIP_FAILS"])
with open(arguments[arguments.index("-r") + 1]) as listing:
    name = listing.read().split("==")[0]
if "--dest" in arguments:
    target = arguments[arguments.index("--dest") + 1]
    os.makedirs(target)
    (file,) = [file for file in os.listdir(here + "/archives") if file.startswith(name)]
    shutil.copy(here + "/archives/" + file, target)
"""


def write(path, text, executable=False):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    if executable:
        os.chmod(path, 0o755)


class LauncherTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="duet-launcher-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.checkout = self.path("checkout")
        shutil.copytree(f"{SOURCE}/setup", f"{self.checkout}/setup", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("duet", "CMakePresets.json"):
            shutil.copy(f"{SOURCE}/{name}", self.checkout)
        write(f"{self.checkout}/CMakeLists.txt", PROJECT)
        write(f"{self.checkout}/compile.sh", COMPILE)
        write(f"{self.checkout}/skips.txt", SKIPS)
        write(f"{self.checkout}/main.sh", PROGRAM, executable=True)
        os.makedirs(self.path("bin"))
        for tool in TOOLS:
            found = sys.executable if tool == "python3" else shutil.which(tool)
            if found:
                os.symlink(found, self.path("bin", tool))
        write(self.path("bin", "dpkg-query"), DPKG_QUERY, executable=True)
        for name in ("apt-get", "apt-cache"):
            write(self.path("bin", name), FAILING_APT, executable=True)
        write(self.path("bin", "sudo"), '#!/bin/sh\n[ "$1" = -n ] && shift\nexec "$@"\n', executable=True)
        write(self.path("fake", "pip", "__init__.py"), "")
        write(self.path("fake", "pip", "__main__.py"), PIP)
        self.pin_archives()
        self.environment = {"PATH": self.path("bin"), "HOME": self.folder, "PYTHONPATH": self.path("fake"),
                            "XDG_CACHE_HOME": self.path("cache"), "LC_ALL": "C.UTF-8", "DUET_CUDA": "0"}

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def pin_archives(self, megabytes=1):
        contents = {"torch": ["torch/include/ATen/ATen.h", "torch/lib/libtorch_cpu.so", "torch/lib/libtorch_cuda.so"],
                    "mujoco": ["mujoco/include/mujoco/mujoco.h", "mujoco/libmujoco.so.3.17.0", "mujoco/a.py"]}
        lines = ["package program g++", "package test libgtest-dev", "package optional", "package pip python3-pip",
                 "python tensorboard 1.0 00"]
        os.makedirs(self.path("fake", "pip", "archives"), exist_ok=True)
        for name, members in contents.items():
            wheel = self.path("fake", "pip", "archives", f"{name}.whl")
            with zipfile.ZipFile(wheel, "w") as archive:
                for member in members:
                    archive.writestr(member, member)
            bundle = "libtorch" if name == "torch" else name
            lines.append(f"wheel {bundle} {name} 3.17.0 {megabytes} {megabytes} {self.hash_of(f'{name}.whl')}")
        source = "box2d-py-2.3.8.tar.gz"
        self.make_source(self.path("fake", "pip", "archives", source))
        lines.append(f"source box2d box2d-py 2.3.8 {megabytes} {megabytes} {self.hash_of(source)}")
        write(f"{self.checkout}/setup/versions.txt", "\n".join(lines) + "\n")

    @staticmethod
    def make_source(path):
        """A source distribution; to run its setup.py is an error."""
        contents = {"PKG-INFO": "Metadata-Version: 1.1\nName: box2d-py\nVersion: 2.3.8\n", "LICENSE": "",
                    "setup.py": "raise SystemExit('setup.py was run')\n", "Box2D/Box2D.h": "", "Box2D/Box2D.i": "",
                    "Box2D/Dynamics/b2World.cpp": "", "examples/example.h": ""}
        with tarfile.open(path, "w:gz") as archive:
            for name, text in contents.items():
                member = tarfile.TarInfo("box2d-py-2.3.8/" + name)
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text.encode()))

    def pins(self):
        with open(f"{self.checkout}/setup/versions.txt", encoding="utf-8") as file:
            return file.read()

    def start(self, *arguments, before=(), start_new_session=False, **variables):
        return subprocess.Popen([*before, f"{self.checkout}/duet", *arguments], cwd=self.folder, text=True,
                                start_new_session=start_new_session, env={**self.environment, **variables}, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def duet(self, *arguments, **options):
        with self.start(*arguments, **options) as process:
            out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def assert_one_line(self, result, *words):
        """Exit code 2, and one `duet:` line with these words; above it only lines of steps."""
        code, out, err = result
        self.assertEqual((code, out), (2, ""), err)
        *steps, line = err.strip().splitlines()
        self.assertTrue(all(step.startswith("[") for step in steps), err)
        self.assertTrue(line.startswith("duet: "), err)
        for word in words:
            self.assertIn(word, line)

    def pip_calls(self):
        with open(self.path("fake", "pip", "calls"), encoding="utf-8") as file:
            return file.read().splitlines()

    @staticmethod
    def has_ended(pid):
        try:
            with open(f"/proc/{pid}/status", encoding="utf-8") as file:
                return "\nState:\tZ" in file.read()
        except OSError:
            return True

    def entries(self, *parts):
        return sorted(os.listdir(self.path(*parts)))

    def test_sets_up_then_starts_the_program_with_its_arguments(self):
        code, out, err = self.duet("compare", "a b", "--set", "x=1")
        self.assertEqual((code, out), (7, f"program in {self.folder}: compare a b --set x=1\n"), err)
        self.assertEqual([line[:5] for line in err.splitlines()], ["[2/6]", "[3/6]", "[4/6]", "[5/6]", "[6/6]"])
        self.assertEqual(self.entries("cache", "duet"),
                         ["box2d-2.3.8", "downloads", "libtorch-3.17.0-cpu", "lock", "mujoco-3.17.0"])
        self.assertEqual(self.entries("cache", "duet", "downloads"), [])

    def test_takes_only_what_is_needed_out_of_the_archives(self):
        self.duet("x")
        self.assertEqual(self.entries("cache", "duet", "libtorch-3.17.0-cpu", "torch", "lib"), ["libtorch_cpu.so"])
        self.assertEqual(self.entries("cache", "duet", "mujoco-3.17.0", "mujoco"), ["include", "libmujoco.so.3.17.0"])
        self.assertEqual(self.entries("cache", "duet", "box2d-2.3.8"), ["Box2D", "LICENSE", "pins"])
        self.assertEqual(self.entries("cache", "duet", "box2d-2.3.8", "Box2D"), ["Box2D.h", "Dynamics"])

    def test_asks_for_the_pinned_archive_by_hash(self):
        self.duet("x")
        for call in self.pip_calls():
            self.assertIn("--require-hashes", call)
            self.assertIn("--no-deps", call)
            self.assertNotIn("--index-url", call)

    def test_second_start_is_the_program_alone(self):
        self.duet("x")
        for tool in ("python3", "cmake", "apt-get", "dpkg-query"):
            os.remove(self.path("bin", tool))
        self.assertEqual(self.duet("again"), (7, f"program in {self.folder}: again\n", ""))

    def test_second_checkout_shares_the_cache(self):
        self.duet("x")
        self.checkout, first = self.path("second"), self.checkout
        shutil.copytree(first, self.checkout)  # its build folder came along, and is the first one's
        code, out, err = self.duet("x", PIP_FAILS="no need for pip")
        self.assertEqual((code, out), (7, f"program in {self.folder}: x\n"), err)
        self.assertEqual([line[:5] for line in err.splitlines()], ["[5/6]", "[6/6]"])

    def test_a_changed_source_is_rebuilt(self):
        self.duet("x")
        write(f"{self.checkout}/main.sh", "#!/bin/sh\necho changed\n")
        code, out, err = self.duet("x")
        self.assertEqual((code, out), (0, "changed\n"), err)
        self.assertTrue(err.startswith("[6/6] building"), err)

    def test_a_changed_pin_is_set_up_again(self):
        self.duet("x")
        with open(f"{self.checkout}/setup/versions.txt", "a", encoding="utf-8") as file:
            file.write(f"wheel libtorch mujoco 3.17.0 1 1 {self.hash_of('mujoco.whl')}\n")
        self.assertIn("[2/6]", self.duet("x")[2])

    def hash_of(self, name):
        with open(self.path("fake", "pip", "archives", name), "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()

    def test_a_broken_source_names_the_log(self):
        write(f"{self.checkout}/main.sh", "error: here is the mistake\n")
        code, out, err = self.duet("x")
        self.assertEqual((code, out), (2, ""))
        self.assertIn("duet: building failed: error: here is the mistake", err)
        self.assertIn("build/setup.log", err)

    def test_given_folders_are_checked(self):
        self.assert_one_line(self.duet("x", DUET_LIBTORCH="/nowhere"), "DUET_LIBTORCH=/nowhere has no include/")
        torch = self.path("torch")
        write(f"{torch}/include/torch/csrc/api/include/torch/torch.h", "")
        self.assert_one_line(self.duet("x", DUET_LIBTORCH=torch), "has no lib/libtorch_cpu.so")
        write(f"{torch}/lib/libtorch_cpu.so", "")
        self.assert_one_line(self.duet("x", DUET_LIBTORCH=torch, DUET_MUJOCO=torch), "DUET_MUJOCO", "mujoco.h")

        write(f"{torch}/include/mujoco/mujoco.h", "")
        write(f"{torch}/lib/libmujoco.so", "")
        given = {"DUET_LIBTORCH": torch, "DUET_MUJOCO": torch, "DUET_BOX2D": torch}
        self.assert_one_line(self.duet("x", **given), f"DUET_BOX2D={torch} has no Box2D/Box2D.h", "box2d-py 2.3.8")
        write(f"{torch}/Box2D/Box2D.h", "")
        self.assert_one_line(self.duet("x", **given), "has no Box2D/Dynamics/b2World.cpp")
        write(f"{torch}/Box2D/Dynamics/b2World.cpp", "")
        self.assertEqual(self.duet("x", **given, PIP_FAILS="no need for pip")[0], 7)

    def test_the_real_pip_runs_nothing_of_a_source_distribution(self):
        if importlib.util.find_spec("pip") is None:
            self.skipTest("no pip")
        self.duet("x")
        shutil.rmtree(self.path("cache", "duet", "box2d-2.3.8"))
        archives = self.path("fake", "pip", "archives")
        code, _, err = self.duet("x", PYTHONPATH="", PIP_NO_INDEX="1", PIP_FIND_LINKS=archives)
        self.assertEqual(code, 7, err)
        self.assertEqual([line[:5] for line in err.splitlines()], ["[4/6]"])
        self.assertEqual(self.entries("cache", "duet", "box2d-2.3.8"), ["Box2D", "LICENSE", "pins"])

    def test_a_cache_that_cannot_be_written(self):
        write(self.path("file"), "")
        self.assert_one_line(self.duet("x", XDG_CACHE_HOME=self.path("file")), "cannot write to", "XDG_CACHE_HOME")

    def test_too_small_a_disk(self):
        self.pin_archives(megabytes=10**9)
        self.assert_one_line(self.duet("x"), "needs 3000000000 MB and has", "MB free")

    def test_no_network_for_pip(self):
        failure = "NewConnectionError: Failed to establish a new connection: Temporary failure in name resolution"
        self.assert_one_line(self.duet("x", PIP_FAILS=failure), "downloading torch 3.17.0 failed: no network",
                             "build/setup.log")

    def test_no_network_for_apt(self):
        self.assert_one_line(self.duet("x", MISSING="g++"), "installing Debian packages failed: no network")

    def test_installs_only_the_missing_packages(self):
        write(self.path("bin", "apt-get"), WORKING_APT, executable=True)
        write(f"{self.checkout}/setup/versions.txt", self.pins().replace("program g++", "program g++ cmake ccache"))
        code, _, err = self.duet("x", MISSING="g++ ccache")
        self.assertEqual(code, 7, err)
        self.assertIn("[1/6] Debian packages: installing 2 (g++, ccache) … 80 %, done", err)
        with open(self.path("apt-calls"), encoding="utf-8") as file:
            (call,) = file.read().splitlines()
        self.assertIn("--no-install-recommends", call)
        self.assertTrue(call.endswith(" g++ ccache"), call)

    def test_interrupted_it_says_that_the_next_start_goes_on(self):
        with self.start("x", PIP_SLEEPS="30", start_new_session=True) as process:
            while not os.path.exists(self.path("fake", "pip", "calls")):
                time.sleep(0.02)
            os.killpg(process.pid, signal.SIGINT)
            _, err = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 130, err)
        self.assertEqual(err.splitlines()[-1], "duet: interrupted; the next start goes on from here")
        self.assertEqual(self.entries("cache", "duet"), ["downloads", "lock"])

    def test_a_corrupt_wheel(self):
        write(self.path("fake", "pip", "archives", "torch.whl"), "half a wheel")
        self.assert_one_line(self.duet("x"), "torch 3.17.0", "does not match its pinned checksum")
        self.assertEqual(self.entries("cache", "duet"), ["downloads", "lock"])

    def test_a_machine_of_another_kind(self):
        if not os.path.exists(self.path("bin", "setarch")):
            self.skipTest("no setarch")
        self.assert_one_line(self.duet("x", before=["setarch", "i686"]), "i686", "x86_64", "DUET_LIBTORCH")

    def test_without_apt_it_goes_on(self):
        os.remove(self.path("bin", "apt-get"))
        code, _, err = self.duet("x")
        self.assertEqual(code, 7, err)
        self.assertIn("no apt here; going on as if these were installed: g++", err)

    def test_killed_in_a_download_it_goes_on_at_the_next_start(self):
        with self.start("x", PIP_SLEEPS="30") as process:
            while not os.path.exists(self.path("fake", "pip", "calls")):
                time.sleep(0.02)
            process.send_signal(signal.SIGKILL)
        pip = int(self.pip_calls()[0].split()[0])
        self.assertTrue(any(self.has_ended(pip) or time.sleep(0.02) for _ in range(100)), "pip outlived the launcher")
        self.assertTrue([name for name in self.entries("cache", "duet") if name.startswith("tmp.")])
        self.assertEqual(self.duet("x")[0], 7)
        self.assertEqual(self.entries("cache", "duet"),
                         ["box2d-2.3.8", "downloads", "libtorch-3.17.0-cpu", "lock", "mujoco-3.17.0"])

    def test_two_first_starts_download_once(self):
        shutil.copytree(self.checkout, self.path("second"))
        with self.start("x", PIP_SLEEPS="0.5") as one:
            self.checkout = self.path("second")
            with self.start("x", PIP_SLEEPS="0.5") as two:
                errors = [process.communicate(timeout=60)[1] for process in (one, two)]
        self.assertEqual((one.returncode, two.returncode), (7, 7), errors)
        self.assertEqual(len(self.pip_calls()), 3, errors)  # LibTorch, MuJoCo, Box2D

    def test_tests_end_with_the_exit_code_and_the_line_of_ctest(self):
        code, out, err = self.duet("test")
        self.assertEqual(code, 8, err)
        self.assertIn("67% tests passed, 1 tests failed out of 3", out)
        self.assertTrue(out.endswith("\nSkipped, and why (5):\n"
                                     "  A.Needs: no GPU on this machine\n"
                                     "  All/A.Needs, 2 times: no GPU\n"
                                     "  A.Silent: no reason given\n"
                                     "  test_reads: no package\n"), out)
        code, out, err = self.duet("test", "-R", "good")
        self.assertEqual(code, 0, err)
        self.assertIn("100% tests passed, 0 tests failed out of 1", out)
        self.assertNotIn("Skipped", out)
        self.duet("test", "-R", "skips")
        self.assertNotIn("Skipped", self.duet("test", "-N")[1])
        self.assertNotEqual(self.duet("test", "-R", "nothing")[0], 0)


if __name__ == "__main__":
    unittest.main()
