"""`apikley upload` and `credits`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from apikley.cli.output import amount
from apikley.cli.progress import busy
from apikley.cli.session import Session


def upload(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An image, as the models take them.")],
) -> None:
    """Upload a file, and print the URL under which a model finds it for three days.

    For example:

        apikley upload ship.png
    """
    with session.settings.client() as api, busy(session.output, f"uploading {file.name}"):
        url = api.upload(file)
    session.output.result({"url": url}, [url])


def credits_left(session: Session) -> None:
    """Print what the account has left.

    For example:

        apikley credits --output json
    """
    with session.settings.client() as api:
        left = api.get_credits()
    session.output.result({"credits": left}, [amount(left)])
