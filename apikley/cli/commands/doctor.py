"""`apikley doctor`: what is in the way, found one by one."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import apikley_contract
from apikley.cli.exit_codes import Exit, Unsuccessful, failure_of
from apikley.cli.output import amount
from apikley.cli.session import Session
from apikley.cli.settings import Settings
from apikley.errors import ApikleyError

if TYPE_CHECKING:
    from apikley import Apikley

# Callbacks are refused when they are five minutes old: a clock that is off by half of that is on its way there.
_SKEW = 150.0


class Check(NamedTuple):
    """One thing that was looked at.

    Attributes:
        name: What it is.
        status: How it is.
        message: What was found. Never the key.
        code: The exit code that it leads to.
    """

    name: str
    status: Literal["ok", "warning", "failed"]
    message: str
    code: Exit = Exit.DONE


def doctor(session: Session) -> None:
    """Find out what is in the way: settings, key, connection, clock. Never prints the key.

    For example:

        apikley doctor --profile mock
    """
    checks = [Check("package", "ok", package_version()), Check("contract", "ok", contract_version())]
    try:
        settings = session.settings
    except ApikleyError as error:
        checks.append(Check("settings", "failed", str(error), Exit.INVALID))
    else:
        checks += _settings(settings) + _connection(settings)
    documents = [check._asdict() | {"code": int(check.code)} for check in checks]
    width = max(len(check.name) for check in checks)
    lines = [f"{check.status:<7}  {check.name:<{width}}  {check.message}" for check in checks]
    session.output.so_far = {"checks": documents}, lines
    failed = [check for check in checks if check.status == "failed"]
    if failed:
        raise Unsuccessful(failed[0].code, [f"in the way: {', '.join(check.name for check in failed)}"])
    session.output.result(*session.output.so_far)


def package_version() -> str:
    """Which package this is, on which Python."""
    try:
        own = version("apikley")
    except PackageNotFoundError:
        own = "(not installed)"
    return f"apikley {own}, Python {platform.python_version()}"


def contract_version() -> str:
    """Which contract it holds requests to."""
    document = apikley_contract.openapi()
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    models = len(apikley_contract.models())
    return f"{document['info']['version']} ({models} model{'s' * (models != 1)}, sha256 {digest[:12]})"


def _settings(settings: Settings) -> list[Check]:
    there = f"read, profile {settings.profile!r}" if settings.profile else "has no such profile"
    state = there if settings.file.exists() else "is not there, which is fine"
    checks = [Check("settings file", "ok", f"{settings.file} {state}")]
    for name in ("base_url", "model"):
        value, source = getattr(settings, name)
        default = settings.address if name == "base_url" else "the contract's only one"
        words = f"{value}, from {source}" if value else f"{default}, by default"
        checks.append(Check(name.replace("_", " "), "ok", words))
    known = apikley_contract.models()
    if settings.model.value is not None and settings.model.value not in known:
        words = f"{checks[-1].message}: there is no such model; there are: {', '.join(known)}"
        checks[-1] = Check("model", "failed", words, Exit.INVALID)
    return checks


def _connection(settings: Settings) -> list[Check]:
    from apikley import Apikley  # noqa: PLC0415 - loads the network stack

    try:
        Apikley("any", base_url=settings.address).close()
    except ApikleyError as error:
        return [Check("connection", "failed", str(error), Exit.INVALID)]
    answer = _answer(settings.address)
    try:
        api = settings.client()
    except ApikleyError as error:
        return [Check("key", "failed", str(error), Exit.INVALID), *answer]
    key = Check("key", "ok", f"well formed, from {settings.api_key.source}")
    with api:
        return [key, *answer, *([] if answer[-1].code is Exit.NETWORK else [_account(api)])]


def _account(api: Apikley) -> Check:
    try:
        left = api.get_credits()
    except ApikleyError as error:
        failure = failure_of(error)
        return Check("account", "failed", str(error), failure.code if failure else Exit.FAILED)
    return Check("account", "ok", f"the key is accepted; {amount(left)} credits left")


def _answer(base_url: str) -> list[Check]:
    """Whether anything answers there, and what time it is there; asked without the key."""
    import httpx2  # noqa: PLC0415 - loads the network stack

    start = time.monotonic()
    try:
        response = httpx2.get(base_url, timeout=10.0, follow_redirects=False)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        words = str(error) or type(error).__name__
        return [Check("connection", "failed", f"{base_url} cannot be reached: {words}", Exit.NETWORK)]
    took = time.monotonic() - start
    checks = [Check("connection", "ok", f"{base_url} answers in {took * 1000:.0f} ms")]
    return [*checks, _clock(response.headers.get("date"), took)]


def _clock(date: Any, took: float) -> Check:
    try:
        there = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return Check("clock", "warning", "the answer holds no date, so the clock cannot be compared")
    # The header has whole seconds; the answer was under way for half of the time.
    skew = (datetime.now(UTC) - there.astimezone(UTC)).total_seconds() - 0.5 - took / 2
    words = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the service's"
    if abs(skew) > _SKEW:
        return Check("clock", "warning", f"{words}: callbacks will be refused as stale; set this machine's clock")
    return Check("clock", "ok", words if abs(skew) >= 2 else "the same as the service's")
