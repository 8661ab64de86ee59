"""`apikley doctor`: checks the settings, the API key, the network and the clock."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal, NamedTuple

import click

import apikley
import apikley_contract
from apikley._model.checks import is_loopback_url
from apikley.cli.exit_codes import CommandFailed, Exit, failure_of
from apikley.cli.output import format_credits
from apikley.cli.session import Session, SessionCommand
from apikley.cli.settings import Settings
from apikley.errors import ApikleyError

# In seconds; half of the five minutes after which a callback is refused as stale.
_MAX_SKEW = 150.0
_TIMEOUT = 10.0
# A password may contain an @.
_USER_INFO = re.compile(r"://.*@", re.DOTALL)


class Check(NamedTuple):
    """The result of one check. The message never contains the key."""

    name: str
    message: str
    status: Literal["ok", "warning", "failed"] = "ok"
    code: Exit = Exit.DONE


@click.command(cls=SessionCommand)
@click.pass_obj
def doctor(session: Session) -> None:
    """Check the settings, the API key, the network and the clock.

    The key is never printed.

    For example:

        apikley doctor --profile mock
    """
    document = apikley_contract.openapi()
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    checks = [
        Check("package", f"apikley {apikley.__version__}, Python {platform.python_version()}"),
        Check("contract", f"{document['info']['version']}, sha256 {digest[:12]}"),
    ]
    try:
        settings = session.settings
    except ApikleyError as error:
        checks.append(_failed("settings", error))
    else:
        checks += [*_check_settings(settings), *_check_service(settings)]
    documents = [check._asdict() | {"code": int(check.code)} for check in checks]
    width = max(len(check.name) for check in checks)
    lines = [f"{check.status:<7}  {check.name:<{width}}  {check.message}" for check in checks]
    session.output.result({"checks": documents}, lines)
    failed = [check for check in checks if check.status == "failed"]
    if failed:
        raise CommandFailed(failed[0].code, [f"failed checks: {', '.join(check.name for check in failed)}"])


def _failed(name: str, error: ApikleyError) -> Check:
    failure = failure_of(error)
    return Check(name, str(error), "failed", failure.code if failure else Exit.FAILED)


def _check_settings(settings: Settings) -> Iterator[Check]:
    state = f"profile {settings.profile!r}" if settings.profile else "has no such profile"
    yield Check("settings file", f"{settings.file}: {state if settings.file.exists() else 'no such file'}")
    address, model = settings.base_url, settings.model
    yield Check("base url", f"{address.value}, from {address.source}" if address.value else f"{settings.address}")
    known = apikley_contract.models()
    if model.value is None or model.value in known:
        yield Check("model", f"{model.value}, from {model.source}" if model.value else model.source)
    else:
        message = f"there is no model {model.value!r}, from {model.source}; known models: {', '.join(known)}"
        yield Check("model", message, "failed", Exit.INVALID)


def _check_service(settings: Settings) -> Iterator[Check]:
    network = _check_network(settings.address)
    yield network
    if network.status == "failed":
        return
    try:
        apikley.Apikley("any", base_url=settings.address).close()
    except ApikleyError as error:
        yield _failed("connection", error)
        return
    connection = _check_connection(settings.address)
    try:
        api = settings.client()
    except ApikleyError as error:
        yield from (_failed("key", error), *connection)
        return
    yield from (Check("key", f"well-formed, from {settings.api_key.source}"), *connection)
    if connection[-1].code is Exit.NETWORK:
        return
    try:
        with api:
            yield Check("account", f"the key is accepted; {format_credits(api.get_credits())} credits left")
    except ApikleyError as error:
        yield _failed("account", error)


def _check_connection(base_url: str) -> list[Check]:
    """Check the connection and the clock, without the key and without reading a body."""
    import httpx2  # noqa: PLC0415 - loads the network stack

    from apikley._http.clients import Clients  # noqa: PLC0415
    from apikley._http.deadlines import Deadline  # noqa: PLC0415

    client = Clients(httpx2.Client, httpx2.Timeout(_TIMEOUT), is_local=is_loopback_url(base_url)).get()
    start = time.monotonic()
    try:
        with client, Deadline(_TIMEOUT, None).active(), client.stream("GET", base_url) as response:
            date = response.headers.get("date")
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        reason = str(error) or type(error).__name__
        return [Check("connection", f"{base_url} cannot be reached: {reason}", "failed", Exit.NETWORK)]
    elapsed = time.monotonic() - start
    connection = Check("connection", f"{base_url} responds in {elapsed * 1000:.0f} ms")
    return [connection, check_clock(date, elapsed)]


def _check_network(base_url: str) -> Check:
    """Check the proxy and certificate settings of the environment. A proxy's password is not shown."""
    import httpx2  # noqa: PLC0415 - loads the network stack

    from apikley._http.clients import NETWORK_VARIABLES, Clients  # noqa: PLC0415

    found = {name: os.environ[name] for name in NETWORK_VARIABLES if os.environ.get(name)}
    shown = ", ".join(f"{name}={_USER_INFO.sub('://***@', value)}" for name, value in found.items())
    try:
        Clients(httpx2.Client, httpx2.Timeout(_TIMEOUT)).get().close()
    except ApikleyError as error:
        if not is_loopback_url(base_url):
            return _failed("network", error)
        return Check("network", f"{error}; not used for {base_url}", "warning")
    if is_loopback_url(base_url):
        return Check("network", f"{base_url} is reached directly" + (f", without {shown}" if shown else ""))
    return Check("network", shown or "no proxy and no certificates are set in the environment")


def check_clock(date: Any, elapsed: float) -> Check:
    """Compare this machine's clock with the Date header of a response that took `elapsed` seconds."""
    try:
        service_time = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return Check("clock", "not compared, because the response has no Date header", "warning")
    # The header has whole seconds; the response took about half of the elapsed time.
    skew = (datetime.now(UTC) - service_time.astimezone(UTC)).total_seconds() - 0.5 - elapsed / 2
    message = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the service's"
    if abs(skew) > _MAX_SKEW:
        return Check("clock", f"{message}: callbacks are refused as stale; set this machine's clock", "warning")
    return Check("clock", message if abs(skew) >= 2 else "the same as the service's")
