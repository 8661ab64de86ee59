"""`apikley-mock check URL`: does a server respond as the contract says? It creates nothing and costs nothing.

It sends only polls, and requests that are certainly refused. What the contract leaves open, such as the form of errors,
is printed as a table.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2
import jsonschema_rs

import apikley_contract
from apikley_mock.journal.journal import Journal
from apikley_mock.world.caller import is_loopback

CODES = apikley_contract.codes()
UPLOAD = "uploadFileBase64"
_NO_KEY = "apikley-contract-check-no-key"
_NO_MODEL = "apikley-contract-check/no-such-model"
_NO_TASK = "apikley-contract-check-no-such-task"
_TIMEOUT = 30.0
_MAX_BODY = 16 * 1024 * 1024
_PROXIES = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")
_NETWORK_VARIABLES = (*_PROXIES, *map(str.lower, _PROXIES), "SSL_CERT_FILE", "SSL_CERT_DIR")


class CheckError(Exception):
    """The check cannot run: the URL or the key is missing, malformed or refused, or the server does not respond."""


class Difference(Exception):
    """The server responds differently than the contract says."""


@dataclass(frozen=True)
class Probe:
    """One request that costs nothing.

    Attributes:
        name: What it tries.
        operation: The operation id.
        codes: The names of the allowed codes.
        schema: The schema of the response.
        params: The query.
        json: The body.
        with_key: Whether the real key is sent; otherwise one that does not exist.
    """

    name: str
    operation: str
    codes: tuple[str, ...]
    schema: str = "ErrorResponse"
    params: dict[str, str] = field(default_factory=dict)
    json: Any = None
    with_key: bool = True


CREDITS = Probe("credits", "getCredits", ("SUCCESS",), schema="CreditsResponse")
UNKNOWN_TASK = Probe("unknown task", "getTaskDetails", ("NOT_FOUND", "VALIDATION_FAILED"), params={"taskId": _NO_TASK})
PROBES = (
    Probe("wrong key", "getCredits", ("UNAUTHORIZED",), with_key=False),
    Probe("create with a wrong key", "createTask", ("UNAUTHORIZED",), json={"model": _NO_MODEL}, with_key=False),
    Probe("upload with a wrong key", UPLOAD, ("UNAUTHORIZED",), schema="UploadErrorResponse", json={}, with_key=False),
    CREDITS,
    # In recorded traffic, some invalid requests get 500.
    Probe("create without a model", "createTask", ("VALIDATION_FAILED", "SERVER_ERROR"), json={"model": _NO_MODEL}),
    UNKNOWN_TASK,
    Probe(
        "download link of a foreign URL",
        "getDownloadUrl",
        ("VALIDATION_FAILED",),
        json={"url": "https://files.example.com/none.mp4"},
    ),
)


def check_server(url: str, api_key: str, task_id: str | None = None) -> int:
    """Check a server and print one line for each probe, and a table of what the contract leaves open.

    Args:
        url: Its base URL.
        api_key: A key that it accepts.
        task_id: An existing task whose record is checked, too.

    Returns:
        The exit code: 0 if everything agrees, 1 if something differs.

    Raises:
        CheckError: The check cannot run.
    """
    _require(url, api_key)
    server = _Server(url.rstrip("/"), api_key)
    server.require_key()
    record = Probe("record of a task", "getTaskDetails", ("SUCCESS",), "TaskDetailsResponse", {"taskId": task_id or ""})
    probes = [*PROBES, record] if task_id else [*PROBES]
    failed = 0
    seen: dict[str, httpx2.Response] = {}
    for probe in probes:
        seen[probe.name] = response = server.send(probe)
        try:
            _compare(probe, response)
        except Difference as difference:
            failed += 1
            print(f"FAILED  {probe.name}: {server.shown(str(difference))}")
        else:
            print(f"ok      {probe.name}")
    print(f"{len(probes) - failed} of {len(probes)} probes agree with the contract\n")
    print("\n".join(_table(seen, record.name, server.shown)))
    return 1 if failed else 0


class _Server:
    def __init__(self, url: str, api_key: str) -> None:
        self._url = url
        self._api_key = api_key
        self._redact = Journal([api_key]).redact

    def send(self, probe: Probe) -> httpx2.Response:
        operation = apikley_contract.operation(probe.operation)
        request = httpx2.Request(
            operation.method,
            self._url + operation.path,
            params=probe.params,
            json=probe.json,
            headers={
                "Authorization": f"Bearer {self._api_key if probe.with_key else _NO_KEY}",
                "Accept-Encoding": "identity",
            },
        )
        try:
            return asyncio.run(_exchange(request))
        except TimeoutError:
            raise CheckError(f"{self._url} does not respond within {_TIMEOUT:g} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, ssl.SSLError) as error:
            raise CheckError(f"{self._url} does not respond: {error or type(error).__name__}") from None
        except (ValueError, TypeError, ImportError, OSError) as error:
            found = ", ".join(name for name in _NETWORK_VARIABLES if os.environ.get(name)) or "none"
            raise CheckError(
                f"the proxy or certificate settings of the environment cannot be used: {error}; correct or unset the "
                f"variables (set now: {found})"
            ) from None

    def require_key(self) -> None:
        # With a refused key, every probe would seem to fail.
        response = self.send(CREDITS)
        if CODES["UNAUTHORIZED"] in (response.status_code, (_object(response) or {}).get("code")):
            raise CheckError(f"{self._url} refuses the key ({CODES['UNAUTHORIZED']}); pass one with --api-key")

    def shown(self, text: str, size: int = 300) -> str:
        """Return a text of the server in one printable line, cut after redaction so that no part of a key is left."""
        printable = "".join(each if each.isprintable() else " " for each in self._redact(text))
        return " ".join(printable.split())[:size]


async def _exchange(request: httpx2.Request) -> httpx2.Response:
    """Return a whole response, bounded in size and time. A server on this machine is reached directly."""
    is_local = request.url.host == "localhost" or is_loopback(request.url.host)
    client = httpx2.AsyncClient(timeout=_TIMEOUT, trust_env=not is_local)
    content = b""
    async with asyncio.timeout(_TIMEOUT), client:
        response = await client.send(request, stream=True)
        encoding = response.headers.get("content-encoding", "identity")
        if encoding != "identity":
            raise CheckError(f"{request.url} responds in the encoding {encoding!r}, although identity was asked for")
        async for chunk in response.aiter_raw():
            content += chunk
            if len(content) > _MAX_BODY:
                raise CheckError(f"{request.url} responds with more than {_MAX_BODY:,} bytes")
    return httpx2.Response(response.status_code, headers=response.headers, content=content)


def _require(url: str, api_key: str) -> None:
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError):
        parsed = httpx2.URL()
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise CheckError(f"{url!r} is not an http or https URL")
    if parsed.userinfo or parsed.query or parsed.fragment:
        # The output would show them.
        raise CheckError("the URL must not contain a user, a password or a query; give scheme, host, port and path")
    if not api_key:
        raise CheckError("there is no key; set the environment variable APIKLEY_API_KEY, or pass --api-key")
    if not (api_key.isascii() and api_key.isprintable()):
        raise CheckError("the key contains characters that a header cannot carry")


def _compare(probe: Probe, response: httpx2.Response) -> None:
    operation = apikley_contract.operation(probe.operation)
    place = f"{operation.method} {operation.path}"
    body = _object(response)
    if body is None:
        raise Difference(f"{place}: HTTP {response.status_code} with a body that is not a JSON object")
    code, allowed = body.get("code"), [CODES[name] for name in probe.codes]
    if code not in allowed:
        raise Difference(f"{place}: code {code!r}, expected {' or '.join(map(str, allowed))}")
    if response.status_code not in (200, code):
        raise Difference(f"{place}: HTTP {response.status_code} with code {code}, expected HTTP 200 or {code}")
    schema = {"$ref": f"#/components/schemas/{probe.schema}", **apikley_contract.schemas()}
    for error in jsonschema_rs.Draft4Validator(schema).iter_errors(body):
        where = "/".join(map(str, error.instance_path)) or "the body"
        raise Difference(f"{place}: expected {probe.schema} of the contract, {where}: {error.message}")


def _table(seen: dict[str, httpx2.Response], record: str, shown: Callable[[str], str]) -> list[str]:
    """Return a Markdown table of what the contract leaves open."""
    errors = {name: response for name, response in seen.items() if name not in (CREDITS.name, record)}
    uploads = {probe.name for probe in PROBES if probe.operation == UPLOAD}
    styles = {response.status_code == 200 for name, response in errors.items() if name not in uploads}
    style = {frozenset([True]): "HTTP 200, the code in the body", frozenset([False]): "the code as HTTP status"}
    lines = ["| what | response |", "| --- | --- |"]
    lines.append(f"| form of errors | {style.get(frozenset(styles), 'both, see below')} |")
    lines.append(f"| shapes | {_shapes(seen)} |")
    lines += [f"| {name} | {shown(_describe(response))} |" for name, response in errors.items()]
    data = (_object(seen[record]) or {}).get("data") if record in seen else None
    fields = shown(", ".join(data)) if isinstance(data, dict) else "not checked; pass --task ID"
    return [
        *lines,
        f"| fields of a task | {fields} |",
        "| signature of callbacks | not checked; it needs a paid task |",
    ]


def _shapes(seen: dict[str, httpx2.Response]) -> str:
    """Return whether the server responds as recorded traffic does, or as the documentation says."""
    code = (_object(seen[UNKNOWN_TASK.name]) or {}).get("code")
    names = {CODES["VALIDATION_FAILED"]: "recorded", CODES["NOT_FOUND"]: "documented"}
    known = names.get(code) if isinstance(code, int) else None
    return f"{known or 'neither recorded nor documented'}: an unknown task gets code {code}"


def _object(response: httpx2.Response) -> dict[str, Any] | None:
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _describe(response: httpx2.Response) -> str:
    body = _object(response)
    if body is None:
        return f"HTTP {response.status_code}, not a JSON object"
    name = next((name for name in ("msg", "message") if isinstance(body.get(name), str)), None)
    text = "no text" if name is None else f"{name}: {body[name]}"
    return f"HTTP {response.status_code}, code {body.get('code')}, {text}".replace("|", "/")
