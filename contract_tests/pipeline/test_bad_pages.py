"""A page that cannot be used is refused with its place, and the others are updated."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contract_tests.pipeline.pages import ACME, HAILUO, PAGES, STUDIO, published_pages
from scripts.pipeline import client, contract, generated
from scripts.pipeline.command import run
from scripts.pipeline.io import GENERATED, dump, read, read_document
from scripts.pipeline.issues import SpecError, error
from scripts.pipeline.page_shape import request_schema
from scripts.pipeline.replace_files import files
from scripts.pipeline.update import Options, Project, update
from scripts.pipeline.vendored import check_vendored, records

Edit = Callable[[Any], object]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out the generator and the checks of the result, because only the verdicts matter."""

    def make(folder: Path, openapi: Path) -> str:
        contract.write(contract.complete(contract.merge_folder(openapi), openapi), folder)
        shutil.copytree(GENERATED / "apikley_client", folder / "apikley_client")
        return ""

    monkeypatch.setattr(generated, "make", make)
    for name in ("check_library", "check_types"):
        monkeypatch.setattr(client, name, lambda _: None)


def _page(folder: Path, edit: Edit, name: str = "x.json", model: str = ACME) -> str:
    """Write the edited document of a test page as JSON."""
    document = published_pages()[model]
    edit(document)
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dump(document), encoding="utf-8")
    return str(path)


def _model(name: str) -> Edit:
    return lambda d: request_schema(d)["properties"]["model"].update(enum=[name], default=name)


def _fields(document: Any) -> Any:
    return request_schema(document)["properties"]["input"]["properties"]


def _other_server(document: Any) -> None:
    document["servers"][0]["url"] = "https://eu.apikley.ru"


REFUSED: dict[str, tuple[Edit, str]] = {
    "no model": (lambda d: request_schema(d)["properties"].pop("model"), "has the enum None, expected one model"),
    "another server": (_other_server, 'the server differs: 1 page says (market/acme/1-fast.json) ["https://eu.'),
    "a class name that is taken": (_model("task"), "the class name Task of the model 'task' is taken by Task of the"),
    "a circular reference": (
        lambda d: (
            d["components"]["schemas"].update(A={"items": {"$ref": "#/components/schemas/A"}})
            or _fields(d).update(a={"$ref": "#/components/schemas/A"})
        ),
        "the reference #/components/schemas/A is circular",
    ),
    "a field named like a method": (
        lambda d: _fields(d).update(toDict={"type": "string"}),
        "the field name 'toDict' is reserved by generated classes",
    ),
}


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("edit", "message"), REFUSED.values(), ids=REFUSED)
def test_a_refused_page_does_not_stop_the_others(
    project: Project, tmp_path: Path, edit: Edit, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = _page(tmp_path, edit)
    assert update(project, Options((bad, str(PAGES[STUDIO])))) == 1
    output = capsys.readouterr()
    assert f"{bad}: refused: " in output.out
    assert message in output.out
    assert output.err == "1 of 2 pages refused\n"
    assert [*records(project.openapi / "vendored")] == [
        "market/hailuo/02-image-to-video-pro.json",
        "market/studio/frames-v2.json",
    ]
    assert check_vendored(project.openapi / "vendored") == []


@pytest.mark.usefixtures("quick")
def test_strict_refuses_everything_for_one_slip(project: Project, tmp_path: Path) -> None:
    slip = _page(tmp_path, lambda d: _fields(d)["duration"].update(default="7"))
    before = files(project.root)
    with pytest.raises(SpecError, match=r"input\.duration: the default \"7\" breaks its own schema; left out"):
        update(project, Options((str(PAGES[STUDIO]), slip), strict=True))
    assert files(project.root) == before


@pytest.mark.usefixtures("quick")
def test_a_slip_is_reported_in_a_section_of_its_own(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slip = _page(tmp_path, lambda d: _fields(d)["duration"].update(default="7"))
    assert update(project, Options((slip,))) == 0
    output = capsys.readouterr().out
    assert f"{slip}: new model acme/1-fast, class Acme1Fast, 1 slip\n" in output
    assert "### Slips of the publisher (1)\n\n- " + slip in output
    # The vendored copy keeps the slip.
    vendored = read_document(project.openapi / "vendored/market/acme/1-fast.json")
    assert _fields(vendored)["duration"]["default"] == "7"
    assert check_vendored(project.openapi / "vendored") == []


def test_a_page_that_the_generator_refuses_does_not_stop_the_others(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(contract, "check", lambda _: None)  # to save time
    monkeypatch.setattr(client, "check_types", lambda _: None)
    same_name = {"type": "object", "properties": {"x": {"type": "string"}}}
    bad = _page(tmp_path, lambda d: _fields(d).update(request=same_name))
    assert update(project, Options((bad, str(PAGES[STUDIO])))) == 1
    message = 'Attempted to generate duplicate models with name "Acme1FastRequest"'
    assert message in capsys.readouterr().out
    assert "market/studio/frames-v2.json" in records(project.openapi / "vendored")


def test_an_error_that_is_about_no_page_changes_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(*_: Any) -> str:
        raise error("redocly lint", "did not run")

    monkeypatch.setattr(generated, "make", make)
    before = files(project.root)
    with pytest.raises(SpecError, match="redocly lint: did not run"):
        update(project, Options((str(PAGES[STUDIO]), str(PAGES[ACME]))))
    assert files(project.root) == before


@pytest.mark.usefixtures("quick")
def test_a_folder_stands_for_its_pages(project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pages = tmp_path / "pages"
    _page(pages, lambda _: None, "deep/a.json")
    (pages / "b.md").write_text("# Webhooks\n\nX-Webhook-Signature, X-Webhook-Timestamp\n", encoding="utf-8")
    (pages / "ignored.png").write_bytes(b"")
    assert update(project, Options((str(pages),), check=True)) == 1
    lines = capsys.readouterr().out.splitlines()[:3]
    assert lines == [
        f"{pages}/b.md: a guide to callbacks",
        f"{pages}/deep/a.json: new model acme/1-fast, class Acme1Fast",
        "",
    ]


def test_a_folder_without_pages_is_refused(project: Project, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SpecError, match=r"empty: contains no page; expected files named \*\.md, "):
        update(project, Options((str(tmp_path / "empty"),)))


OTHER_PAGES: dict[str, tuple[str, str, str]] = {
    "Veo": ("/api/v1/veo/generate", "post", "a page of the Veo API (POST /api/v1/veo/generate), which is not part"),
    "chat": ("/gemini/v1/chat/completions", "post", "a page of the chat API (POST /gemini/v1/chat/completions)"),
    "credits": ("/api/v1/chat/credit", "get", "the page of GET /api/v1/chat/credit"),
    "an upload": ("/api/file-url-upload", "post", "the page of POST /api/file-url-upload"),
}


@pytest.mark.parametrize(("path", "method", "verdict"), OTHER_PAGES.values(), ids=OTHER_PAGES)
def test_a_page_of_another_operation_is_named(
    project: Project, tmp_path: Path, path: str, method: str, verdict: str, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "x.json"
    operation = {"responses": {"200": {"description": ""}}}
    page.write_text(dump({"openapi": "3.0.1", "paths": {path: {method: operation}}}), encoding="utf-8")
    assert update(project, Options((str(page),), check=True)) == 0
    assert capsys.readouterr().out.startswith(f"{page}: {verdict}")


def test_what_another_operation_publishes_differently_is_reported(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = {"type": "object", "properties": {"taskId": {"type": "integer"}, "mood": {"type": "string"}}}
    schema = {"type": "object", "properties": {"code": {"type": "integer", "enum": [200, 999]}, "data": data}}
    response = {"description": "", "content": {"application/json": {"schema": schema}}}
    parameters = [{"name": "taskId", "in": "query"}, {"name": "lang", "in": "query"}]
    operation = {"parameters": parameters, "responses": {"200": response, "418": {"description": ""}}}
    page = tmp_path / "x.json"
    page.write_text(
        dump({"openapi": "3.0.1", "paths": {"/api/v1/jobs/recordInfo": {"get": operation}}}), encoding="utf-8"
    )
    update(project, Options((str(page),), check=True))
    place = "- GET /api/v1/jobs/recordInfo: the"
    assert capsys.readouterr().out.partition("contract (5)\n\n")[2].splitlines()[:5] == [
        f"{place} parameter lang is published, but not in the contract",
        f"{place} status 418 is published, but not in the contract",
        f"{place} response field code has the published values [999], which are not in the contract",
        f"{place} response field data.taskId is published as integer, the contract says string",
        f"{place} response field data.mood is published, but not in the contract",
    ]


@pytest.mark.usefixtures("quick")
def test_a_wrong_model_does_not_replace_the_right_page(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert update(project, Options((_page(tmp_path, lambda _: None, "acme-1-fast.json"),))) == 0
    wrong = _page(tmp_path, _model(ACME), "studio-frames.json", model=STUDIO)
    before = files(project.root)
    assert update(project, Options((wrong,))) == 1
    assert "describes the model 'acme/1-fast', and so does acme-1-fast.json; operation id" in capsys.readouterr().out
    assert files(project.root) == before


@pytest.mark.usefixtures("quick")
def test_a_repair_settles_the_wrong_model_of_a_page(project: Project, tmp_path: Path) -> None:
    wrong = _page(tmp_path, _model(ACME), "studio-frames.json", model=STUDIO)
    overlay = project.openapi / "overlay.yaml"
    overlay.write_text(
        read(overlay)
        + "x-page-repairs:\n  studio-frames.json:\n"
        + "    - {target: $..properties.model.enum, remove: true}\n"
        + f"    - {{target: $..properties.model, update: {{enum: [{STUDIO}]}}}}\n",
        encoding="utf-8",
    )
    assert update(project, Options((_page(tmp_path, lambda _: None, "acme.json"), wrong))) == 0
    assert [*records(project.openapi / "vendored")][0::2] == ["market/acme/1-fast.json", "market/studio/frames.v2.json"]


@pytest.mark.usefixtures("quick")
def test_a_page_without_its_path_updates_the_vendored_page_of_its_model(project: Project, tmp_path: Path) -> None:
    page = _page(tmp_path, lambda d: _fields(d)["prompt"].update(maxLength=9), "hailuo.json", model=HAILUO)
    assert update(project, Options((page,))) == 0
    assert [*records(project.openapi / "vendored")] == ["market/hailuo/02-image-to-video-pro.json"]


@pytest.mark.usefixtures("quick")
def test_a_moved_page_is_refused_until_the_old_one_is_removed(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.txt"
    page.write_text(read(PAGES[HAILUO]).replace("market/hailuo/02-image", "market/hailuo/02/image"), encoding="utf-8")
    assert update(project, Options((str(page),))) == 1
    assert "delete the old .json and .published.txt and its entry in openapi/vendored" in capsys.readouterr().out
    vendored = project.openapi / "vendored"
    for suffix in (".json", ".published.txt"):
        (vendored / f"market/hailuo/02-image-to-video-pro{suffix}").unlink()
    (vendored / "sources.json").write_text("{}", encoding="utf-8")
    assert update(project, Options((str(page),))) == 0
    assert [*records(vendored)] == ["market/hailuo/02/image-to-video-pro.json"]


def test_a_client_without_a_needed_class_is_refused(project: Project) -> None:
    inputs = project.generated / "apikley_client/models/hailuo_02_image_to_video_pro.py"
    inputs.write_text(read(inputs).replace("class Hailuo02ImageToVideoPro", "class Missing"), encoding="utf-8")
    with pytest.raises(SpecError, match=r"^apikley: cannot be imported with the new client: .*Hailuo02ImageToVideoPro"):
        client.check_library(project.generated)


def test_a_client_with_type_errors_is_refused(tmp_path: Path) -> None:
    package = tmp_path / "apikley_client"
    package.mkdir()
    # The comment makes the text new: mypy reports a cached error with the path of an earlier run.
    text = f"def number() -> int:\n    return 'x'\n# {tmp_path}\n"
    (package / "__init__.py").write_text(text, encoding="utf-8")
    with pytest.raises(SpecError, match=r"^mypy --strict: generated/apikley_client/__init__\.py:2: error: "):
        client.check_types(tmp_path)


def test_a_report_holds_nothing_that_a_terminal_obeys(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    page = tmp_path / "\x1b]0;owned\x07\u202e.md"
    page.write_text("# \x1b[31m \u202e\n", encoding="utf-8")
    assert run(["update", str(page)]) == 1
    shown = capsys.readouterr()
    text = shown.out + shown.err
    assert [char for char in text if not (char.isprintable() or char in "\n\t")] == []
    assert "owned" in text
