"""The fields of a model's input as options, from the contract alone."""

from __future__ import annotations

import inspect
import json
import math
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import typer

import apikley_contract
from apikley import LocalFile
from apikley.errors import RequestInvalid, Violation

_TYPES: dict[str, type] = {"string": str, "integer": int, "number": float, "boolean": bool}
_PREFIX = "input_"


class Field(NamedTuple):
    """One field of a model's input.

    Attributes:
        name: Its name in the contract.
        schema: Its schema.
        required: Whether the model asks for it.
    """

    name: str
    schema: Mapping[str, Any]
    required: bool

    @property
    def takes_file(self) -> bool:
        """Whether a local file can stand there."""
        return "x-file" in self.schema

    def flags(self, taken: Collection[str]) -> list[str]:
        """How the option is written; that of a file also without the end of its name, `_url`.

        Args:
            taken: Options of the commands themselves, which a field must not hide.
        """
        name = self.name.replace("_", "-").lower()
        names = [name.removesuffix("-url"), name] if self.takes_file and name.endswith("-url") else [name]
        return [f"--input-{each}" if f"--{each}" in taken else f"--{each}" for each in names]

    def parameter(self, taken: Collection[str]) -> inspect.Parameter:
        """The option, for Typer.

        Args:
            taken: As for `flags`.
        """
        flags = self.flags(taken)
        kind = self._kind()
        if kind is bool:
            flags = ["/".join([flags[0], f"--no-{flags[0][2:]}"])]
        option = typer.Option(
            *flags, help=self.help(), metavar=self._metavar(kind), show_default=False, callback=finite
        )
        return inspect.Parameter(
            f"{_PREFIX}{self.name}",
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[kind | None, option],
        )

    def help(self) -> str:
        """The description, and the limits."""
        # A description may be several paragraphs; the option's line has room for one.
        description = str(self.schema.get("description", "")).split("\n\n")[0].rstrip(". ")
        return f"{description}.  [{'; '.join(self.limits())}]" if description else f"[{'; '.join(self.limits())}]"

    def limits(self) -> list[str]:
        """What the contract demands, in words."""
        words = ["required" if self.required else "optional"]
        words += [text for keyword, text in self._demands() if keyword in self.schema]
        if "default" in self.schema:
            words.append(f"default: {json.dumps(self.schema['default'], ensure_ascii=False)}")
        if self.takes_file:
            rule = self.schema["x-file"]
            size = f"{rule['max-bytes'] / 1024**2:g} MB"
            words.append(f"a URL, or a local file: {', '.join(rule['media-types'])}, at most {size}")
        return words

    def _demands(self) -> Iterator[tuple[str, str]]:
        schema = self.schema
        yield "maxLength", f"at most {schema.get('maxLength', 0):,} characters"
        yield "minLength", f"at least {schema.get('minLength', 0):,} characters"
        yield "minimum", f"at least {schema.get('minimum')}"
        yield "maximum", f"at most {schema.get('maximum')}"
        yield "maxItems", f"at most {schema.get('maxItems')} of them"
        yield "enum", "one of " + ", ".join(map(str, schema.get("enum", ())))
        yield "pattern", f"matches {schema.get('pattern')}"
        yield "format", f"a {schema.get('format')}"

    def _kind(self) -> Any:
        """The type for Typer. What is neither a scalar nor a list of scalars is written as JSON."""
        if self.schema.get("type") == "array":
            item = _TYPES.get(self.schema.get("items", {}).get("type", ""))
            return list[item] if item else str  # type: ignore[valid-type]
        enum = self.schema.get("enum")
        if enum and all(isinstance(value, str) for value in enum):
            return Literal[tuple(enum)]
        return _TYPES.get(self.schema.get("type", ""), str)

    def _metavar(self, kind: Any) -> str | None:
        if self.takes_file:
            return "FILE|URL"
        if kind is str:
            return "TEXT|@FILE" if self.schema.get("type") == "string" else "JSON"
        return None

    def value(self, given: Any) -> Any:
        """What goes into the request.

        Raises:
            RequestInvalid: The file that it names cannot be read, or it is no JSON.
        """
        pointer = f"/input/{self.name}"
        if self.takes_file and isinstance(given, str):
            return given if not given or "://" in given else LocalFile(given)
        if isinstance(given, str) and self.schema.get("type") == "string":
            return text_of(given, pointer)
        if isinstance(given, str) and "enum" not in self.schema:
            return json_of(given, pointer)
        return given


def finite(value: Any) -> Any:
    """An option's value, for Typer; NaN and infinity pass every other check of a number.

    Raises:
        typer.BadParameter: It is one of these, or holds one.
    """
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, float) and not math.isfinite(each):
            raise typer.BadParameter(f"{each} is not a finite number.")
    return value


def fields(model: str) -> list[Field]:
    """The fields of a model's input, in the order of the contract."""
    schemas = apikley_contract.openapi()["components"]["schemas"]
    schema = schemas[apikley_contract.models()[model].input]
    required = schema.get("required", ())
    return [Field(name, each, name in required) for name, each in schema.get("properties", {}).items()]


def input_of(model: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The input, from the options that were given.

    Raises:
        RequestInvalid: A value cannot be read.
    """
    given = [(field, values.get(f"{_PREFIX}{field.name}")) for field in fields(model)]
    # An option that may be repeated is an empty list where it is not given.
    return {field.name: field.value(value) for field, value in given if value not in (None, [])}


def text_of(given: str, pointer: str) -> str:
    """A text, or with `@` the content of a file; `@@` is a text that begins with `@`.

    Raises:
        RequestInvalid: The file cannot be read.
    """
    if not given.startswith("@"):
        return given
    return given[1:] if given.startswith("@@") else read(given[1:], pointer).rstrip("\n")


def read(name: str, pointer: str = "") -> str:
    """A file's text; `-` is stdin.

    Raises:
        RequestInvalid: It cannot be read.
    """
    try:
        content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return content.decode("utf-8-sig")
    except OSError as error:
        raise RequestInvalid([Violation(pointer, "format", "file", f"{name}: {error.strerror}")]) from error
    except ValueError as error:
        raise RequestInvalid([Violation(pointer, "format", "UTF-8", f"{name} is not UTF-8 text")]) from error


def json_of(given: str, pointer: str = "", name: str = "") -> Any:
    """JSON text as a value.

    Raises:
        RequestInvalid: It is none.
    """
    try:
        return json.loads(given)
    except (ValueError, RecursionError) as error:
        where = f"{name} is not JSON" if name else "is not JSON"
        raise RequestInvalid([Violation(pointer, "format", "JSON", f"{where}: {error}")]) from error
