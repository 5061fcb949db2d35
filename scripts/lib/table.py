"""Tables for people."""

from __future__ import annotations

import re
import unicodedata

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def width(text: str) -> int:
    """Columns that `text` takes on a terminal."""
    plain = ESCAPES.sub("", text)
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in plain)


def render(head: list[str], rows: list[list[str]], right: set[int] = frozenset()) -> list[str]:
    """Lines of a table: columns as wide as their content, those in `right` aligned to the right."""
    widths = [max(width(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(cells: list[str]) -> str:
        padded = []
        for i, cell in enumerate(cells):
            blanks = " " * (widths[i] - width(cell))
            padded.append(blanks + cell if i in right else cell + blanks)
        return "  ".join(padded).rstrip()

    return [line(head), line(["─" * size for size in widths]), *[line(row) for row in rows]]
