"""What a person sees while Duet sets itself up: one line per step on stderr, one line per error."""

import os
import sys
import time


class SetupError(Exception):
    """Ends the set-up with one line that says what to do."""


class Step:
    """One line `[2/5] text … 40 %`, rewritten in place on a terminal, continued elsewhere."""

    def __init__(self, number, total, text):
        self._head = f"[{number}/{total}] {text} … "
        self._started = time.monotonic()
        self._terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._last = None
        self._next_mark = 0.2
        self._write(self._head)

    def progress(self, fraction, text=None):
        """`text` replaces the percentage; where lines cannot be rewritten, every fifth part is told."""
        text = text or f"{int(100 * fraction)} %"
        if self._terminal:
            if text != self._last:
                self._write("\r\033[K" + self._head + text)
        elif fraction >= self._next_mark:
            self._next_mark = 0.2 * (int(fraction / 0.2 + 1e-9) + 1)
            self._write(text + ", ")
        self._last = text

    def done(self, text="done"):
        seconds = time.monotonic() - self._started
        if self._terminal:
            self._write("\r\033[K" + self._head)
        self._write(f"{text} ({seconds:.0f} s)\n")

    def broken(self):
        self._write("\n")

    @staticmethod
    def _write(text):
        sys.stderr.write(text)
        sys.stderr.flush()


def say(text):
    sys.stderr.write(f"duet: {text}\n")
    sys.stderr.flush()
