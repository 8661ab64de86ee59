"""`python -m scripts.pipeline.generator`: openapi-python-client with one change.

Values of inputs become literals, as people would write them: `aspect_ratio="16:9"`. A schema whose values have
names (`x-enum-varnames`), such as the code table, becomes an enum.
"""

from __future__ import annotations

from typing import Any

from openapi_python_client.cli import app
from openapi_python_client.parser.properties import EnumProperty, LiteralEnumProperty

_build_literal = LiteralEnumProperty.build


def _build(**arguments: Any) -> Any:
    is_named = "x-enum-varnames" in (arguments["data"].model_extra or {})
    return EnumProperty.build(**arguments) if is_named else _build_literal(**arguments)


if __name__ == "__main__":
    LiteralEnumProperty.build = _build  # type: ignore[method-assign]
    app()
