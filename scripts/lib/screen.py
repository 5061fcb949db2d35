"""What the demo shows: lines that stay, and below them a picture that is drawn anew; plain lines off a terminal."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time

from table import ESCAPES, width

COLOURS = {"green": "32", "yellow": "33", "red": "31", "bold": "1", "dim": "2"}
# Off a terminal the picture is printed only when something in it changed, and not more often than this.
PLAIN_EVERY_SECONDS = 0.5


class Screen:
    def __init__(self):
        self.tty = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self.coloured = self.tty and "NO_COLOR" not in os.environ
        self._lock = threading.Lock()
        self._drawn = 0
        self._picture: list[str] = []
        self._shape: object = None
        self._printed = 0.0

    def paint(self, text: str, *styles: str) -> str:
        if not self.coloured or not styles:
            return text
        return f"\x1b[{';'.join(COLOURS[style] for style in styles)}m{text}\x1b[0m"

    def log(self, text: str = "") -> None:
        """A line that stays."""
        with self._lock:
            self._write(self._erase() + text + "\n" + self._draw())

    def show(self, lines: list[str], shape: object) -> None:
        """The picture. Off a terminal it is printed when `shape` is another than the last time."""
        with self._lock:
            if self.tty:
                erase = self._erase()
                self._picture = lines
                self._write(erase + self._draw())
            elif shape != self._shape and time.monotonic() - self._printed > PLAIN_EVERY_SECONDS:
                self._shape = shape
                self._printed = time.monotonic()
                self._write("\n".join([*lines, ""]) + "\n")

    def close(self, keep: bool = True) -> None:
        """Ends the picture; `keep`: what it shows now stays."""
        with self._lock:
            if not keep:
                self._write(self._erase())
            self._drawn = 0
            self._picture = []

    def _erase(self) -> str:
        return f"\x1b[{self._drawn}A\r\x1b[J" if self._drawn else ""

    def _draw(self) -> str:
        # A line that wraps would take two, and one too many would scroll: the next erasing would miss both.
        columns, rows = shutil.get_terminal_size()
        lines = [line if width(line) < columns else ESCAPES.sub("", line)[: columns - 1] for line in self._picture]
        lines = lines[: max(0, rows - 2)]
        self._drawn = len(lines)
        return "".join(line + "\n" for line in lines)

    @staticmethod
    def _write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()
