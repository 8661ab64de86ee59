"""Pages that cannot be taken in are refused at the place that is wrong, and leave everything as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contract_tests.pipeline.pages import ACME, HAILUO, PAGES, STUDIO, project_fixture  # noqa: F401 - the fixture
from scripts.pipeline import client, contract, replace_files
from scripts.pipeline.io import dump, read
from scripts.pipeline.issues import SpecError
from scripts.pipeline.page import extract
from scripts.pipeline.page_shape import CREATE_TASK
from scripts.pipeline.update import Options, Project, update
from scripts.pipeline.vendored import check_kept, records


def _spoiled(model: str, spoil: Callable[[str], str]) -> Callable[[Path], list[str]]:
    def write(folder: Path) -> list[str]:
        page = folder / "page.txt"
        page.write_text(spoil(read(PAGES[model])), encoding="utf-8")
        return [str(page)]

    return write


def _as_json(change: Callable[[Any], object], name: str = "market/acme/x.json") -> Callable[[Path], list[str]]:
    def write(folder: Path) -> list[str]:
        document = extract(read(PAGES[ACME]), "page").document
        change(document)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dump(document), encoding="utf-8")
        return [str(path)]

    return write


def _model(name: str) -> Callable[[Any], object]:
    return lambda document: _request(document)["properties"]["model"].update(enum=[name], default=name)


def _request(document: Any) -> Any:
    (item,) = document["paths"].values()
    return item["post"]["requestBody"]["content"]["application/json"]["schema"]


def _input(document: Any) -> Any:
    return _request(document)["properties"]["input"]["properties"]


REFUSED = {
    "no block": (_spoiled(ACME, lambda text: text.replace("openapi: 3.0.0", "")), "page.txt: no OpenAPI block found"),
    "two blocks": (_spoiled(ACME, lambda text: text + text), "page.txt: 2 OpenAPI blocks, at lines 20, "),
    "broken YAML": (_spoiled(ACME, lambda text: text.replace("paths:", "paths: [")), "page.txt, line 35: broken YAML"),
    "a key twice": (
        _spoiled(ACME, lambda text: text.replace("info:", "openapi: 3.0.0\ninfo:", 1)),
        "2 OpenAPI blocks, at lines 20, 21",
    ),
    "another path": (
        _spoiled(ACME, lambda text: text.replace("jobs/createTask", "jobs/other")),
        "page.txt, /paths: POST /api/v1/jobs/other is not known; only POST /api/v1/jobs/createTask is shared",
    ),
    "another method": (
        _spoiled(ACME, lambda text: text.replace("json post", "json put").replace("    post:", "    put:")),
        "page.txt, /paths: PUT /api/v1/jobs/createTask is not known",
    ),
    "no model": (_as_json(lambda d: _request(d)["properties"].pop("model")), "model: names the models None"),
    "two models": (
        _as_json(lambda d: _request(d)["properties"]["model"].update(enum=["a/b", "c/d"])),
        "model: names the models ['a/b', 'c/d'], expected an enum of one",
    ),
    "no input": (_as_json(lambda d: _request(d)["properties"].pop("input")), "input: is no object that describes"),
    "no body": (
        _as_json(lambda d: d["paths"]["/api/v1/jobs/createTask"]["post"].pop("requestBody")),
        "requestBody: is",
    ),
    "no paths": (_as_json(lambda d: d.pop("paths")), "x.json: is no OpenAPI document: it has no paths"),
    "OpenAPI 3.1": (_as_json(lambda d: d.update(openapi="3.1.0")), "x.json: is OpenAPI '3.1.0', expected 3.0"),
    "the same class": (
        _as_json(_model("hailuo/02.image_to-video-pro")),
        "the model 'hailuo/02-image-to-video-pro' needs the name Hailuo02ImageToVideoPro, which is taken by",
    ),
    "the same module": (_as_json(_model("HAILUO/02-imagetovideo-pro")), "which is taken by"),
    "a name of the library": (_as_json(_model("task")), "needs the name Task, which is taken by Task"),
    "a name of a companion": (_as_json(_model("task/details")), "needs the name TaskDetails, which is taken by Task"),
    "no class name": (_as_json(_model("3d/cat")), "the model '3d/cat' would be the class '3dCat', which is not a Pyth"),
    "a keyword": (_as_json(_model("none")), "would be the class 'None', which is not a Python name"),
    "enum members of one name": (
        _as_json(lambda d: _input(d)["duration"].update(enum=["5", "1.0", "1-0"], default="5")),
        "input/duration: the values ['1.0', '1-0'] would all be the member VALUE_1_0",
    ),
    "a field of a method's name": (
        _as_json(lambda d: _input(d).update(toDict={"type": "string"})),
        "openapi/vendored/market/acme/x.json, input: the field 'toDict' has a name that is reserved by",
    ),
    "another server": (
        _as_json(lambda d: d["servers"][0].update(url="https://eu.apikley.ru")),
        "disagree at /servers: ",
    ),
    "another code table": (
        _as_json(lambda d: d["components"]["schemas"]["ApiResponse"]["properties"]["code"]["enum"].append(433)),
        "disagree at /components/schemas/ApiResponse/properties/code/enum: ",
    ),
    "another answer": (
        _as_json(lambda d: d["paths"][CREATE_TASK]["post"]["responses"].pop("500")),
        "disagree at /paths/~1api~1v1~1jobs~1createTask/post/responses: ",
    ),
    "another kind of callback URL": (
        _as_json(lambda d: _request(d)["properties"]["callBackUrl"].update(type="array")),
        "/properties/callBackUrl/type: ",
    ),
    "no description": (
        _spoiled(ACME, lambda text: text.replace("description: What to show", "description:")),
        "/application~1json/schema/properties/input/properties/prompt/description: None is not of type 'string'",
    ),
    "a misspelt type": (
        _as_json(lambda d: _input(d)["seed"].update(type="integr", default=1)),
        "/properties/seed/type: 'integr' is not one of ['array',",
    ),
    "no minimum": (_as_json(lambda d: _input(d)["seed"].update(minimum=None)), "/seed/minimum: None is not of type"),
    "nowhere published": (
        _as_json(lambda _: None, "acme.json"),
        "acme.json: does not say where it is published; name it: --path market/VENDOR/MODEL.json",
    ),
}


@pytest.mark.parametrize(("write", "words"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_shows_the_place_and_changes_nothing(
    project: Project, tmp_path: Path, write: Callable[[Path], list[str]], words: str
) -> None:
    before = replace_files.files(project.root)
    with pytest.raises(SpecError) as caught:
        update(project, Options((str(PAGES[STUDIO]), *write(tmp_path)), write=True))
    assert words in str(caught.value)
    assert replace_files.files(project.root) == before


def test_a_contradiction_names_both_pages(project: Project, tmp_path: Path) -> None:
    sources = _as_json(lambda d: d["servers"][0].update(url="https://eu.apikley.ru"))(tmp_path)
    with pytest.raises(SpecError) as caught:
        update(project, Options(tuple(sources)))
    ours, theirs = "openapi/vendored/market/hailuo/02-image-to-video-pro.json", "openapi/vendored/market/acme/x.json"
    assert f"{theirs} and {ours}: disagree at /servers" in str(caught.value)


def test_a_contract_that_a_validator_refuses_changes_nothing(project: Project, tmp_path: Path) -> None:
    before = replace_files.files(project.root)
    sources = _as_json(lambda d: _input(d)["seed"].update(default="x"))(tmp_path)
    with pytest.raises(SpecError, match="built contract, /: openapi-spec-validator: 'x' is not of type 'integer'"):
        update(project, Options(tuple(sources), write=True))
    assert replace_files.files(project.root) == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda d: _input(d)["duration"].update(default="7"),
            "openapi-python-client: Unable to process schema /components/schemas/Acme1Fast: Value 7 is",
        ),
        (
            lambda d: _input(d).update(request={"type": "object", "properties": {"x": {"type": "string"}}}),
            'Attempted to generate duplicate models with name "Acme1FastRequest"',
        ),
    ],
)
def test_a_page_that_the_generator_refuses_changes_nothing(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Any, words: str
) -> None:
    monkeypatch.setattr(contract, "check", lambda _: None)  # only for time's sake
    before = replace_files.files(project.root)
    with pytest.raises(SpecError) as caught:
        update(project, Options(tuple(_as_json(change)(tmp_path))))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert replace_files.files(project.root) == before


def _moved(folder: Path) -> list[str]:
    """The published page under another path."""
    page = folder / "page.txt"
    text = read(PAGES[HAILUO])
    page.write_text(text.replace("market/hailuo/02-image", "market/hailuo/02/image"), encoding="utf-8")
    return [str(page)]


def test_a_page_that_has_moved_is_refused_with_both_places_and_the_remedy(project: Project, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        update(project, Options(tuple(_moved(tmp_path))))
    assert str(caught.value) == (
        "openapi/vendored/market/hailuo/02/image-to-video-pro.json and "
        "openapi/vendored/market/hailuo/02-image-to-video-pro.json: "
        "are both the page of 'hailuo/02-image-to-video-pro'; if it has moved, remove the page that is no longer "
        "published: delete its .json and .published.txt and its entry in openapi/vendored/sources.json, then run again"
    )


def test_a_page_that_has_moved_is_taken_in_once_the_old_one_is_removed(project: Project, tmp_path: Path) -> None:
    vendored = project.openapi / "vendored"
    for suffix in (".json", ".published.txt"):
        (vendored / f"market/hailuo/02-image-to-video-pro{suffix}").unlink()
    recorded = records(vendored)
    del recorded["market/hailuo/02-image-to-video-pro.json"]
    (vendored / "sources.json").write_text(dump(recorded), encoding="utf-8")
    before = replace_files.files(project.generated)
    assert update(project, Options(tuple(_moved(tmp_path)))) == 0
    assert list(records(vendored)) == ["market/hailuo/02/image-to-video-pro.json"]
    assert check_kept(vendored) == []
    assert replace_files.files(project.generated) == before


def test_a_client_that_lacks_an_input_is_refused(project: Project) -> None:
    inputs = project.generated / "apikley_client/inputs.py"
    inputs.write_text(read(inputs).replace("Hailuo02ImageToVideoPro", "Gone"), encoding="utf-8")
    with pytest.raises(SpecError, match=r"^apikley: cannot be imported with the new client: .*Gone"):
        client.check_library(project.generated)


def test_a_client_that_is_not_typed_is_refused(tmp_path: Path) -> None:
    package = tmp_path / "apikley_client"
    package.mkdir()
    (package / "__init__.py").write_text("def answer() -> int:\n    return 'x'\n", encoding="utf-8")
    with pytest.raises(SpecError, match=r"^mypy --strict: generated/apikley_client/__init__\.py:2: error: "):
        client.check_types(tmp_path)
