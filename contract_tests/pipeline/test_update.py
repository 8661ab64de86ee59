"""One command takes pages in, from files and addresses; what it refuses is in `test_spec_refusals.py`."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from contract_tests.pipeline.pages import ACME, BOTH, DAY, PAGES, STUDIO, project_fixture  # noqa: F401 - the fixture
from scripts.pipeline import client, command, generated, replace_files
from scripts.pipeline.io import ROOT, dump, read
from scripts.pipeline.issues import SpecError
from scripts.pipeline.page import extract
from scripts.pipeline.sources import fetch
from scripts.pipeline.update import Options, Project, update
from scripts.pipeline.vendored import addresses, check_kept, records


def _everything(project: Project) -> dict[str, bytes]:
    return replace_files.files(project.root)


def test_a_page_is_stored_with_its_text_and_a_record(updated: Project) -> None:
    vendored = updated.openapi / "vendored"
    document = json.loads((vendored / "market/acme/1-fast.json").read_text(encoding="utf-8"))
    assert document == extract(read(PAGES[ACME]), "page").document
    assert (vendored / "market/acme/1-fast.published.txt").read_bytes() == PAGES[ACME].read_bytes()
    record = records(vendored)["market/acme/1-fast.json"]
    assert (record["source"], record["date"]) == ("acme-1-fast.page.txt", "2026-02-03")
    assert check_kept(vendored) == []


def test_no_local_path_is_recorded(updated: Project) -> None:
    text = (updated.openapi / "vendored" / "sources.json").read_text(encoding="utf-8")
    assert str(updated.root) not in text
    assert str(ROOT) not in text


def test_the_report_is_printed_and_written(updated: Project) -> None:
    report = (updated.root / "report.md").read_text(encoding="utf-8")
    assert "market/acme/1-fast.json: added" in report
    assert "`CreateTaskRequest`: oneOf gained studio/frames.v2 in the request" in report
    assert "`apikley_client.models.Acme1FastDuration`: new" in report
    assert "- `CreateTaskRequest`: oneOf gained acme/1-fast in the request" in read(updated.root / "CHANGELOG.md")


def test_a_second_run_changes_nothing(updated: Project, capsys: pytest.CaptureFixture[str]) -> None:
    before = _everything(updated)
    assert update(updated, Options(BOTH, write=True), date(2027, 1, 1)) == 0
    assert _everything(updated) == before
    assert "Nothing changed in the contract." in capsys.readouterr().out


def test_an_update_gives_the_same_bytes_in_any_environment(updated: Project, project: Project) -> None:
    environment = {"LC_ALL": "tr_TR.UTF-8", "TZ": "America/St_Johns", "PYTHONHASHSEED": "4711"}
    code = (
        "import sys; from datetime import date; from pathlib import Path\n"
        "from scripts.pipeline.update import Options, Project, update\n"
        "root, *pages = sys.argv[1:]\n"
        "update(Project(Path(root)), Options(tuple(pages), write=True), date(2026, 2, 3))"
    )
    run = [sys.executable, "-X", "utf8", "-c", code, str(project.root), *BOTH]
    subprocess.run(run, cwd=ROOT, env={**os.environ, **environment}, check=True, capture_output=True)
    ours = _everything(updated)
    del ours["report.md"]
    assert _everything(project) == ours


def test_a_check_changes_nothing_and_reports_changes(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "check_types", lambda _: None)  # only for time's sake
    before = _everything(project)
    assert update(project, Options((str(PAGES[ACME]),), check=True)) == 1
    assert _everything(project) == before
    output = capsys.readouterr()
    assert "oneOf gained acme/1-fast" in output.out
    assert output.err == "something would change; run without --check\n"


def test_a_write_that_fails_says_how_to_undo_it(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    with pytest.raises(OSError, match="undo them with: git checkout"):
        replace_files.replace({tmp_path / "a": b"A", tmp_path / "b": b"B"})


def test_a_binary_file_differs_too() -> None:
    assert generated._diff({".DS_Store": b"\x00\xff"}, {}, "")[-1] == "-\x00\\xff"


def test_an_unexpected_error_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    errors: list[BaseException] = [KeyError("enum"), OSError(28, "No space left on device", "/full/x")]
    monkeypatch.setattr(generated, "check", lambda: (_ for _ in ()).throw(errors.pop()))
    assert command.run(["check"]) == 1
    assert capsys.readouterr().err == "/full/x: No space left on device\n"
    assert command.run(["check"]) == 1
    said = capsys.readouterr().err
    assert ": KeyError: 'enum'; no check expects this form of document" in said
    assert said.count("\n") == 1


def test_files_that_are_no_longer_generated_are_removed(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for path in (old / "gone/a.py", old / "kept.py", new / "kept.py"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x", encoding="utf-8")
    replace_files.replace(replace_files.differences(old, new))
    assert replace_files.files(old) == {"kept.py": b"x"}
    assert not (old / "gone").exists()


def test_bare_yaml_and_json_give_the_same_document(tmp_path: Path) -> None:
    text = read(PAGES[ACME])
    start, end = text.index("openapi: 3.0.0"), text.index("To find navigation")
    page = extract(text, "page")
    assert extract(text[start:end], "x.yaml", "market/acme/1-fast.json") == page
    assert extract("# a comment\n---\n" + text[start:end], "https://e.test/docs/market/acme/1-fast.yaml?raw=1") == page
    assert extract(dump(page.document), "docs/market/acme/1-fast.json") == page


def test_windows_line_ends_give_the_same_document() -> None:
    text = read(PAGES[STUDIO])
    assert extract("\ufeff" + text.replace("\n", "\r\n"), "page") == extract(text, "page")


def test_prose_after_bare_yaml_is_refused() -> None:
    text = read(PAGES[ACME])
    with pytest.raises(SpecError, match=r"x\.yaml, line 222: 'To find navigation and other pages"):
        extract(text[text.index("openapi: 3.0.0") :], "x.yaml", "market/x/y.json")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"openapi": "3.0.0", "openapi": "3.0.1"}', "broken JSON: the key 'openapi' occurs twice in one object"),
        ('{"openapi": NaN}', "broken JSON: NaN is not JSON"),
        ('{"openapi": ', "broken JSON: Expecting value"),
        ("[" * 100_000, "no OpenAPI block found"),
        ('{"a":' * 100_000, "broken JSON: "),
        ("<!DOCTYPE html><html>", "is HTML; give the page's Markdown"),
    ],
)
def test_a_lossy_document_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "market.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        extract(fetch(str(path)).text, str(path), "market/x/y.json")
    assert words in str(caught.value)


def test_two_sources_of_one_document_are_refused(project: Project) -> None:
    with pytest.raises(SpecError, match=r"are both market/acme/1-fast\.json"):
        update(project, Options((BOTH[0], BOTH[0])))


def test_an_edited_vendored_document_is_detected(project: Project) -> None:
    vendored = project.openapi / "vendored"
    path = vendored / "market/hailuo/02-image-to-video-pro.json"
    path.write_text(path.read_text(encoding="utf-8").replace("1500", "1600"), encoding="utf-8")
    assert [issue.what for issue in check_kept(vendored)] == ["is not what was published"]
    published = vendored / "market/hailuo/02-image-to-video-pro.published.txt"
    published.write_bytes(published.read_bytes() + b"\n")
    assert [issue.what for issue in check_kept(vendored)] == ["is not what sources.json recorded"]
    path.unlink()
    assert "is missing" in check_kept(vendored)[0].what


def test_the_drift_check_names_the_command(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = project.generated / "apikley_client/models/code.py"
    model.write_text(model.read_text(encoding="utf-8").replace("455", "456"), encoding="utf-8")
    monkeypatch.setattr(generated, "GENERATED", project.generated)
    assert generated.check() == 1
    output = capsys.readouterr()
    assert "-    MAINTENANCE = 456\n+    MAINTENANCE = 455\n" in output.out
    assert output.err == "generated files differ from what openapi/ gives; run: nox -s generate\n"


class _Pages(http.server.BaseHTTPRequestHandler):
    """Serves the test pages; and what no page should be."""

    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/acme.md")
            self.end_headers()
            return
        body = {"/acme.md": PAGES[ACME].read_bytes(), "/large": b"x" * 5000, "/binary": b"\xff\xfe"}.get(self.path)
        self.send_response(200 if body or self.path == "/slow" else 404)
        self.end_headers()
        if self.path == "/slow":
            time.sleep(1)
        self.wfile.write(body or b"")

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Pages) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("path", ["/acme.md", "/moved"])
def test_an_address_is_fetched(site: str, path: str) -> None:
    source = fetch(site + path)
    assert (source.content, source.recorded) == (PAGES[ACME].read_bytes(), site + path)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/none", "answers HTTP 404"),
        ("/large", "is larger than 4,000 bytes"),
        ("/slow", "did not answer within 0.2 s"),
        ("/binary", "is not UTF-8 text"),
    ],
)
def test_an_address_without_a_page_is_an_error(site: str, path: str, words: str) -> None:
    with pytest.raises(SpecError) as caught:
        _ = fetch(site + path, largest=4000 if path == "/large" else 10**6, seconds=0.2 if path == "/slow" else 5).text
    assert words in str(caught.value)


@pytest.mark.parametrize("address", ["ftp://e.test/x", "http://[::1", "http://"])
def test_an_invalid_address_is_an_error(address: str) -> None:
    with pytest.raises(SpecError, match="is not an http or https address without a password"):
        fetch(address)


@pytest.mark.parametrize("login", ["user:secret", "user:s/secret", "secret", "u:secret@x"])
def test_a_password_in_an_address_is_refused_and_not_repeated(login: str) -> None:
    with pytest.raises(SpecError) as caught:
        fetch(f"https://{login}@e.test/page.md")
    assert str(caught.value) == "https://…@e.test/page.md: is not an http or https address without a password in it"


def test_an_unreachable_server_is_an_error() -> None:
    with pytest.raises(SpecError, match="cannot be fetched: "):
        fetch("http://127.0.0.1:9/page.md")


def test_recorded_addresses_are_fetched_again(updated: Project, project: Project, site: str) -> None:
    vendored = project.openapi / "vendored"
    with pytest.raises(SpecError, match=r"has no address to fetch; run once: scripts/update-spec URL"):
        addresses(vendored)
    for name in ("market/acme/1-fast.json", "market/acme/1-fast.published.txt"):
        target = vendored / name
        target.parent.mkdir(exist_ok=True)
        shutil.copy(updated.openapi / "vendored" / name, target)
    record = records(updated.openapi / "vendored")["market/acme/1-fast.json"]
    recorded = records(vendored) | {"market/acme/1-fast.json": {**record, "source": f"{site}/acme.md"}}
    (vendored / "sources.json").write_text(dump(recorded), encoding="utf-8")
    assert addresses(vendored) == [f"{site}/acme.md"]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Builds nothing: only what is fetched and recorded matters."""
    monkeypatch.setattr(generated, "make", lambda to, _: shutil.copytree(ROOT / "generated", to) and "")


@pytest.mark.usefixtures("quick")
def test_a_file_keeps_the_known_address_of_its_page(project: Project, site: str, tmp_path: Path) -> None:
    changed = tmp_path / "local.txt"
    changed.write_text(read(PAGES[ACME]).replace("maxLength: 300", "maxLength: 400"), encoding="utf-8")
    address, vendored = f"{site}/acme.md", project.openapi / "vendored"
    for source in (address, str(changed), str(PAGES[ACME])):
        assert update(project, Options((source,)), DAY) == 0
    record = records(vendored)["market/acme/1-fast.json"]
    assert (record["source"], record["address"]) == ("acme-1-fast.page.txt", address)
    assert addresses(vendored) == [address]
    assert update(project, Options(()), DAY) == 0
    assert "address" not in records(vendored)["market/acme/1-fast.json"]


@pytest.mark.usefixtures("quick")
def test_pages_without_an_address_are_named(project: Project, site: str, capsys: pytest.CaptureFixture[str]) -> None:
    update(project, Options((f"{site}/acme.md",)), DAY)
    capsys.readouterr()
    assert update(project, Options((), check=True), DAY) == 0
    assert "\nmarket/hailuo/02-image-to-video-pro.json: no address is recorded, so it is" in capsys.readouterr().out


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("check", [True, False])
def test_a_missing_page_does_not_stop_the_others(
    project: Project, site: str, capsys: pytest.CaptureFixture[str], check: bool
) -> None:
    update(project, Options((f"{site}/acme.md",)), DAY)
    path = project.openapi / "vendored" / "sources.json"
    recorded = records(path.parent)
    recorded["market/hailuo/02-image-to-video-pro.json"]["source"] = f"{site}/none"
    recorded["market/acme/1-fast.json"]["sha256"] = "another"
    path.write_text(dump(recorded), encoding="utf-8")
    capsys.readouterr()
    assert update(project, Options((), check=check), DAY) == 1
    output = capsys.readouterr()
    assert "market/acme/1-fast.json: same document, other text" in output.out
    assert f"{site}/none: answers HTTP 404\n" in output.err
    assert (records(path.parent)["market/acme/1-fast.json"]["sha256"] == "another") is check


def test_where_no_recorded_page_can_be_had_nothing_is_done(project: Project, site: str) -> None:
    path = project.openapi / "vendored" / "sources.json"
    path.write_text(path.read_text(encoding="utf-8").replace("hailuo-02-image-to-video-pro.page.txt", f"{site}/none"))
    with pytest.raises(SpecError, match="answers HTTP 404"):
        update(project, Options(()), DAY)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give SOURCE or --recorded"),
        (["x", "--recorded"], "give SOURCE or --recorded, not both"),
        (["x", "y", "--path", "market/a/b.json"], "--path is for one SOURCE"),
        (["x", "--check", "--write"], "--check changes nothing"),
    ],
)
def test_wrong_usage_is_said(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command.run(["update", *arguments])
    assert caught.value.code == 2
    assert words in capsys.readouterr().err
