"""Request bodies with local files: located, stored as JSON, and hashed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from apikley._model.local_files import LocalFile

_FILE = "$file"


def located(value: Any, folder: Path) -> Any:
    """Return a value in which the paths of local files start at a folder."""
    if isinstance(value, os.PathLike):
        return LocalFile(folder / value)
    if isinstance(value, Mapping):
        return {name: located(item, folder) for name, item in value.items()}
    return [located(item, folder) for item in value] if isinstance(value, list | tuple) else value


def pack(body: Mapping[str, Any]) -> str:
    """Return a request body as JSON, with local files as `{"$file": absolute path}`."""
    return json.dumps(_packed(body, os.path.abspath), ensure_ascii=False)


def unpack(text: str) -> dict[str, Any]:
    """Return the request body that `pack` has encoded."""
    body: dict[str, Any] = _unpacked(json.loads(text))
    return body


def content_hash(body: Mapping[str, Any]) -> str:
    """Return a hash of a request body, with the paths of local files as they are written."""
    text = json.dumps(_packed(body, os.fspath), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _packed(value: object, path_of: Callable[[os.PathLike[str]], str]) -> object:
    if isinstance(value, os.PathLike):
        return {_FILE: path_of(value)}
    if isinstance(value, Mapping):
        # A field with the name `$file` gets one more `$`.
        return {f"${name}" if _is_escaped(name) else name: _packed(item, path_of) for name, item in value.items()}
    return [_packed(item, path_of) for item in value] if isinstance(value, list | tuple) else value


def _unpacked(value: Any) -> Any:
    if isinstance(value, dict):
        if [*value] == [_FILE]:
            return LocalFile(value[_FILE])
        return {(name[1:] if _is_escaped(name[1:]) else name): _unpacked(item) for name, item in value.items()}
    return [_unpacked(item) for item in value] if isinstance(value, list) else value


def _is_escaped(name: object) -> bool:
    return isinstance(name, str) and name.startswith("$") and name.lstrip("$") == _FILE[1:]
