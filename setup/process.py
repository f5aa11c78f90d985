"""Child processes: they die with the set-up, write to its log, and their failures become one line."""

import ctypes
import os
import re
import signal
import subprocess

from console import SetupError

LOG = None  # the open log file, set by main

# The first pattern found in what a failed tool wrote names the cause.
CAUSES = [
    (r"No space left on device|You don't have enough free space|Disk quota exceeded",
     "the disk is full; free some space and start again"),
    (r"DO NOT MATCH THE HASHES|Hash Sum mismatch",
     "a download does not match its pinned checksum; start again, and if it stays so look at your package mirror"),
    (r"Temporary failure in name resolution|Temporary failure resolving|Could not resolve|Name or service not known"
     r"|Failed to establish a new connection|Network is unreachable|ConnectTimeout|Could not connect"
     r"|Connection refused|Connection broken|IncompleteRead|Read timed out|ReadTimeoutError|ProxyError"
     r"|Connection timed out|Unable to connect",
     "no network; connect this machine (or set its proxy) and start again"),
    (r"CERTIFICATE_VERIFY_FAILED|SSLError",
     "the package server's certificate is not trusted; install ca-certificates or set PIP_CERT"),
    (r"No matching distribution found for (\S+)", "the package index of pip's configuration has no {0}"),
    (r"Unable to locate package (\S+)|Package '?(\S+?)'? has no installation candidate",
     "this distribution has no package {0}; Debian 12 and Ubuntu 22.04 or newer are supported"),
    (r"Could not get lock|Unable to acquire the dpkg frontend lock",
     "another apt is running; wait for it and start again"),
    (r"a password is required|a terminal is required|is not in the sudoers file|may not run sudo",
     "sudo is not allowed here"),
    (r"Permission denied|Read-only file system", "permission denied"),
    (r"Killed signal terminated program|out of memory|virtual memory exhausted",
     "out of memory; start again with CMAKE_BUILD_PARALLEL_LEVEL=1"),
]


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG: a killed set-up leaves nobody behind


def start(command, survive=False, **options):
    """Starts a command whose output goes to a pipe, both streams in one. `survive`: does not die with us (apt)."""
    LOG.write(f"$ {' '.join(command)}\n")
    LOG.flush()
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, **options}
    try:
        return subprocess.Popen(command, stderr=subprocess.STDOUT, text=True, errors="replace",
                                preexec_fn=None if survive else _die_with_parent, **options)
    except FileNotFoundError:
        raise SetupError(f"{command[0]} is not installed, or not on PATH") from None


def run(command, on_line=None, **options):
    """Runs a command, its output into the log and line by line to `on_line`: (exit status, output)."""
    lines = []
    with start(command, **options) as process:
        for line in process.stdout:
            LOG.write(line)
            lines.append(line)
            if on_line:
                on_line(line.rstrip("\n"))
    LOG.flush()
    return process.returncode, "".join(lines)


def run_in_front(command):
    """Runs a command on our terminal and returns its exit status. Ctrl-C is the command's to answer."""
    with subprocess.Popen(command, preexec_fn=_die_with_parent) as process:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        status = process.wait()
        signal.signal(signal.SIGINT, before)
    return status if status >= 0 else 128 - status


def cause(output):
    """What went wrong, in words, with what to do; the last words of the output where it is unknown."""
    for pattern, text in CAUSES:
        match = re.search(pattern, output)
        if match:
            return text.format(*[group for group in match.groups() if group])
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for pattern in (r"^(E|ERROR): (?!Can not write log)", r"\berror:", r"error"):
        errors = [line for line in lines if re.search(pattern, line, re.IGNORECASE)]
        if errors:
            return errors[0][:200]
    return lines[-1][:200] if lines else "it said nothing"


def failed(what, output):
    return SetupError(f"{what} failed: {cause(output)} (log: {os.path.relpath(LOG.name)})")
