"""mypy --strict and pyright accept the documented use of the wheel, and reject mistakes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from contract_tests.other_models import page_of
from contract_tests.project.documents import programs
from contract_tests.project.wheels import build, copy_checkout, install
from contract_tests.typing.checkers import mypy, pyright
from scripts.pipeline.io import ROOT
from scripts.pipeline.update import Options, Project, update

CHECKERS = {"mypy": mypy, "pyright": pyright}
EXAMPLES = sorted({path.parent for path in (ROOT / "docs" / "examples").glob("*/*.py")})
CALLBACK = "from apikley import Apikley, TypedCallback\n\nApikley().create(TypedCallback(prompt='x'){})\n"
_FIXTURE = "from apikley_mock.plugin import MockService\n\n\ndef test_it(apikley_mock: MockService) -> None:\n"
_FIXTURE += "    apikley_mock.{}\n"
MISTAKES = {
    "no callback": (CALLBACK.format(""), "create"),
    "misspelt import": ("from apikley import Apickley\n", "Apickley"),
    "misspelt model": ("from apikley import Hailuo02ImageToVideoPr\n", "Hailuo02ImageToVideoPr"),
    "misspelt attribute": ("import apikley\n\napikley.AsyncApickley()\n", "AsyncApickley"),
    "misspelt receiver": ("from apikley.receiver import Reciever\n", "Reciever"),
    "no input": ("from apikley import Apikley\n\nApikley().create(3)\n", "create"),
    "unknown field": (
        'from apikley import Hailuo02ImageToVideoPro\n\nHailuo02ImageToVideoPro(prompt="", image_url="", sed=1)\n',
        "sed",
    ),
    "wrong type of a field": (
        'from apikley import Hailuo02ImageToVideoPro\n\nHailuo02ImageToVideoPro(prompt=3, image_url="")\n',
        "prompt",
    ),
    "misspelt outcome": (_FIXTURE.format('plan_next(outcome="fial")'), "fial"),
    "misspelt option": (_FIXTURE.format("fail_next(402, stages=1)"), "stages"),
    "misspelt fault": (_FIXTURE.format('fail_next(fault="rest")'), "rest"),
    "no await": ("from apikley import AsyncApikley\n\nAsyncApikley().get_task('').id\n", "id"),
}


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the built wheel, which has one more model: its callback is required."""
    folder = tmp_path_factory.mktemp("typing")
    checkout = copy_checkout(folder / "checkout")
    page = folder / "callback.json"
    callback = {"type": "string", "format": "uri", "required": True}
    page.write_text(json.dumps(page_of("typed/callback", {"prompt": {"type": "string"}}, callBackUrl=callback)))
    assert update(Project(checkout), Options((str(page),))) == 0
    build(checkout, folder / "dist", "-t", "wheel")
    return install(next((folder / "dist").glob("*.whl")), folder / "venv")


@pytest.fixture(scope="module")
def documented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the typed-usage file and every block of Python in the docs, one file each."""
    folder = tmp_path_factory.mktemp("documented")
    shutil.copy(Path(__file__).with_name("usage.py"), folder)
    for block in (block for found in programs().values() for block in found):
        (folder / block.file).write_text(block.code, encoding="utf-8")
    (folder / "callback.py").write_text(CALLBACK.format(", callback_url='https://e.test/'"), encoding="utf-8")
    assert len([*folder.iterdir()]) > 10
    return folder


@pytest.fixture(scope="module", params=MISTAKES)
def mistake(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with a wrong program, and the name that an error must mention."""
    program, name = MISTAKES[request.param]
    folder = tmp_path_factory.mktemp("mistake")
    (folder / "program.py").write_text(program, encoding="utf-8")
    return folder, name


@pytest.mark.parametrize("checker", CHECKERS)
def test_documented_use_has_no_type_error(checker: str, python: Path, documented: Path) -> None:
    errors = CHECKERS[checker](python, documented)
    assert not errors, "\n".join(errors)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
@pytest.mark.parametrize("checker", CHECKERS)
def test_an_example_has_no_type_error(checker: str, example: Path, python: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(example, tmp_path / "example"))
    errors = CHECKERS[checker](python, folder)
    assert not errors, "\n".join(errors)


@pytest.mark.parametrize("checker", CHECKERS)
def test_a_mistake_is_one_type_error(checker: str, python: Path, mistake: tuple[Path, str]) -> None:
    folder, name = mistake
    errors = CHECKERS[checker](python, folder)
    assert len(errors) == 1
    assert name in errors[0]
