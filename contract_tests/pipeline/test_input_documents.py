"""The build accepts any input document or refuses it with the place; it never fails in another way."""

from __future__ import annotations

import contextlib
import copy
import functools
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import apikley_contract
from contract_tests.pipeline.contract_edits import merge_pages, ref
from contract_tests.pipeline.pages import ACME, HAILUO, STUDIO, published_pages
from scripts.pipeline import client, codes, contract, overlay
from scripts.pipeline.checks import validate
from scripts.pipeline.io import OPENAPI, parse_json, parse_yaml, read_document
from scripts.pipeline.issues import SpecError, refuse
from scripts.pipeline.update import Project

_REMOVED = object()
_VALUES: tuple[Any, ...] = (None, [], {}, "x", 5, True, _REMOVED)
_Place = tuple[Any, ...]


def _places(value: Any, at: _Place = ()) -> Iterator[_Place]:
    if at:
        yield at
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, each in steps:
        yield from _places(each, (*at, step))


def _with(document: Any, at: _Place, value: object) -> Any:
    """Return the document with another value at a place."""
    result = copy.deepcopy(document)
    parent = functools.reduce(lambda node, step: node[step], at[:-1], result)
    if value is _REMOVED:
        del parent[at[-1]]
    else:
        parent[at[-1]] = value
    return result


@functools.cache
def _own_documents() -> tuple[dict[str, Any], Any]:
    companions = {path.name: read_document(path) for path in sorted((OPENAPI / "companion").glob("*.yaml"))}
    return companions, read_document(OPENAPI / "overlay.yaml")


def _build(pages: dict[str, Any]) -> None:
    """Build like `contract.build`, but without Redocly."""
    companions, actions = copy.deepcopy(_own_documents())
    built = codes.add_names(overlay.apply(merge_pages(pages, companions), actions, "overlay"), "overlay")
    refuse(validate(built))
    for schema in built["components"]["schemas"].values():
        apikley_contract.draft4(schema)


@pytest.mark.parametrize("model", [ACME, STUDIO])
def test_any_value_at_any_place_is_accepted_or_refused(model: str) -> None:
    pages = published_pages()
    chance = random.Random(20260203)  # noqa: S311 - the same values each time
    accepted = 0
    for at in chance.sample([*_places(pages[model])], 100):
        others = chance.choice(({}, {"other": pages[HAILUO]}))
        page = _with(pages[model], at, chance.choice(_VALUES))
        with contextlib.suppress(SpecError):
            _build({**others, "page": page})
            accepted += 1
    assert accepted


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (("ApiResponse", "properties", "code"), {}, "ApiResponse/properties/code/enum: has no codes"),
        (("ApiResponse", "properties", "msg"), {"$ref": "x"}, "the reference x has no target in this document"),
        (("ApiResponse", "properties", "msg"), ref("ApiResponse"), "ApiResponse is circular"),
        (("ApiResponse", "type"), "objct", "/schema/allOf/0/type: 'objct' is not one of ["),
        (("ApiResponse", "properties"), None, "/schema/allOf/0/properties: None is not of type"),
    ],
)
def test_an_invalid_value_is_refused_with_its_place(at: _Place, value: object, message: str) -> None:
    page = _with(published_pages()[ACME], ("components", "schemas", *at), value)
    with pytest.raises(SpecError) as caught:
        _build({"page": page})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("overlay.yaml", "", "overlay.yaml: is not an overlay document: it has no list of actions"),
        ("overlay.yaml", "actions: [text]\n", "overlay.yaml, action 1: needs either 'update' or 'remove: true'"),
        ("overlay.yaml", "actions: [{target: $.info}]\n", "action 1: needs either 'update' or 'remove: true'"),
        ("overlay.yaml", "actions: [{targt: $.info, update: {}}]\n", "action 1: the target 'None' is not a JSONPath"),
        ("overlay.yaml", "actions: [{target: $.info, update: x}]\n", "the target $['info'] cannot be updated"),
        (
            "overlay.yaml",
            "actions: [{target: $.components.schemas.ApiResponse.properties.code, remove: true}]\n",
            "ApiResponse/properties/code/enum: has no codes; check the pages and ",
        ),
        ("companion/account.yaml", "", "openapi/companion/account.yaml: None is not of type 'object'"),
        ("companion/account.yaml", "paths:\n", "account.yaml, /paths: None is not of type 'object'"),
    ],
)
def test_an_invalid_overlay_or_companion_is_refused(project: Project, name: str, text: str, message: str) -> None:
    (project.openapi / name).write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        contract.build(project.openapi)
    assert message in str(caught.value)


_ALIASES = "x-a: &a [1, 1, 1, 1, 1]\n" + "\n".join(
    f"x-{new}: &{new} [{', '.join([f'*{old}'] * 10)}]" for old, new in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.mark.parametrize(
    ("parse", "text", "message"),
    [
        (parse_yaml, _ALIASES, "x: cannot be read as JSON data: it expands to more than 2,000,000 characters"),
        (parse_yaml, "a: &a {k: 1}\nb: {<<: *a}", "x, line 2: broken YAML: could not determine a constructor"),
        (parse_yaml, 'a: "cat \\ud800"', "x: cannot be read as JSON data: 'utf-8' codec can't encode character"),
        (parse_json, '{"a": "cat \\ud800"}', "x: broken JSON: 'utf-8' codec can't encode character"),
        (parse_json, '{"a": 1e999}', "x: broken JSON: Out of range float values are not JSON compliant"),
        (parse_yaml, "a: !!bool x", "x: cannot be read as JSON data: 'x'"),
    ],
    ids=["aliases", "merge key", "lone surrogate", "lone surrogate in JSON", "infinity", "tag"],
)
def test_text_that_is_not_json_data_is_refused(parse: Callable[[str, str], Any], text: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse(text, "x")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_surrogate_pair_is_one_character() -> None:
    assert parse_yaml('a: "\\ud83d\\ude00"', "x") == {"a": "\U0001f600"}


def test_an_exception_of_the_generator_is_reported_without_its_traceback() -> None:
    box = "╭── Traceback (most recent call last) ──╮\n│ cli.py:163 in generate │\n╰───╯\nValueError: Duplicate key AB\n"
    assert client._error_text(f"Generating x\n{box}") == "ValueError: Duplicate key AB"
