"""Which parts of two `oneOf`, `anyOf` or `allOf` belong together, and what they are called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scripts.pipeline.report.changes import shown
from scripts.pipeline.report.values import is_word

Schema = dict[str, Any]

KEYS = ("oneOf", "anyOf", "allOf")
# What may stand beside a list of parts without being another condition.
_BESIDE = ("default", "deprecated", "nullable", "discriminator")


def wrapped(schema: Schema, other: Schema) -> Schema:
    """The schema as the only part of a list, where the other one is nothing but such a list.

    `X` and `oneOf: [X]` mean the same, so that between `X` and `oneOf: [X, Y]` only `Y` is new.
    """
    for key in KEYS:
        if key not in other or key in schema or not all(_is_beside(each) for each in other if each != key):
            continue
        if "$ref" not in schema:
            beside = {each: value for each, value in schema.items() if _is_beside(each)}
            part = {each: value for each, value in schema.items() if each not in beside}
            return {**beside, key: [part]}
        if any(_one_name(schema, part) for part in other[key]):
            return {key: [schema]}
    return schema


def pairs(old: list[Schema], new: list[Schema]) -> Iterator[tuple[Schema | None, Schema | None, int]]:
    """Alternatives that belong together: those of one name, then those that say the same, then the rest in order."""
    left, right = list(enumerate(old)), list(enumerate(new))
    for same in (_one_name, _one_meaning):
        for index, one in list(left):
            match = next((pair for pair in right if same(one, pair[1])), None)
            if match is not None:
                left.remove((index, one))
                right.remove(match)
                yield one, match[1], match[0]
    plain = [[pair for pair in side if "$ref" not in pair[1]] for side in (left, right)]
    for (_, one), (index, other) in zip(*plain, strict=False):
        yield one, other, index
    paired = min(map(len, plain))
    rest = [[pair for pair in side if pair not in few[:paired]] for side, few in zip((left, right), plain, strict=True)]
    yield from ((one, None, index) for index, one in rest[0])
    yield from ((None, other, index) for index, other in rest[1])


def _one_name(old: Schema, new: Schema) -> bool:
    return "$ref" in old and old["$ref"] == new.get("$ref")


def _one_meaning(old: Schema, new: Schema) -> bool:
    one, other = ({key: value for key, value in part.items() if not is_word(key)} for part in (old, new))
    return one == other


def name(part: Schema | None, whole: Schema) -> str:
    """What an alternative is called: by the value that chooses it, by its component, or by itself."""
    reference = (part or {}).get("$ref", "")
    values = whole.get("discriminator", {}).get("mapping", {})
    chosen_by = next((value for value, target in values.items() if target == reference), "")
    return chosen_by or str(reference).rpartition("/")[2] or shown(part)


def _is_beside(key: str) -> bool:
    return key in _BESIDE or is_word(key)
