"""LibTorch, MuJoCo and the tests' Python packages: out of pinned wheels into the user's cache.

A folder in the cache is complete from the moment it has its name: all work happens in `tmp.*` folders
beside it, under a lock, and one rename ends it. Downloaded wheels wait in `downloads/` until unpacked,
so that an interrupted set-up goes on where it was.
"""

import contextlib
import fcntl
import glob
import hashlib
import os
import shutil
import sys
import tempfile
import time
import zipfile

import process
from console import SetupError, say
from versions import fingerprint

PLATFORMS = ["manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_25_x86_64",
             "manylinux_2_18_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64",
             "manylinux_2_12_x86_64", "manylinux2010_x86_64", "manylinux_2_5_x86_64", "manylinux1_x86_64"]
PINS = "pins"  # in every complete folder: the fingerprint of what it was made from


class Cache:
    def __init__(self, folder):
        self.folder = folder

    def holds(self, name, pins):
        try:
            with open(os.path.join(self.folder, name, PINS), encoding="utf-8") as file:
                return file.read() == fingerprint(pins)
        except OSError:
            return False

    @contextlib.contextmanager
    def locked(self):
        """One set-up at a time per cache; who comes second waits, then finds the work done."""
        try:
            os.makedirs(os.path.join(self.folder, "downloads"), exist_ok=True)
            lock = open(os.path.join(self.folder, "lock"), "w", encoding="utf-8")
        except OSError as error:
            raise SetupError(f"cannot write to {self.folder} ({error.strerror}); "
                             "set XDG_CACHE_HOME to a folder that you may write to") from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("another set-up is filling the cache; waiting for it")
                fcntl.flock(lock, fcntl.LOCK_EX)
            for leftover in glob.glob(os.path.join(self.folder, "tmp.*")):
                shutil.rmtree(leftover, ignore_errors=True)
            yield

    @contextlib.contextmanager
    def _filling(self, name, pins):
        """A temporary folder that becomes `name` when the block ends well."""
        work = tempfile.mkdtemp(prefix="tmp.", dir=self.folder)
        try:
            os.chmod(work, 0o755)
            yield work
            with open(os.path.join(work, PINS), "w", encoding="utf-8") as file:
                file.write(fingerprint(pins))
            os.sync()
            final = os.path.join(self.folder, name)
            if os.path.exists(final):  # made from other pins
                os.rename(final, tempfile.mkdtemp(prefix="tmp.", dir=self.folder) + "/old")
            os.rename(work, final)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def add_bundle(self, name, wheels, keep, step):
        self._need_space(sum(wheel.unpacked_mb + (0 if self._downloaded(wheel) else 2 * wheel.download_mb)
                             for wheel in wheels))
        total = sum(wheel.download_mb for wheel in wheels)
        before = 0
        files = []
        for wheel in wheels:
            files.append(self._download(wheel, lambda mb, base=before: step.progress(0.9 * (base + mb) / total)))
            before += wheel.download_mb
        with self._filling(name, wheels) as work:
            for number, file in enumerate(files):
                step.progress(0.9 + 0.1 * number / len(files))
                _unpack(file, work, keep)
        for file in files:
            shutil.rmtree(os.path.dirname(file), ignore_errors=True)

    def add_python(self, name, requirements, step):
        self._need_space(250)
        with self._filling(name, requirements) as work:
            listing = os.path.join(work, "requirements.txt")
            with open(listing, "w", encoding="utf-8") as file:
                file.write("\n".join(requirements) + "\n")
            with self._temporary() as temporary:
                status, output = _pip(["install", "--no-compile", "--target", work, "-r", listing], temporary)
            if status != 0:
                raise process.failed("installing the tests' Python packages", output)

    @contextlib.contextmanager
    def _temporary(self):
        folder = tempfile.mkdtemp(prefix="tmp.", dir=self.folder)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _need_space(self, megabytes):
        free = shutil.disk_usage(self.folder).free // 10**6
        if free < megabytes:
            raise SetupError(f"{self.folder} needs {megabytes} MB and has {free} MB free; "
                             "free some space, or set XDG_CACHE_HOME to a folder on a larger disk")

    def _downloaded(self, wheel):
        found = glob.glob(os.path.join(self.folder, "downloads", wheel.sha256, "*.whl"))
        return found[0] if found else None

    def _download(self, wheel, progress):
        """The wheel's file, checked, from `downloads/` or through pip."""
        file = self._downloaded(wheel)
        if file and _sha256(file) == wheel.sha256:
            return file
        final = os.path.join(self.folder, "downloads", wheel.sha256)
        shutil.rmtree(final, ignore_errors=True)
        with self._temporary() as temporary:
            listing = os.path.join(temporary, "requirements.txt")
            with open(listing, "w", encoding="utf-8") as out:
                out.write(f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}\n")
            target = os.path.join(temporary, "wheel")
            arguments = ["download", "--dest", target, "--python-version", "3.11", "--implementation", "cp"]
            for platform in PLATFORMS:
                arguments += ["--platform", platform]
            status, output = _pip([*arguments, "-r", listing], temporary,
                                  lambda size: progress(min(size / 1e6, wheel.download_mb)))
            if status != 0:
                raise process.failed(f"downloading {wheel.name} {wheel.version}", output)
            files = glob.glob(os.path.join(target, "*.whl"))
            if len(files) != 1 or _sha256(files[0]) != wheel.sha256:
                raise SetupError(f"downloading {wheel.name} {wheel.version} failed: the file does not match its "
                                 "pinned checksum; start again, and if it stays so look at your package mirror")
            os.rename(target, final)
        return self._downloaded(wheel)


def have_pip():
    return process.run([sys.executable, "-m", "pip", "--version"])[0] == 0


def _pip(arguments, temporary, on_size=None):
    """Runs pip on pinned wheels only, its temporary files in `temporary`, whose size is the progress."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--no-cache-dir",
               *arguments, "--no-deps", "--only-binary=:all:", "--require-hashes", "--progress-bar", "off",
               "--retries", "3"]
    environment = dict(os.environ, TMPDIR=temporary, PYTHONUNBUFFERED="1")
    output_path = os.path.join(temporary, "pip.log")
    with open(output_path, "w+", encoding="utf-8", errors="replace") as output:
        child = process.start(command, env=environment, stdout=output)
        while child.poll() is None:
            time.sleep(0.2)
            if on_size:
                on_size(_size(temporary))
        output.seek(0)
        text = output.read()
    process.LOG.write(text)
    process.LOG.flush()
    return child.returncode, text


def _size(folder):
    """Bytes of the largest file under the folder: the download in progress."""
    largest = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                largest = max(largest, os.path.getsize(os.path.join(parent, name)))
    return largest


def _sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 22), b""):
            digest.update(block)
    return digest.hexdigest()


def _unpack(path, folder, keep):
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if not member.is_dir() and keep(member.filename):
                archive.extract(member, folder)


def keep_for_cpu(name):
    """Of the LibTorch wheels without a GPU: headers, the three libraries, the licences."""
    top, base = name.split("/")[0], os.path.basename(name)
    if _is_licence(name):
        return True
    if top == "torch":
        return name.startswith("torch/include/") or base in ("libc10.so", "libtorch_cpu.so", "libgomp.so.1")
    return base.startswith(("libcudart.so", "libcupti.so"))


def keep_for_cuda(name):
    """With a GPU: every library but Python's."""
    if _is_licence(name) or name.startswith(("torch/include/", "nvidia/cu13/include/")):
        return True
    base = os.path.basename(name)
    return ".so" in base and name.startswith(("torch/lib/", "nvidia/")) and "libtorch_python" not in base


def keep_mujoco(name):
    base = os.path.basename(name)
    return _is_licence(name) or name.startswith("mujoco/include/") or base.startswith("libmujoco.so")


def _is_licence(name):
    return ".dist-info/" in name and any(word in name.upper() for word in ("LICENSE", "NOTICE"))
