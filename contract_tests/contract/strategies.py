"""Bodies drawn from the contract's own schemas: valid ones, and ones that break exactly one rule.

Nothing here names a field, a limit or a code; all of it is read from the contract.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from hypothesis import strategies as st

from contract_tests.contract.draws import ASTRAL, SAMPLES, Schema, named, resolved, text, types, value

__all__ = ["Rule", "bodies", "body", "named", "rules"]

_NO_URIS = ("no uri", "/relative", "//127.0.0.1:9/x", "", "http://127.0.0.1:9/a b", "1http://127.0.0.1:9/")


@dataclass(frozen=True)
class Rule:
    """One rule of the contract that a body can break, or keep at its very edge.

    Attributes:
        name: The JSON Schema keyword, or what is kept (`within maxLength`, `astral within maxLength`, `unknown key`).
        pointer: JSON pointer to the value that it is about.
        valid: Whether a body that shows this rule is valid.
    """

    name: str
    pointer: str
    valid: bool

    def __str__(self) -> str:
        return f"{self.name} {self.pointer or '/'}"

    @property
    def reported(self) -> str:
        """Where validators report it: what is missing has no place of its own."""
        return self.pointer.rpartition("/")[0] if self.name == "required" else self.pointer


def rules(schema: Schema, pointer: str = "") -> Iterator[Rule]:
    """Every rule of a schema and of what it holds."""
    for kind in _foreign_types(schema):
        yield Rule(f"type {kind}", pointer, False)
    for name in _SHOWING:
        valid, keyword = name in _KEPT, name.rpartition(" ")[2]
        if name == "format" and schema.get("format") != "uri":
            continue
        if keyword in schema or (name == "unknown key" and "properties" in schema):
            yield Rule(name, pointer, valid)
    for name, part in schema.get("properties", {}).items():
        required = name in schema.get("required", [])
        yield Rule("required" if required else "left out", f"{pointer}/{name}", not required)
        yield from rules(resolved(part), f"{pointer}/{name}")


def bodies(schema: Schema, rule: Rule | None = None) -> st.SearchStrategy[Any]:
    """Values of a schema: any valid one, or one that shows the rule and breaks nothing else."""
    return st.integers(0, 2**32 - 1).map(lambda seed: body(schema, rule, seed))


def body(schema: Schema, rule: Rule | None, seed: int) -> Any:
    """The body of a seed: the same for everybody who asks."""
    random = Random(seed)  # noqa: S311 - repeatable on purpose
    if rule is None:
        return value(schema, random)
    steps = rule.pointer.split("/")[1:]
    whole = value(schema, random, steps)
    if not steps:
        return _shown(rule, schema, whole, random)
    *outer, last = steps
    holder, place = whole, resolved(schema)
    for step in outer:
        holder, place = holder[step], resolved(place["properties"][step])
    if rule.name in ("required", "left out"):
        del holder[last]
    else:
        holder[last] = _shown(rule, resolved(place["properties"][last]), holder[last], random)
    return whole


def _foreign_types(schema: Schema) -> Iterator[str]:
    kinds = types(schema)
    yield from (kind for kind in SAMPLES if kind not in kinds and not (kind == "integer" and "number" in kinds))
    if "null" not in kinds:
        yield "null"


def _shown(rule: Rule, schema: Schema, valid: Any, random: Random) -> Any:
    if rule.name.startswith("type "):
        return copy.deepcopy(SAMPLES.get(rule.name.removeprefix("type ")))
    return _SHOWING[rule.name](schema, valid, random)


def _enum(schema: Schema, _: Any, random: Random) -> Any:
    known = str(random.choice(schema["enum"]))
    return random.choice([f"{known}-2", known.upper(), "", known[:-1], f" {known}"])


def _unknown_key(_: Schema, valid: Any, random: Random) -> Any:
    return {**valid, random.choice(["extra", "Prompt", "x-y", "ключ", ""]): random.choice([None, 1, {"a": []}])}


# How each rule is shown: the value, from its schema and a valid value. The keyword is the name's last word.
_SHOWING: dict[str, Callable[[Schema, Any, Random], Any]] = {
    "enum": _enum,
    "format": lambda _schema, _valid, random: random.choice(_NO_URIS),
    "pattern": lambda _schema, _valid, random: random.choice(["/a", "a/", "/", ""]),
    "maxLength": lambda schema, _valid, random: text(random, schema["maxLength"] + 1),
    "within maxLength": lambda schema, _valid, random: text(random, schema["maxLength"] - random.randint(0, 1)),
    "astral over maxLength": lambda schema, *_: ASTRAL * (schema["maxLength"] + 1),
    "astral within maxLength": lambda schema, *_: ASTRAL * schema["maxLength"],
    "maximum": lambda schema, *_: schema["maximum"] + 1,
    "within maximum": lambda schema, *_: schema["maximum"],
    "minimum": lambda schema, *_: schema["minimum"] - 1,
    "within minimum": lambda schema, *_: schema["minimum"],
    "unknown key": _unknown_key,
}
_KEPT = ("within maxLength", "astral within maxLength", "within maximum", "within minimum", "unknown key")
