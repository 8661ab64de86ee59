"""Settings, plans and faults: in scenario files, options, the admin API and the fixture alike."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx2
import pytest

import apikley_mock
from apikley_mock.control import scenario
from apikley_mock.control.vocabulary import (
    FILE_OPERATIONS,
    Settings,
    UnknownNameError,
    VocabularyError,
    check_names,
    convert,
    operations,
)
from apikley_mock.plugin import MockService
from apikley_mock.service import Service
from apikley_mock.web.admin_document import document
from apikley_mock.world.plan import CallbackChanges, Plan
from contract_tests.simulator.simulators import CREATE, CREDITS, MODEL, create, poll, request_for
from scripts.pipeline.io import ROOT

REFERENCE = (ROOT / "docs" / "reference" / "simulator.md").read_text(encoding="utf-8")
SERVE = [sys.executable, "-m", "apikley_mock", "serve", "--port", "0"]


def written(folder: Path, text: str) -> Path:
    path = folder / "scenario.toml"
    path.write_text(text, encoding="utf-8")
    return path


def plan_of(**members: Any) -> Plan:
    return scenario.parse({"plan": members}).plan_for(MODEL)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*SERVE, *arguments], capture_output=True, text=True, check=False, timeout=600)


@contextmanager
def served(*options: str) -> Iterator[httpx2.Client]:
    """A client, with the key KEY, of a simulator in its own process."""
    with subprocess.Popen([*SERVE, "--api-key", "KEY", *options], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            url = process.stdout.readline().strip().removeprefix("listening on ")
            with httpx2.Client(base_url=url, headers={"Authorization": "Bearer KEY"}) as http:
                yield http
        finally:
            process.terminate()


# Scenario files


def test_the_documented_scenario_works(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", REFERENCE, flags=re.DOTALL)
    service = Service(scenario.parse(scenario.load(written(tmp_path, text))))
    settings = service.settings
    assert (settings.api_key, settings.credits, settings.seed) == ("KEY", 100, 7)
    assert list(settings.durations or ()) == [1, 2, (60, 300)]
    assert {name: requests for name, (requests, _) in settings.all_limits().items()} == {
        "createTask": 20,
        "getTaskDetails": 10,
        "getCredits": 5,
    }
    assert [account.name for account in service.accounts] == ["default", "second"]
    assert [armed.rule.fault for armed in service.faults] == ["reset"]
    assert [armed.rule.callback for armed in service.plans] == [CallbackChanges(times=2, delay=30)]
    service.faults.disarm()
    service.reset()
    assert [armed.rule.share for armed in service.faults] == [0.05], "a reset arms them again"


def test_the_documented_scenario_shows_the_common_members() -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", REFERENCE, flags=re.DOTALL)
    missing = set(Settings.__struct_fields__) - set(tomllib.loads(text))
    assert {name for name in missing if not name.startswith("max_")} == {"lenient", "plan", "price"}


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert scenario.load(written(tmp_path, "# nothing\n")) == {}


INVALID_FILES = [
    ("x = ", "not TOML: "),
    ("colour = 1", "unknown field 'colour'"),
    ("webhok_key = 'x'", "unknown field 'webhok_key'; did you mean 'webhook_key'?"),
    ("[plan.callback]\nsignatur = 'none'", "plan.callback: unknown field 'signatur'; did you mean 'signature'?"),
    ("speed = 0", "speed: "),
    ("api_key = 'a b'", "api_key: expected 1 to 200 ASCII characters without spaces"),
    ("plan = {fail_code = '!'}", "plan.fail_code: expected a number or a word up to 40 characters"),
    ("price = nan", "price: nan is not a finite number"),
    ("seed = 2020-01-01", "seed: '2020-01-01' is a date, expected text or a number"),
    ("[[faults]]\nfault = 'explode'", "faults[0].fault: "),
    ("[[faults]]\nfault = 'reset'\nwhen = {operation = 'fly'}", "faults[0].when.operation: there is no 'fly'; there"),
    ("[[faults]]\nfault = 'cut'\nwhen = {account = 'nobody'}", "faults[0].when.account: there is no 'nobody'"),
    (
        "[[plans]]\n[[plans]]\nwhen = {model = 'nobody'}",
        "plans[1].when.model: there is no 'nobody'; there are: ",
    ),
    ("limits = {fly = [1, 1]}", "limits: there is no 'fly'; there are: "),
    ("limits = {getCredits = [0.5, 1]}", "limits"),
    ("[models.x]\nprice = 1", "models: there is no 'x'; there are: "),
    ("durations = [1, 2]", "durations: "),
    ("[plan]\ntimes = 3", "plan: unknown field 'times'"),
    ("callback_hosts = ['https://x.test/y']", "callback_hosts[0]: expected a host name or an address without scheme"),
    ("accounts = [{key = 'mock-key', name = 'b'}]", "accounts: two accounts have the same key; give each its own"),
    ("accounts = [{key = 'x', name = 'default'}]", "accounts: two accounts have the same name; give each its own"),
    ("a = " + "[" * 3000, "nested too deeply"),
]


@pytest.mark.parametrize(("text", "message"), INVALID_FILES, ids=[message[:40] for _, message in INVALID_FILES])
def test_an_invalid_file_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(VocabularyError) as refused:
        scenario.load(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "mock-key" not in str(refused.value)


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scenario.toml"
    path.write_bytes("api_key = 'clé'".encode("latin-1"))
    with pytest.raises(VocabularyError, match=r"not UTF-8 text; save it as UTF-8$"):
        scenario.load(path)


@pytest.mark.parametrize("value", [{"api_key": "\ud800"}, {"\ud800": 1}])
def test_a_lone_surrogate_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(VocabularyError, match="contains a lone surrogate"):
        convert(value, Settings)


# Options


def test_a_missing_file_is_reported_by_the_command(tmp_path: Path) -> None:
    ended = run("--scenario", str(tmp_path / "none.toml"))
    message = f"apikley-mock: {tmp_path / 'none.toml'}: cannot be read: No such file or directory\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", message)


def test_a_key_in_both_file_and_options_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "[[accounts]]\nname = 'second'\nkey = 'KEY'\n")
    ended = run("--scenario", str(path), "--api-key", "KEY")
    message = "apikley-mock: accounts: two accounts have the same key; give each its own\n"
    assert (ended.returncode, ended.stderr) == (1, message)


def test_a_scenario_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text("credits = 3\r\n", encoding="utf-8-sig")
    assert scenario.load(tmp_path / "s.toml") == {"credits": 3}


def test_options_override_a_scenario(tmp_path: Path) -> None:
    path = written(tmp_path, "api_key = 'OTHER'\ncredits = 3\nerror_style = 'http'\n")
    with served("--scenario", str(path), "--credits", "7.5") as http:
        assert http.get(CREDITS).json()["data"] == 7.5
        created = http.post(CREATE, json=request_for(callBackUrl="x"))
    assert (created.status_code, created.json()["code"]) == (422, 422)


def test_every_option_of_the_command_works() -> None:
    timing = ("--virtual-clock", "--seed", "3", "--durations", "0,0,60-300")
    with served(
        "--shapes", "documented", "--lenient", "--limits", "--allow-callback-host", "files.example.com", *timing
    ) as http:
        assert http.get(CREDITS).json()["data"] == 100
        assert http.post(CREATE, json=request_for(callBackUrl="")).json()["code"] == 200


def test_time_can_run_faster() -> None:
    with served("--speed", "1000000") as http:
        assert poll(http, create(http))["state"] == "success"


@pytest.mark.parametrize(
    "arguments",
    [
        *[("--api-key", ""), ("--webhook-key", ""), ("--credits", "1e300"), ("--credits", "-1"), ("--speed", "1e300")],
        *[("--speed", "1e-300"), ("--speed", "0"), ("--durations", "1,2,99999999999"), ("--durations", "1,2,x-3")],
        *[("--allow-callback-host", "https://x.test/y"), ("--seed", "x"), ("--host", "")],
        ("--speed", "60", "--virtual-clock"),
    ],
    ids=" ".join,
)
def test_an_invalid_option_exits_with_2(arguments: tuple[str, ...]) -> None:
    ended = run(*arguments)
    assert (ended.returncode, "Traceback" in ended.stderr) == (2, False)
    assert "error: argument --" in ended.stderr


def test_durations_override_all_of_a_scenarios_own() -> None:
    own = {"durations": [9, 9, 9], "plan": {"outcome": "fail", "durations": [50, 50, 50]}}
    models = {MODEL: {"price": 2, "durations": [70, 70, 70]}}
    settings = scenario.parse(scenario.overridden({**own, "models": models}, {"durations": [0, 0, 0]}))
    plan = settings.plan_for(MODEL)
    assert (plan.durations, plan.outcome, settings.price_of(MODEL)) == ((0, 0, 0), "fail", 2)


def test_documented_limits_override_a_scenarios_own() -> None:
    own = {"limits": {"createTask": [500, 1], "getCredits": [5, 1]}}
    limits = scenario.parse(scenario.overridden(own, {"documented_limits": True})).all_limits()
    assert {name: requests for name, (requests, _) in limits.items()} == {
        "createTask": 20,
        "getTaskDetails": 10,
        "getCredits": 5,
    }


def test_other_options_leave_a_scenario_unchanged() -> None:
    own = {"plan": {"durations": [50, 50, 50]}, "limits": {"createTask": [500, 1]}, "credits": 3}
    assert scenario.overridden(own, {"credits": 7}) == {**own, "credits": 7}


# Plans


def test_a_plan_has_defaults_for_what_it_does_not_name() -> None:
    plan = plan_of(outcome="fail", durations=[0, 0, [1, 2]], callback={"form": "2025"})
    assert (plan.outcome, plan.callback.form, plan.callback.times) == ("fail", "2025", 1)


def test_a_plans_durations_take_precedence_over_the_general_ones() -> None:
    settings = scenario.parse({"durations": [9, 9, 9], "plan": {"durations": [1, 2, 3]}})
    assert settings.plan_for(MODEL).durations == (1, 2, 3)
    assert scenario.parse({"durations": [9, 9, 9], "plan": {}}).plan_for(MODEL).durations == (9, 9, 9)


@pytest.mark.parametrize("host", ["files.example.com", "10.0.0.7", "2001:db8::1", "bücher.test"])
def test_a_callback_host_is_a_name_or_an_address(host: str) -> None:
    assert convert({"callback_hosts": [host]}, Settings).callback_hosts == [host]


@pytest.mark.parametrize("host", ["", "x.test:80", "[::1]", "x.test/", "//x.test", "a b", "u@x.test", "https://x.test"])
def test_an_invalid_callback_host_is_refused(host: str) -> None:
    with pytest.raises(VocabularyError):
        convert({"callback_hosts": [host]}, Settings)


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ({"operation": "createtask"}, "when.operation: there is no 'createtask'; there are: createTask, "),
        ({"account": "nobody"}, "when.account: there is no 'nobody'; there are: default"),
        ({"operation": "file", "account": "default"}, "when.account: a file is served without an account"),
    ],
)
def test_a_fault_that_matches_nothing_is_refused(apikley_mock: MockService, when: Any, message: str) -> None:
    response = httpx2.post(f"{apikley_mock.url}/__mock__/faults", json={"fault": "error", "when": when})
    assert (response.status_code in (404, 422), message in response.json()["error"]) == (True, True)
    with pytest.raises(ValueError, match=message):
        apikley_mock.fail_next(when=when)


def test_a_plan_that_matches_nothing_is_refused(apikley_mock: MockService) -> None:
    with pytest.raises(ValueError, match=r"when\.model: there is no 'nobody'"):
        apikley_mock.plan_next(when={"model": "nobody"})
    assert httpx2.post(f"{apikley_mock.url}/__mock__/plans", json={"when": {"model": "x"}}).status_code == 404


def test_an_unknown_name_is_answered_with_the_nearest_of_many() -> None:
    known = [f"acme/{number}-fast" for number in range(100)]
    with pytest.raises(UnknownNameError) as caught:
        check_names("model", ["acme/77-fsat"], known)
    assert str(caught.value).startswith("model: there is no 'acme/77-fsat'; there are: acme/77-fast, ")
    assert str(caught.value).endswith(", …")
    assert len(str(caught.value)) < 200


CONTRADICTIONS: list[tuple[str, dict[str, Any], str]] = [
    ("plan", {"fail_code": "422", "outcome": "success"}, "fail_code needs outcome 'fail', not 'success'"),
    ("plan", {"fail_message": "no", "outcome": "never"}, "fail_message needs outcome 'fail', not 'never'"),
    ("plan", {"per_poll": 3, "progress": "time"}, "per_poll needs progress 'per_poll', not 'time'"),
    ("plan", {"per_poll": 3, "durations": [1, 1, 1]}, "needs progress"),
    ("plan", {"callback": {"times": 0, "early": True}}, "callback: early excludes a delay and times 0"),
    ("fault", {"fault": "reset", "code": 402}, "code needs fault 'error', not 'reset'"),
    ("fault", {"fault": "html", "message": "no"}, "message needs fault 'error'"),
    ("fault", {"fault": "cut", "retry_after": 3}, "retry_after needs fault 'error'"),
    ("fault", {"fault": "latency"}, "fault 'latency' needs latency, in seconds"),
]


@pytest.mark.parametrize(("kind", "members", "message"), CONTRADICTIONS)
def test_a_contradiction_is_refused_everywhere(
    apikley_mock: MockService, kind: str, members: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        apikley_mock.plan_next(**members) if kind == "plan" else apikley_mock.fail_next(**members)
    response = httpx2.post(f"{apikley_mock.url}/__mock__/{kind}s", json=members)
    assert (response.status_code, message in response.json()["error"]) == (422, True)
    with pytest.raises(VocabularyError, match=rf"^{kind}s\[0\].*{re.escape(message)}"):
        scenario.parse({f"{kind}s": [members]})
    if kind == "plan":
        with pytest.raises(VocabularyError, match=rf"^plan.*{re.escape(message)}"):
            scenario.parse({"plan": members})


@pytest.mark.parametrize("plan", [{"fail_code": "422"}, {"fail_message": "no"}])
def test_a_fail_code_implies_a_failure(http: httpx2.Client, apikley_mock: MockService, plan: Any) -> None:
    assert plan_of(**plan).outcome == "fail"
    apikley_mock.plan_next(**plan)
    task_id = create(http)
    apikley_mock.advance(10)
    assert poll(http, task_id)["state"] == "fail"


def test_per_poll_implies_progress_by_polls(http: httpx2.Client, apikley_mock: MockService) -> None:
    apikley_mock.plan_next(per_poll=2)
    task_id = create(http)
    apikley_mock.advance(1000)
    assert [poll(http, task_id)["state"] for _ in range(3)] == ["waiting", "waiting", "queuing"]


def test_a_plan_can_restore_a_default() -> None:
    settings = scenario.parse({"plan": {"outcome": "fail"}, "plans": [{"outcome": "success"}]})
    assert [settings.plan_for(MODEL).changed(rule).outcome for rule in settings.plans] == ["success"]


# Package and page


def test_the_page_offers_a_fault_for_every_operation() -> None:
    page = files("apikley_mock").joinpath("control/page.html").read_text(encoding="utf-8")
    (downloads,) = re.findall(r"const OPERATIONS = \[(.*)\];", page)
    assert re.findall(r'\["(\w+)", ', downloads) == [*FILE_OPERATIONS]
    assert document()["x-operations"] == operations()  # which the page adds


def test_every_public_name_can_be_imported() -> None:
    package: Any = apikley_mock
    for name in package.__all__:
        assert getattr(package, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = package.Nothing


def test_no_list_shows_a_key(http: httpx2.Client, apikley_mock: MockService) -> None:
    keys = (apikley_mock.api_key, apikley_mock.webhook_key)
    prompt = f"{keys[0]} and {keys[1]}"
    http.post(CREATE, json=request_for(prompt, callBackUrl=f"http://127.0.0.1:9/?a={keys[0]}&b={keys[1]}"))
    (task,) = httpx2.get(f"{apikley_mock.url}/__mock__/tasks").json()
    assert (task["prompt"], task["callback_url"]) == ("*** and ***", "http://127.0.0.1:9/?a=***&b=***")
    apikley_mock.advance(10)
    lists = [httpx2.get(f"{apikley_mock.url}/__mock__/{name}").text for name in ("tasks", "journal", "state")]
    assert [key for key in keys for text in lists if key in text] == []
