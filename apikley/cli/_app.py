"""The commands together, and what a failure of any of them looks like: one line."""

from __future__ import annotations

import sys

import typer

from apikley.cli import _inbox, _listen
from apikley.errors import ApikleyError

app = typer.Typer(
    name="apikley",
    help="Apikley's video generation API, from the command line.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("listen")(_listen.listen)
app.add_typer(_inbox.app, name="inbox")


@app.callback()
def _group() -> None:
    # With it, Typer keeps the commands' names however few there are.
    pass


def run(arguments: list[str] | None) -> int:
    """Run a command; wrong usage ends in SystemExit(2)."""
    try:
        app(arguments, standalone_mode=True)
    except (ApikleyError, OSError, ModuleNotFoundError) as error:
        print(f"apikley: {error}", file=sys.stderr)
        return 1
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0
