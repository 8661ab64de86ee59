"""The fixture in projects of users: with other plugins, in failing tests, and with wrong options."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args, get_type_hints

import httpx2
import pytest

from apikley import Hailuo02ImageToVideoPro
from apikley_mock import options
from apikley_mock.control import vocabulary
from apikley_mock.control.vocabulary import FaultRule, ModelSettings, PlanRule, Settings
from apikley_mock.plugin import MockService
from apikley_mock.world.accounts import AccountSettings
from apikley_mock.world.plan import CallbackChanges
from contract_tests.simulator.simulators import Received, create

INPUT = Hailuo02ImageToVideoPro(prompt="a ship", image_url="https://files.example.com/a.png")

USERS = """
import asyncio, os, time
import pytest
from apikley import GenerationFailed, Hailuo02ImageToVideoPro

INPUT = Hailuo02ImageToVideoPro(prompt="a ship", image_url="https://files.example.com/a.png")


def test_sync(apikley_mock):
    apikley_mock.plan_next(durations=[1, 1, 300])
    with apikley_mock.client() as api:
        assert api.create(INPUT).wait().succeeded
    apikley_mock.assert_created_once(input={"prompt": "a ship"})


def test_failure(apikley_mock):
    apikley_mock.plan_next(outcome="fail")
    with apikley_mock.client() as api, pytest.raises(GenerationFailed):
        api.create(INPUT).wait()
"""
ASYNC = """
@MARK
async def test_async(apikley_mock):
    apikley_mock.plan_next(durations=[1, 1, 300])
    async with apikley_mock.async_client() as api:
        task = await api.create(INPUT)
        assert (await task.wait(timeout=900)).succeeded
"""
CLOCKS = """
@CLOCK("2026-01-01")
def test_clock(apikley_mock):
    apikley_mock.plan_next(durations=[1, 1, 300])
    with apikley_mock.client() as api:
        assert api.create(INPUT).wait(timeout=900).succeeded
"""


def run(folder: Path, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a test file in a project of its own, with only the named plugins."""
    (folder / "test_users.py").write_text(text, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-p", "apikley_mock.plugin", "-q", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


_ASYNCIO = ("-p", "pytest_asyncio.plugin", "-W", "error")
PLUGINS = {
    "alone": (USERS, ()),
    "xdist": (USERS, ("-p", "xdist", "-n", "2")),
    "randomly": (USERS, ("-p", "randomly")),
    "socket": (
        USERS,
        ("-p", "pytest_socket", "--disable-socket", "--allow-hosts=127.0.0.1,::1", "--allow-unix-socket"),
    ),
    "no cache, warnings are errors": (USERS, ("-p", "no:cacheprovider", "-W", "error")),
    "asyncio, strict": (
        USERS + ASYNC.replace("MARK", "pytest.mark.asyncio"),
        ("-p", "pytest_asyncio.plugin", "-W", "error"),
    ),
    "asyncio, auto": (
        USERS + ASYNC.replace("@MARK", ""),
        ("-p", "pytest_asyncio.plugin", "-o", "asyncio_mode=auto", "-W", "error"),
    ),
    "anyio on asyncio and trio": (USERS + ASYNC.replace("MARK", "pytest.mark.anyio"), ("-p", "anyio")),
    "freezegun": ("from freezegun import freeze_time\n" + USERS + CLOCKS.replace("CLOCK", "freeze_time"), ()),
    "time-machine": ("import time_machine\n" + USERS + CLOCKS.replace("CLOCK", "time_machine.travel"), ()),
}


@pytest.mark.parametrize(("text", "arguments"), PLUGINS.values(), ids=PLUGINS)
def test_the_fixture_works_with_other_plugins(tmp_path: Path, text: str, arguments: tuple[str, ...]) -> None:
    ended = run(tmp_path, text, *arguments)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (passed,) = re.findall(r"(\d+) passed", ended.stdout)
    assert int(passed) >= text.count("def test_")


UNUSED = """
import pytest

def test_fault(apikley_mock):
    apikley_mock.fail_next(402, when={"operation": "createTask"})

def test_plan(apikley_mock):
    apikley_mock.plan_next(outcome="fail")

def test_allowed(apikley_mock):
    apikley_mock.plan_next(outcome="fail", allow_unused=True)

@pytest.mark.apikley_mock(allow_unused=True)
def test_marked(apikley_mock):
    apikley_mock.fail_next(402)
"""


def test_a_fault_or_plan_that_nothing_has_met_fails_the_test(tmp_path: Path) -> None:
    ended = run(tmp_path, UNUSED, "--strict-markers")
    assert "2 failed, 2 passed" in ended.stdout
    fault = "fail_next(fault='error', code=402, when={'operation': 'createTask'}) in test_users.py:5"
    assert f"nothing has met {fault}; remove it, or pass allow_unused=True" in ended.stdout
    assert "nothing has met plan_next(outcome='fail') in test_users.py:8" in ended.stdout


FAILING = """
def test_fails(apikley_mock):
    with apikley_mock.client() as api:
        api.get_credits()
    assert False, "as it must"
"""


def test_a_failing_test_shows_the_journal(tmp_path: Path) -> None:
    ended = run(tmp_path, FAILING)
    assert re.search(r"-+ apikley_mock journal -+\n#1 GET \S+ -> HTTP 200 code 200", ended.stdout)
    assert "mock-key" not in ended.stdout.partition("apikley_mock journal")[2]


def test_a_missing_package_names_the_extra(tmp_path: Path) -> None:
    (tmp_path / "msgspec.py").write_text("raise ModuleNotFoundError(name='msgspec')", encoding="utf-8")
    ended = run(tmp_path, "def test_it(apikley_mock): pass")
    assert "msgspec is not installed; run: pip install 'apikley[mock]'" in ended.stdout
    assert "Traceback" not in ended.stdout


def test_waits_of_the_async_client_advance_the_clock(apikley_mock: MockService) -> None:
    apikley_mock.plan_next(durations=[1, 1, 300])
    before = apikley_mock.now()

    async def main() -> None:
        async with apikley_mock.async_client() as api:
            task = await api.create(INPUT)
            assert (await task.wait(timeout=900)).succeeded

    asyncio.run(main())
    assert apikley_mock.now() >= before + 302


def test_a_task_without_a_callback_url_is_named(apikley_mock: MockService, http: httpx2.Client) -> None:
    task_id = create(http)
    with pytest.raises(AssertionError, match=f"^{task_id} has no callBackUrl, so no callback is due"):
        apikley_mock.wait_for_callback(task_id)
    with pytest.raises(AssertionError, match=r"^no task has a callBackUrl, so no callback is due"):
        apikley_mock.wait_for_callback()


def test_an_unknown_task_is_named_with_those_that_exist(apikley_mock: MockService, http: httpx2.Client) -> None:
    with pytest.raises(AssertionError, match="there is no task task_1; there are: none; no task was created"):
        apikley_mock.wait_for_callback("task_1")
    task_id = create(http)
    with pytest.raises(AssertionError, match=f"there is no task task_1; there are: {task_id}"):
        asyncio.run(apikley_mock.wait_for_callback_async("task_1"))


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        ({"outcome": "never"}, "never ends (outcome 'never'), so no callback is due"),
        ({"callback": {"times": 0}}, "loses its callback (callback times 0)"),
    ],
)
def test_a_plan_without_a_callback_is_named(
    apikley_mock: MockService, http: httpx2.Client, receiver: Received, plan: Any, reason: str
) -> None:
    apikley_mock.plan_next(**plan)
    task_id = create(http, callBackUrl=receiver.url)
    with pytest.raises(AssertionError, match=re.escape(reason)):
        apikley_mock.wait_for_callback(task_id)


def test_a_wrong_word_is_answered_with_all_words_and_the_nearest(apikley_mock: MockService) -> None:
    words = "error, latency, reset, cut, broken-json, html"
    with pytest.raises(ValueError, match=f"^fault: there is no 'rest'; did you mean 'reset'. Expected one of {words}$"):
        apikley_mock.fail_next(fault="rest")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^callback.form: there is no '1999'; expected one of 2025, late-2025, 2026"):
        apikley_mock.plan_next(callback={"form": "1999"})  # type: ignore[typeddict-item]
    with pytest.raises(ValueError, match="unknown field 'outcom'; did you mean 'outcome'"):
        apikley_mock.plan_next(outcom="fail")  # type: ignore[call-arg]


TYPES = {
    options.FaultSetting: FaultRule,
    options.FaultWhen: vocabulary.FaultMatch,
    options.PlanOptions: PlanRule,
    options.PlanWhen: vocabulary.PlanMatch,
    options.CallbackOptions: CallbackChanges,
    options.AccountOptions: AccountSettings,
    options.ModelOptions: ModelSettings,
    options.MockSettings: Settings,
}


@pytest.mark.parametrize(("typed", "struct"), TYPES.items(), ids=lambda each: each.__name__)
def test_the_typed_options_are_those_of_the_vocabulary(typed: type, struct: Any) -> None:
    # The test advances the clock of the fixture, so it has no speed.
    assert set(typed.__annotations__) == set(struct.__struct_fields__) - {"speed"}


def test_every_list_of_words_has_a_message() -> None:
    for name in ("outcome", "progress"):
        words = [word for part in get_args(get_type_hints(PlanRule)[name]) for word in get_args(part)]
        assert set(words) <= set(vocabulary._words_at(PlanRule, [name]))
        assert words
