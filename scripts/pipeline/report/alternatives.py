"""Matches the alternatives of two `oneOf`, `anyOf` or `allOf`, and names them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scripts.pipeline.report.changes import display
from scripts.pipeline.report.values import is_text

Schema = dict[str, Any]

KEYWORDS = ("oneOf", "anyOf", "allOf")
# Members beside a list of alternatives that do not restrict values.
_ANNOTATIONS = ("default", "deprecated", "nullable", "discriminator")


def wrap_like(schema: Schema, other: Schema) -> Schema:
    """Return the schema as the only alternative of a list, if the other schema is only such a list.

    `X` and `oneOf: [X]` mean the same, so between `X` and `oneOf: [X, Y]` only `Y` is new.
    """
    for key in KEYWORDS:
        if key not in other or key in schema or not all(_is_annotation(each) for each in other if each != key):
            continue
        if "$ref" not in schema:
            annotations = {each: value for each, value in schema.items() if _is_annotation(each)}
            part = {each: value for each, value in schema.items() if each not in annotations}
            return {**annotations, key: [part]}
        if any(_same_reference(schema, part) for part in other[key]):
            return {key: [schema]}
    return schema


def match(old: list[Schema], new: list[Schema]) -> Iterator[tuple[Schema | None, Schema | None, int]]:
    """Yield pairs of alternatives with an index: by reference, then by meaning, then the inline ones in order."""
    left, right = list(enumerate(old)), list(enumerate(new))
    for same in (_same_reference, _same_meaning):
        for index, one in list(left):
            found = next((pair for pair in right if same(one, pair[1])), None)
            if found is not None:
                left.remove((index, one))
                right.remove(found)
                yield one, found[1], found[0]
    inline = [[pair for pair in side if "$ref" not in pair[1]] for side in (left, right)]
    for one_pair, other_pair in list(zip(*inline, strict=False)):
        left.remove(one_pair)
        right.remove(other_pair)
        yield one_pair[1], other_pair[1], other_pair[0]
    yield from ((one, None, index) for index, one in left)
    yield from ((None, other, index) for index, other in right)


def _same_reference(old: Schema, new: Schema) -> bool:
    return "$ref" in old and old["$ref"] == new.get("$ref")


def _same_meaning(old: Schema, new: Schema) -> bool:
    one, other = ({key: value for key, value in part.items() if not is_text(key)} for part in (old, new))
    return one == other


def alternative_name(part: Schema | None, whole: Schema) -> str:
    """Return the name of an alternative: its discriminator value, its component, or itself as JSON."""
    reference = (part or {}).get("$ref", "")
    mapping = whole.get("discriminator", {}).get("mapping", {})
    value = next((value for value, target in mapping.items() if target == reference), "")
    return value or str(reference).rpartition("/")[2] or display(part)


def _is_annotation(key: str) -> bool:
    return key in _ANNOTATIONS or is_text(key)
