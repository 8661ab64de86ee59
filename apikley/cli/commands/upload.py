"""`apikley upload` and `apikley credits`."""

from __future__ import annotations

from pathlib import Path

import click

from apikley.cli.output import format_credits
from apikley.cli.progress import spinner
from apikley.cli.session import Session, SessionCommand


@click.command(cls=SessionCommand)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.pass_obj
def upload(session: Session, *, file: Path) -> None:
    """Upload a file and print its URL.

    The file must be one that a model accepts. The service keeps it for three days.

    For example:

        apikley upload ship.png
    """
    with session.settings.client() as api, spinner(session.output, f"uploading {file.name}"):
        url = api.upload(file)
    session.output.result({"url": url}, [url])


@click.command("credits", cls=SessionCommand)
@click.pass_obj
def get_credits(session: Session) -> None:
    """Print the credits that the account has left.

    For example:

        apikley credits --format json
    """
    with session.settings.client() as api:
        credits_left = api.get_credits()
    session.output.result({"credits": credits_left}, [format_credits(credits_left)])
