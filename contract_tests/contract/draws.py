"""Valid values of the contract's schemas, drawn from a `random.Random`.

So an example is one integer, its seed: thousands of them take seconds, and a long text costs no more than
a short one.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from random import Random
from typing import Any

import apikley_contract

Schema = dict[str, Any]
ASTRAL = "\U0001f680"
LETTERS = string.ascii_letters + string.digits + " .,:;!?'\"\\/{}[]<>&%\n\t\0éßñЖшя漢字あ\u200b\u2028\u202e" + ASTRAL
# One of each JSON type.
SAMPLES: dict[str, Any] = {"string": "text", "integer": 7, "number": 1.5, "boolean": True, "array": [], "object": {}}
# Nobody listens there: Prism really calls what it is given, even for a request that it refuses.
_SILENT = ("127.0.0.1:9", "localhost:9", "[::1]:9")


def resolved(schema: Schema) -> Schema:
    """A schema with its reference followed and its `allOf` merged."""
    if "$ref" in schema:
        return resolved(apikley_contract.schemas()["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
    if "allOf" not in schema:
        return schema
    merged: Schema = {key: value for key, value in schema.items() if key != "allOf"}
    for part in map(resolved, schema["allOf"]):
        merged = {
            **merged,
            **part,
            "required": [*merged.get("required", []), *part.get("required", [])],
            "properties": {**merged.get("properties", {}), **part.get("properties", {})},
        }
    return merged


def named(name: str) -> Schema:
    """A component schema of the contract, by its name."""
    return resolved({"$ref": f"#/components/schemas/{name}"})


def types(schema: Schema) -> list[str]:
    """The types that a schema allows."""
    kind = schema.get("type", "object" if "properties" in schema else list(SAMPLES))
    return [kind] if isinstance(kind, str) else kind


def value(schema: Schema, random: Random, needed: list[str] | None = None) -> Any:
    """A valid value.

    Args:
        schema: What it has to be.
        random: Where its content comes from.
        needed: Names of properties, from the outside in, that have to be there.
    """
    schema = resolved(schema)
    if "enum" in schema:
        return random.choice(schema["enum"])
    if choices := schema.get("oneOf") or schema.get("anyOf"):
        return value(random.choice(choices), random, needed)
    kind = random.choice([kind for kind in types(schema) if kind != "null" or not needed])
    return _object(schema, random, needed or []) if kind == "object" else _OF_TYPE[kind](schema, random)


def text(random: Random, length: int) -> str:
    """So many characters of all kinds."""
    return "".join(random.choices(LETTERS, k=length))


def uri(random: Random) -> str:
    """A URI of http or https, on this machine, where nobody listens."""
    path = "/".join(random.choice(["cb", "a-b", "%20", "~x", "1", ""]) for _ in range(random.randint(0, 3)))
    query = random.choice(["", "?job=7", "?a=%C3%A9&b=", "#part"])
    return f"{random.choice(['http', 'https'])}://{random.choice(_SILENT)}/{path}{query}"


def _object(schema: Schema, random: Random, needed: list[str]) -> dict[str, Any]:
    made = {}
    for name, part in schema.get("properties", {}).items():
        follow = needed[1:] if needed[:1] == [name] else None
        if follow is not None or name in schema.get("required", []) or random.random() < 0.7:
            made[name] = value(part, random, follow)
    return made


def _string(schema: Schema, random: Random) -> str:
    if schema.get("format") == "uri":
        return uri(random)
    if "pattern" in schema:
        return "/".join(random.choice(["a", "b-c", "д", "2026", "x y"]) for _ in range(random.randint(1, 3)))
    most = schema.get("maxLength", 60)
    return text(random, min(most, random.choice([0, 1, 3, 12, 60, most // 2])))


def _integer(schema: Schema, random: Random) -> int:
    return random.randint(schema.get("minimum", -(2**31)), schema.get("maximum", 2**31))


def _number(_: Schema, random: Random) -> float:
    return random.choice([random.randint(0, 10_000), round(random.uniform(0, 1e4), random.randint(0, 6))])


_OF_TYPE: dict[str, Callable[[Schema, Random], Any]] = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": lambda _, random: random.random() < 0.5,
    "array": lambda schema, random: [value(schema.get("items", {}), random) for _ in range(random.randint(0, 3))],
    "null": lambda *_: None,
}
