"""The options of the fixture as types, for editors and type checkers. The vocabulary checks them when a test runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from apikley_mock.control.vocabulary import ErrorStyle, FaultKind, Stage
    from apikley_mock.world.plan import Form, Outcome, Progress, Shapes, Signature, SignatureClock

    Span = float | tuple[float, float] | list[float]
    DurationsOption = tuple[Span, Span, Span] | list[Span]
    LimitOption = tuple[int, int] | list[int]


class FaultWhen(TypedDict, total=False):
    """The requests that a fault is for: an operation id, `result`, `link` or `file`; and the name of an account."""

    operation: str
    account: str


class PlanWhen(TypedDict, total=False):
    """The tasks that a plan is for: a model, a part of the prompt, and the name of an account."""

    model: str
    prompt: str
    account: str


class CallbackOptions(TypedDict, total=False):
    """How a completion is called back; see the admin API's `CallbackChanges`."""

    form: Form
    both_ids: bool
    delay: float
    times: int
    early: bool
    corrupt: bool
    signature: Signature
    age: float
    clock: SignatureClock


class PlanBase(TypedDict, total=False):
    """What becomes of a task; see the admin API's `PlanChanges`."""

    outcome: Outcome
    fail_code: str
    fail_message: str | None
    durations: DurationsOption
    progress: Progress
    per_poll: int
    hidden: float
    results: int
    result_ttl: float | None
    callback: CallbackOptions


class PlanOptions(PlanBase, total=False):
    """A plan, and the tasks that it is for; see the admin API's `PlanRule`."""

    times: int | None
    share: float
    when: PlanWhen


class FaultOptions(TypedDict, total=False):
    """What goes wrong with a request, and which; see the admin API's `FaultRule`."""

    stage: Stage
    message: str
    style: ErrorStyle
    retry_after: int
    latency: float
    times: int | None
    share: float
    when: FaultWhen


class FaultSetting(FaultOptions, total=False):
    """A fault of the settings."""

    fault: FaultKind
    code: int


class AccountOptions(TypedDict, total=False):
    """A further account."""

    name: str
    key: str
    credits: float | None
    webhook_key: str | None


class ModelOptions(TypedDict, total=False):
    """The settings of one model."""

    price: float
    durations: DurationsOption
    limit: LimitOption
    concurrent: int


class MockSettings(TypedDict, total=False):
    """The simulator's settings, as in a scenario file, for the fixture `apikley_mock_settings`."""

    api_key: str
    webhook_key: str | None
    credits: float | None
    accounts: list[AccountOptions]
    shapes: Shapes
    error_style: ErrorStyle
    lenient: bool
    seed: int
    price: float
    durations: DurationsOption
    models: dict[str, ModelOptions]
    documented_limits: bool
    limits: dict[str, LimitOption]
    callback_hosts: list[str]
    hosts: list[str]
    plan: PlanBase
    plans: list[PlanOptions]
    faults: list[FaultSetting]
    max_body: int
    max_upload: int
    max_storage: int
    max_tasks: int
    max_task_bytes: int
