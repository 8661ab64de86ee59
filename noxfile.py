# /// script
# requires-python = ">=3.11"
# dependencies = ["nox[uv]>=2026.4"]
# ///
"""The project's tasks; `nox -l` lists them. The session `dev` makes the environment that most of them share."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "types", "check", "tests"]
nox.options.reuse_existing_virtualenvs = True
nox.needs_version = ">=2026.4"

# uv uses this machine's Python and its certificates, as pip does.
os.environ["UV_PYTHON_DOWNLOADS"] = "never"
os.environ.setdefault("UV_SYSTEM_CERTS", "1")

ROOT = Path(__file__).parent
BIN = ROOT / ".nox" / "dev" / ("Scripts" if os.name == "nt" else "bin")
DEV, DEMO, NOX, WHEEL = (f"requirements/{name}.txt" for name in ("dev", "demo", "nox", "wheel"))
PYTEST = ["pytest", "--numprocesses=auto", "--dist=loadfile"]  # one worker runs a file, so module fixtures start once

# These sessions run in the environment of the session `dev`.
dev_session = nox.session(venv_backend="none", requires=["dev"])


def install(session: nox.Session, requirements: str) -> None:
    """Install the locked versions and the project itself."""
    session.install("--require-hashes", "-r", requirements)
    session.install("--no-deps", "--no-build-isolation", "-e", ".")


def run(session: nox.Session, program: str, *arguments: str) -> None:
    """Run a program of the development environment."""
    path = os.pathsep.join([str(BIN), os.environ["PATH"]])
    session.run(str(BIN / program), *arguments, env={"PATH": path}, external=True)


@nox.session
def dev(session: nox.Session) -> None:
    """Create the environment that lint, types, tests and the other tools share."""
    install(session, DEV)


@dev_session
def generate(session: nox.Session) -> None:
    """Write generated/ from openapi/."""
    run(session, "python", "-m", "scripts.pipeline", "generate")


@dev_session
def update(session: nox.Session) -> None:
    """Vendor published pages, generate, and report the changes; takes the arguments of scripts/update-spec."""
    with session.chdir(session.invoked_from):  # paths are relative to the user's directory
        run(session, "python", "-m", "scripts.pipeline", "update", *session.posargs)


@dev_session
def check(session: nox.Session) -> None:
    """Check that generated/ is what openapi/ generates."""
    run(session, "python", "-m", "scripts.pipeline", "check")


@dev_session
def build(session: nox.Session) -> None:
    """Build a reproducible sdist and wheel in dist/."""
    run(session, "python", "-m", "hatchling", "build", "--clean")


@nox.session(venv_backend="venv")  # with pip, which the README calls
def wheel(session: nox.Session) -> None:
    """Try library, receiver, simulator, commands and README from the wheel in dist/, without the checkout."""
    wheels = sorted((ROOT / "dist").glob("*.whl"))
    if len(wheels) != 1:
        session.error(f"dist/ holds {len(wheels)} wheels, expected one; run: nox -s build")
    session.install("--require-hashes", "-r", WHEEL)
    session.install("--no-deps", "--no-index", "--force-reinstall", str(wheels[0]))
    session.run("python", "-I", "contract_tests/project/check_commands.py")
    if os.name == "posix":  # the README's commands are for a POSIX shell
        session.run("python", "-I", "contract_tests/project/check_wheel.py")


@dev_session
def docs(session: nox.Session) -> None:
    """Check the prose of the documentation, and build the site in build/site/ without a warning."""
    run(session, "python", "-m", "scripts.docs", "prose")
    run(session, "python", "-m", "scripts.docs", "build")


@dev_session
def lint(session: nox.Session) -> None:
    """Run Ruff, import-linter and codespell."""
    run(session, "ruff", "check", ".")
    run(session, "ruff", "format", "--check", ".")
    run(session, "lint-imports")
    run(session, "codespell")


@dev_session
def types(session: nox.Session) -> None:
    """Run mypy in strict mode on all code."""
    run(session, "mypy")
    # Users may copy the generated client, so it is checked without this project's settings, too.
    run(session, "mypy", "--strict", "--config-file", os.devnull, "generated/apikley_client")


@dev_session
def tests(session: nox.Session) -> None:
    """Run all tests; arguments go to pytest."""
    run(session, "python", "-m", "scripts.pipeline.node")
    run(session, "python", "-m", "contract_tests.simulator.browser")
    run(session, *PYTEST, *session.posargs)


@dev_session
def portable(session: nox.Session) -> None:
    """Run the tests of library, simulator and command line that need neither Node nor a browser."""
    parts = ["client", "simulator"] if os.name == "nt" else ["client", "simulator", "cli"]  # cli needs terminals
    folders = [f"contract_tests/{part}" for part in parts]
    run(session, *PYTEST, "--ignore=contract_tests/simulator/test_page.py", *folders, *session.posargs)


@dev_session
def coverage(session: nox.Session) -> None:
    """Measure line and branch coverage of library and simulator; arguments go to pytest."""
    run(session, "python", "-m", "scripts.pipeline.node")
    run(session, "python", "-m", "contract_tests.simulator.browser")
    run(session, "coverage", "run", "-m", *PYTEST, "-q", *session.posargs)
    run(session, "coverage", "combine")
    run(session, "coverage", "report")


@nox.session
def market(session: nox.Session) -> None:
    """Run all tests with other models: published pages given as files or folders, or 100 made-up ones."""
    copy = ROOT / "build" / "market"
    # In the copy, so that no page of an earlier run is left.
    pages = [str((Path(session.invoked_from) / page).resolve()) for page in session.posargs] or ["build/pages"]
    unneeded = shutil.ignore_patterns(
        ".git", ".nox", ".venv", "build", "dist", "node_modules", "*_cache", "__pycache__"
    )
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(ROOT, copy, ignore=unneeded)
    with session.chdir(copy):
        install(session, DEV)
        if not session.posargs:
            session.run("python", "-m", "contract_tests.pipeline.market", *pages)
        session.run("python", "-m", "scripts.pipeline", "update", *pages)
        session.run("python", "-m", "scripts.pipeline.node")
        session.run("python", "-m", "contract_tests.simulator.browser")
        session.run(*PYTEST)


@dev_session
def mutation(session: nox.Session) -> None:
    """Plant faults and show which tests catch them; arguments select faults."""
    run(session, "python", "-m", "scripts.pipeline.node")
    run(session, "python", "-m", "contract_tests.simulator.browser")
    run(session, "python", "-m", "scripts.mutation", *session.posargs)


@dev_session
def prism(session: nox.Session) -> None:
    """Run Prism on the contract until Ctrl-C; arguments go to `prism mock`."""
    run(session, "python", "-m", "scripts.pipeline.prism", *session.posargs)


@nox.session
def demo(session: nox.Session) -> None:
    """Make a video from end to end against the simulator."""
    install(session, DEMO)
    session.run("python", "-m", "scripts.demo", *session.posargs)


@dev_session
def picture(session: nox.Session) -> None:
    """Record a real run for the picture in the command line's reference."""
    run(session, "python", "-m", "contract_tests.cli.picture")


@nox.session(venv_backend="none")
def video(session: nox.Session) -> None:
    """Make the simulator's sample video with ffmpeg: a ship crosses a night sky for two seconds."""
    sources = [f"color=c={color}:rate=10:duration=2" for color in ("0x0b1030:size=192x108", "0xe8edf7:size=34x10")]
    sky = "[0]drawbox=y=84:w=192:h=24:color=0x283a6b:t=fill,drawbox=x=140:y=14:w=16:h=16:color=0xf2c14e:t=fill[sky]"
    inputs = [part for source in sources for part in ("-f", "lavfi", "-i", source)]
    encoding = "-c:v libx264 -profile:v baseline -pix_fmt yuv420p -crf 30 -preset veryslow -an -movflags +faststart"
    exact = "-fflags +bitexact -flags:v +bitexact -map_metadata -1"
    command = ["ffmpeg", "-v", "error", "-y", *inputs, "-filter_complex", f"{sky};[sky][1]overlay=x='-34+t*110':y=48"]
    session.run(*command, *encoding.split(), *exact.split(), "mock/apikley_mock/media/result.mp4", external=True)


@dev_session
def bench(session: nox.Session) -> None:
    """Measure performance; arguments name the subjects."""
    run(session, "python", "-m", "scripts.benchmarks", *session.posargs)


@nox.session
def lock(session: nox.Session) -> None:
    """Update requirements/ with hashes for every platform and without index addresses."""
    session.install("--require-hashes", "-r", NOX)
    project = "pyproject.toml"
    targets = {DEV: [project, "--all-extras", "--group", "dev"], DEMO: [project, "--extra", "mock", "--group", "demo"]}
    targets[WHEEL] = [project, "--all-extras", "--group", "wheel"]
    targets[NOX] = ["--group", "nox"]
    options = ["--universal", "--python-version=3.11", "--generate-hashes", "--no-header", "--no-annotate"]
    for target, sources in targets.items():
        session.run("uv", "pip", "compile", *sources, *options, "--quiet", "--upgrade", "-o", target)


if __name__ == "__main__":
    nox.main()
