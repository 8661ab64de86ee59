"""The examples in docs/examples/ work as a user would run them, against the simulator."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from apikley import Apikley, Hailuo02ImageToVideoPro
from apikley_mock.web.app import Settings, Simulator
from apikley_mock.web.server import ThreadedServer
from contract_tests.conftest import KEY, free_port
from contract_tests.project.dockerfiles import entrypoint
from contract_tests.project.test_workflows import lint
from contract_tests.receiver import postgres
from scripts.pipeline import node
from scripts.pipeline.io import ROOT, read, read_document

EXAMPLES = ROOT / "docs" / "examples"
COMPOSE = EXAMPLES / "docker-compose"
SERVICES = read_document(COMPOSE / "compose.yaml")["services"]
HANG = 600  # seconds; only for processes that hang


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadedServer]:
    """A fast simulator, and its address and key in the environment."""
    server = ThreadedServer(Simulator(Settings(api_key=KEY, speed=100)))
    server.start()
    monkeypatch.setenv("APIKLEY_BASE_URL", server.url)
    monkeypatch.setenv("APIKLEY_API_KEY", KEY)
    yield server
    server.stop()


def _copy(name: str, target: Path) -> Path:
    """Copy an example, so that running it leaves no files in the checkout."""
    return Path(shutil.copytree(EXAMPLES / name, target / "docs" / "examples" / name))


def _run(
    *command: str | Path, cwd: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=HANG)


@pytest.mark.parametrize("name", ["fastapi-app", "flask-app"])
def test_the_tests_of_an_application_pass(name: str, tmp_path: Path) -> None:
    run = _run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=_copy(name, tmp_path))
    assert re.search(r"^5 passed", run.stdout, flags=re.MULTILINE), run.stdout + run.stderr
    assert run.returncode == 0


@pytest.mark.usefixtures("simulator")
def test_the_script_makes_a_video(tmp_path: Path) -> None:
    folder = _copy("script", tmp_path)
    (folder / "cat.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(2000))
    run = _run(sys.executable, "make_video.py", "cat.png", "A cat surfs", "clip.mp4", cwd=folder)
    assert (run.returncode, run.stderr) == (0, "")
    assert f"clip.mp4: {(folder / 'clip.mp4').stat().st_size:,} bytes" in run.stdout


@pytest.mark.usefixtures("simulator")
@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("A cat" * 2000, "nothing was sent: "),
        ("A cat [mock: fail 422 the picture is blurred]", "the generation failed: the picture is blurred"),
        ("A cat [mock: reset]", "a task may exist and be paid"),
    ],
    ids=["invalid", "failed", "outcome unknown"],
)
def test_the_script_says_what_went_wrong(prompt: str, message: str, tmp_path: Path) -> None:
    folder = _copy("script", tmp_path)
    (folder / "cat.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(2000))
    run = _run(sys.executable, "make_video.py", "cat.png", prompt, "clip.mp4", cwd=folder)
    assert run.returncode == 1
    assert run.stderr.startswith(message)
    assert "Traceback" not in run.stderr


def test_the_batch_makes_a_video_for_each_row_once(tmp_path: Path, simulator: ThreadedServer) -> None:
    folder = _copy("batch", tmp_path)
    (folder / "product.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(2000))
    for _ in range(2):
        run = _run(sys.executable, "make_videos.py", "products.csv", "videos", cwd=folder)
        assert (run.returncode, run.stderr) == (0, "")
        assert run.stdout.endswith("50 done; 50 credits spent\n")
    assert len(simulator.simulator.service.engine.tasks) == len(list((folder / "videos").glob("*.mp4"))) == 50


def _notebook(folder: Path) -> Any:
    return nbformat.read(folder / "make_videos.ipynb", as_version=4)  # type: ignore[no-untyped-call]


def test_the_notebook_is_committed_without_outputs() -> None:
    notebook = _notebook(EXAMPLES / "notebook")
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert cells
    assert [cell.outputs for cell in cells] == [[]] * len(cells)
    assert {cell.execution_count for cell in cells} == {None}


@pytest.mark.usefixtures("simulator")
def test_the_notebook_runs_from_top_to_bottom(tmp_path: Path) -> None:
    folder = _copy("notebook", tmp_path)
    NotebookClient(_notebook(folder), timeout=HANG, resources={"metadata": {"path": str(folder)}}).execute()
    assert len(list(folder.glob("*.mp4"))) == 3


@pytest.mark.usefixtures("simulator")
def test_the_typescript_client_is_typed_by_the_contract_and_passes_its_tests(tmp_path: Path) -> None:
    node.install()
    folder = _copy("typescript", tmp_path)
    for name in ("generated", "node_modules"):  # where the example finds them in a checkout
        (tmp_path / name).symlink_to(ROOT / name)
    for script in ("generate", "check", "test"):
        run = _run(*node.npm("run", script), cwd=folder, environment=node.environment())
        assert run.returncode == 0, run.stdout + run.stderr
    assert "# pass 3\n" in run.stdout


def test_the_typescript_example_uses_the_locked_versions() -> None:
    locked = read_document(ROOT / "package.json")["dependencies"]
    example = read_document(EXAMPLES / "typescript" / "package.json")
    used = {**example["dependencies"], **example["devDependencies"]}
    assert used == {name: locked.get(name) for name in used}


def test_the_workflow_of_the_ci_example_is_valid_and_gives_the_action_what_it_takes() -> None:
    workflow = EXAMPLES / "ci" / "tests.yml"
    assert lint(workflow) == []
    (step,) = [step for step in read_document(workflow)["jobs"]["tests"]["steps"] if "apikley" in step.get("uses", "")]
    folder = step["uses"].partition("@")[0].removeprefix("apikley/apikley/")
    action = read_document(ROOT / folder / "action.yml")
    assert set(step["with"]) <= set(action["inputs"])
    readme = read(EXAMPLES / "ci" / "README.md")
    assert re.findall(r"^\| `([a-z-]+)` \|", readme, flags=re.MULTILINE) == [*action["inputs"]]


def test_the_index_lists_every_example() -> None:
    listed = re.findall(r"^\| \[[^\]]+\]\(([^)]+)/README\.md\) \|", read(EXAMPLES / "README.md"), flags=re.MULTILINE)
    assert sorted(listed) == sorted(path.parent.name for path in EXAMPLES.glob("*/README.md"))
    assert sorted(listed) == sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir())


def test_the_compose_file_names_existing_files_and_passes_each_name_and_key_on() -> None:
    simulator, receiver = SERVICES["simulator"], SERVICES["receiver"]
    assert (COMPOSE / simulator["build"]).resolve() == ROOT
    assert (COMPOSE / receiver["build"]["context"]).resolve() == ROOT
    assert (ROOT / receiver["build"]["dockerfile"]).is_file()
    assert set(receiver["depends_on"]) == set(SERVICES) - {"receiver"}
    assert {"--allow-host=simulator", "--allow-callback-host=receiver"} <= set(simulator["command"])
    variables = receiver["environment"]
    assert f"--api-key={variables['APIKLEY_API_KEY']}" in simulator["command"]
    assert f"--webhook-key={variables['APIKLEY_WEBHOOK_KEY']}" in simulator["command"]
    account = SERVICES["postgres"]["environment"]
    user, password, name = (account[f"POSTGRES_{part}"] for part in ("USER", "PASSWORD", "DB"))
    assert variables["INBOX"] == f"postgresql://{user}:{password}@postgres/{name}"


def test_the_services_of_the_compose_file_save_a_video(tmp_path: Path) -> None:
    folder = _copy("docker-compose", tmp_path)
    simulator, receiver = (f"127.0.0.1:{free_port()}" for _ in range(2))
    listen = [f"--host={simulator.partition(':')[0]}", f"--port={simulator.partition(':')[2]}", "--speed=100"]
    serve = [*entrypoint(ROOT / "Dockerfile", "ENTRYPOINT"), *SERVICES["simulator"]["command"], *listen]
    command = entrypoint(folder / "Dockerfile", "CMD")
    uvicorn = [*command[:2], "--host=127.0.0.1", f"--port={receiver.partition(':')[2]}"]
    assert command[2:] == ["--host=0.0.0.0", "--port=8000"]
    with postgres.running() as inbox:
        service = {**SERVICES["receiver"]["environment"], "INBOX": inbox, "VIDEOS": str(tmp_path)}
        environment = {**os.environ, **service, "APIKLEY_BASE_URL": f"http://{simulator}"}
        with _service(serve, folder, environment), _service(uvicorn, folder, environment):
            with Apikley(service["APIKLEY_API_KEY"], base_url=f"http://{simulator}") as api:
                _wait_until(lambda: _accepts(simulator) and _accepts(receiver))
                cat = Hailuo02ImageToVideoPro(prompt="A cat surfs", image_url="https://example.com/cat.jpg")
                task = api.create(cat, callback_url=f"http://{receiver}/")
            _wait_until((tmp_path / f"{task.id}.mp4").exists)


@contextmanager
def _service(command: list[str], folder: Path, environment: dict[str, str]) -> Iterator[None]:
    program = [str(Path(sys.executable).with_name(command[0])), *command[1:]]
    with subprocess.Popen(program, cwd=folder, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


def _accepts(address: str) -> bool:
    host, _, port = address.partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + HANG
    while not condition():
        assert time.monotonic() < deadline, f"nothing happened within {HANG} s"
        time.sleep(0.05)
