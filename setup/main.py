"""The slow part of ./duet: installs what is missing, configures, builds; then starts program or tests."""

import fcntl
import os
import platform
import sys

import archives
import packages
import process
import skips
from build import Build, print_remarks
from console import SetupError, Step, say
from versions import Versions

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Setup:
    """The steps, in order. Each looks first whether there is anything to do, and is silent if not."""

    def __init__(self, with_tests):
        self._with_tests = with_tests
        self._versions = Versions()
        self._cache = archives.Cache(_cache_folder())
        self._step_count = 7 if with_tests else 6
        self._open_step = None
        self.libtorch = self.mujoco = self.box2d = ""
        self.build = Build(ROOT)

    def _step(self, number, text):
        self._open_step = Step(number, self._step_count, text)
        return self._open_step

    def _done(self, text="done"):
        self._open_step.done(text)
        self._open_step = None

    def give_up_line(self):
        if self._open_step:
            self._open_step.broken()

    def install_packages(self):
        groups = self._versions.packages
        names = groups["program"] + (groups["test"] if self._with_tests else [])
        optional = groups["optional"] if self._with_tests else []
        if not packages.have_apt():
            if not self.build.configured_with():
                packages.note_without_apt(names)
            return
        missing, missing_optional = packages.missing(names), packages.missing(optional)
        if self._needs_pip() and not archives.have_pip():
            missing += groups["pip"]
        if missing:
            step = self._step(1, f"Debian packages: installing {len(missing)} ({', '.join(missing[:4])}"
                                 f"{', …' if len(missing) > 4 else ''})")
            packages.install(missing, missing_optional, step)
            self._done()
        elif missing_optional and os.geteuid() == 0:
            packages.install([], missing_optional, self._step(1, f"Debian packages: {missing_optional[0]}"))
            self._done()

    def _needs_pip(self):
        return ((not os.environ.get("DUET_LIBTORCH") and not self._holds_libtorch()) or
                (not os.environ.get("DUET_MUJOCO") and not self._holds_mujoco()) or
                (not os.environ.get("DUET_BOX2D") and not self._holds_box2d()) or
                (self._with_tests and not self._holds_python()))

    # LibTorch: without a GPU its own wheel and two small libraries, with one all of CUDA's as well.
    def _libtorch_parts(self):
        version = self._versions.version("torch")
        if _wants_cuda():
            return (f"libtorch-{version}-cuda", self._versions.bundle("libtorch", "libtorch-cuda"),
                    archives.keep_for_cuda)
        return f"libtorch-{version}-cpu", self._versions.bundle("libtorch"), archives.keep_for_cpu

    def _holds_libtorch(self):
        name, pins, _ = self._libtorch_parts()
        return self._cache.holds(name, pins)

    def provide_libtorch(self):
        given = os.environ.get("DUET_LIBTORCH")
        if given:
            self.libtorch = _checked("DUET_LIBTORCH", given, "include/torch/csrc/api/include/torch/torch.h",
                                     ["lib/libtorch_cpu.so"], "LibTorch that holds include/ and lib/")
            return
        name, pins, keep = self._libtorch_parts()
        self._provide(2, f"LibTorch {self._versions.version('torch')}{' with CUDA' if _wants_cuda() else ''}",
                      name, pins, keep)
        self.libtorch = os.path.join(self._cache.folder, name, "torch")

    def _holds_mujoco(self):
        return self._cache.holds(f"mujoco-{self._versions.version('mujoco')}", self._versions.bundle("mujoco"))

    def provide_mujoco(self):
        given = os.environ.get("DUET_MUJOCO")
        version = self._versions.version("mujoco")
        if given:
            self.mujoco = _checked("DUET_MUJOCO", given, "include/mujoco/mujoco.h",
                                   ["lib/libmujoco.so", f"libmujoco.so.{version}", f"lib/libmujoco.so.{version}"],
                                   "MuJoCo that holds include/ and lib/")
            return
        name = f"mujoco-{version}"
        self._provide(3, f"MuJoCo {version}", name, self._versions.bundle("mujoco"), archives.keep_mujoco)
        self.mujoco = os.path.join(self._cache.folder, name, "mujoco")

    # Box2D: as sources, which the build compiles.
    def _box2d_name(self):
        return f"box2d-{self._versions.version('box2d-py')}"

    def _holds_box2d(self):
        return self._cache.holds(self._box2d_name(), self._versions.bundle("box2d"))

    def provide_box2d(self):
        given = os.environ.get("DUET_BOX2D")
        if given:
            self.box2d = _checked("DUET_BOX2D", given, "Box2D/Box2D.h", ["Box2D/Dynamics/b2World.cpp"],
                                  f"box2d-py {self._versions.version('box2d-py')} that holds Box2D/")
            return
        self._provide(4, f"Box2D {self._versions.version('box2d-py')}", self._box2d_name(),
                      self._versions.bundle("box2d"), archives.keep_box2d)
        self.box2d = os.path.join(self._cache.folder, self._box2d_name())

    def _provide(self, number, title, name, pins, keep):
        if self._cache.holds(name, pins):
            return
        if any(pin.kind == "wheel" for pin in pins):
            _check_machine()
        with self._cache.locked():
            if self._cache.holds(name, pins):
                return
            step = self._step(number, f"{title}: downloading {sum(pin.download_mb for pin in pins)} MB")
            self._cache.add_bundle(name, pins, keep, step)
            self._done()

    def _python_name(self):
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return f"tensorboard-{self._versions.tensorboard}-py{version}"

    def _holds_python(self):
        return self._cache.holds(self._python_name(), self._versions.python)

    def provide_python(self):
        if self._holds_python():
            return
        with self._cache.locked():
            if self._holds_python():
                return
            step = self._step(5, "Python packages for the tests")
            self._cache.add_python(self._python_name(), self._versions.python, step)
            self._done()

    def configure(self):
        before = self.build.configured_with()
        with_tests = self._with_tests or before.get("DUET_BUILD_TESTS") == "ON"
        settings = {
            "DUET_LIBTORCH": self.libtorch,
            "DUET_MUJOCO": self.mujoco,
            "DUET_BOX2D": self.box2d,
            "DUET_CUDA": "ON" if _wants_cuda() else "OFF",
            "DUET_BUILD_TESTS": "ON" if with_tests else "OFF",
            "DUET_BUILD_BENCHMARKS": "ON" if with_tests else "OFF",
        }
        if with_tests:
            settings["DUET_TEST_PYTHON"] = sys.executable
            settings["DUET_TEST_PYTHONPATH"] = os.path.join(self._cache.folder, self._python_name())
        if before != settings:
            self._step(self._step_count - 1, "configuring")
            self.build.configure(settings)
            self._done()

    def make(self, targets):
        if self.build.is_current(targets):
            return
        step = self._step(self._step_count, "building")
        remarks = self.build.run(targets, step)
        self._done()
        print_remarks(remarks, 200)


def _cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "duet")


def _wants_cuda():
    """A driver is here; DUET_CUDA=1 or 0 decides where set. The launcher and CMake look at the same."""
    asked = os.environ.get("DUET_CUDA", "")
    if asked not in ("", "0", "1"):
        raise SetupError(f"DUET_CUDA is '{asked}'; it may be 1 (with CUDA), 0 (without) or unset (as found)")
    found = any(map(os.path.exists, ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg")))
    return asked == "1" or (found and asked != "0")


def _check_machine():
    if platform.machine() != "x86_64":
        raise SetupError(f"this machine is {platform.machine()}, the pinned libraries are for x86_64; set "
                         "DUET_LIBTORCH and DUET_MUJOCO to installations for this machine")


def _checked(variable, folder, header, files, what):
    folder = os.path.abspath(folder)
    if not os.path.isfile(os.path.join(folder, header)):
        raise SetupError(f"{variable}={folder} has no {header}; set it to the folder of {what}, "
                         "or unset it to download one")
    if not any(os.path.exists(os.path.join(folder, name)) for name in files):
        raise SetupError(f"{variable}={folder} has no {files[0]}; set it to the folder of {what}, "
                         "or unset it to download one")
    return folder


def _open_build_folder():
    """Opens the log and takes the checkout's lock; the lock ends with the returned file."""
    folder = os.path.join(ROOT, "build")
    try:
        os.makedirs(folder, exist_ok=True)
        lock = open(os.path.join(folder, "setup.lock"), "w", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another ./duet is setting up this checkout; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        process.LOG = open(os.path.join(folder, "setup.log"), "w", encoding="utf-8")
    except OSError as error:
        raise SetupError(f"cannot write to {folder} ({error.strerror}); clone Duet to a folder that you may "
                         "write to") from None
    return lock


def _remember(setup, key):
    """Tells the launcher that it may start the program by itself while nothing changes."""
    ready = os.path.join(setup.build.folder, "duet.ready")
    with open(ready + ".new", "w", encoding="utf-8") as file:
        file.write("\n".join([key, setup.libtorch, setup.mujoco, setup.box2d]) + "\n")
    os.replace(ready + ".new", ready)


def _set_up(setup, key, command):
    setup.install_packages()
    setup.provide_libtorch()
    setup.provide_mujoco()
    setup.provide_box2d()
    if command in ("test", "setup"):
        setup.provide_python()
    if command == "setup":
        return
    setup.configure()
    if command == "test":
        setup.make([])
    else:
        setup.make(["duet"])
        _remember(setup, key)


def _continue(setup, command, arguments):
    """Runs the tests, or becomes the program."""
    sys.stdout.flush()
    if command == "setup":
        say("everything is installed")
        sys.exit(0)
    if command == "test":
        jobs = min(2, len(os.sched_getaffinity(0)))
        ctest = ["ctest", "--test-dir", setup.build.folder, "--output-on-failure", "--no-tests=error",
                 f"-j{jobs}", *arguments[1:]]
        log = skips.Log(setup.build.folder)
        status = process.run_in_front(ctest)
        log.report()
        sys.exit(status)
    os.execv(setup.build.program, [setup.build.program, *arguments])


def main():
    key, *arguments = sys.argv[1:]
    command = arguments[0] if arguments else ""
    setup = None
    try:
        with _open_build_folder():
            setup = Setup(with_tests=command in ("test", "setup"))
            _set_up(setup, key, command)
        _continue(setup, command, arguments)
    except SetupError as error:
        message = str(error)
    except OSError as error:
        message = f"{error.filename or 'the disk'}: {error.strerror}; see that the folder can be written to and has space"
    except KeyboardInterrupt:
        message = "interrupted; the next start goes on from here"
    if setup:
        setup.give_up_line()
    say(message)
    sys.exit(130 if message.startswith("interrupted") else 2)


main()
