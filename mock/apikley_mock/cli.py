"""The command `apikley-mock`."""

from __future__ import annotations

import argparse
import contextlib
import sys


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code: 0 done, 1 failed, 2 wrong usage."""
    parser = argparse.ArgumentParser(prog="apikley-mock", description="Stands in for the Apikley API, offline.")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser(
        "serve",
        help="run the simulator until Ctrl-C",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    serve.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    serve.add_argument("--port", type=_port, default=8080, help="the port to listen on; 0 picks a free one")
    serve.add_argument("--api-key", default="mock-key", help="the key that is accepted")
    serve.add_argument("--webhook-key", default=None, help="the key that callbacks are signed with")
    serve.add_argument("--error-style", choices=["envelope", "http"], default="envelope", help="how errors arrive")
    serve.add_argument("--speed", type=_positive, default=1.0, help="simulated seconds in one real second")
    serve.add_argument(
        "--durations",
        type=_durations,
        default="0.5,0.5,2",
        metavar="WAITING,QUEUING,GENERATING",
        help="seconds that a task stays in each state",
    )
    serve.add_argument(
        "--allow-callback-host",
        action="append",
        default=[],
        metavar="HOST",
        help="a host that callbacks may be sent to, beside the loopback ones",
    )
    try:
        return _serve(parser.parse_args(arguments))
    except KeyboardInterrupt:
        return 0


def _serve(options: argparse.Namespace) -> int:
    try:
        from apikley_mock import server  # noqa: PLC0415 - needs the extra
        from apikley_mock.clock import RealClock  # noqa: PLC0415
        from apikley_mock.engine import Durations  # noqa: PLC0415
        from apikley_mock.simulator import Settings, Simulator  # noqa: PLC0415
    except ModuleNotFoundError as error:
        return _failed(f"{error.name} is not installed; run: pip install 'apikley[mock]'")
    try:
        bound = server.bind(options.host, options.port)
    except OSError as error:
        reason = error.strerror or str(error)
        return _failed(f"cannot listen on {options.host} port {options.port}: {reason}; another --port, or 0, may do")
    settings = Settings(
        api_key=options.api_key,
        webhook_key=options.webhook_key,
        durations=Durations(*options.durations),
        error_style=options.error_style,
        callback_hosts=frozenset(options.allow_callback_host),
    )
    url = server.url_of(bound)

    def announce() -> None:
        print(f"listening on {url}", flush=True)
        print(f"point a client at it: APIKLEY_BASE_URL={url} APIKLEY_API_KEY={options.api_key}", flush=True)

    with contextlib.closing(bound):
        server.Server(Simulator(settings, RealClock(options.speed)), announce).run([bound])
    return 0


def _failed(message: str) -> int:
    print(f"apikley-mock: {message}", file=sys.stderr)
    return 1


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return int(text)


def _positive(text: str) -> float:
    value = _number(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0")
    return value


def _durations(text: str) -> list[float]:
    values = [_number(part) for part in text.split(",")]
    if len(values) != 3 or min(values) < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not three numbers of seconds, such as 0.5,0.5,2")
    return values


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN
        raise argparse.ArgumentTypeError(f"{text!r} is not a finite number")
    return value


if __name__ == "__main__":
    sys.exit(main())
