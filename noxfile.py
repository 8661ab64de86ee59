# /// script
# requires-python = ">=3.11"
# dependencies = ["nox[uv]>=2026.4"]
# ///
"""What can be done with this project; `nox -l` lists it."""

from __future__ import annotations

import os
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "types", "check", "tests"]
nox.options.reuse_existing_virtualenvs = True
nox.needs_version = ">=2026.4"

# uv takes Python from this machine, and certificates too, as pip does.
os.environ["UV_PYTHON_DOWNLOADS"] = "never"
os.environ.setdefault("UV_SYSTEM_CERTS", "1")

ROOT = Path(__file__).parent
DEV, DEMO, NOX = (f"requirements/{name}.txt" for name in ("dev", "demo", "nox"))


def install(session: nox.Session, requirements: str = DEV) -> None:
    """The locked versions, and the project itself."""
    session.install("--require-hashes", "-r", requirements)
    session.install("--no-deps", "--no-build-isolation", "-e", ".")


@nox.session
def generate(session: nox.Session) -> None:
    """Write generated/ from openapi/."""
    install(session)
    session.run("python", "-m", "scripts.pipeline", "generate")


@nox.session
def update(session: nox.Session) -> None:
    """Take published pages in, generate, and report what changed; arguments as in openapi/README.md."""
    install(session)
    with session.chdir(session.invoked_from):  # files are named from where the user stands
        session.run("python", "-m", "scripts.pipeline", "update", *session.posargs)


@nox.session
def check(session: nox.Session) -> None:
    """Compare generated/ with what openapi/ gives."""
    install(session)
    session.run("python", "-m", "scripts.pipeline", "check")


@nox.session
def build(session: nox.Session) -> None:
    """Make sdist and wheel in dist/; the same sources give the same bytes."""
    install(session)
    session.run("python", "-m", "hatchling", "build", "--clean")


@nox.session
def wheel(session: nox.Session) -> None:
    """Run the README's example from the wheel in dist/, in an environment that holds nothing else of this project."""
    wheels = sorted((ROOT / "dist").glob("*.whl"))
    if len(wheels) != 1:
        session.error(f"dist/ holds {len(wheels)} wheels, expected one; run: nox -s build")
    session.install("--require-hashes", "-r", DEMO)
    session.install("--no-deps", "--no-index", "--force-reinstall", str(wheels[0]))
    session.run("python", "-I", "contract_tests/project/check_wheel.py")


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff, and the import rules."""
    install(session)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Mypy, strict, on everything."""
    install(session)
    session.run("mypy")
    # The generated client has to hold on its own, too, wherever it is copied to.
    session.run("mypy", "--strict", "--config-file", os.devnull, "generated/apikley_client")


@nox.session
def tests(session: nox.Session) -> None:
    """Every test, Prism included; arguments go to pytest."""
    install(session)
    session.run("python", "-m", "scripts.pipeline.node")
    session.run("python", "-m", "contract_tests.simulator.browser")
    # A file's tests stay together, since they share what is costly to start.
    session.run("pytest", "--numprocesses=auto", "--dist=loadfile", *session.posargs)


@nox.session
def prism(session: nox.Session) -> None:
    """Run Prism on the contract until Ctrl-C; arguments go to `prism mock`."""
    install(session)
    session.run("python", "-m", "scripts.pipeline.prism", *session.posargs)


@nox.session
def demo(session: nox.Session) -> None:
    """The main job from end to end against the simulator."""
    install(session, DEMO)
    session.run("python", "-m", "scripts.demo_run", *session.posargs)


@nox.session
def picture(session: nox.Session) -> None:
    """Make the picture in the command line's README, of a real run."""
    install(session)
    session.run("python", "-m", "contract_tests.cli.picture")


@nox.session
def bench(session: nox.Session) -> None:
    """Measure; arguments are the subjects."""
    install(session)
    session.run("python", "-m", "scripts.benchmarks", *session.posargs)


@nox.session
def mutation(session: nox.Session) -> None:
    """Plant faults one at a time and check that a test fails; arguments choose by words of their names."""
    install(session)
    session.run("python", "-m", "scripts.pipeline.node")
    session.run("python", "-m", "scripts.mutation", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Measure which lines and branches of library and simulator the tests reach; lists the others."""
    install(session)
    session.run("python", "-m", "scripts.pipeline.node")
    session.run("coverage", "run", "-m", "pytest", "-q", "--numprocesses=auto", "--dist=loadfile", *session.posargs)
    session.run("coverage", "combine")
    session.run("coverage", "report")


@nox.session
def lock(session: nox.Session) -> None:
    """Write requirements/ anew: hashes for every platform, and no address of an index."""
    session.install("--require-hashes", "-r", NOX)
    project = "pyproject.toml"
    targets = {DEV: [project, "--all-extras", "--group", "dev"], DEMO: [project, "--extra", "mock", "--group", "demo"]}
    targets[NOX] = ["--group", "nox"]
    options = ["--universal", "--python-version=3.11", "--generate-hashes", "--no-header", "--no-annotate"]
    for target, sources in targets.items():
        session.run("uv", "pip", "compile", *sources, *options, "--quiet", "--upgrade", "-o", target)


if __name__ == "__main__":
    nox.main()
