"""LibTorch, MuJoCo, Box2D and the tests' Python packages: out of pinned archives into the user's cache.

A folder in the cache is complete from the moment it has its name: all work happens in `tmp.*` folders
beside it, under a lock, and one rename ends it. Downloaded archives wait in `downloads/` until unpacked,
so that an interrupted set-up goes on where it was.
"""

import contextlib
import fcntl
import glob
import hashlib
import os
import shutil
import sys
import tarfile
import tempfile
import time
import zipfile

import process
from console import SetupError, say
from versions import fingerprint

PLATFORMS = ["manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_25_x86_64",
             "manylinux_2_18_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64",
             "manylinux_2_12_x86_64", "manylinux2010_x86_64", "manylinux_2_5_x86_64", "manylinux1_x86_64"]
# Where pip looks for setuptools when it asks a source distribution for its name and version.
BUILD_SYSTEM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "build_system")
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

    def add_bundle(self, name, archives, keep, step):
        self._need_space(sum(archive.unpacked_mb + (0 if self._downloaded(archive) else 2 * archive.download_mb)
                             for archive in archives))
        total = sum(archive.download_mb for archive in archives)
        before = 0
        files = []
        for archive in archives:
            files.append(self._download(archive, lambda mb, base=before: step.progress(0.9 * (base + mb) / total)))
            before += archive.download_mb
        with self._filling(name, archives) as work:
            for number, file in enumerate(files):
                step.progress(0.9 + 0.1 * number / len(files))
                _unpack(file, work, keep)
        for file in files:
            shutil.rmtree(os.path.dirname(file), ignore_errors=True)

    def add_python(self, name, requirements, step):
        self._need_space(350)
        with self._filling(name, requirements) as work:
            listing = os.path.join(work, "requirements.txt")
            with open(listing, "w", encoding="utf-8") as file:
                file.write("\n".join(requirements) + "\n")
            with self._temporary() as temporary:
                arguments = ["install", "--no-compile", "--only-binary=:all:", "--target", work, "-r", listing]
                status, output = _pip(arguments, temporary)
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

    def _downloaded(self, archive):
        found = glob.glob(os.path.join(self.folder, "downloads", archive.sha256, "*"))
        return found[0] if found else None

    def _download(self, archive, progress):
        """The archive's file, checked, from `downloads/` or through pip."""
        file = self._downloaded(archive)
        if file and _sha256(file) == archive.sha256:
            return file
        final = os.path.join(self.folder, "downloads", archive.sha256)
        shutil.rmtree(final, ignore_errors=True)
        with self._temporary() as temporary:
            listing = os.path.join(temporary, "requirements.txt")
            with open(listing, "w", encoding="utf-8") as out:
                out.write(f"{archive.name}=={archive.version} --hash=sha256:{archive.sha256}\n")
            target = os.path.join(temporary, "archive")
            options, variables = _source_options() if archive.kind == "source" else _wheel_options()
            status, output = _pip(["download", "--dest", target, *options, "-r", listing], temporary,
                                  lambda size: progress(min(size / 1e6, archive.download_mb)), **variables)
            if status != 0:
                raise process.failed(f"downloading {archive.name} {archive.version}", output)
            files = glob.glob(os.path.join(target, "*"))
            if len(files) != 1 or _sha256(files[0]) != archive.sha256:
                raise SetupError(f"downloading {archive.name} {archive.version} failed: the file does not match its "
                                 "pinned checksum; start again, and if it stays so look at your package mirror")
            os.rename(target, final)
        return self._downloaded(archive)


def _wheel_options():
    options = ["--only-binary=:all:", "--python-version", "3.11", "--implementation", "cp"]
    for platform in PLATFORMS:
        options += ["--platform", platform]
    return options, {}


def _source_options():
    """pip asks a source distribution's build system, which is setuptools, for its name and version. Ours is
    found first: it reads them and runs nothing of the distribution, nor is a build environment downloaded."""
    search_path = [BUILD_SYSTEM] + [path for path in [os.environ.get("PYTHONPATH")] if path]
    variables = {"PYTHONPATH": os.pathsep.join(search_path), "PYTHONDONTWRITEBYTECODE": "1", "PIP_USE_PEP517": "1"}
    return ["--no-binary=:all:", "--no-build-isolation"], variables


def have_pip():
    return process.run([sys.executable, "-m", "pip", "--version"])[0] == 0


def _pip(arguments, temporary, on_size=None, **variables):
    """Runs pip on pinned archives only, its temporary files in `temporary`, whose size is the progress."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--no-cache-dir",
               *arguments, "--no-deps", "--require-hashes", "--progress-bar", "off", "--retries", "3"]
    environment = dict(os.environ, TMPDIR=temporary, PYTHONUNBUFFERED="1", **variables)
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
    if path.endswith(".tar.gz"):
        _unpack_source(path, folder, keep)
        return
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if not member.is_dir() and keep(member.filename):
                archive.extract(member, folder)


def _unpack_source(path, folder, keep):
    """The files to keep, without the folder `name-version/` that a source distribution has on top."""
    with tarfile.open(path) as archive:
        for member in archive:
            name = member.name.partition("/")[2]
            if member.isfile() and keep(name):
                target = os.path.join(folder, name)
                os.makedirs(os.path.dirname(target), exist_ok=True)
                with archive.extractfile(member) as source, open(target, "wb") as out:
                    shutil.copyfileobj(source, out)


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


def keep_box2d(name):
    """The C++ sources and the two licences: the distribution's and the engine's own."""
    return name == "LICENSE" or (name.startswith("Box2D/") and name.endswith((".h", ".cpp", "License.txt")))


def _is_licence(name):
    return ".dist-info/" in name and any(word in name.upper() for word in ("LICENSE", "NOTICE"))
