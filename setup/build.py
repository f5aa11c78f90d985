"""Configures and builds `build/release` with CMake and Ninja, the progress in one line each."""

import json
import os
import re
import shutil

import process


class Build:
    def __init__(self, root):
        self._root = root
        self.folder = os.path.join(root, "build", "release")
        self._settings_file = os.path.join(self.folder, "duet.configured")
        self.program = os.path.join(self.folder, "bin", "duet")

    def configured_with(self):
        """The settings of the last finished configuration; {} where there is none."""
        try:
            with open(self._settings_file, encoding="utf-8") as file:
                settings = json.load(file)
            complete = os.path.exists(os.path.join(self.folder, "build.ninja"))
            return settings if complete and not self._is_of_another_checkout() else {}
        except (OSError, ValueError):
            return {}

    def configure(self, settings):
        if self._is_of_another_checkout():
            shutil.rmtree(self.folder)
        if os.path.exists(self._settings_file):
            os.remove(self._settings_file)
        definitions = [f"-D{name}={value}" for name, value in settings.items()]
        status, output = process.run(["cmake", "--preset", "release", *definitions], cwd=self._root)
        if status != 0:
            raise process.failed("configuring", _cmake_error(output))
        with open(self._settings_file, "w", encoding="utf-8") as file:
            json.dump(settings, file)

    def _is_of_another_checkout(self):
        """A copied or moved checkout brings a build folder that CMake refuses."""
        try:
            with open(os.path.join(self.folder, "CMakeCache.txt"), encoding="utf-8") as file:
                home = re.search(r"^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$", file.read(), re.MULTILINE)
        except OSError:
            return False
        return not home or os.path.realpath(home.group(1)) != os.path.realpath(self._root)

    def is_current(self, targets):
        return "no work to do" in process.run(["ninja", "-C", self.folder, "-n", *targets])[1]

    def run(self, targets, step):
        """Builds; what the compiler had to say comes after the step's line."""
        remarks = []

        def show(line):
            match = re.match(r"\[(\d+)/(\d+)\] ", line)
            if match:
                finished, total = int(match.group(1)), int(match.group(2))
                step.progress(finished / total, f"{finished}/{total}")
            elif not re.match(r"-- |ninja: (?!error)", line):
                remarks.append(line)

        command = ["ninja", "-C", self.folder, f"-j{_jobs()}", *targets]
        environment = dict(os.environ, NINJA_STATUS="[%f/%t] ")
        status, output = process.run(command, on_line=show, env=environment)
        if status != 0:
            step.broken()
            print_remarks(remarks, 60)
            raise process.failed("building", "\n".join(remarks))
        return remarks


def print_remarks(remarks, most):
    for line in remarks[:most]:
        os.write(2, (line + "\n").encode())


def _cmake_error(output):
    """CMake's own first error in one line."""
    match = re.search(r"CMake Error[^\n]*\n(.*?)\n\s*\n(?:\S|\n|Call|$)", output, re.DOTALL)
    if not match:
        return output
    return "error: " + " ".join(match.group(1).split())


def _jobs():
    """As many compilers as cores, fewer where memory is short: one needs up to 1.5 GB with LibTorch."""
    asked = os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    cores = len(os.sched_getaffinity(0))
    with open("/proc/meminfo", encoding="utf-8") as file:
        match = re.search(r"MemAvailable:\s*(\d+) kB", file.read())
    gigabytes = int(match.group(1)) / 1e6 if match else 1.5 * cores
    return max(1, min(cores, int(gigabytes / 1.5)))
