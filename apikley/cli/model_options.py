"""The fields of a model's input as options, from the contract. A new model needs no code."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from typing import Any, NamedTuple

import click

import apikley_contract
from apikley import LocalFile
from apikley.cli.options import REQUEST, RESERVED
from apikley.cli.request_body import expand_text, parse_json, read_body
from apikley.cli.session import SessionCommand
from apikley.cli.settings import resolve
from apikley.errors import ApikleyError, ConfigurationError

_TYPES = {"string": click.STRING, "integer": click.INT, "number": click.FLOAT, "boolean": click.BOOL}
_LIMITS = {
    "maxLength": "at most {:,} characters",
    "minLength": "at least {:,} characters",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "maxItems": "at most {} items",
    "pattern": "matches {}",
    "format": "format {}",
}


class Field(NamedTuple):
    """A field of a model's input: its name and schema in the contract, and whether the model requires it."""

    name: str
    schema: Mapping[str, Any]
    required: bool

    @property
    def parameter(self) -> str:
        """The name of the command's parameter."""
        return "input_" + re.sub(r"\W", "_", self.name.strip())

    @property
    def flags(self) -> list[str]:
        """The option's flags. A field `image_url` that takes a file is `--image`, too."""
        name = re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")
        names = [name.removesuffix("-url"), name] if "x-file" in self.schema and name.endswith("-url") else [name]
        return [f"--input-{each}" if f"--{each}" in RESERVED else f"--{each}" for each in names]

    @property
    def limits(self) -> list[str]:
        """The limits in words."""
        words = ["required" if self.required else "optional"]
        rule = self.schema.get("x-file")
        shown = [keyword for keyword in _LIMITS if keyword in self.schema and (rule is None or keyword != "pattern")]
        words += [_LIMITS[keyword].format(self.schema[keyword]) for keyword in shown]
        if "enum" in self.schema:
            words.append("one of " + ", ".join(map(str, self.schema["enum"])))
        if "default" in self.schema:
            words.append(f"default: {json.dumps(self.schema['default'], ensure_ascii=False)}")
        rule = self.schema.get("items", {}).get("x-file", rule)
        if rule is not None:
            words.append(": ".join(["a URL or a local file", *filter(None, [_file_limits(rule)])]))
        return words

    def option(self) -> click.Option:
        """Return the option."""
        schema, flags, metavar = self.schema, self.flags, None
        # A list is given by its items, or as JSON.
        multiple = schema.get("type") == "array"
        items = schema.get("items", {}) if multiple else schema
        type_ = None if multiple else _TYPES.get(items.get("type", ""))
        if "x-file" in items:
            metavar = "FILE|URL"
        elif not multiple and all(isinstance(value, str) for value in schema.get("enum", [None])):
            type_ = click.Choice(schema["enum"])
        elif items.get("type") not in _TYPES:
            metavar = "JSON"
        elif type_ is click.STRING:
            metavar = "TEXT|@FILE"
        elif type_ is click.BOOL:
            flags = [f"{flags[0]}/--no-{flags[0][2:]}"]
        elif multiple:
            metavar = str(items["type"]).upper()
        # A description can have several paragraphs; the help shows the first.
        description = str(schema.get("description", "")).split("\n\n")[0].rstrip(". ")
        help_ = f"{description}.  [{'; '.join(self.limits)}]".removeprefix(".  ")
        declarations = [self.parameter, *flags]
        return click.Option(declarations, type=type_, multiple=multiple, default=None, metavar=metavar, help=help_)

    def value(self, given: Any) -> Any:
        """Return the value for the request.

        Raises:
            RequestInvalid: The option names a file that cannot be read, or is not JSON.
        """
        pointer = f"/input/{self.name}"
        if isinstance(given, tuple):
            items = self.schema.get("items", {})
            if len(given) == 1 and given[0].lstrip().startswith("["):
                return _with_files(parse_json(given[0], pointer), self.schema)
            is_text = items.get("type") == "string"
            return [_with_files(each if is_text else parse_json(each, pointer), items) for each in given]
        if not isinstance(given, str) or "enum" in self.schema:
            return given
        if "x-file" in self.schema:
            return _with_files(given, self.schema)
        is_text = self.schema.get("type") == "string"
        return expand_text(given, pointer) if is_text else _with_files(parse_json(given, pointer), self.schema)


def _file_limits(rule: Mapping[str, Any]) -> str:
    limits = [", ".join(rule["media-types"])] if "media-types" in rule else []
    limits += [f"at most {rule['max-bytes'] / 1024**2:g} MB"] if "max-bytes" in rule else []
    return ", ".join(limits)


def _with_files(value: Any, schema: Mapping[str, Any]) -> Any:
    """Return a value with a local file for each text, other than a URL, where the schema takes a file."""
    if isinstance(value, list):
        return [_with_files(item, schema.get("items", {})) for item in value]
    if isinstance(value, dict):
        return {name: _with_files(item, schema.get("properties", {}).get(name, {})) for name, item in value.items()}
    is_file = "x-file" in schema and isinstance(value, str) and value and "://" not in value
    return LocalFile(value) if is_file else value


def model_fields(model: str) -> list[Field]:
    """Return the fields of a model's input, in the order of the contract."""
    schema = apikley_contract.openapi()["components"]["schemas"][apikley_contract.models()[model].input]
    required = schema.get("required", ())
    fields = [Field(name, each, name in required) for name, each in schema.get("properties", {}).items()]
    # Of two fields with one option, such as `lora-scale` and `lora_scale`, the second is left to --json.
    return [*{field.flags[-1]: field for field in reversed(fields)}.values()][::-1]


class ModelCommand(SessionCommand):
    """`run` or `create`: a command with the options of the model that its arguments name.

    Its function gets the request as `body`.
    """

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        model = click.Option(
            ["--model"],
            metavar="MODEL",
            help="The model; `apikley models` lists them.",
            shell_complete=lambda _, __, begin: [name for name in apikley_contract.models() if name.startswith(begin)],
        )
        self.params = [model, *REQUEST, *self.params]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Find the model, then parse the arguments with its options."""
        # The shell's completion must not fail.
        with suppress(ApikleyError) if ctx.resilient_parsing else nullcontext():
            ctx.meta[__name__] = self._find_model(ctx, args)
        return super().parse_args(ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the options of the model and of the command."""
        return [*(field.option() for field in _fields(ctx)), *super().get_params(ctx)]

    def prepare(self, ctx: click.Context) -> None:
        """Build the request body from the options or read it from a file."""
        values = ctx.params
        given = [(field, value) for field in _fields(ctx) if (value := values.pop(field.parameter)) not in (None, ())]
        model, file = values.pop("model"), values.pop("json")
        if file is None:
            values["body"] = {"model": ctx.meta[__name__], "input": {field.name: field.value(v) for field, v in given}}
        elif model is not None or given:
            raise ConfigurationError("--json is a whole request body; omit --model and the model's options")
        else:
            values["body"] = read_body(file)

    def _find_model(self, ctx: click.Context, args: list[str]) -> str | None:
        """Return the model of a command line; None if the command needs none."""
        parser = self.make_parser(ctx)
        parser.ignore_unknown_options = True
        given, _, _ = parser.parse_args([*args])
        known = apikley_contract.models()
        name = resolve(model=given.get("model"), profile=given.get("profile")).model.value
        if name is None and len(known) == 1:
            name = next(iter(known))
        if name in known:
            return name
        if "json" in given or (name is None and "--help" in args):
            return None
        if name is None:
            message = f"name the model with --model; `apikley models` lists the {len(known)} known models"
            raise ConfigurationError(message)
        from apikley._model.validation import validate_create  # noqa: PLC0415 - loads the validator

        validate_create({"model": name})  # raises with the nearest name
        return name


def _fields(ctx: click.Context) -> list[Field]:
    model = ctx.meta.get(__name__)
    return model_fields(model) if model else []
