"""Whatever a document holds, the build takes it or refuses it with the place: nothing else comes of it."""

from __future__ import annotations

import contextlib
import copy
import functools
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import apikley_contract
from contract_tests.pipeline.pages import ACME, HAILUO, STUDIO, project_fixture, published_pages  # noqa: F401 - the fixture
from scripts.pipeline import client, codes, contract, overlay
from scripts.pipeline.checks import _spec_validator
from scripts.pipeline.io import OPENAPI, parse_json, parse_yaml, read, read_document
from scripts.pipeline.issues import SpecError
from scripts.pipeline.merge import merge
from scripts.pipeline.page_shape import check_form
from scripts.pipeline.schema_checks import refuse
from scripts.pipeline.update import Project

_GONE = object()
_VALUES: tuple[Any, ...] = (None, [], {}, "x", 5, True, _GONE)
_Place = tuple[Any, ...]


def _places(value: Any, at: _Place = ()) -> Iterator[_Place]:
    if at:
        yield at
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, each in steps:
        yield from _places(each, (*at, step))


def _changed(document: Any, at: _Place, value: object) -> Any:
    changed = copy.deepcopy(document)
    holder = changed
    for step in at[:-1]:
        holder = holder[step]
    if value is _GONE:
        del holder[at[-1]]
    else:
        holder[at[-1]] = value
    return changed


@functools.cache
def _ours() -> tuple[dict[str, Any], Any]:
    companions = {path.name: read_document(path) for path in sorted((OPENAPI / "companion").glob("*.yaml"))}
    return companions, read_document(OPENAPI / "overlay.yaml")


def _build(pages: dict[str, Any]) -> None:
    """As `contract.build`, from pages that are at hand and without Redocly."""
    companions, actions = copy.deepcopy(_ours())
    refuse(check_form("page", pages["page"]))
    built = codes.add_names(overlay.apply(merge(pages, companions), actions, "overlay"), "overlay")
    refuse([*_spec_validator(built)])
    for schema in built["components"]["schemas"].values():
        apikley_contract.draft4(schema)


@pytest.mark.parametrize("model", [ACME, STUDIO])
def test_any_value_in_any_place_is_accepted_or_refused(model: str) -> None:
    pages = published_pages()
    chance = random.Random(20260203)  # noqa: S311 - the same values each time
    taken = 0
    for at in chance.sample([*_places(pages[model])], 100):
        others = chance.choice(({}, {"other": pages[HAILUO]}))
        page = _changed(pages[model], at, chance.choice(_VALUES))
        with contextlib.suppress(SpecError):
            _build({**others, "page": page})
            taken += 1
    assert taken


@pytest.mark.parametrize(
    ("at", "value", "words"),
    [
        (("ApiResponse", "properties", "code"), {}, "ApiResponse/properties/code/enum: lists no code"),
        (("ApiResponse", "properties", "msg"), {"$ref": "x"}, "built contract: the reference 'x' cannot be resolved"),
        (("ApiResponse", "type"), "objct", "page, /components/schemas/ApiResponse/type: 'objct' is not one of ["),
        (("ApiResponse", "properties"), None, "page, /components/schemas/ApiResponse/properties: None is not of type"),
    ],
)
def test_an_invalid_value_is_refused_with_its_place(at: _Place, value: object, words: str) -> None:
    page = _changed(published_pages()[ACME], ("components", "schemas", *at), value)
    with pytest.raises(SpecError) as caught:
        _build({"page": page})
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


_INFO = "overlay: 1.0.0\ninfo: {title: x, version: '1'}\n"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("overlay.yaml", "", "overlay.yaml: None is not of type 'object'"),
        ("overlay.yaml", "- a\n", "overlay.yaml: ['a'] is not of type 'object'"),
        ("overlay.yaml", f"{_INFO}action: []\n", "overlay.yaml: 'actions' is a required property"),
        ("overlay.yaml", f"{_INFO}actions: [text]\n", "overlay.yaml, /actions/0: 'text' is not of type 'object'"),
        ("overlay.yaml", f"{_INFO}actions: [{{target: $.info}}]\n", "/actions/0: 'update' is a required property"),
        ("overlay.yaml", f"{_INFO}actions: [{{targt: $.info, update: {{}}}}]\n", "'target' is a required property"),
        ("overlay.yaml", f"{_INFO}actions: [{{target: $, remove: true}}]\n", "/actions/0/target: '$' should not"),
        (
            "overlay.yaml",
            f"{_INFO}actions: [{{target: $.info, update: x}}]\n",
            "overlay.yaml, action 1: the target $['info'] cannot take the update",
        ),
        (
            "overlay.yaml",
            f"{_INFO}actions: [{{target: $.components.schemas.ApiResponse.properties.code, remove: true}}]\n",
            "ApiResponse/properties/code/enum: lists no code; check the pages and ",
        ),
        ("companion/account.yaml", "", "openapi/companion/account.yaml: None is not of type 'object'"),
        ("companion/account.yaml", "- x\n", "openapi/companion/account.yaml: ['x'] is not of type 'object'"),
        ("companion/account.yaml", "paths:\n", "account.yaml, /paths: None is not of type 'object'"),
    ],
)
def test_overlay_and_companions_are_validated_too(project: Project, name: str, text: str, words: str) -> None:
    (project.openapi / name).write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        contract.build(project.openapi)
    assert words in str(caught.value)


def _bomb(item: str) -> str:
    lines = [f"x-a: &a {item}"]
    lines += [f"x-{new}: &{new} [{', '.join([f'*{old}'] * 10)}]" for old, new in zip("abcdefg", "bcdefgh", strict=True)]
    return "\n".join(lines)


_MERGED = "x-a: &a {k: 1}\n" + "\n".join(
    f"x-{new}: &{new} {{<<: [{', '.join([f'*{old}'] * 10)}], {new}: 1}}"
    for old, new in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.mark.parametrize(
    ("parse", "text", "words"),
    [
        (
            parse_yaml,
            _bomb("[1, 1, 1, 1, 1]"),
            "x: cannot be read as JSON data: it expands to more than 2,000,000 char",
        ),
        (parse_yaml, _MERGED, "broken YAML: more than 10,000 keys are merged"),
        (
            parse_yaml,
            'a: "cat \\ud800"',
            "x: cannot be read as JSON data: '\\ud800' is a lone surrogate, after",
        ),
        (
            parse_json,
            '{"a": "cat \\ud800"}',
            "x: broken JSON: '\\ud800' is a lone surrogate, after '{\"a\": \"cat '",
        ),
        (parse_json, '{"a": 1e999}', "x: broken JSON: Out of range float values are not JSON compliant"),
        (parse_yaml, "a: !!bool x", "x: cannot be read as JSON data: 'x'"),
    ],
    ids=["aliases", "merges", "lone surrogate", "lone surrogate in JSON", "infinity", "tag"],
)
def test_text_that_is_not_reasonable_json_is_refused(parse: Callable[[str, str], Any], text: str, words: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse(text, "x")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_surrogate_pair_is_one_character() -> None:
    assert parse_yaml('a: "\\ud83d\\ude00"', "x") == {"a": "\U0001f600"}


def test_a_generator_failure_shows_only_its_message() -> None:
    box = "╭── Traceback (most recent call last) ──╮\n│ cli.py:163 in generate │\n╰───╯\nValueError: Duplicate key AB\n"
    assert client._error_text(f"Generating x\n{box}") == "ValueError: Duplicate key AB"


@pytest.mark.parametrize(
    "path",
    ["market/hailuo/02-image-to-video-pro.json/x.json", f"market/{'x' * 300}.json", "market/a\0/x.json", "x.json"],
)
def test_an_invalid_published_path_is_refused(path: str) -> None:
    from scripts.pipeline.page import extract

    text = read(OPENAPI / "vendored/market/hailuo/02-image-to-video-pro.json")
    with pytest.raises(SpecError, match=r"is no published path; expected market/VENDOR/MODEL\.json"):
        extract(text, "x", path)


@pytest.mark.parametrize("text", ["[]", '{"market/a/b.json": {"source": "x", "date": "2026-02-03"}}'])
def test_a_record_without_its_parts_is_refused(tmp_path: Path, text: str) -> None:
    from scripts.pipeline.vendored import check_kept

    (tmp_path / "sources.json").write_text(text, encoding="utf-8")
    with pytest.raises(SpecError, match=r"sources\.json.*: (\[\] is not of type 'object'|'sha256' is a required prop)"):
        check_kept(tmp_path)
