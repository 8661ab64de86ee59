"""The only folder that an agent may read from and write to."""

from __future__ import annotations

from pathlib import Path

from apikley._model.file_names import safe_name, suffix_of
from apikley.mcp.failures import ToolError

_MAX_NAME = 100  # characters of a task's id


class Root:
    """A folder, by its real path.

    Args:
        folder: The folder.

    Raises:
        OSError: It does not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder.resolve(strict=True)

    def inside(self, name: str) -> Path:
        """Return the real path of a file in the folder.

        Args:
            name: The file, relative to the folder.

        Raises:
            ToolError: It is outside of the folder, also by a link, or it is hidden.
        """
        try:
            path = (self.path / name).resolve()
        except (OSError, ValueError, RuntimeError) as error:  # a NUL, or a loop of links
            raise ToolError(f"{name!r} is not a file name; name a file below {self.path}") from error
        if not path.is_relative_to(self.path) or path == self.path:
            raise ToolError(f"{name!r} is outside of the allowed folder; name a file below {self.path}")
        if any(part.startswith(".") for part in path.relative_to(self.path).parts):  # such as .ssh and .env
            raise ToolError(f"{name!r} is a hidden file; name another file below {self.path}")
        return path

    def shown(self, path: Path) -> str:
        """Return a path relative to the folder."""
        return path.relative_to(self.path).as_posix()


def result_name(task_id: str, url: str, index: int) -> str:
    """Return the name of a result. The id and the URL come from the service and must not lead out of the folder."""
    safe = safe_name(task_id)[:_MAX_NAME]
    return f"{safe}{f'-{index + 1}' if index else ''}{suffix_of(url)}"
