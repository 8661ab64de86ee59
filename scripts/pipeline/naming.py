"""Python names for models."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Mapping
from typing import Any

from openapi_python_client.strings import pascal_case

import apikley
from scripts.pipeline.issues import Issue

# Names of methods and variables in generated classes.
_RESERVED = {"additional_properties", "additional_keys", "to_dict", "from_dict", "to_multipart"}
_RESERVED |= {"self", "cls", "d", "src_dict", "field_dict"}


def class_name(model: str) -> str:
    """Return the class name of a model, as the generator would write it.

    >>> class_name("hailuo/02-image-to-video-pro"), class_name("wan/2-2-a14b"), class_name("3d/cat")
    ('Hailuo02ImageToVideoPro', 'Wan22A14B', 'Model3DCat')
    """
    name = "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", model))
    if not name[:1].isalpha() or keyword.iskeyword(name):
        name = f"Model{name}"
    return str(pascal_case(name))


def check_class_name(place: str, model: str, taken: Mapping[str, str]) -> Iterator[Issue]:
    """Yield why a model's class names cannot be used.

    Args:
        place: The name of the model's page in errors.
        model: The model.
        taken: The page or companion document of each component so far.
    """
    name = class_name(model)
    # Module names are lower case, so class names that differ only in case collide.
    owners = {**dict.fromkeys(apikley.__all__, "the library"), **taken}
    used = {key.casefold(): key for key in owners}
    for component in (name, f"{name}Request"):
        if component.casefold() in used:
            other = used[component.casefold()]
            what = f"the class name {component} of the model {model!r} is taken by {other} of {owners[other]}"
            yield Issue(place, what)


def check_field_names(schema: Any, place: str) -> Iterator[Issue]:
    """Yield the field names in a schema that generated classes cannot have."""
    if isinstance(schema, list):
        for item in schema:
            yield from check_field_names(item, place)
    if not isinstance(schema, dict):
        return
    for name, item in schema.get("properties", {}).items():
        if re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower() in _RESERVED:
            yield Issue(place, f"the field name {name!r} is reserved by generated classes")
        yield from check_field_names(item, f"{place}/{name}")
    for key in ("items", "allOf", "anyOf", "oneOf", "additionalProperties"):
        yield from check_field_names(schema.get(key), f"{place}/{key}")
