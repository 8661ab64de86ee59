"""The flow of a create: one task, and never two."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import apikley_client.models
import apikley_contract
from apikley._flows import retry as _retry
from apikley._flows.correlation import new_token, with_token
from apikley._flows.effects import Flow, Lost, NotSent, Send
from apikley._flows.state import Core, kwargs
from apikley._flows.upload import upload
from apikley._http import envelope as envelopes
from apikley._http.envelope import Answer, Envelope
from apikley._model.checks import is_task_id
from apikley._model.fields import text
from apikley._model.local_files import local_files
from apikley._model.task import TaskSnapshot, record_of
from apikley._model.validation import encode, validate_create
from apikley.errors import ApiError, CreateOutcomeUnknown, RequestInvalid, TransportError, Violation
from apikley_client.api.jobs import create_task

_RAW_KEPT = 2_000
NOT_YET = "interrupted before the create was sent: no task was made"
_INTERRUPTED = "a create was on its way: a task may have been made and paid; look for it before you create it again"


def create(core: Core, input_: object, callback_url: str | None, correlate: bool) -> Flow[TaskSnapshot]:
    """Create one task.

    Args:
        core: The client's share.
        input_: The input of a model, or a whole request body.
        callback_url: Where the service shall report.
        correlate: Whether the callback URL shall carry a token of this create.
    """
    token = new_token() if correlate else None
    with _no_task_made():
        content = yield from _prepared(core, _body(input_, callback_url), token)
    request = {**kwargs(create_task, body=_Encoded()), "content": content}
    del request["json"]
    retry = _retry.Retry(core.retries, core.clock)
    while True:
        attempt = _Attempt(core, content, token)
        failure: ApiError | TransportError
        try:
            answer: Answer = yield Send(request)
        except NotSent as error:
            failure = TransportError(f"not sent: {error}")
            failure.__cause__ = error.__cause__
        except Lost as error:
            raise attempt.unknown(str(error)) from error.__cause__
        except BaseException as error:
            # Not ours to replace either, but here it may have cost something.
            error.add_note(_INTERRUPTED)
            raise
        else:
            envelope = envelopes.read(answer)
            if envelope and envelopes.is_success(answer, envelope):
                return attempt.task(answer, envelope)
            failure = attempt.refusal(answer, envelope)
        with _no_task_made():
            yield retry.pause(failure)


@contextmanager
def _no_task_made() -> Iterator[None]:
    """Ctrl-C, a cancelled task: not ours to replace, but that it has cost nothing has to be said."""
    try:
        yield
    except (Exception, GeneratorExit):
        raise
    except BaseException as error:
        error.add_note(NOT_YET)
        raise


class _Attempt:
    """One create that is on its way."""

    def __init__(self, core: Core, content: bytes, token: str | None) -> None:
        self._core = core
        self._content = content
        self._token = token
        self._sent_at = core.clock.now()

    def task(self, answer: Answer, envelope: Envelope) -> TaskSnapshot:
        """The task that a success names."""
        task_id = text(record_of(envelope.data).get("taskId"))
        if task_id is None or not is_task_id(task_id):
            raise self.unknown("the answer is a success, but names no task", answer.body)
        self._core.created.add(task_id)
        return TaskSnapshot(task_id, token=self._token)

    def refusal(self, answer: Answer, envelope: Envelope | None) -> ApiError | TransportError:
        """The failure after which it may be sent again.

        Raises:
            ApiError: It was refused for good.
            CreateOutcomeUnknown: It is not said that it was refused.
        """
        if not _refused(answer, envelope):
            raise self.unknown(_described(answer, envelope), answer.body)
        failure = envelopes.failure(answer, envelope, self._core.clock.now())
        if not _retry.certainly_refused(failure):
            raise failure
        return failure

    def unknown(self, reason: str, raw: bytes | None = None) -> CreateOutcomeUnknown:
        """The error that says that nothing can be said."""
        kept = raw[:_RAW_KEPT] if raw else None
        sent = json.loads(self._content)
        return CreateOutcomeUnknown(reason, request=sent, sent_at=self._sent_at, token=self._token, raw=kept)


def _prepared(core: Core, body: dict[str, Any], token: str | None) -> Flow[bytes]:
    """The body as it will be sent: all of it checked first, then its local files uploaded."""
    body, files, findings = local_files(body)
    if token is not None and "callBackUrl" not in body:
        message = "missing, but correlate=True needs it"
        findings.append(Violation("/callBackUrl", "required", True, message))
    content = validate_create(body, findings)
    if token is None and not files:
        return content
    if token is not None:
        body = {**body, "callBackUrl": with_token(body["callBackUrl"], token)}
    for name, path in files.items():
        body["input"][name] = yield from upload(core, path)
    return encode(body)


class _Encoded:
    """Stands for a body that is text already."""

    def to_dict(self) -> dict[str, Any]:
        return {}


def _body(input_: object, callback_url: str | None) -> dict[str, Any]:
    """The request body: made by the generated client around an input, or given whole."""
    callback = {} if callback_url is None else {"callBackUrl": callback_url}
    models = apikley_contract.models().values()
    for model in models:
        if type(input_) is getattr(apikley_client.models, model.input):
            request = getattr(apikley_client.models, model.request)(input_=input_)
            return {**request.to_dict(), **callback}
    if isinstance(input_, Mapping):
        return {**input_, **callback}
    known = ", ".join(model.input for model in models)
    message = f"{type(input_).__name__} is no input of a known model; expected {known} or a dict"
    raise RequestInvalid([Violation("", "type", known, message)])


def _refused(answer: Answer, envelope: Envelope | None) -> bool:
    """Whether an answer that is no success says for certain that no task was made.

    A code of the contract does, in whichever way it came. Beyond those only a client error does: a
    server's or a proxy's failure may have come after the task was made, and so may a time-out (408).
    """
    codes = apikley_contract.codes()
    if envelope and envelope.code == codes["SUCCESS"]:
        return False
    if envelope and envelope.code in codes.values():
        return True
    code = envelope.code if envelope else answer.status
    return (400 <= code < 500 and code != 408) or code in (301, 307, 308)


def _described(answer: Answer, envelope: Envelope | None) -> str:
    if envelope is None:
        return envelopes.described(answer)
    return f"HTTP {answer.status} with code {envelope.code}" + (f": {envelope.msg}" if envelope.msg else "")
