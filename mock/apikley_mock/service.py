"""The simulated service: its accounts, tasks, files, rules and time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random

from apikley_mock.control.rules import Rules
from apikley_mock.control.vocabulary import Settings
from apikley_mock.journal.journal import Journal
from apikley_mock.world.accounts import Accounts
from apikley_mock.world.callbacks import Deliveries
from apikley_mock.world.caller import Caller
from apikley_mock.world.clock import LAST_MOMENT, Clock, RealClock, VirtualClock
from apikley_mock.world.plan import Plan
from apikley_mock.world.storage import Storage
from apikley_mock.world.tasks import Engine


class Service:
    """A simulated Apikley.

    Args:
        settings: Its settings.
        clock: Its time; by default the machine's, at the settings' speed.

    Attributes:
        journal: What happened.
        faults: Faults that are armed for the next requests.
        plans: Changes to the plans of the next tasks.
        random: Draws everything that is random.
        shapes: Whether responses are as recorded, or as documented.
        watchers: Called whenever something has changed.
    """

    def __init__(self, settings: Settings | None = None, clock: Clock | None = None) -> None:
        self.settings = settings or Settings()
        self.clock: Clock = clock or RealClock(self.settings.speed)
        accounts = self.settings.all_accounts()
        self.journal = Journal([key for each in accounts for key in (each.key, each.webhook_key) if key])
        self.caller = Caller(frozenset(self.settings.callback_hosts))
        self.deliveries = Deliveries(self.caller, self.clock, self.journal, self.wake)
        self.watchers: list[Callable[[], object]] = []
        self.journal.listeners.append(lambda _: self.changed())
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._advancing = asyncio.Lock()
        self.reset()

    def reset(self) -> None:
        """Delete all tasks, files and entries, and start again with the settings; a virtual clock restarts, too."""
        if isinstance(self.clock, VirtualClock):
            self.clock.restart()
        random = self.random = Random(self.settings.seed)  # noqa: S311 - repeatable on purpose
        self.shapes = self.settings.shapes
        self.accounts = Accounts(self.settings.all_accounts(), self.settings.all_limits())
        self.engine = Engine(random, self.settings.max_tasks, self.settings.max_task_bytes)
        self.storage = Storage(self.settings.max_storage)
        self.faults = Rules(random, self.settings.faults)
        self.plans = Rules(random, self.settings.plans)
        self._plan_of_model: dict[str, Plan] = {}
        self.deliveries.clear()
        self.journal.clear()
        self.changed()

    def changed(self) -> None:
        """Tell those who watch that something has changed."""
        for watcher in self.watchers:
            watcher()

    def plan_for(self, model: str) -> Plan:
        """Return the plan of a model's tasks."""
        plan = self._plan_of_model.get(model)
        if plan is None:
            plan = self._plan_of_model[model] = self.settings.plan_for(model)
        return plan

    def tick(self) -> None:
        """Do what is due: settle the tasks that have ended, and start their callbacks."""
        now, moment = self.clock.now(), self._next_moment()
        if moment is not None and moment <= now:
            self._settle(now)

    def wake(self) -> None:
        """Schedule `tick` for when the next thing is due. A virtual clock must be advanced for that."""
        moment = self._next_moment()
        if moment is None:
            return
        loop = asyncio.get_running_loop()
        if self._timer is not None and self._loop is loop:
            if self._timer_at <= moment:
                return
            self._timer.cancel()
        pause = self.clock.until(moment)
        if pause is None:
            if moment <= self.clock.now():
                self.tick()
            return
        self._loop, self._timer_at = loop, moment
        self._timer = loop.call_later(pause, self._on_timer)

    async def advance(self, seconds: float) -> None:
        """Let time pass on a virtual clock, event by event, waiting for the response to each callback.

        Raises:
            TypeError: The service does not have a virtual clock.
            ValueError: The time is negative, or ends after the year 9999.
        """
        await self.advance_until(lambda: False, seconds)
        self.changed()

    async def advance_until(self, reached: Callable[[], bool], seconds: float) -> bool:
        """Let time pass on a virtual clock until a condition holds; returns whether it does.

        Args:
            reached: The condition, checked after every event.
            seconds: How much time may pass.

        Raises:
            TypeError: The service does not have a virtual clock.
            ValueError: The time is negative, or ends after the year 9999.
        """
        clock = self.clock
        if not isinstance(clock, VirtualClock):
            raise TypeError("only a simulator with a virtual clock can be advanced")
        if not seconds >= 0:  # also refuses NaN
            raise ValueError(f"cannot advance by {seconds:g} s; expected 0 or more seconds")
        async with self._advancing, self.caller.connections():
            goal = clock.now() + seconds
            if goal > LAST_MOMENT:
                raise ValueError("cannot advance past the year 9999; reset the simulator to start again")
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

    def _settle(self, now: float) -> None:
        for task in self.engine.ended(now):
            if task.plan.outcome == "fail" and task.paid:
                task.account.refund(task.price)
            self.deliveries.plan(task, task.completed)
        self.deliveries.start_due(now)

    def _next_moment(self) -> float | None:
        moments = [self.engine.next_completion(), self.deliveries.next_attempt()]
        return min((moment for moment in moments if moment is not None), default=None)

    def _on_timer(self) -> None:
        self._timer = None
        self.tick()
        self.wake()
