"""The simulated service: everything that it knows, and the passing of its time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from apikley_mock.control.armed import Rule, Rules
from apikley_mock.control.plan import Plan
from apikley_mock.control.settings import Settings
from apikley_mock.journal.journal import Journal
from apikley_mock.web.caller import Caller
from apikley_mock.web.faults import Fault
from apikley_mock.world.accounts import Accounts
from apikley_mock.world.callbacks import Deliveries
from apikley_mock.world.clock import LAST_MOMENT, Clock, RealClock, VirtualClock
from apikley_mock.world.storage import Storage
from apikley_mock.world.tasks import Engine


class Service:
    """A simulated Apikley account world: tasks, credits, files, and what was armed.

    Args:
        settings: How it is set up.
        clock: What time it lives by; the machine's, if not given.
        faults: Faults that are armed from the start, and again after every reset.
        plans: The same for what becomes of tasks: changes to their plan, named as in `Plan`.

    Attributes:
        journal: What happened.
        faults: Faults armed for requests to come.
        plans: Changes to the plans of tasks to come.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        clock: Clock | None = None,
        *,
        faults: list[Rule[Fault]] | None = None,
        plans: list[Rule[Mapping[str, Any]]] | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.clock: Clock = clock or RealClock()
        accounts = self.settings.all_accounts()
        self.journal = Journal([key for each in accounts for key in (each.key, each.webhook_key) if key])
        self.caller = Caller(self.settings.callback_hosts)
        self.deliveries = Deliveries(self.caller, self.clock, self.journal, self.wake)
        self._first_faults, self._first_plans = faults or [], plans or []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = 0.0
        self._driven = asyncio.Lock()
        self.reset()

    def reset(self) -> None:
        """Forget all tasks and files, and all that happened; begin again as set up, a virtual clock too."""
        if isinstance(self.clock, VirtualClock):
            self.clock.restart()
        random = Random(self.settings.seed)  # noqa: S311 - repeatable on purpose
        self.accounts = Accounts(self.settings.all_accounts(), self.settings.limits)
        self.engine = Engine(random, self.settings.tasks_kept, self.settings.bodies_kept)
        self.storage = Storage(self.settings.storage)
        self.faults: Rules[Fault] = Rules(random)
        self.plans: Rules[Mapping[str, Any]] = Rules(random)
        for fault in self._first_faults:
            self.faults.arm(Rule(fault.what, fault.when, fault.times, fault.share))
        for plan in self._first_plans:
            self.plans.arm(Rule(plan.what, plan.when, plan.times, plan.share))
        self._plan_of_model: dict[str, Plan] = {}
        self.deliveries.clear()
        self.journal.clear()

    def plan_for(self, model: str) -> Plan:
        """What becomes of a task of a model that nothing else is said about."""
        plan = self._plan_of_model.get(model)
        if plan is None:
            plan = self._plan_of_model[model] = self.settings.plan_for(model)
        return plan

    def tick(self) -> None:
        """Do all that is due: settle the tasks that have ended, and begin the callbacks of that."""
        now, moment = self.clock.now(), self._next_moment()
        if moment is not None and moment <= now:
            self._settle(now)

    def _settle(self, now: float) -> None:
        for task in self.engine.ended(now):
            if task.plan.outcome == "fail" and task.paid:
                task.account.refund(task.price)
            self.deliveries.plan(task, task.completed)
        self.deliveries.start_due(now)

    def wake(self) -> None:
        """See that `tick` runs when the next thing is due; a virtual clock has to be advanced for that."""
        moment = self._next_moment()
        if moment is None:
            return
        loop = asyncio.get_running_loop()
        if self._timer is not None and self._loop is loop:
            if self._armed_for <= moment:
                return
            self._timer.cancel()
        pause = self.clock.until(moment)
        if pause is None:
            if moment <= self.clock.now():
                self.tick()
            return
        self._loop, self._armed_for = loop, moment
        self._timer = loop.call_later(pause, self._on_timer)

    async def advance(self, seconds: float) -> None:
        """Let time pass on a virtual clock, event by event, each callback answered before the next.

        Raises:
            TypeError: The service lives by the machine's time, which nobody can advance.
            ValueError: Time cannot go back, nor beyond the year 9999.
        """
        await self.advance_until(lambda: False, seconds)

    async def advance_until(self, reached: Callable[[], bool], seconds: float) -> bool:
        """Let time pass on a virtual clock until something is so; returns whether it came to that.

        Args:
            reached: Asked after every event.
            seconds: How much time may pass.

        Raises:
            TypeError: The service lives by the machine's time, which nobody can advance.
            ValueError: Time cannot go back, nor beyond the year 9999.
        """
        clock = self.clock
        if not isinstance(clock, VirtualClock):
            raise TypeError("only a simulator on a virtual clock can be advanced")
        if not seconds >= 0:  # NaN neither
            raise ValueError(f"time cannot go back, or by {seconds:g} s; name seconds from 0 on")
        async with self._driven, self.caller.kept():
            goal = clock.now() + seconds
            if goal > LAST_MOMENT:
                raise ValueError("time ends with the year 9999; begin again with a reset")
            while True:
                self.tick()
                await self.deliveries.settled()
                if reached():
                    return True
                moment = self._next_moment()
                if moment is None or moment > goal:
                    clock.advance_to(goal)
                    return False
                clock.advance_to(moment)

    async def close(self) -> None:
        """Stop everything."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.deliveries.clear()
        await self.caller.close()

    def _next_moment(self) -> float | None:
        ending, attempt = self.engine.next_ending(), self.deliveries.next_attempt()
        if ending is None or attempt is None:
            return attempt if ending is None else ending
        return min(ending, attempt)

    def _on_timer(self) -> None:
        self._timer = None
        self.tick()
        self.wake()
