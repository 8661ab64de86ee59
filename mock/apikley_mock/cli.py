"""The command `apikley-mock`."""

from __future__ import annotations

import argparse
import contextlib
import gc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Options that are members of a scenario, too.
_GIVEN = (
    "api_key",
    "webhook_key",
    "credits",
    "error_style",
    "lenient",
    "documented_limits",
    "speed",
    "seed",
    "durations",
    "callback_hosts",
)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code: 0 done, 1 failed, 2 wrong usage."""
    try:
        return _serve(_parser().parse_args(arguments))
    except KeyboardInterrupt:
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="apikley-mock", description="Stands in for the Apikley API, offline.")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="run the simulator until Ctrl-C")
    serve.add_argument(
        "--host", type=_address, default="127.0.0.1", help="the address to listen on (default: 127.0.0.1)"
    )
    serve.add_argument("--port", type=_port, default=8080, help="the port; 0 picks a free one (default: 8080)")
    serve.add_argument(
        "--scenario",
        type=Path,
        metavar="FILE",
        help="a TOML or YAML file with all of this and more; options go before it",
    )
    add = serve.add_argument
    add("--api-key", type=_held("api_key"), help="the key that is accepted (default: mock-key)")
    add("--webhook-key", type=_held("webhook_key"), help="the key that callbacks are signed with (default: unsigned)")
    add("--credits", type=_held("credits", _number), help="what the account has (default: never runs out)")
    add("--error-style", choices=["envelope", "http"], help="how errors arrive (default: envelope, as HTTP 200)")
    add("--lenient", action="store_true", default=None, help="accept what clients send although the contract does not")
    add(
        "--limits",
        dest="documented_limits",
        action="store_true",
        default=None,
        help="hold to the documented limits (20 creates in 10 s, 10 look-ups a second)",
    )
    # Time that only the admin API advances has no speed.
    clock = serve.add_mutually_exclusive_group().add_argument
    clock("--speed", type=_held("speed", _number), help="simulated seconds in one real second (default: 1)")
    clock("--virtual-clock", action="store_true", help="time passes only when the admin API advances it")
    add("--seed", type=int, help="decides what is left to chance (default: 0)")
    add(
        "--durations",
        type=_held("durations", _durations),
        metavar="WAITING,QUEUING,GENERATING",
        help="seconds in each state, each one a number or a range such as 60-300 (default: 0.5,0.5,2)",
    )
    add(
        "--allow-callback-host",
        dest="callback_hosts",
        action="append",
        type=_host,
        metavar="HOST",
        help="a host that may be called, beside the loopback ones",
    )
    return parser


def _serve(options: argparse.Namespace) -> int:
    try:
        from apikley_mock.control import scenario  # noqa: PLC0415 - needs the extra
        from apikley_mock.web import server  # noqa: PLC0415 - needs the extra
        from apikley_mock.web.app import Simulator  # noqa: PLC0415
        from apikley_mock.world.clock import VirtualClock  # noqa: PLC0415
    except ModuleNotFoundError as error:
        return _failed(f"{error.name} is not installed; run: pip install 'apikley[mock]'")
    try:
        described = scenario.load(options.scenario) if options.scenario else {}
        described = scenario.changed(described, _given(options))
        service = scenario.service_of(described, VirtualClock() if options.virtual_clock else None)
        bound = server.bind(options.host, options.port)
    except scenario.ScenarioError as error:
        return _failed(str(error))
    except OSError as error:
        reason = error.strerror or str(error)
        return _failed(f"cannot listen on {options.host} port {options.port}: {reason}; another --port, or 0, may do")
    url = server.url_of(bound)

    def announce() -> None:
        client = f"APIKLEY_BASE_URL={url} APIKLEY_API_KEY={service.settings.api_key}"
        _say(f"listening on {url}\npoint a client at it: {client}")

    # Tasks live long: looking them all through again and again would cost more than it finds.
    gc.freeze()
    gc.set_threshold(50_000, 50, 1000)
    with contextlib.closing(bound):
        server.Server(Simulator(service), announce).run([bound])
    return 0


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """The options as members of a scenario."""
    given = vars(options)
    return {name: given[name] for name in _GIVEN if given[name] is not None}


def _say(text: str) -> None:
    """Print, in one piece; where nobody reads it, the server is there all the same."""
    try:
        print(text, flush=True)
    except (OSError, ValueError):
        sys.stdout = None  # or the rest of it would be tried again at the end


def _failed(message: str) -> int:
    print(f"apikley-mock: {message}", file=sys.stderr)
    return 1


def _address(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("names no address; 127.0.0.1 is this machine alone, 0.0.0.0 any network")
    return text


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return int(text)


def _held(member: str, read: Callable[[str], Any] = str) -> Callable[[str], Any]:
    """Reads an option, and holds it to what a scenario may have there."""

    def value_of(text: str) -> Any:
        from apikley_mock.control import admin_document  # noqa: PLC0415 - takes its time

        value = read(text)
        if wrong := admin_document.findings("Scenario", {member: value}):
            raise argparse.ArgumentTypeError(wrong.partition(": ")[2])
        return value

    return value_of


def _host(text: str) -> str:
    (host,) = _held("callback_hosts", lambda text: [text])(text)
    return str(host)


def _durations(text: str) -> list[float | list[float]]:
    spans = [[_number(part) for part in span.split("-", 1)] for span in text.split(",")]
    if len(spans) != 3:
        raise argparse.ArgumentTypeError(f"{text!r} is not three numbers of seconds, such as 0.5,0.5,2 or 0,0,60-300")
    return [span if len(span) == 2 else span[0] for span in spans]


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN
        raise argparse.ArgumentTypeError(f"{text!r} is not a finite number")
    return value
