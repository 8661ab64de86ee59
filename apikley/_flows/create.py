"""The flow of a create: at most one task."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import apikley_contract
from apikley._flows.correlation import is_token, with_token
from apikley._flows.effects import BeforeSend, Flow, Lost, NotSent, Response, SendRequest
from apikley._flows.responses import describe, is_success, no_response
from apikley._flows.retry import Retry, is_certain_refusal
from apikley._flows.state import ClientState, request_for
from apikley._flows.upload import upload
from apikley._model.checks import is_task_id
from apikley._model.fields import text
from apikley._model.local_files import find_local_files, with_urls
from apikley._model.task import TaskInfo, record_of
from apikley._model.validation import encode, validate_create, with_published_names
from apikley.errors import ApiError, ApikleyError, CreateOutcomeUnknown, RequestInvalid, TransportError, Violation

_MAX_RAW = 2_000
NOT_SENT_NOTE = "interrupted before the create was sent: no task was created"
_SENT_NOTE = (
    "interrupted during a create: a task may have been created and paid; look for it before you create it again"
)


class CreateOptions(NamedTuple):
    """The options of one create.

    Attributes:
        callback_url: Where the service reports the completion.
        correlation_token: A token to add to the callback URL.
        validate: Whether to validate the request against the contract.
        allow_unknown_fields: Whether fields that the contract does not list may be sent.
        progress_callback_url: Where the service reports progress, for models that have this field.
        before_send: Called before each attempt, when the connection is open and nothing has been sent.
    """

    callback_url: str | None = None
    correlation_token: str | None = None
    validate: bool = True
    allow_unknown_fields: bool = False
    progress_callback_url: str | None = None
    before_send: BeforeSend | None = None


def body_of(input_: object) -> dict[str, Any]:
    """Return the request body for a model input.

    Raises:
        RequestInvalid: It is not the input of a known model.
    """
    for model in apikley_contract.models().values():
        if type(input_).__name__ == model.input and callable(to_dict := getattr(input_, "to_dict", None)):
            return {"model": model.name, "input": to_dict()}
    message = f"{type(input_).__name__} is not the input of a known model; for a whole body use create_raw"
    raise RequestInvalid([Violation("", "type", "model input", message)])


def check(body: Mapping[str, Any], options: CreateOptions) -> None:
    """Validate a request and its local files without sending anything."""
    body, _, violations = find_local_files(_with_callback(body, options))
    validate_create(body, violations, allow_unknown_fields=options.allow_unknown_fields)


class CreateCall:
    """What one call of `create` has sent, for the note on whatever interrupts it.

    Attributes:
        sending: The create that has no outcome yet.
        task_id: The task that was created.
    """

    def __init__(self) -> None:
        self.sending: SendRequest | None = None
        self.task_id: str | None = None

    def note(self, error: BaseException) -> None:
        """Add a note to Ctrl-C, a cancellation, or any other exception from outside: whether a task may exist.

        Call it in the outermost frame, because an interruption can arrive between any two steps of a call.
        """
        if isinstance(error, ApikleyError):
            return
        if self.task_id is not None:
            with suppress(AttributeError):
                error.task_id = self.task_id  # type: ignore[attr-defined]
            error.add_note(f"interrupted after a create: task {self.task_id} was created and paid; use it")
        elif self.sending is not None and self.sending.written:
            error.add_note(_SENT_NOTE)
        elif not isinstance(error, Exception):
            error.add_note(NOT_SENT_NOTE)


def create(state: ClientState, body: Mapping[str, Any], options: CreateOptions, call: CreateCall) -> Flow[TaskInfo]:
    """Create one task."""
    content = yield from _prepare(state, body, options)
    request = request_for("createTask", content=content)
    retry = Retry(state.max_retries, state.clock)
    while True:
        attempt = _Attempt(state, content, options.correlation_token)
        failure: ApiError | TransportError
        call.sending = SendRequest(request, fresh=True, before_send=options.before_send)
        try:
            response: Response = yield call.sending
        except NotSent as error:
            failure = no_response(error, f"not sent: {error}")
            if not failure.is_transient:
                raise failure from error.__cause__
        except Lost as error:
            raise attempt.unknown(str(error)) from error.__cause__
        else:
            if is_success(response):
                task = attempt.task(response)
                call.task_id = task.id
                return task
            failure = attempt.refusal(response)
        call.sending = None
        yield retry.pause(failure)


class _Attempt:
    """One attempt to create a task."""

    def __init__(self, state: ClientState, content: bytes, token: str | None) -> None:
        self._state = state
        self._content = content
        self._token = token
        self._sent_at = state.clock.now()

    def task(self, response: Response) -> TaskInfo:
        """Return the task that a successful response names."""
        data = response.envelope.data if response.envelope else None
        task_id = text(record_of(data).get("taskId"))
        if task_id is None or not is_task_id(task_id):
            raise self.unknown("the response is a success, but names no task", response.body)
        self._state.recently_created.add(task_id)
        return TaskInfo(task_id, token=self._token)

    def refusal(self, response: Response) -> ApiError | TransportError:
        """Return the failure after which the create may be retried.

        Raises:
            ApiError: The service refused the create for good.
            CreateOutcomeUnknown: The response does not prove a refusal.
        """
        if not _is_refusal(response):
            raise self.unknown(_describe(response), response.body)
        failure = self._state.error_for(response)
        if not is_certain_refusal(failure):
            raise failure
        return failure

    def unknown(self, reason: str, raw: bytes | None = None) -> CreateOutcomeUnknown:
        """Build `CreateOutcomeUnknown` for this attempt."""
        kept = raw[:_MAX_RAW] if raw else None
        body = json.loads(self._content)
        return CreateOutcomeUnknown(reason, request=body, sent_at=self._sent_at, token=self._token, raw=kept)


def _with_callback(body: object, options: CreateOptions) -> dict[str, Any]:
    if not isinstance(body, Mapping):
        message = f"{type(body).__name__} is not a request body; expected a mapping"
        raise RequestInvalid([Violation("", "type", "object", message)])
    callbacks = {"callBackUrl": options.callback_url, "progressCallBackUrl": options.progress_callback_url}
    return with_published_names({**body, **{name: url for name, url in callbacks.items() if url is not None}})


def _prepare(state: ClientState, body: Mapping[str, Any], options: CreateOptions) -> Flow[bytes]:
    """Validate the whole request, then upload its local files, and return the body as JSON."""
    complete, files, violations = find_local_files(_with_callback(body, options))
    token = options.correlation_token
    if token is not None and not is_token(token):
        message = "correlation_token must be 16 to 128 letters, digits, _ or -; use secrets.token_urlsafe()"
        violations.append(Violation("/correlation_token", "pattern", "[A-Za-z0-9_-]{16,128}", message))
    if token is not None and "callBackUrl" not in complete:
        violations.append(Violation("/callBackUrl", "required", True, "missing, but correlation_token needs it"))
    if options.validate:
        content = validate_create(complete, violations, allow_unknown_fields=options.allow_unknown_fields)
    elif violations:
        raise RequestInvalid(violations)
    else:
        content = encode(complete)
    if token is None and not files:
        return content
    if token is not None:
        complete = {**complete, "callBackUrl": with_token(complete["callBackUrl"], token)}
    urls: dict[Path, str] = {}
    for path in files.values():
        if path not in urls:
            urls[path] = yield from upload(state, path, validate_file=False)
    complete["input"] = with_urls(complete["input"], {place: urls[path] for place, path in files.items()})
    return encode(complete)


def _is_refusal(response: Response) -> bool:
    """Whether an unsuccessful response proves that no task was created.

    A code of the contract proves it, and so does a client error other than a timeout (408). A server or
    proxy may fail after the task was created.
    """
    codes = apikley_contract.codes()
    envelope = response.envelope
    code = envelope.code if envelope else response.status
    if code in (codes["SUCCESS"], codes["PROVIDER_TIMEOUT"]):
        return False
    if envelope and code in codes.values():
        return True
    return 400 <= code < 500 or code in (301, 307, 308)


def _describe(response: Response) -> str:
    envelope = response.envelope
    if envelope is None:
        return describe(response)
    return f"HTTP {response.status} with code {envelope.code}" + (f": {envelope.message}" if envelope.message else "")
