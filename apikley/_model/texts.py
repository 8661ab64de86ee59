"""Text that may come from a stranger."""

from __future__ import annotations


def printable(text: str) -> str:
    """Replace characters that control a terminal, change the direction of text or are invisible."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in text)
