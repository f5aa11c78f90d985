"""Which tests were skipped, and why: a skipped test is no failure, so that ctest alone says nothing of it."""

import collections
import os
import re

# GoogleTest: "FILE:LINE: Skipped", the reason, "[  SKIPPED ] SUITE.TEST (0 ms)"; unittest, told to be wordy:
# "test_name (module.Class) ... skipped 'the reason'".
_GOOGLE_TEST = re.compile(r": Skipped\n(?P<reason>(?:(?!\[  ).*\n)*?)\s*\[  SKIPPED \] (?P<name>\S+) \(\d+ ms\)")
_UNITTEST = re.compile(r"^(?P<name>test_\w+) \(.*\) \.\.\. skipped (?P<quote>['\"])(?P<reason>.*)(?P=quote)$",
                       re.MULTILINE)


def find(log):
    """[(test, reason of one line)] of what tests wrote."""
    return [(match["name"], " ".join(match["reason"].split()) or "no reason given")
            for pattern in (_GOOGLE_TEST, _UNITTEST) for match in pattern.finditer(log)]


def _counted(found):
    """{(test without its parameter, reason): how often}"""
    return collections.Counter((re.sub(r"(\.[^/]+)/.*", r"\1", name), reason) for name, reason in found)


class Log:
    """What ctest writes in a build folder. `report` is about what came since the object was made."""

    def __init__(self, build):
        self._path = os.path.join(build, "Testing", "Temporary", "LastTest.log")
        self._before = self._stamp()

    def _stamp(self):
        return os.stat(self._path).st_mtime_ns if os.path.exists(self._path) else None

    def report(self):
        if self._stamp() == self._before:
            return
        with open(self._path, encoding="utf-8", errors="replace") as file:
            found = find(file.read())
        if found:
            print(f"\nSkipped, and why ({len(found)}):")
            for (name, reason), count in _counted(found).items():
                print(f"  {name}{f', {count} times' if count > 1 else ''}: {reason}")
