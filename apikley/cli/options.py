"""The options that several commands share, as click objects."""

from __future__ import annotations

import re

import click
from click.core import ParameterSource

from apikley.cli import constants


def check_timeout(ctx: click.Context, param: click.Parameter, value: float) -> float:  # noqa: ARG001
    """Refuse NaN, which passes click's ranges, before a task is paid."""
    if not 0 <= value <= constants.MAX_TIMEOUT:
        raise click.BadParameter(f"{value:g} is not a number of seconds from 0 to {constants.MAX_TIMEOUT:,.0f}.")
    return value


def warn_of_visible_key(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Warn about a key that is given on the command line."""
    if ctx.get_parameter_source(param.name or "") is ParameterSource.COMMANDLINE and not ctx.resilient_parsing:
        other = f"{constants.API_KEY_VARIABLE} or a profile" if param.name == "api_key" else param.envvar
        flag = param.opts[0]
        secret = "password" if flag in ("--inbox", "--database") else "key"
        shown = f"shows the {secret} in the process list and the shell history"
        click.echo(f"warning: {flag} {shown}; use {other}", err=True)
    return value


def warn_of_visible_password(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Warn about a password that is given on the command line."""
    has_password = "://" in (value or "") and re.search(r"://[^/]*:[^/]*@|[?&]password=", value or "")
    return warn_of_visible_key(ctx, param, value) if has_password else value


_VARIABLES = constants.SETTINGS_VARIABLES
QUIET = click.Option(["-q", "--quiet"], is_flag=True, help="Print only the result: of `run`, the path of the file.")
FORMAT = click.Option(
    ["--format", "form"],
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="The format of results on stdout.",
)
SETTINGS: list[click.Parameter] = [
    click.Option(
        ["--profile"],
        metavar="NAME",
        help=f"The profile of the settings file.  [env var: {constants.PROFILE_VARIABLE}]",
    ),
    click.Option(
        ["--base-url"],
        metavar="URL",
        help=f"The URL of the API or of a simulator.  [env var: {_VARIABLES['base_url']}]",
    ),
    click.Option(
        ["--api-key"],
        metavar="KEY",
        callback=warn_of_visible_key,
        help="The API key. Prefer the environment: the process list shows options."
        f"  [env var: {constants.API_KEY_VARIABLE}]",
    ),
]
ALLOW_UNKNOWN_FIELDS = click.Option(
    ["--allow-unknown-fields"], is_flag=True, help="Accept fields that the contract does not list."
)
REQUEST: list[click.Parameter] = [
    click.Option(["--json"], metavar="FILE|-", help="A whole request body, instead of the model's options."),
    click.Option(["--callback-url"], metavar="URL", help="Where the service reports the completion."),
    click.Option(["--progress-callback-url"], metavar="URL", help="Where the service reports progress, if it does."),
    ALLOW_UNKNOWN_FIELDS,
]
RESULT: list[click.Parameter] = [
    click.Option(
        ["-o", "--output", "to"],
        metavar="FILE",
        help="Where to save the result: a file, a folder, or a name with {id} in it.",
    ),
    click.Option(["--force"], is_flag=True, help="Replace an existing file."),
]
WAITING: list[click.Parameter] = [
    click.Option(
        ["--timeout"],
        default=constants.WAIT_TIMEOUT,
        callback=check_timeout,
        show_default=True,
        metavar="SECONDS",
        help="How long to wait.",
    ),
    click.Option(["--follow"], is_flag=True, help="Print one line for each change of state."),
]
# The flags that a field of a model must not use.
RESERVED = {
    "--help",
    "--model",
    *(flag for option in (FORMAT, QUIET, *SETTINGS, *REQUEST, *RESULT, *WAITING) for flag in option.opts),
}
