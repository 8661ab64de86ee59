"""The words of scenario files, fixture arguments, the admin API and prompt directives: one set of types for all."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

import apikley_contract
from apikley_mock.world.accounts import AccountSettings, Amount, ApiKey, Limit, ModelLimit, WebhookKey
from apikley_mock.world.clock import LAST_MOMENT
from apikley_mock.world.plan import CallbackChanges, Durations, FailCode, Message, Plan, PlanChanges, Shapes

T = TypeVar("T")
ErrorStyle = Literal["envelope", "http"]
FaultKind = Literal["error", "latency", "reset", "cut", "broken-json", "html"]
Stage = Literal["before", "after"]
# Downloads; faults can be armed for them as for the contract's operations.
FILE_OPERATIONS = ("result", "link", "file")
MIB = 1024 * 1024
MAX_RULES = 1000
_MAX_NAMES = 8  # in an error; there may be a hundred models

Times = Annotated[int, Meta(ge=1, le=1_000_000)]
Share = Annotated[float, Meta(ge=0, le=1)]
Host = Annotated[
    str,
    Meta(
        max_length=253,
        pattern=r"^([^\s:/?#@\[\]\\]+|[0-9A-Fa-f.]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)$",
        description="a host name or an address without scheme, port, path and brackets",
    ),
]


class VocabularyError(ValueError):
    """A value does not fit its type. The message is one line that names the place."""


class UnknownNameError(VocabularyError):
    """A value names an operation, a model or an account that does not exist."""


class FaultMatch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The requests that a fault is for."""

    operation: Annotated[str, Meta(description="An operation id, `result`, `link` or `file`.")] | UnsetType = UNSET
    account: Annotated[str, Meta(description="The name of the account.")] | UnsetType = UNSET


class PlanMatch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The tasks that a plan is for."""

    model: Annotated[str, Meta(description="A model of the contract.")] | UnsetType = UNSET
    prompt: Annotated[str, Meta(description="A part of the prompt.")] | UnsetType = UNSET
    account: Annotated[str, Meta(description="The name of the account.")] | UnsetType = UNSET


class Fault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What goes wrong with a request. `code`, `message`, `style` and `retry_after` need the fault `error`.

    Attributes:
        fault: `error` responds with a code; `latency` only delays; `reset` breaks the connection; `cut` ends it in the
            middle of the response; `broken-json` cuts the JSON; `html` responds with a proxy's error page, HTTP 502.
        stage: `before` the request is accepted, or `after` it: then the task exists and is paid.
        code: The code of an `error`.
        message: The text of an `error`; by default the contract's.
        style: How an `error` arrives; by default as the setting `error_style` says.
        retry_after: Seconds for the header `Retry-After`; 1 by default with code 429.
        latency: Real seconds before the request is accepted or, with stage `after`, before its response.
    """

    fault: FaultKind
    stage: Stage = "before"
    code: Annotated[int, Meta(ge=400, le=999)] | None = None
    message: Message | None = None
    style: ErrorStyle | None = None
    retry_after: Annotated[int, Meta(ge=0, le=86_400)] | None = None
    latency: Annotated[float, Meta(ge=0, le=3600)] = 0.0

    def __post_init__(self) -> None:
        of_error = {name for name in ("code", "message", "style", "retry_after") if getattr(self, name) is not None}
        if self.fault != "error" and of_error:
            raise ValueError(f"{', '.join(sorted(of_error))} needs fault 'error', not {self.fault!r}")
        if self.fault == "latency" and not self.latency:
            raise ValueError("fault 'latency' needs latency, in seconds")


class FaultRule(Fault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fault, and the requests that it is for.

    Attributes:
        times: The number of requests; null for all.
        share: The share of the matching requests, drawn from the seed.
        when: What a request must be.
    """

    times: Times | None = 1
    share: Share = 1.0
    when: FaultMatch = FaultMatch()


class PlanRule(PlanChanges, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Changes to the plan of tasks, and the tasks that they are for.

    Attributes:
        times: The number of tasks; null for all.
        share: The share of the matching tasks, drawn from the seed.
        when: What a task must be.
    """

    times: Times | None = 1
    share: Share = 1.0
    when: PlanMatch = PlanMatch()


class ModelSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one model.

    Attributes:
        price: Credits for one task.
        durations: How long its tasks stay in each state.
        limit: At most this many creates in this many seconds.
        concurrent: At most this many unfinished tasks at a time.
    """

    price: Amount | None = None
    durations: Durations | None = None
    limit: Limit | None = None
    concurrent: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the simulator is set up; also the members of a scenario file.

    Attributes:
        api_key: The key of the account `default`.
        webhook_key: Signs the callbacks of that account; unsigned without it.
        credits: The credits of that account; null never runs out.
        accounts: Further accounts.
        shapes: `recorded` responds as recorded traffic does, `documented` as the documentation says.
        error_style: `envelope` (HTTP 200 with the code in the body) or `http` (the code as HTTP status, too).
        lenient: Whether to accept what real clients send although the contract refuses it.
        seed: Seeds everything that is random.
        speed: Simulated seconds in one real second.
        price: Credits for one task.
        durations: How long tasks stay in each state.
        models: Price and durations by model.
        documented_limits: Whether the contract's rate limits apply.
        limits: Rate limits by operation id: requests, and the seconds of the window.
        callback_hosts: Hosts besides loopback that may be called, and that uploads may be fetched from.
        hosts: Names of the simulator itself, besides localhost and addresses.
        plan: What becomes of every task.
        plans: Changes to the plans of matching tasks.
        faults: Faults of matching requests.
        max_body: Bytes of a JSON request.
        max_upload: Bytes of an upload.
        max_storage: Bytes of all uploads.
        max_tasks: The number of tasks; older ones are forgotten with their callbacks.
        max_task_bytes: Bytes of the createTask bodies of all tasks.
    """

    api_key: ApiKey = "mock-key"
    webhook_key: WebhookKey | None = None
    credits: Amount | None = None
    accounts: list[AccountSettings] = []
    shapes: Shapes = "recorded"
    error_style: ErrorStyle = "envelope"
    lenient: bool = False
    seed: int = 0
    speed: Annotated[float, Meta(ge=0.001, le=1_000_000)] = 1.0
    price: Amount = 1.0
    durations: Durations | None = None
    models: dict[str, ModelSettings] = {}
    documented_limits: bool = False
    limits: dict[str, Limit] = {}
    callback_hosts: list[Host] = []
    hosts: list[Host] = []
    plan: PlanChanges = PlanChanges()
    plans: Annotated[list[PlanRule], Meta(max_length=MAX_RULES)] = []
    faults: Annotated[list[FaultRule], Meta(max_length=MAX_RULES)] = []
    max_body: Annotated[int, Meta(ge=1)] = MIB
    max_upload: Annotated[int, Meta(ge=1)] = 32 * MIB
    max_storage: Annotated[int, Meta(ge=1)] = 128 * MIB
    max_tasks: Annotated[int, Meta(ge=1)] = 250_000
    max_task_bytes: Annotated[int, Meta(ge=1)] = 128 * MIB

    def __post_init__(self) -> None:
        accounts = self.all_accounts()
        for name in ("name", "key"):
            values = [getattr(account, name) for account in accounts]
            if len({*values}) < len(values):
                raise ValueError(f"accounts: two accounts have the same {name}; give each its own")

    def all_accounts(self) -> list[AccountSettings]:
        """Return the account `default` and the further ones."""
        default = AccountSettings(key=self.api_key, name="default", credits=self.credits, webhook_key=self.webhook_key)
        return [default, *self.accounts]

    def all_limits(self) -> dict[str, Limit]:
        """Return the rate limits by operation id."""
        return {**(documented_limits() if self.documented_limits else {}), **self.limits}

    def plan_for(self, model: str) -> Plan:
        """Return the plan of a model's tasks."""
        durations = self.models.get(model, ModelSettings()).durations
        if durations is None and self.plan.durations is UNSET:
            durations = self.durations
        plan = Plan().changed(self.plan)
        return msgspec.structs.replace(plan, durations=durations) if durations else plan

    def limit_of(self, model: str) -> ModelLimit | None:
        """Return the limit of a model, if it has one."""
        documented = documented_model_limits().get(model) if self.documented_limits else None
        own = self.models.get(model)
        if own is None or (own.limit is None and own.concurrent is None):
            return documented
        return ModelLimit(own.concurrent, own.limit)

    def price_of(self, model: str) -> float:
        """Return the credits for one task of a model."""
        price = self.models.get(model, ModelSettings()).price
        return self.price if price is None else price


class Advance(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Time to let pass.

    Attributes:
        seconds: Simulated seconds.
    """

    seconds: Annotated[float, Meta(ge=0, le=LAST_MOMENT)]


class ShapesChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Change the shapes of the next responses, and of the tasks that are created from now on.

    Attributes:
        shapes: `recorded` or `documented`.
    """

    shapes: Shapes


class Credits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an account has left.

    Attributes:
        credits: The credits; null never runs out.
    """

    credits: Amount | None


class Failure(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a task fails.

    Attributes:
        code: The `failCode`; by default the plan's.
        message: The `failMsg`; by default the contract's text for the code.
    """

    code: FailCode | None = None
    message: Message | None = None


class Limited(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The size of a list."""

    limit: Annotated[int, Meta(ge=1, le=1000)] = 200


class TaskQuery(Limited, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which tasks: of a state, with a text in the id, the model or the prompt; after the newest ones are skipped."""

    state: str | None = None
    text: str = ""
    skip: Annotated[int, Meta(ge=0)] = 0


class NewTask(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A createTask request.

    Attributes:
        model: The model.
        input: Its input.
        callBackUrl: Where the completion is reported.
    """

    model: str
    input: dict[str, Any] = {}
    callBackUrl: str | UnsetType = UNSET  # noqa: N815 - the contract's name


class JournalQuery(Limited, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which entries of the journal: the newest ones, those after a number, or those before one."""

    after: Annotated[int, Meta(ge=0)] | None = None
    before: Annotated[int, Meta(ge=0)] | None = None
    kind: Literal["request", "callback"] | None = None
    code: int | None = None
    text: str = ""
    task: str = ""


STRUCTS: tuple[type[Struct], ...] = (
    *(Settings, AccountSettings, ModelSettings, FaultRule, FaultMatch, PlanRule, PlanMatch, PlanChanges),
    *(CallbackChanges, Advance, Credits, Failure, ShapesChange, NewTask),
)
_FIELDS = sorted({name for struct in STRUCTS for name in struct.__struct_fields__})


def convert(value: Any, to: type[T], *, text: bool = False) -> T:
    """Validate a value of JSON types.

    Args:
        value: The value.
        to: Its type.
        text: Whether numbers may be given as text, as in a query.

    Raises:
        VocabularyError: The value does not fit the type.
    """
    try:
        # Only JSON values pass, so that NaN and objects of other types are refused.
        plain = json.loads(json.dumps(value, allow_nan=False))
        json.dumps(plain, ensure_ascii=False).encode()
        return msgspec.convert(plain, to, strict=not text)
    except msgspec.ValidationError as error:
        raise VocabularyError(_one_line(str(error), to)) from None
    except (TypeError, ValueError, RecursionError) as error:
        raise VocabularyError(next(not_json(value), f"not a JSON value: {error}")) from None


def documented_limits() -> dict[str, Limit]:
    """Return the contract's rate limits by operation id."""
    limits = {}
    for operation_id in operations():
        limit = apikley_contract.operation(operation_id).description.get("x-rate-limit")
        if limit is not None:
            limits[operation_id] = (int(limit["requests"]), int(limit["seconds"]))
    return limits


@cache
def documented_model_limits() -> dict[str, ModelLimit]:
    """Return the contract's limits by model."""
    limits = apikley_contract.operation("createTask").description.get("x-model-limits", {})
    return {
        model: ModelLimit(int(each["concurrent"]), (int(each["requests"]), int(each["seconds"])))
        for model, each in limits.items()
    }


def operations() -> list[str]:
    """Return the contract's operation ids."""
    items = apikley_contract.openapi()["paths"].values()
    return [found["operationId"] for item in items for found in item.values() if "operationId" in found]


def check_rule(rule: FaultRule | PlanRule, accounts: Collection[str], path: str = "") -> None:
    """Check that the names in a rule exist.

    Args:
        rule: The rule.
        accounts: The names of all accounts.
        path: The place of the rule, for the error.

    Raises:
        VocabularyError: It names what does not exist, or matches nothing.
    """
    when = msgspec.to_builtins(rule.when)
    if "account" in when and when.get("operation") in FILE_OPERATIONS:
        raise VocabularyError(f"{path}when.account: a {when['operation']} is served without an account")
    known = {"operation": [*operations(), *FILE_OPERATIONS], "model": apikley_contract.models(), "account": accounts}
    for name in known.keys() & when.keys():
        check_names(f"{path}when.{name}", [when[name]], known[name])


def check_names(path: str, names: Iterable[str], known: Collection[str]) -> None:
    """Check that names exist.

    Raises:
        UnknownNameError: One does not.
    """
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, _MAX_NAMES)
            first = [*dict.fromkeys((*near, *known))][:_MAX_NAMES]
            more = ", …" if len(known) > len(first) else ""
            raise UnknownNameError(f"{path}: there is no {name!r}; there are: {', '.join(first)}{more}")


def not_json(value: Any) -> Iterator[str]:
    """Yield where a value contains what JSON or UTF-8 cannot represent."""
    stack = [("", value)]
    while stack:
        path, each = stack.pop()
        if isinstance(each, Mapping):
            for name, inner in each.items():
                stack += [(f"{path}.{name}".lstrip("."), inner), (f"{path or 'the object'}, a key", name)]
        elif isinstance(each, list | tuple):
            stack += [(f"{path}[{index}]", inner) for index, inner in enumerate(each)]
        elif isinstance(each, float) and not math.isfinite(each):
            yield f"{path}: {each} is not a finite number"
        elif isinstance(each, str) and any("\ud800" <= character <= "\udfff" for character in each):
            yield f"{path}: contains a lone surrogate"
        elif not isinstance(each, str | int | float | None):
            yield f"{path}: {str(each)[:60]!r} is a {type(each).__name__}, expected text or a number"


def _words_at(kind: Any, steps: list[str]) -> list[str]:
    """Return the words that a type allows at a place; empty if it is not a list of words."""
    if not steps:
        words = [word for part in (kind, *get_args(kind)) for word in get_args(part) if get_origin(part) is Literal]
        return [word for word in words if isinstance(word, str)]
    for part in (kind, *get_args(kind)):
        for each in (part, *get_args(part)):
            if isinstance(each, type) and issubclass(each, Struct) and steps[0] in each.__struct_fields__:
                return _words_at(get_type_hints(each, include_extras=False)[steps[0]], steps[1:])
    return []


def _one_line(message: str, to: Any) -> str:
    """Put the place of an error before its text, and add the nearest name to an unknown field or word."""
    text, _, place = message.partition(" - at `$")
    wrong = re.fullmatch(r"Invalid enum value '(.*)'", text)
    if wrong and (words := _words_at(to, re.findall(r"[A-Za-z_]\w*", place))):
        near = difflib.get_close_matches(wrong[1], words, 1)
        text = f"there is no {wrong[1]!r}" + (f"; did you mean {near[0]!r}?" if near else "")
        text += f" Expected one of {', '.join(words)}" if near else f"; expected one of {', '.join(words)}"
    unknown = re.search(r"unknown field `(.*)`", text)
    if unknown:
        near = difflib.get_close_matches(unknown[1], _FIELDS, 1)
        text = f"unknown field {unknown[1]!r}" + (f"; did you mean {near[0]!r}?" if near else "")
    for kind in (ApiKey, WebhookKey, FailCode, Host):
        meta = get_args(kind)[1]
        if repr(meta.pattern) in text:
            text = f"expected {meta.description}"
    place = place.rstrip("`").lstrip(".")
    return f"{place}: {text}" if place else text
