"""What changes for those who import the generated client: names and signatures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.pipeline.io import GENERATED
from scripts.pipeline.report.changes import Change, Severity, strongest
from scripts.pipeline.report.surface import compare_surface

MODELS = "apikley_client.models"
INPUT = "models/hailuo_02_image_to_video_pro.py"


@pytest.fixture
def change(tmp_path: Path) -> Callable[..., list[Change]]:
    """What is found when one text in one file of the generated client is replaced."""

    def compare(name: str = "", old: str = "", new: str = "") -> list[Change]:
        for path in (GENERATED / "apikley_client").rglob("*.py"):
            target = tmp_path / path.relative_to(GENERATED)
            target.parent.mkdir(parents=True, exist_ok=True)
            text = path.read_text(encoding="utf-8")
            if name and path.as_posix().endswith(f"apikley_client/{name}"):
                assert old in text
                text = text.replace(old, new)
            target.write_text(text, encoding="utf-8")
        return strongest(compare_surface(GENERATED, tmp_path))

    return compare


def test_the_same_client_has_no_changes(change: Callable[..., list[Change]]) -> None:
    assert change() == []


@pytest.mark.parametrize(
    ("name", "old", "new", "severity", "words"),
    [
        (
            "models/__init__.py",
            "from .task_state import TaskState\n",
            "",
            Severity.MAJOR,
            f"`{MODELS}.TaskState`: removed",
        ),
        ("models/code.py", "    MAINTENANCE = 455\n", "", Severity.MAJOR, "Code.MAINTENANCE`: removed"),
        (
            INPUT,
            "    prompt_optimizer: bool | Unset = UNSET\n",
            "",
            Severity.MAJOR,
            "(prompt_optimizer)`: param",
        ),
        (
            INPUT,
            "    prompt: str\n",
            "    prompt: str\n    mood: str\n",
            Severity.MAJOR,
            "(mood)`: new required",
        ),
        (
            INPUT,
            "    end_image_url: str | PathLike[str] | Unset = UNSET\n",
            "    end_image_url: str | PathLike[str]\n",
            Severity.MAJOR,
            "(end_image_url)`: parameter is now required",
        ),
        (
            INPUT,
            "    prompt_optimizer: bool | Unset = UNSET\n",
            "    prompt_optimizer: bool | Unset = True\n",
            Severity.MINOR,
            "(prompt_optimizer)`: default changed",
        ),
        (
            "api/jobs/get_task_details.py",
            "    task_id: str,\n",
            "    id: str,\n",
            Severity.MAJOR,
            "(task_id)`: param",
        ),
        (
            "models/__init__.py",
            '    "TaskState",\n',
            '    "TaskState",\n    "TaskMood",\n',
            Severity.MINOR,
            f"`{MODELS}.TaskMood`: new",
        ),
    ],
)
def test_a_change_of_the_python_surface_is_reported(
    change: Callable[..., list[Change]], name: str, old: str, new: str, severity: Severity, words: str
) -> None:
    changes = change(name, old, new)
    assert changes[0].severity is severity
    assert any(words in str(each) for each in changes), changes


def test_a_new_field_in_the_middle_does_not_break(change: Callable[..., list[Change]]) -> None:
    old = "    end_image_url: str | PathLike[str] | Unset = UNSET\n"
    changes = change(INPUT, old, f"    mood: str | Unset = UNSET\n{old}")
    assert [each for each in changes if each.severity is Severity.MAJOR] == []
