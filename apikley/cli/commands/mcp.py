"""`apikley mcp`."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import click

from apikley.cli.constants import INTERRUPTED
from apikley.cli.options import warn_of_visible_password
from apikley.cli.session import Session, SessionCommand

_CREDITS = click.FloatRange(min=0)
_PACKAGES = ("mcp", "mcp_types", "sqlalchemy", "uvicorn")


@click.command("mcp", cls=SessionCommand)
@click.option("--http", is_flag=True, help="Serve over HTTP on this machine instead of stdin and stdout.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, metavar="PORT", help="The port of --http; 0 is a free one."
)
@click.option(
    "--root",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="The only folder that files are read from and saved in.  [default: the current folder]",
)
@click.option("--read-only", is_flag=True, help="Offer no tool that creates, uploads or downloads.")
@click.option("--max-credits", type=_CREDITS, metavar="CREDITS", help="What this run may spend at most.  [default: 50]")
@click.option(
    "--max-credits-per-day", type=_CREDITS, metavar="CREDITS", help="What any 24 hours may spend, over all runs."
)
@click.option(
    "--price",
    type=_CREDITS,
    metavar="CREDITS",
    help="The price of a task, kept in the ledger.  [default: the highest that the service has stated]",
)
@click.option(
    "--confirm-above",
    type=_CREDITS,
    metavar="CREDITS",
    help="Have a person confirm each create that costs more, or whose price is not known.",
)
@click.option(
    "--wait",
    type=click.FloatRange(min=0, max=3600, min_open=True),
    metavar="SECONDS",
    help="After how long a tool that waits returns; less than the client's timeout.  [default: 45]",
)
@click.option(
    "--database",
    metavar="PLACE",
    callback=warn_of_visible_password,
    help="The ledger: a SQLite file, or the URL of a PostgreSQL database.  [default: mcp.db in your data folder]",
)
@click.pass_obj
def mcp(session: Session, /, *, http: bool, port: int, **limits: Any) -> None:
    """Serve AI agents over the Model Context Protocol, within a budget.

    The agent gets tools to list models, create videos within a budget, wait for them and save them in one folder. A
    create is never paid twice, also after a restart.

    For example:

        apikley mcp --root ~/videos --max-credits 100
    """
    try:
        from apikley.mcp.options import Options, default_database  # noqa: PLC0415 - needs the extra `mcp`
        from apikley.mcp.server import serve_http, serve_stdio  # noqa: PLC0415
        from apikley.mcp.tools import open_tools  # noqa: PLC0415
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _PACKAGES:
            raise
        raise ModuleNotFoundError(
            f"{package} is not installed; run: pip install 'apikley[mcp]'", name=package
        ) from None
    given = {name: value for name, value in limits.items() if value is not None}
    given["database"] = given.get("database") or str(default_database())
    options = Options(**given)
    api_key, base_url = session.settings.credentials()

    async def serve() -> None:
        interrupted = False
        async with open_tools(options, api_key, base_url) as tools:
            if http:
                await serve_http(tools, port, lambda url: click.echo(f"listening on {url}"))
            else:
                interrupted = await serve_stdio(tools)
        if interrupted:
            os._exit(INTERRUPTED)

    asyncio.run(serve())
