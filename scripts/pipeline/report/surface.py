"""Compares the Python surface of two generated clients: names and signatures, read without importing them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import griffe

from scripts.pipeline.replace_files import files
from scripts.pipeline.report.changes import Change, Severity

PACKAGE = "apikley_client"
# Griffe knows the constructor of a dataclass. An attrs class of the same text has the same one.
_AS_DATACLASS = {
    b"from attrs import define as _attrs_define": b"from dataclasses import dataclass as _attrs_define",
    b"from attrs import field as _attrs_field": b"from dataclasses import field as _attrs_field",
}
_Kind = griffe.BreakageKind
_WORDS = {
    _Kind.OBJECT_REMOVED: "removed",
    _Kind.OBJECT_CHANGED_KIND: "is another kind of thing now",
    _Kind.PARAMETER_REMOVED: "parameter removed",
    _Kind.PARAMETER_ADDED_REQUIRED: "new required parameter",
    _Kind.PARAMETER_CHANGED_REQUIRED: "parameter is now required",
    _Kind.PARAMETER_CHANGED_DEFAULT: "default changed",
    _Kind.PARAMETER_CHANGED_KIND: "parameter is passed in another way now",
    _Kind.PARAMETER_MOVED: "parameter moved",
    _Kind.CLASS_REMOVED_BASE: "has lost a base class",
    _Kind.RETURN_CHANGED_TYPE: "returns another type",
}
# What a changed default means is said of the contract's default; here it only shows.
_MINOR = {_Kind.PARAMETER_CHANGED_DEFAULT}


def compare_surface(old: Path, new: Path) -> Iterator[Change]:
    """What changed in `apikley_client` from one folder of generated packages to the other."""
    before, after = _load(old), _load(new)
    for breakage in griffe.find_breaking_changes(before, after):
        severity = Severity.MINOR if breakage.kind in _MINOR else Severity.MAJOR
        parameter = breakage.old_value if isinstance(breakage.old_value, griffe.Parameter) else breakage.new_value
        where = breakage.obj.path
        if isinstance(parameter, griffe.Parameter):
            where = f"{where.removesuffix('.__init__')}({parameter.name})"
        yield Change(severity, where, _WORDS.get(breakage.kind, breakage.kind.value))
    names = [_exported(package) for package in (before, after)]
    for name in sorted(names[1] - names[0]):
        yield Change(Severity.MINOR, f"{PACKAGE}.models.{name}", "new")


def _load(folder: Path) -> griffe.Module:
    with tempfile.TemporaryDirectory() as scratch:
        for name, content in files(folder / PACKAGE).items():
            path = Path(scratch, PACKAGE, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_as_dataclasses(content))
        package = griffe.load(PACKAGE, search_paths=[scratch], allow_inspection=False)
    assert isinstance(package, griffe.Module)
    return package


def _as_dataclasses(source: bytes) -> bytes:
    for attrs, dataclasses in _AS_DATACLASS.items():
        source = source.replace(attrs, dataclasses)
    return source


def _exported(package: griffe.Module) -> set[str]:
    models = package["models"]
    return {str(name) for name in models.exports or ()}
