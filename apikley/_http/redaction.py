"""Keeps the key out of what came back: a service or a proxy may quote it, and errors quote them."""

from __future__ import annotations

import re

from apikley._http.envelope import Answer

BLOT = "***"
# A shorter one is no secret, and could be a part of the answer's own words.
_SHORTEST = 8


class Secret:
    """A key that must not be seen.

    Args:
        key: The key, printable ASCII.
    """

    def __init__(self, key: str) -> None:
        spelled = "".join(map(_spellings, key)) if len(key) >= _SHORTEST else r"(?!)"
        self._in_text = re.compile(spelled)
        self._in_bytes = re.compile(spelled.encode())

    def blotted(self, answer: Answer) -> Answer:
        """The answer without the key: in its body, and in its headers, whose names are in lower case."""
        headers = {name: self._in_text.sub(BLOT, value) for name, value in answer.headers.items()}
        return Answer(answer.status, headers, self._in_bytes.sub(BLOT.encode(), answer.body))


def _spellings(character: str) -> str:
    """A character as it is, or escaped as in JSON, in JSON within JSON, or in a URL."""
    if character.isalnum() or character in "-._~":
        return re.escape(character)
    return rf"(?:\\*(?:{re.escape(character)}|u00(?i:{ord(character):02x}))|%(?i:{ord(character):02x}))"
