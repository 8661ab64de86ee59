"""`apikley run` and `apikley create`: a task from options, or from a whole body."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

import apikley_contract
from apikley.cli import model_options as _fields
from apikley.cli import results as _results
from apikley.cli.exit_codes import Unsure
from apikley.cli.progress import busy, watching
from apikley.cli.session import Session, command
from apikley.cli.settings import resolve
from apikley.cli.targets import Target
from apikley.errors import ConfigurationError, RequestInvalid, Violation

if TYPE_CHECKING:
    from apikley import Apikley, Task

Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="MODEL",
        help="The model; `apikley models` lists them.",
        autocompletion=lambda: [*apikley_contract.models()],
    ),
]
Body = Annotated[
    str | None,
    typer.Option("--json", metavar="FILE|-", help="A whole request body, in place of the model's own options."),
]
Callback = Annotated[
    str | None, typer.Option("--callback-url", metavar="URL", help="Where the service shall report the end.")
]
Where = Annotated[
    str | None,
    typer.Option(
        "-o", "--to", metavar="FILE", help="Where the result goes: a file, a folder, or a name with {id} in it."
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that is there.")]


def _seconds(value: float) -> float:
    """For Typer, whose own limits NaN would pass. The library would refuse it too late: once the task is paid."""
    if not 0 <= value <= 1e9:
        raise typer.BadParameter(f"{value:g} is not a number of seconds from 0 to 1,000,000,000.")
    return value


Timeout = Annotated[float, typer.Option("--timeout", callback=_seconds, metavar="SECONDS", help="How long to wait.")]
Follow = Annotated[bool, typer.Option("--follow", help="Print one line for each change of state.")]
WAIT = 900.0


def run(
    session: Session,
    *,
    model: Model = None,
    json: Body = None,
    callback_url: Callback = None,
    to: Where = None,
    force: Force = False,
    timeout: Timeout = WAIT,
    follow: Follow = False,  # noqa: ARG001 - the session's output has it
    **values: Any,
) -> None:
    r"""Make a video: create a task, wait for it, and download the result.

    The request is held to the contract first: what breaks it is said, and nothing is sent. A local
    file is uploaded. Ctrl-C while waiting keeps the task, and prints the command that goes on.

    For example:

        apikley run --prompt "A ship above the rings of Saturn" \
            --image ship.png -o ship.mp4

        apikley run --prompt @long.txt --image https://example.com/a.png \
            --output json
    """
    body = body_of(session, model, json, values)
    target = Target(to, force=force)
    target.prepare(session.output)
    with session.settings.client() as api:
        # Without a place, `wait` would save nothing.
        place = [*([] if to is not None else ["-o", "."]), *target.words]
        task = made(session, api, body, callback_url, place)
        with (
            _results.kept([task.id], lambda *ids: session.again("wait", *ids, *place)),
            watching(session.output, 1) as seen,
        ):
            done = api.wait(task, timeout, on_progress=seen)
        with _results.kept([task.id], lambda *ids: session.again("download", *ids, *target.words)):
            file = _results.save(session.output, api, done, target)
    if len(done.result_urls) > 1:
        more = session.again("download", task.id, *target.next_words())
        session.output.note(f"there are {len(done.result_urls)} results; the next one: {more}")
    session.output.result(_results.document(done, file), _results.lines(done, file))


def create(
    session: Session,
    *,
    model: Model = None,
    json: Body = None,
    callback_url: Callback = None,
    **values: Any,
) -> None:
    r"""Create a task, print its id, and wait for nothing.

    For example:

        task=$(apikley create --prompt "A ship" --image ship.png)

        apikley create --json request.json \
            --callback-url https://example.com/hook
    """
    body = body_of(session, model, json, values)
    with session.settings.client() as api:
        task = made(session, api, body, callback_url)
    session.output.result({"task_id": task.id}, [task.id])


def made(
    session: Session, api: Apikley, body: dict[str, Any], callback_url: str | None, place: Sequence[str] = ()
) -> Task:
    """The task.

    Args:
        session: The call of the command.
        api: Its client.
        body: The request.
        callback_url: Where the service shall report the end.
        place: Where the result goes, as words for the command that goes on.

    Raises:
        Stopped: In place of Ctrl-C, once the task is known.
        Unsure: In place of Ctrl-C, unless it is certain that no create was sent.
    """
    task = None
    try:
        with busy(session.output, "creating the task"):
            task = api.create_raw(body, callback_url=callback_url)
        session.output.note(f"task {task.id} created")
    except KeyboardInterrupt as error:
        if task is not None:
            raise _results.stopped(session.again("wait", task.id, *place)) from error
        from apikley._flows.create import NOT_SENT_NOTE  # noqa: PLC0415 - loads the network stack, which is there by now

        if NOT_SENT_NOTE in getattr(error, "__notes__", ()):
            raise
        raise Unsure("interrupted while the task was being created") from error
    return task


def body_of(session: Session, model: str | None, file: str | None, values: dict[str, Any]) -> dict[str, Any]:
    """The request body, from options or from a file.

    Raises:
        RequestInvalid: It cannot be read, or is no object.
        ConfigurationError: Both were given.
    """
    if file is None:
        chosen = model_for(model, session.flags["profile"])
        return {"model": chosen, "input": _fields.input_of(chosen, values)}
    if model is not None or any(value not in (None, []) for value in values.values()):
        raise ConfigurationError("--json gives the whole body: leave out --model and the model's own options")
    return whole_body(file)


def whole_body(file: str) -> dict[str, Any]:
    """The request body in a file, or in stdin for `-`.

    Raises:
        RequestInvalid: It cannot be read, or is no object.
    """
    name = "stdin" if file == "-" else file
    body = _fields.json_of(_fields.read(file), name=name)
    if not isinstance(body, dict):
        raise RequestInvalid([Violation("", "type", "object", f"{name} holds no JSON object")])
    return body


def model_for(given: str | None, profile: str | None) -> str:
    """The model: from its flag, the environment or the profile, or the only one there is.

    Raises:
        RequestInvalid: There is none of this name.
        ConfigurationError: It is not said, and there are several.
    """
    known = apikley_contract.models()
    chosen = _named(given, profile)
    if chosen is None:
        raise ConfigurationError(f"name the model with --model; there are: {', '.join(known)}")
    if chosen not in known:
        from apikley._model.validation import validate_create  # noqa: PLC0415 - loads the validator

        validate_create({"model": chosen})
    return chosen


def with_fields(function: Callable[..., None], arguments: Sequence[str]) -> Callable[..., None]:
    """`run` or `create` with the options of the model that the arguments name.

    Args:
        function: One of the two.
        arguments: What follows the command's name.

    Raises:
        RequestInvalid: There is no model of this name.
        ConfigurationError: It is not said, and there are several.
    """
    given, profile = _flag(arguments, "--model"), _flag(arguments, "--profile")
    chosen = _named(given, profile)
    whole = _flag(arguments, "--json") is not None and chosen not in apikley_contract.models()
    if whole or (chosen is None and "--help" in arguments):
        return command(function)
    model = model_for(given, profile)
    return command(function, extra=[field.parameter(taken()) for field in _fields.fields(model)])


def _named(given: str | None, profile: str | None) -> str | None:
    """The model that is asked for, whether there is one of this name or not."""
    known = apikley_contract.models()
    return resolve(model=given, profile=profile).model.value or (next(iter(known)) if len(known) == 1 else None)


def taken() -> set[str]:
    """The options that `run` and `create` have without any model: a field's option is the same in both."""
    parameters = [name for each in (run, create) for name in inspect.signature(command(each)).parameters]
    return {f"--{name.replace('_', '-')}" for name in parameters} | {"--help"}


def _flag(arguments: Sequence[str], flag: str) -> str | None:
    """An option's value, read before the options are known."""
    value = None
    for place, argument in enumerate(arguments):
        if argument == flag and place + 1 < len(arguments):
            value = arguments[place + 1]
        elif argument.startswith(f"{flag}="):
            value = argument.removeprefix(f"{flag}=")
    return value
