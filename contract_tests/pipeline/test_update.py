"""One command imports pages, builds everything and reports what changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from contract_tests.pipeline.pages import ACME, PAGES, TEST_PAGES
from scripts.pipeline import client, command, generated
from scripts.pipeline.io import ROOT, read
from scripts.pipeline.page import extract
from scripts.pipeline.replace_files import differences, files, replace
from scripts.pipeline.update import Options, Project, update
from scripts.pipeline.vendored import check_vendored, records


def test_a_page_is_stored_with_its_text_and_a_record(updated: Project) -> None:
    vendored = updated.openapi / "vendored"
    document = json.loads((vendored / "market/acme/1-fast.json").read_text(encoding="utf-8"))
    assert document == extract(read(PAGES[ACME]), "page").document
    assert (vendored / "market/acme/1-fast.published.txt").read_bytes() == PAGES[ACME].read_bytes()
    record = records(vendored)["market/acme/1-fast.json"]
    assert (record["source"], record["date"]) == ("acme-1-fast.page.txt", "2026-02-03")
    assert check_vendored(vendored) == []


def test_the_report_and_the_changelog_contain_the_changes(updated: Project) -> None:
    report = read(updated.root / "report.md")
    assert "acme-1-fast.page.txt: new model acme/1-fast, class Acme1Fast" in report
    assert "### New models (2)\n\n- `acme/1-fast`: `from apikley import Acme1Fast`\n- `studio/frames.v2`" in report
    assert report.count("Acme1Fast`") == 2
    changelog = read(updated.root / "CHANGELOG.md")
    assert "- Models `acme/1-fast` (`Acme1Fast`), `studio/frames.v2` (`StudioFramesV2`)." in changelog


def test_a_second_run_changes_nothing(updated: Project, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(updated.root)
    assert update(updated, Options(TEST_PAGES, write=True), date(2027, 1, 1)) == 0
    assert files(updated.root) == before
    assert "Nothing changed in the contract." in capsys.readouterr().out


def test_an_update_writes_the_same_bytes_in_any_environment(updated: Project, project: Project) -> None:
    environment = {"LC_ALL": "tr_TR.UTF-8", "TZ": "America/St_Johns", "PYTHONHASHSEED": "4711"}
    code = (
        "import sys; from datetime import date; from pathlib import Path\n"
        "from scripts.pipeline.update import Options, Project, update\n"
        "root, *pages = sys.argv[1:]\n"
        "update(Project(Path(root)), Options(tuple(pages), write=True), date(2026, 2, 3))"
    )
    run = [sys.executable, "-X", "utf8", "-c", code, str(project.root), *TEST_PAGES]
    subprocess.run(run, cwd=ROOT, env={**os.environ, **environment}, check=True, capture_output=True)
    expected = files(updated.root)
    del expected["report.md"]
    assert files(project.root) == expected


def test_a_check_changes_nothing_and_reports_changes(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "check_types", lambda _: None)  # to save time
    before = files(project.root)
    assert update(project, Options((str(PAGES[ACME]),), check=True)) == 1
    assert files(project.root) == before
    output = capsys.readouterr()
    assert "new model acme/1-fast" in output.out
    assert output.err == "something would change; run without --check\n"


def test_a_failed_write_reports_how_to_undo_it(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    with pytest.raises(OSError, match="undo them with: git checkout"):
        replace({tmp_path / "a": b"A", tmp_path / "b": b"B"})


def test_files_that_are_no_longer_generated_are_removed(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for path in (old / "removed/a.py", old / "kept.py", new / "kept.py"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x", encoding="utf-8")
    replace(differences(old, new))
    assert files(old) == {"kept.py": b"x"}
    assert not (old / "removed").exists()


def test_an_edited_vendored_document_is_reported(project: Project) -> None:
    vendored = project.openapi / "vendored"
    path = vendored / "market/hailuo/02-image-to-video-pro.json"
    path.write_text(read(path).replace("1500", "1600"), encoding="utf-8")
    assert [issue.what for issue in check_vendored(vendored)] == ["differs from the published page"]
    published = path.with_name("02-image-to-video-pro.published.txt")
    published.write_bytes(published.read_bytes() + b"\n")
    assert [issue.what for issue in check_vendored(vendored)] == ["does not match its hash in sources.json"]
    path.unlink()
    assert "is missing" in check_vendored(vendored)[0].what


def test_the_drift_check_prints_the_difference_and_the_command(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = project.generated / "apikley_client/models/code.py"
    model.write_text(read(model).replace("455", "456"), encoding="utf-8")
    monkeypatch.setattr(generated, "GENERATED", project.generated)
    monkeypatch.setattr(generated, "OPENAPI", project.openapi)
    assert generated.check() == 1
    output = capsys.readouterr()
    assert "-    MAINTENANCE = 456\n+    MAINTENANCE = 455\n" in output.out
    assert output.err == "generated files differ from a fresh build of openapi/; run: nox -s generate\n"


def test_an_unexpected_error_is_reported_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    errors: list[BaseException] = [KeyError("enum"), OSError(28, "No space left on device", "/full/x")]
    monkeypatch.setattr(generated, "check", lambda: (_ for _ in ()).throw(errors.pop()))
    assert command.run(["check"]) == 1
    assert capsys.readouterr().err == "/full/x: No space left on device\n"
    assert command.run(["check"]) == 1
    message = capsys.readouterr().err
    assert ": KeyError: 'enum'; no check expects a document like this" in message
    assert message.count("\n") == 1


def test_a_path_for_several_sources_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command.run(["update", "x", "y", "--path", "market/a/b.json"])
    assert caught.value.code == 2
    assert "--path is for one SOURCE" in capsys.readouterr().err
