"""Scenario files, and the command that takes them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from apikley_mock.control import admin_document, scenario
from apikley_mock.control.plan import Durations, durations_of
from contract_tests.simulator.simulators import CREATE, CREDITS, MODEL, create, look, request_for
from scripts.pipeline.io import ROOT

README = (ROOT / "mock" / "README.md").read_text(encoding="utf-8")
SERVE = [sys.executable, "-m", "apikley_mock", "serve", "--port", "0"]


def _written(folder: Path, text: str) -> Path:
    path = folder / "scenario.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_readmes_scenario_works(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", README, flags=re.DOTALL)
    service = scenario.service_of(scenario.load(_written(tmp_path, text)))
    settings = service.settings
    assert (settings.api_key, settings.credits, settings.seed) == ("KEY", 100, 7)
    assert settings.durations == Durations(1, 2, (60, 300))
    assert {name: limit.requests for name, limit in settings.limits.items()} == {
        "createTask": 20,
        "getTaskDetails": 10,
        "getCredits": 5,
    }
    assert [account.name for account in service.accounts] == ["default", "second"]
    assert [rule.what.fault for rule in service.faults] == ["reset"]
    assert [rule.what["callback"] for rule in service.plans] == [{"times": 2, "delay": 30}]
    service.faults.disarm()
    service.reset()
    assert [rule.share for rule in service.faults] == [0.05], "a reset arms them anew"


def test_the_readme_names_every_member_of_a_scenario() -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", README, flags=re.DOTALL)
    named = set(tomllib.loads(text))
    known = set(admin_document.document()["components"]["schemas"]["Scenario"]["properties"])
    assert known - named == {"lenient", "plan", "price"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = ", "not TOML: "),
        ("colour = 1", "Additional properties are not allowed ('colour' was unexpected)"),
        ("speed = 0", "speed: "),
        ("[[faults]]\nfault = 'explode'", "faults.0.fault: "),
        (
            "[[faults]]\nfault = 'reset'\nwhen = {operation = 'fly'}",
            "faults.0.when.operation: there is no 'fly'; there are: ",
        ),
        ("limits = {fly = [1, 1]}", "limits: 'fly' is not in the contract; there are: "),
        ("[models.x]\nprice = 1", "models: 'x' is not in the contract; there are: "),
        ("durations = [1, 2]", "durations: "),
    ],
)
def test_a_wrong_scenario_is_refused_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    path = _written(tmp_path, text)
    with pytest.raises(scenario.ScenarioError) as refused:
        scenario.load(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_scenario_in_another_encoding_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "scenario.toml"
    path.write_bytes("api_key = 'clé'".encode("latin-1"))
    with pytest.raises(scenario.ScenarioError) as refused:
        scenario.load(path)
    assert str(refused.value) == f"{path}: not UTF-8 text"


def test_a_scenario_that_is_not_there_is_said_by_the_command(tmp_path: Path) -> None:
    command = [*SERVE, "--scenario", str(tmp_path / "none.toml")]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == f"apikley-mock: {tmp_path / 'none.toml'}: cannot be read: No such file or directory\n"


@contextmanager
def _served(*options: str) -> Iterator[httpx2.Client]:
    """A client, with the key KEY, of a served simulator."""
    command = [*SERVE, "--api-key", "KEY", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        try:
            assert process.stdout
            url = process.stdout.readline().strip().removeprefix("listening on ")
            with httpx2.Client(base_url=url, headers={"Authorization": "Bearer KEY"}) as http:
                yield http
        finally:
            process.terminate()


def _ask(*options: str) -> tuple[httpx2.Response, httpx2.Response]:
    """What a served simulator says of its credits and to a create."""
    with _served(*options) as http:
        return http.get(CREDITS), http.post(CREATE, json=request_for(callBackUrl=""))


def test_a_scenario_is_served_and_options_go_before_it(tmp_path: Path) -> None:
    path = _written(tmp_path, "api_key = 'OTHER'\ncredits = 3\nerror_style = 'http'\n")
    balance, created = _ask("--scenario", str(path), "--credits", "7.5")
    assert balance.json()["data"] == 7.5
    assert (created.status_code, created.json()["code"]) == (422, 422)


def test_durations_that_are_given_go_before_all_of_a_scenarios_own() -> None:
    own = {"durations": [9, 9, 9], "plan": {"outcome": "fail", "durations": [50, 50, 50]}}
    models = {MODEL: {"price": 2, "durations": [70, 70, 70]}}
    service = scenario.service_of(scenario.changed({**own, "models": models}, {"durations": [0, 0, 0]}))
    plan = service.plan_for(MODEL)
    assert (plan.durations, plan.outcome) == (Durations(0, 0, 0), "fail")
    assert service.settings.prices == {MODEL: 2}


def test_documented_limits_that_are_asked_for_go_before_a_scenarios_own() -> None:
    own = {"limits": {"createTask": [500, 1], "getCredits": [5, 1]}}
    settings = scenario.service_of(scenario.changed(own, {"documented_limits": True})).settings
    assert {name: limit.requests for name, limit in settings.limits.items()} == {
        "createTask": 20,
        "getTaskDetails": 10,
        "getCredits": 5,
    }


def test_what_is_given_leaves_the_rest_of_a_scenario_as_it_was() -> None:
    own = {"plan": {"durations": [50, 50, 50]}, "limits": {"createTask": [500, 1]}, "credits": 3}
    assert scenario.changed(own, {"credits": 7}) == {**own, "credits": 7}


def test_the_command_serves_its_own_durations_before_a_scenarios(tmp_path: Path) -> None:
    path = _written(tmp_path, "[plan]\ndurations = [50, 50, 50]\n")
    with _served("--scenario", str(path), "--durations", "0,0,0") as http:
        assert look(http, create(http))["state"] == "success"


def test_the_command_has_options_of_its_own() -> None:
    timing = ("--virtual-clock", "--seed", "3", "--durations", "0,0,60-300")
    options = ("--lenient", "--limits", "--allow-callback-host", "files.example.com", *timing)
    balance, created = _ask(*options)
    assert (balance.json()["data"], created.json()["code"]) == (100, 200)


def test_the_command_can_make_time_run_faster() -> None:
    with _served("--speed", "1000000") as http:
        task_id = create(http)
        assert look(http, task_id)["state"] == "success", "a second is eleven days"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--credits", "-1"], "argument --credits: "),
        (["--durations", "1,2,x-3"], "argument --durations: "),
        (["--seed", "x"], "argument --seed: "),
        (["--host", ""], "argument --host: names no address"),
        (["--virtual-clock", "--speed", "60"], "argument --speed: not allowed with argument --virtual-clock"),
    ],
)
def test_wrong_options_are_refused(options: list[str], words: str) -> None:
    run = subprocess.run([*SERVE, *options], capture_output=True, text=True, check=False, timeout=30)
    assert (run.returncode, "Traceback" in run.stderr, words in run.stderr) == (2, False, True)


def _plan(**changes: Any) -> Any:
    return scenario.service_of({"plan": changes}).settings.plan


def test_the_default_plan_is_changed_as_a_whole() -> None:
    plan = _plan(outcome="fail", durations=[0, 0, [1, 2]], callback={"form": "2025"})
    assert (plan.outcome, plan.callback.form, plan.callback.times) == ("fail", "2025", 1)


def test_a_default_plan_without_durations_leaves_those_that_there_are() -> None:
    assert _plan(outcome="fail").outcome == "fail"
    settings = scenario.service_of({"plan": {"outcome": "fail"}, "durations": [1, 2, 3]}).settings
    assert settings.durations == durations_of([1, 2, 3])
