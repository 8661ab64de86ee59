"""The report contains changed names and signatures of the generated client."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.pipeline.io import GENERATED
from scripts.pipeline.report.changes import Change, Severity, strongest
from scripts.pipeline.report.surface import compare_surface

MAJOR, MINOR = Severity.MAJOR, Severity.MINOR
MODELS = "apikley_client.models"
INPUT = "models/hailuo_02_image_to_video_pro.py"
OPTIMIZER = "    prompt_optimizer: bool | Unset = UNSET\n"
END_IMAGE = "    end_image_url: str | PathLike[str] | Unset = UNSET\n"


@pytest.fixture
def compare_with(tmp_path: Path) -> Callable[..., list[Change]]:
    """Compares the generated client with a copy in which one text is replaced."""

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


def test_the_same_client_has_no_changes(compare_with: Callable[..., list[Change]]) -> None:
    assert compare_with() == []


@pytest.mark.parametrize(
    ("name", "old", "new", "severity", "text"),
    [
        (
            "models/__init__.py",
            "    from .task_state import TaskState\n",
            "",
            MAJOR,
            f"`{MODELS}.TaskState`: public object",
        ),
        ("models/code.py", "    MAINTENANCE = 455\n", "", MAJOR, "Code.MAINTENANCE`: public object was removed"),
        (INPUT, OPTIMIZER, "", MAJOR, "(prompt_optimizer)`: parameter was removed"),
        (
            INPUT,
            "    prompt: str\n",
            "    prompt: str\n    mood: str\n",
            MAJOR,
            "(mood)`: parameter was added as required",
        ),
        (INPUT, END_IMAGE, END_IMAGE.replace(" | Unset = UNSET", ""), MAJOR, "(end_image_url)`: parameter is now requ"),
        (INPUT, OPTIMIZER, OPTIMIZER.replace("UNSET", "True"), MINOR, "(prompt_optimizer)`: parameter default was"),
        (
            "api/jobs/get_task_details.py",
            "    task_id: str,\n",
            "    id: str,\n",
            MAJOR,
            "(task_id)`: parameter was re",
        ),
        ("models/__init__.py", '    "TaskState",\n', '    "TaskState",\n    "Mood",\n', MINOR, f"`{MODELS}.Mood`: new"),
    ],
)
def test_a_change_of_the_client_is_reported(
    compare_with: Callable[..., list[Change]], name: str, old: str, new: str, severity: Severity, text: str
) -> None:
    changes = compare_with(name, old, new)
    assert changes[0].severity is severity
    assert any(text in str(each) for each in changes), changes


def test_a_new_field_before_others_is_not_breaking(compare_with: Callable[..., list[Change]]) -> None:
    changes = compare_with(INPUT, END_IMAGE, f"    mood: str | Unset = UNSET\n{END_IMAGE}")
    assert [each for each in changes if each.severity is MAJOR] == []
