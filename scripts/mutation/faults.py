"""The faults: where money, keys, callbacks and the contract are at stake."""

from __future__ import annotations

import copy
import importlib
import math
from collections.abc import Callable
from concurrent.futures import Future
from itertools import count
from typing import Any

from apikley.callbacks import parse
from scripts.mutation.plant import Fault

Patch = Callable[[Any], Any]


def returns(value: Any) -> Patch:
    """Make a function return `value`."""
    return lambda _: lambda *_, **__: value


def returns_argument(index: int) -> Patch:
    """Make a function return one of its positional arguments."""
    return lambda _: lambda *arguments, **__: arguments[index]


def with_options(**options: Any) -> Patch:
    """Call a function with other keyword arguments."""
    return lambda original: lambda *arguments, **given: original(*arguments, **{**given, **options})


def then(change: Callable[..., Any]) -> Patch:
    """Change what a function returns: `change(result, *arguments)`."""
    return lambda original: lambda *arguments, **given: change(original(*arguments, **given), *arguments)


def contract(*path: str, **values: Any) -> Patch:
    """Change values of the object at `path` of the contract; None removes one."""

    def patch(original: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
        document = copy.deepcopy(original())
        holder = document
        for step in path:
            holder = holder[step]
        assert values.keys() <= holder.keys(), f"the contract has no {'/'.join(path)}/{[*values]}"
        holder.update(values)
        for name in [name for name, value in values.items() if value is None]:
            del holder[name]
        return lambda: document

    return patch


def _lost_as_not_sent(lost: type[Exception]) -> Any:
    return importlib.import_module(lost.__module__).NotSent


def _with_key(original: Any) -> Any:
    def file_request(self: Any, effect: Any) -> dict[str, Any]:
        request: dict[str, Any] = original(self, effect)
        return {**request, "headers": {**request["headers"], "Authorization": self._headers["Authorization"]}}

    return file_request


def _done() -> Future[None]:
    future: Future[None] = Future()
    future.set_result(None)
    return future


_NUMBERS = count()
_CLIENT, _CONTRACT = "contract_tests/client", "contract_tests/contract"
_RECEIVER, _SIMULATOR = "contract_tests/receiver", "contract_tests/simulator"
_CREATE, _ERRORS = f"{_CLIENT}/test_create.py", f"{_CONTRACT}/test_error_matrix.py"
_CALLBACKS, _PAYLOADS = f"{_CLIENT}/test_callbacks.py", f"{_CONTRACT}/test_callback_payloads.py"
_WITNESSES, _SECRETS = f"{_CONTRACT}/test_witnesses.py", f"{_CLIENT}/test_secrets.py"
_INPUT = ("components", "schemas", "Hailuo02ImageToVideoPro")

FAULTS: list[Fault] = [
    # money
    Fault("a lost create is sent again", "apikley._flows.effects:Lost", _lost_as_not_sent, (_CREATE,)),
    Fault(
        "every refused create is sent again",
        "apikley._flows.retry:is_certain_refusal",
        returns(True),
        (_ERRORS,),
    ),
    Fault("every failed create counts as refused", "apikley._flows.create:_is_refusal", returns(True), (_ERRORS,)),
    Fault(
        "the HTTP status alone means success",
        "apikley._flows.responses:is_success",
        lambda _: lambda response: response.status < 300,
        (_ERRORS,),
    ),
    Fault("Retry-After is ignored", "apikley._flows.responses:retry_after", returns(None), (_CREATE,)),
    Fault("a create is not validated", "apikley._model.validation:_create_violations", returns(()), (_WITNESSES,)),
    Fault("unknown fields are sent", "apikley._model.validation:_unknown_fields", returns(()), (_WITNESSES,)),
    Fault("no correlation token is added", "apikley._flows.correlation:with_token", returns_argument(0), (_CREATE,)),
    Fault(
        "a failed task is a success",
        "apikley._model.task:TaskInfo.raise_for_failure",
        returns(None),
        (f"{_CLIENT}/test_wait.py",),
    ),
    # keys
    Fault("the key is not redacted", "apikley._http.connection:Connection.redact", returns_argument(1), (_SECRETS,)),
    Fault(
        "a download carries the key",
        "apikley._http.connection:Connection.file_request",
        _with_key,
        (_SECRETS,),
    ),
    # callbacks
    Fault("a stale callback is accepted", "apikley.callbacks:verify", with_options(tolerance=math.inf), (_CALLBACKS,)),
    Fault(
        "the signature covers no time",
        "apikley.callbacks:_signature",
        lambda original: lambda task_id, _, key: original(task_id, "0", key),
        (_PAYLOADS,),
    ),
    Fault(
        "the signature covers no task",
        "apikley.callbacks:_signature",
        lambda original: lambda _, stamp, key: original("task", stamp, key),
        (_PAYLOADS,),
    ),
    Fault(
        "a callback is acknowledged and not stored",
        "apikley.receiver.receiver:Receiver._store",
        lambda _: lambda *_: _done(),
        (f"{_RECEIVER}/test_receiver.py",),
    ),
    Fault(
        "the receiver checks no signature",
        "apikley.receiver.web.request_check:verify",
        lambda _: lambda _headers, body, *_, **__: parse(body),
        (f"{_RECEIVER}/test_receiver.py",),
    ),
    Fault(
        "a repeated callback is a new event",
        "apikley.callbacks:event_id",
        then(lambda event_id, *_: f"{event_id}:{next(_NUMBERS)}"),
        (f"{_RECEIVER}/test_receiver.py",),
    ),
    Fault(
        "a contradicted callback is handled",
        "apikley.receiver.work.confirmation:contradiction",
        returns(None),
        (f"{_RECEIVER}/test_confirmation.py",),
    ),
    Fault(
        "a failed event is not retried",
        "apikley.receiver.work.retry_policy:RetryPolicy.pause",
        returns(None),
        (f"{_RECEIVER}/test_handlers.py",),
    ),
    # the simulator
    Fault(
        "every key is accepted",
        "apikley_mock.world.accounts:Accounts.of",
        lambda _: lambda accounts, _header: next(iter(accounts)),
        (f"{_SIMULATOR}/test_simulator.py",),
    ),
    Fault("the simulator validates nothing", "apikley_mock.web.validation:create_task", returns(None), (_WITNESSES,)),
    Fault(
        "no callback is signed",
        "apikley_mock.world.callbacks:Deliveries._signature",
        returns({}),
        (f"{_SIMULATOR}/test_callbacks.py",),
    ),
    Fault(
        "every host is called",
        "apikley_mock.world.caller:Caller._check",
        returns(None),
        (f"{_SIMULATOR}/test_callbacks.py",),
    ),
    Fault(
        "the journal shows keys",
        "apikley_mock.journal.journal:_longest_first",
        returns([]),
        (f"{_SIMULATOR}/test_journal.py",),
    ),
    # the contract
    Fault(
        "any text is a file URL",
        "apikley_contract:openapi",
        contract(*_INPUT, "properties", "image_url", pattern=None),
        (f"{_CLIENT}/test_upload.py",),
    ),
    Fault(
        "the prompt may be longer",
        "apikley_contract:openapi",
        contract(*_INPUT, "properties", "prompt", maxLength=1501),
        (_WITNESSES,),
    ),
    Fault("no input is required", "apikley_contract:openapi", contract(*_INPUT, required=None), (_WITNESSES,)),
]
