"""The documentation: its code works as printed, its commands exist, and the site builds without a warning."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import anyio
import pytest

import apikley_contract
from apikley import AsyncApikley
from apikley._client import Apikley
from apikley._flows.clock import Clock
from apikley.cli.constants import COMMANDS
from apikley.cli.exit_codes import Exit
from apikley.receiver import Receiver
from apikley_mock.control import prompt_directives
from apikley_mock.plugin import MockService
from apikley_mock.web.admin_document import ROUTES
from contract_tests.project.documents import Block, blocks, programs
from contract_tests.receiver.receivers import configure_django
from scripts.docs import markdown, prose, reference, schemas
from scripts.docs.prose import pages
from scripts.pipeline.io import ROOT, read

PROGRAMS = programs()
LINKS = "https://github.com/apikley/apikley/blob/main/", "https://raw.githubusercontent.com/apikley/apikley/main/"
_SPEED = 20.0
WRITTEN = {page: read(page) for page in [*pages(), ROOT / "CONTRIBUTING.md", *ROOT.glob("*/README.md")]}


@pytest.fixture
def _driven(apikley_mock: MockService, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Settings and clock of the simulator, for clients that the documents make themselves."""
    configure_django()
    monkeypatch.setenv("APIKLEY_API_KEY", apikley_mock.api_key)
    monkeypatch.setenv("APIKLEY_BASE_URL", apikley_mock.url)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cat.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(2000))
    skipped = 0.0

    def sleep(_: Clock, seconds: float) -> None:
        nonlocal skipped
        skipped += seconds
        apikley_mock.advance(seconds)

    async def async_sleep(_: Clock, seconds: float) -> None:
        # Several tasks may sleep at a time, so time passes here, only faster.
        await anyio.sleep(seconds / _SPEED)
        await apikley_mock.advance_async(seconds)

    monkeypatch.setattr(Clock, "sleep", sleep)
    monkeypatch.setattr(Clock, "async_sleep", async_sleep)
    monkeypatch.setattr(Clock, "monotonic", lambda _: time.monotonic() * _SPEED + skipped)


def _run(block: Block) -> None:
    """Run a block, and release what it leaves open at the end of the program."""
    names: dict[str, Any] = {"__name__": "documented"}
    exec(compile(block.code, block.file, "exec"), names)  # noqa: S102 - our own text
    for value in names.values():
        if isinstance(value, Receiver):
            value.start()
            value.stop()
            value.inbox.close()
        if isinstance(value, Apikley):
            value.close()
        assert not isinstance(value, AsyncApikley), "a program closes its async client itself"


@pytest.mark.usefixtures("_driven")
@pytest.mark.parametrize("page", PROGRAMS, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_python_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    tests = [block for block in PROGRAMS[page] if block.is_test]
    for block in PROGRAMS[page]:
        (tmp_path / block.file).write_text(block.code, encoding="utf-8")
        if not block.is_test:
            _run(block)
    if tests:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(block.file for block in tests)]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600)
        collected = any("def test_" in block.code for block in tests)
        assert run.returncode == (0 if collected else pytest.ExitCode.NO_TESTS_COLLECTED), run.stdout + run.stderr


def test_there_is_something_to_run() -> None:
    assert sum(map(len, PROGRAMS.values())) > 25
    files = [block.file for found in PROGRAMS.values() for block in found]
    assert len({*files}) == len(files), "two blocks are saved as one file"


def test_no_line_of_code_is_wider_than_the_site() -> None:
    lines = [line for page in pages() for block in blocks(page) for line in block.code.splitlines()]
    assert [line for line in lines if len(line) > 100] == []


def test_the_scripts_and_nox_sessions_named_exist() -> None:
    text = "\n".join(WRITTEN.values())
    scripts, sessions = set(re.findall(r"scripts/[a-z-]+", text)), set(re.findall(r"nox -s ([a-z]+)", text))
    assert {"scripts/demo", "scripts/test"} <= scripts
    assert [name for name in scripts if not (ROOT / name).exists()] == []
    assert {"docs", "check"} <= sessions
    assert [name for name in sessions if f"\ndef {name}(session" not in read(ROOT / "noxfile.py")] == []


def test_the_commands_of_the_command_line_exist() -> None:
    named = {
        line.split()[1]
        for page in pages()
        for block in blocks(page)
        for line in re.findall(r"^apikley .+", block.code, flags=re.MULTILINE)
        if block.language == "sh"
    }
    assert {"run", "listen", "inbox"} <= named <= {*COMMANDS}


def test_the_readme_has_only_absolute_links_and_they_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)]+)\)", read(ROOT / "README.md"))
    assert len(links) > 5
    for link in links:
        found = [ROOT / link.removeprefix(base) for base in LINKS if link.startswith(base)]
        site = link.removeprefix("https://apikley.github.io/apikley/")
        found += [ROOT / "docs" / site.replace(".html", ".md")] if site != link else []
        assert [path.is_file() for path in found] == [True], link


@pytest.mark.parametrize("page", sorted(ROOT.glob("*/README.md")), ids=lambda page: page.parent.name)
def test_the_links_of_a_folders_readme_lead_somewhere(page: Path) -> None:
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^):]+)\)", read(page))]
    assert links
    assert [link for link in links if not (page.parent / link).is_file()] == []


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `nox -s docs` builds it."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    command = [sys.executable, "-m", "scripts.docs", "build", "--to", str(folder)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    assert (run.returncode, run.stderr) == (0, "")
    return folder


def test_the_site_needs_no_network(site: Path) -> None:
    html = "\n".join(read(page) for page in site.rglob("*.html"))
    assert re.findall(r"<(?:script|img|iframe)[^>]*\ssrc=\"(?:https?:)?//[^\"]*\"", html) == []
    assert (
        re.findall(r"<link[^>]*rel=\"(?:stylesheet|preload|preconnect)\"[^>]*href=\"(?:https?:)?//[^\"]*\"", html) == []
    )
    styles = "\n".join(read(page) for page in site.rglob("*.css"))
    assert re.findall(r"(?:@import|url\()\s*['\"]?(?:https?:)?//[^)'\"]*", styles) == []


def test_the_site_shows_every_name_that_it_documents(site: Path) -> None:
    text = {page.stem: read(page) for page in (site / "reference").glob("*.html")}
    assert [name for name in apikley_contract.models() if name not in text["models"]] == []
    assert [route.handler for route in ROUTES if f"/__mock__{route.path}" not in text["admin-api"]] == []
    assert [name for name in COMMANDS if f'id="{name}"' not in text["command-line"]] == []
    assert [method for method in ("create", "wait_many") if f"apikley.Apikley.{method}" not in text["python"]] == []


BROKEN = {
    "[no page](none.md)": "none.md",
    "[no heading](page.md#no-heading)": "no-heading",
    "{py:meth}`apikley.Apikley.none`": "apikley.Apikley.none",
    "```{image} none.png\n```": "none.png",
    "```{eval-rst}\n.. autoclass:: apikley.Apiklay\n```": "Apiklay",
}


def test_a_broken_link_stops_the_build(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# Title\n\n```{toctree}\npage\n```\n", encoding="utf-8")
    (tmp_path / "docs" / "page.md").write_text("\n\n".join(["# Page", *BROKEN]), encoding="utf-8")
    options = ["--from", str(tmp_path / "docs"), "--to", str(tmp_path / "site")]
    command = [sys.executable, "-m", "scripts.docs", "build", *options]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    assert run.returncode != 0
    assert [problem for problem in BROKEN.values() if problem not in run.stderr] == []


def test_the_prose_check_finds_misspelt_words_and_those_that_the_glossary_replaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert prose.check() == 0
    page = tmp_path / "page.md"
    page.write_text("# Page\n\nRecieve the answer, and and `submit` it.\n", encoding="utf-8")
    monkeypatch.setattr(prose, "pages", lambda: [page])
    monkeypatch.setattr(prose, "ROOT", tmp_path)
    assert prose.check() != 0
    out = capfd.readouterr().out
    assert [
        word for word in ("Recieve ==>", "answer ==> request, response", "lexical_illusions") if word not in out
    ] == []
    assert "submit" not in out, "code is not checked"


def test_every_exit_code_has_a_meaning() -> None:
    assert set(reference.attributes(Exit)) == {each.name for each in Exit}


def test_the_reference_lists_every_directive_and_code() -> None:
    assert [word for word in prompt_directives.WORDS if f"[mock: {word}" not in reference.directives()] == []
    rows = re.findall(r"^\| (\d+) \| `(\w+)`", reference.codes(), flags=re.MULTILINE)
    assert {name: int(code) for code, name in rows} == apikley_contract.codes()


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string", "maxLength": 1500}, "string, at most 1,500 characters"),
        ({"type": "array", "items": {"type": "integer", "minimum": 1}}, "array of integer, at least 1"),
        ({"enum": ["16:9", None]}, '`"16:9"` or `null`'),
        ({"$ref": "#/components/schemas/TaskState"}, "`TaskState`"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string or null"),
        ({"type": "string", "nullable": True}, "string, or null"),
        ({"type": "string", "pattern": "a|b"}, "string, matches `a\\|b`"),
        ({}, "any value"),
    ],
)
def test_a_schema_is_described_in_words(schema: dict[str, Any], words: str) -> None:
    assert schemas.type_of(schema) == words


HOSTILE = ["<script>alert(1)</script>", "[a](javascript:x)", "{include}`/etc/passwd`", "a | b", "```{include} x", "# A"]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_a_page_stays_text(text: str) -> None:
    from markdown_it.renderer import RendererHTML
    from myst_parser.config.main import MdParserConfig
    from myst_parser.parsers.mdit import create_md_parser

    html = create_md_parser(MdParserConfig(), RendererHTML).render(
        markdown.table(("a", "b"), [(markdown.inline(text), "b")])
    )
    cell = re.sub(r"</?code>", "`", re.findall(r"<td>(.*?)</td>", html, flags=re.DOTALL)[0])
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    assert cell == escaped


def test_words_are_counted_without_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A page\n\n| a | `b c` |\n| --- | --- |\n", encoding="utf-8")
    assert prose.words(page) == 5
