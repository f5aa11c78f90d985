"""Debian packages: finds which are missing and installs only those."""

import os
import re
import shutil
import subprocess
import sys

import process
from console import SetupError, say


def missing(names):
    if not names or not shutil.which("dpkg-query"):
        return []
    answer = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *names],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    installed = {line.split()[0] for line in answer.stdout.splitlines() if line.endswith(" installed")}
    return [name for name in names if name not in installed]


def have_apt():
    return bool(shutil.which("apt-get") and shutil.which("dpkg-query"))


def note_without_apt(names):
    say(f"no apt here; going on as if these were installed: {' '.join(names)}")


def _as_root(names):
    if os.geteuid() == 0:
        return []
    by_hand = f"ask an administrator for: apt-get install {' '.join(names)}"
    if not shutil.which("sudo"):
        raise SetupError(f"packages are missing and there is no sudo; {by_hand}")
    if sys.stdin.isatty():
        return ["sudo"]
    if subprocess.run(["sudo", "-n", "true"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                      stderr=subprocess.DEVNULL).returncode != 0:
        raise SetupError(f"packages are missing and sudo wants a password; {by_hand}")
    return ["sudo", "-n"]


class _Apt:
    def __init__(self, names, step):
        self._root = _as_root(names)
        self._step = step

    def __call__(self, *arguments):
        # Descriptor 3 takes apt's status lines: apt closes it to package scripts, which need their output.
        command = [*self._root, "env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8",
                   "sh", "-c", 'exec "$@" 3>&1', "sh", *arguments]
        return process.run(command, on_line=self._show, survive=True,
                           stdin=None if self._root == ["sudo"] else subprocess.DEVNULL)

    def _show(self, line):
        """apt's status lines: dlstatus:package:percent:… while loading, pmstatus: while installing."""
        match = re.match(r"(dl|pm)status:[^:]*:([0-9.]+):", line)
        if match:
            half = float(match.group(2)) / 200
            self._step.progress(half if match.group(1) == "dl" else 0.5 + half)


def install(names, optional, step):
    """Installs all of `names`, and those of `optional` that the distribution has."""
    apt = _Apt(names + optional, step)
    if names:
        apt("apt-get", "update")  # fails where one of many sources is away: the install will tell
    have = [name for name in optional if process.run(["apt-cache", "show", name])[0] == 0]
    if not names + have:
        return
    command = ["apt-get", "install", "-y", "--no-install-recommends", "-o", "APT::Status-Fd=3",
               "-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3", *names, *have]
    status, output = apt(*command)
    if status != 0 and "dpkg --configure -a" in output:
        apt("dpkg", "--configure", "-a")  # an earlier installation was interrupted
        status, output = apt(*command)
    if status != 0:
        raise process.failed("installing Debian packages", output)
