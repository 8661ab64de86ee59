"""Python names for models and enum values."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Mapping
from typing import Any

import apikley
from scripts.pipeline.issues import Issue

# Names of methods and variables in generated classes.
_RESERVED = {"additional_properties", "additional_keys", "to_dict", "from_dict", "to_multipart"}
_RESERVED |= {"self", "cls", "d", "src_dict", "field_dict"}


def class_name(model: str) -> str:
    """Return the class name of a model.

    >>> class_name("hailuo/02-image-to-video-pro")
    'Hailuo02ImageToVideoPro'
    """
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", model))


def member_name(value: str) -> str:
    """Return the name of an enum member.

    >>> member_name("16:9"), member_name("-1"), member_name("1080p"), member_name("")
    ('VALUE_16_9', 'VALUE_NEGATIVE_1', 'VALUE_1080P', 'EMPTY')
    """
    words = re.sub(r"^-(?=\d)", "NEGATIVE_", value)
    words = re.sub(r"\W+|_+", "_", words).strip("_").upper()
    if not value:
        return "EMPTY"
    return words if value[0].isalpha() else f"VALUE_{words}"


def check_class_name(place: str, model: str, taken: Mapping[str, str]) -> Iterator[Issue]:
    """Yield why a model's class names cannot be used.

    Args:
        place: The name of the model's page in errors.
        model: The model.
        taken: The page or companion document of each component so far.
    """
    name = class_name(model)
    if not name.isidentifier() or keyword.iskeyword(name):
        yield Issue(place, f"the model {model!r} would become the class {name!r}, which is not a Python name")
        return
    # Module names are lower case, so class names that differ only in case collide.
    owners = {**dict.fromkeys(apikley.__all__, "the library"), **taken}
    used = {key.casefold(): key for key in owners}
    for component in (name, f"{name}Request"):
        if component.casefold() in used:
            other = used[component.casefold()]
            what = f"the class name {component} of the model {model!r} is taken by {other} of {owners[other]}"
            yield Issue(place, what)


def name_members(schema: Any, place: str) -> Iterator[Issue]:
    """Name the enum members in a schema after their values; yields unusable values and field names.

    The generator numbers all members if one value is not a Python name, so a new value could rename others.
    """
    if isinstance(schema, list):
        for item in schema:
            yield from name_members(item, place)
    if not isinstance(schema, dict):
        return
    values = schema.get("enum")
    values = [value for value in values if value is not None] if isinstance(values, list) else []
    if values and all(isinstance(value, str) for value in values):
        yield from _name_enum(schema, values, place)
    for name, item in schema.get("properties", {}).items():
        if re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower() in _RESERVED:
            yield Issue(place, f"the field name {name!r} is reserved by generated classes")
        yield from name_members(item, f"{place}/{name}")
    for key in ("items", "allOf", "anyOf", "oneOf", "additionalProperties"):
        yield from name_members(schema.get(key), f"{place}/{key}")


def _name_enum(schema: dict[str, Any], values: list[str], place: str) -> Iterator[Issue]:
    names = [member_name(value) for value in values]
    for name in sorted({name for name in names if names.count(name) > 1}):
        same = [value for value, its_name in zip(values, names, strict=True) if its_name == name]
        yield Issue(place, f"the values {same!r} would all become the member {name}")
    schema["x-enum-varnames"] = names
