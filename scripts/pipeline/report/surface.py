"""Compares the Python API of two generated clients: names and signatures, read without importing them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import griffe

from scripts.pipeline.replace_files import files
from scripts.pipeline.report.changes import Change, Severity

PACKAGE = "apikley_client"
# Griffe knows the constructors of dataclasses only. An attrs class of the same text has the same constructor.
_AS_DATACLASS = {
    b"from attrs import define as _attrs_define": b"from dataclasses import dataclass as _attrs_define",
    b"from attrs import field as _attrs_field": b"from dataclasses import field as _attrs_field",
}


def compare_surface(old: Path, new: Path) -> Iterator[Change]:
    """Yield the changes of `apikley_client` from one folder of generated packages to the other."""
    before, after = _load(old), _load(new)
    for breakage in griffe.find_breaking_changes(before, after):
        # The meaning of a changed default is reported for the contract.
        minor = breakage.kind is griffe.BreakageKind.PARAMETER_CHANGED_DEFAULT
        parameter = breakage.old_value if isinstance(breakage.old_value, griffe.Parameter) else breakage.new_value
        where = breakage.obj.path
        if isinstance(parameter, griffe.Parameter):
            where = f"{where.removesuffix('.__init__')}({parameter.name})"
        what = breakage.kind.value
        yield Change(Severity.MINOR if minor else Severity.MAJOR, where, what[:1].lower() + what[1:])
    exports = [{str(name) for name in package["models"].exports or ()} for package in (before, after)]
    for name in sorted(exports[1] - exports[0]):
        yield Change(Severity.MINOR, f"{PACKAGE}.models.{name}", "new")


def _load(folder: Path) -> griffe.Module:
    with tempfile.TemporaryDirectory() as scratch:
        for name, content in files(folder / PACKAGE).items():
            text = content
            for attrs, dataclasses in _AS_DATACLASS.items():
                text = text.replace(attrs, dataclasses)
            path = Path(scratch, PACKAGE, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)
        package = griffe.load(PACKAGE, search_paths=[scratch], allow_inspection=False)
    assert isinstance(package, griffe.Module)
    return package
