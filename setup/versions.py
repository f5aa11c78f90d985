"""Reads versions.txt, the one file of pins."""

import hashlib
import os
from collections import namedtuple

# `kind`: wheel, or source for a source distribution.
Archive = namedtuple("Archive", "kind bundle name version download_mb unpacked_mb sha256")

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "versions.txt")


class Versions:
    def __init__(self, path=FILE):
        self.packages = {}  # group -> names
        self.archives = []
        self.python = []  # lines of a requirements file
        self.tensorboard = ""
        with open(path, encoding="utf-8") as file:
            for line in file:
                kind, *words = line.split("#")[0].split() or [""]
                if kind == "package":
                    self.packages.setdefault(words[0], []).extend(words[1:])
                elif kind in ("wheel", "source"):
                    self.archives.append(Archive(kind, *words[:3], int(words[3]), int(words[4]), words[5]))
                elif kind == "python":
                    name, pin, *hashes = words
                    version, _, marker = pin.partition(";")
                    condition = f" ; {marker}" if marker else ""
                    self.python.append(f"{name}=={version}{condition}" +
                                       "".join(f" --hash=sha256:{value}" for value in hashes))
                    if name == "tensorboard":
                        self.tensorboard = version

    def bundle(self, *names):
        return [archive for archive in self.archives if archive.bundle in names]

    def version(self, name):
        return next(archive.version for archive in self.archives if archive.name == name)


def fingerprint(pins):
    """Of archives or requirement lines: changes when what would be installed changes."""
    words = [pin if isinstance(pin, str) else f"{pin.name}=={pin.version} {pin.sha256}" for pin in pins]
    return hashlib.sha256("\n".join(words).encode()).hexdigest()
