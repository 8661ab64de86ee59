"""The command `apikley-mock`."""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import os
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NoReturn

KEY_VARIABLE = "APIKLEY_API_KEY"
_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -3, -1  # constants of glibc
# Options that are members of a scenario, too, by their names there.
_SETTINGS = {
    **{name: f"--{name.replace('_', '-')}" for name in ("api_key", "webhook_key", "error_style")},
    **{name: f"--{name}" for name in ("credits", "lenient", "shapes")},
    "documented_limits": "--limits",
    "callback_hosts": "--allow-callback-host",
    "hosts": "--allow-host",
    **{name: f"--{name}" for name in ("speed", "seed", "durations")},
}


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code: 0 success, 1 failure, 2 wrong usage."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return 0
    try:
        return _check(options) if options.command == "check" else _serve(options, _given(options, parser.error))
    except KeyboardInterrupt:
        return 0 if options.command == "serve" else 130
    except ModuleNotFoundError as error:
        return _fail(f"{error.name} is not installed; run: pip install 'apikley[mock]'")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="apikley-mock", description="Stands in for the Apikley API, offline.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {_version()}")
    commands = parser.add_subparsers(dest="command")
    serve = commands.add_parser("serve", help="run the simulator until Ctrl-C")
    add = serve.add_argument
    add("--host", type=_address, default="127.0.0.1", help="the address to listen on (default: 127.0.0.1)")
    add("--port", type=_port, default=8080, help="the port; 0 picks a free one (default: 8080)")
    add("--scenario", type=Path, metavar="FILE", help="a TOML file with these settings and more; options override it")
    add("--api-key", help="the accepted key (default: mock-key)")
    add("--webhook-key", help="the key that signs callbacks (default: unsigned)")
    add("--credits", type=float, help="the account's credits (default: never run out)")
    add("--shapes", choices=["recorded", "documented"], help="respond as recorded or documented (default: recorded)")
    add("--error-style", choices=["envelope", "http"], help="the form of errors (default: envelope, with HTTP 200)")
    add(
        "--lenient",
        action="store_true",
        default=None,
        help="accept what real clients send although the contract refuses it",
    )
    add(
        "--limits",
        dest="documented_limits",
        action="store_true",
        default=None,
        help="apply the documented rate limits (20 creates in 10 s, 10 polls a second)",
    )
    # A virtual clock has no speed.
    clock = serve.add_mutually_exclusive_group().add_argument
    clock("--speed", type=float, help="simulated seconds in one real second (default: 1)")
    clock("--virtual-clock", action="store_true", help="time passes only when the admin API advances it")
    add("--seed", type=int, help="seeds everything random (default: 0)")
    add(
        "--durations",
        type=_durations,
        metavar="WAITING,QUEUING,GENERATING",
        help="seconds in each state, each a number or a range such as 60-300 (default: 0.5,0.5,2)",
    )
    add(
        "--allow-callback-host",
        dest="callback_hosts",
        action="append",
        metavar="HOST",
        help="a host that may be called, besides loopback, and that uploads may be fetched from",
    )
    add(
        "--allow-host",
        dest="hosts",
        action="append",
        metavar="HOST",
        help="a name of the simulator itself, besides localhost and addresses",
    )
    add("--quiet", action="store_true", help="print no line for requests and callbacks")
    add("--log-format", choices=["text", "json"], default="text", help="the form of these lines (default: text)")
    check = commands.add_parser(
        "check",
        help="check that a server responds as the contract says",
        description="Sends requests that cost nothing: polls, and requests that are certainly refused. "
        "Exit code 0: everything agrees; 1: something differs; 2: the check cannot run.",
    )
    check.add_argument("url", metavar="URL", help="the base URL of the server")
    check.add_argument("--api-key", help=f"the key (default: the environment variable {KEY_VARIABLE})")
    check.add_argument("--task", metavar="ID", help="also check the record of this existing task")
    return parser


def _check(options: argparse.Namespace) -> int:
    from apikley_mock.check import CheckError, check_server  # noqa: PLC0415 - needs the extra

    try:
        return check_server(options.url, options.api_key or os.environ.get(KEY_VARIABLE, ""), options.task)
    except CheckError as error:
        print(f"apikley-mock: {error}", file=sys.stderr)
        return 2


def _given(options: argparse.Namespace, refuse: Callable[[str], NoReturn]) -> dict[str, Any]:
    """Return the options that are members of a scenario; an invalid one ends the process."""
    from apikley_mock.control.vocabulary import Settings, VocabularyError, convert  # noqa: PLC0415 - needs the extra

    given = {name: value for name in _SETTINGS if (value := getattr(options, name)) is not None}
    for name, value in given.items():
        try:
            convert({name: value}, Settings)
        except VocabularyError as error:
            refuse(f"argument {_SETTINGS[name]}: {str(error).partition(': ')[2]}")
    return given


def _serve(options: argparse.Namespace, given: dict[str, Any]) -> int:
    from apikley_mock.console import console  # noqa: PLC0415
    from apikley_mock.control import scenario  # noqa: PLC0415 - needs the extra
    from apikley_mock.control.vocabulary import VocabularyError  # noqa: PLC0415
    from apikley_mock.service import Service  # noqa: PLC0415
    from apikley_mock.web import server  # noqa: PLC0415
    from apikley_mock.web.admin_document import PREFIX  # noqa: PLC0415
    from apikley_mock.web.app import Simulator  # noqa: PLC0415
    from apikley_mock.world.clock import VirtualClock  # noqa: PLC0415

    try:
        members = scenario.load(options.scenario) if options.scenario else {}
        parsed = scenario.parse(scenario.overridden(members, given))
        bound = server.bind(options.host, options.port)
    except VocabularyError as error:
        return _fail(str(error))
    except OSError as error:
        reason = error.strerror or str(error)
        return _fail(f"cannot listen on {options.host} port {options.port}: {reason}; try another --port, or 0")
    service = Service(parsed, VirtualClock() if options.virtual_clock else None)
    url = server.url_of(bound)
    if not options.quiet:
        service.journal.listeners.append(console(options.log_format))

    def announce() -> None:
        client = f"APIKLEY_BASE_URL={url} APIKLEY_API_KEY={service.settings.api_key}"
        _print(f"listening on {url}\nopen in a browser:    {url}{PREFIX}/\npoint a client at it: {client}")

    _give_memory_back()
    # Tasks live long, so frequent full collections would find nothing.
    gc.freeze()
    gc.set_threshold(50_000, 50, 1000)
    with contextlib.closing(bound):
        server.Server(Simulator(service), announce).run([bound])
    return 0


def _version() -> str:
    try:
        return version("apikley")
    except PackageNotFoundError:  # run from sources
        return "unknown"


def _give_memory_back() -> None:
    """Let glibc return the memory of a large upload to the system when it is freed, instead of keeping it."""
    with contextlib.suppress(OSError, AttributeError, TypeError):  # another C library; Windows refuses None
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, 1024 * 1024)
        mallopt(_M_TRIM_THRESHOLD, 32 * 1024 * 1024)  # small blocks would be given back again and again


def _print(text: str) -> None:
    """Print in one piece; a closed standard output does not stop the server."""
    try:
        print(text, flush=True)
    except (OSError, ValueError):
        sys.stdout = None  # otherwise Python would try again at exit


def _fail(message: str) -> int:
    print(f"apikley-mock: {message}", file=sys.stderr)
    return 1


def _address(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("empty address; use 127.0.0.1 (local only) or 0.0.0.0 (all interfaces)")
    return text


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return int(text)


def _durations(text: str) -> list[float | list[float]]:
    try:
        waiting, queuing, generating = ([float(part) for part in span.split("-", 1)] for span in text.split(","))
    except ValueError:
        example = "such as 0.5,0.5,2 or 0,0,60-300"
        raise argparse.ArgumentTypeError(f"{text!r} is not three numbers of seconds, {example}") from None
    return [span if len(span) == 2 else span[0] for span in (waiting, queuing, generating)]
