"""Files are read from and saved in one folder only."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from apikley.mcp.files import Root, result_name
from contract_tests.mcp.agents import PNG, Agents, run


@pytest.fixture
def secret(agents: Agents) -> Path:
    """A picture outside of the folder, with links to it inside."""
    outside = agents.root.parent / "secret.png"
    outside.write_bytes(PNG)
    (agents.root / "link.png").symlink_to(outside)
    (agents.root / "folder").symlink_to(agents.root.parent)
    (agents.root / ".hidden.png").write_bytes(PNG)
    return outside


ESCAPES = ["../secret.png", "link.png", "folder/secret.png", "a/../../secret.png", "ABSOLUTE", ".", "", "a\0b"]


@pytest.mark.parametrize("name", [*ESCAPES, ".hidden.png"])
def test_only_files_of_the_folder_are_uploaded(agents: Agents, secret: Path, name: str) -> None:
    async def work() -> None:
        async with agents.open() as call:
            refused = await call("upload_file", file=str(secret) if name == "ABSOLUTE" else name)
            assert refused.is_error
            assert "below" in refused.text or "file" in refused.text

    run(work)
    assert not agents.mock.journal.requests()


@pytest.mark.parametrize("name", [*ESCAPES, ".hidden.png", ".bashrc"])
def test_only_files_of_the_folder_are_saved(agents: Agents, secret: Path, name: str) -> None:
    async def work() -> None:
        async with agents.open() as call:
            task_id = (await call.create()).document["task_id"]
            await call("wait_for_task", task_id=task_id)
            file = str(secret) if name == "ABSOLUTE" else name
            assert (await call("download_result", task_id=task_id, file=file)).is_error

    run(work)
    assert secret.read_bytes() == PNG
    assert not (agents.root / ".bashrc").exists()


def test_a_result_gets_a_new_folder_and_replaces_no_file(agents: Agents) -> None:
    async def work() -> None:
        async with agents.open() as call:
            task_id = (await call.create()).document["task_id"]
            early = await call("download_result", task_id=task_id)
            assert "wait_for_task" in early.text
            await call("wait_for_task", task_id=task_id)
            assert (await call("download_result", task_id=task_id, file="new/a.mp4")).document["file"] == "new/a.mp4"
            again = await call("download_result", task_id=task_id, file="new/a.mp4")
            assert "exists and is not replaced" in again.text
            none = await call("download_result", task_id=task_id, index=7)
            assert "no such result" in none.text
            assert (agents.root / "new" / "a.mp4").stat().st_size

    run(work)
    assert [path.name for path in (agents.root / "new").iterdir()] == ["a.mp4"]


def test_an_absolute_name_inside_of_the_folder_is_allowed(agents: Agents) -> None:
    (agents.root / "cat.png").write_bytes(PNG)

    async def work() -> None:
        async with agents.open() as call:
            assert (await call("upload_file", file=str(agents.root / "cat.png"))).document["url"]

    run(work)


@pytest.mark.parametrize(("name", "text"), [("none.png", "No such file"), ("notes.txt", "expected"), ("pipe", "pipe")])
def test_a_file_that_cannot_be_uploaded_is_told(agents: Agents, name: str, text: str) -> None:
    (agents.root / "notes.txt").write_text("a secret note")
    os.mkfifo(agents.root / "pipe")

    async def work() -> None:
        async with agents.open() as call:
            refused = await call("upload_file", file=name)
            assert refused.is_error
            assert text in refused.text

    run(work)


@pytest.mark.parametrize(
    ("task_id", "url", "index", "name"),
    [
        ("task_1", "https://example.com/a.mp4", 0, "task_1.mp4"),
        ("task_1", "https://example.com/a.mp4?x=.exe", 1, "task_1-2.mp4"),
        ("../../etc/passwd", "https://example.com/a.png", 0, "_._.._etc_passwd.png"),
        (".ssh", "https://example.com/a/../b.mp4/..", 0, "_ssh.mp4"),
        ("a\nb\u202e", "http://[", 0, "a_b_.mp4"),
        ("x" * 300, "https://example.com/a.verylong", 0, "x" * 100 + ".mp4"),
    ],
)
def test_names_from_the_service_are_harmless(tmp_path: Path, task_id: str, url: str, index: int, name: str) -> None:
    assert result_name(task_id, url, index) == name
    assert Root(tmp_path).inside(name).parent == tmp_path.resolve()
