"""Names of a package that are imported on first use."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping


def lazy_names(package: str, modules: Mapping[str, str], extra: str) -> Callable[[str], object]:
    """Return the function `__getattr__` of a package.

    Args:
        package: The package.
        modules: The module of each name, below the package.
        extra: The extra that the package needs.
    """

    def get(name: str) -> object:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            return getattr(importlib.import_module(f"{package}.{modules[name]}"), name)
        except ModuleNotFoundError as error:
            if error.name not in ("sqlalchemy", "platformdirs"):
                raise
            message = f"{error.name} is not installed; run: pip install 'apikley[{extra}]'"
            raise ModuleNotFoundError(message, name=error.name) from None

    return get
