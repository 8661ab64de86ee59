"""How the simulator is set up: by files in TOML and YAML, options, the admin API, the fixture and magic prompts alike.

All are held to the same schemas, and what would never come about is refused rather than ignored.
"""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx2
import pytest

import apikley_mock
from apikley_mock.control import admin_document, scenario
from apikley_mock.control import prompt_directives as magic
from apikley_mock.control.plan import Durations
from apikley_mock.plugin import MockService
from contract_tests.simulator.simulators import CREATE, MODEL, create, look, request_for

YAML = """
api_key: KEY
durations: [1, 2, [60, 300]]
limits: {getCredits: [5, 1]}
models:
  hailuo/02-image-to-video-pro: {price: 2.5}
accounts:
  - {name: second, key: OTHER, credits: 0}
faults:
  - fault: reset
    when: {operation: createTask, account: second}
"""


def _written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["busy.yaml", "busy.yml", "BUSY.YAML"])
def test_a_scenario_may_be_yaml(tmp_path: Path, name: str) -> None:
    service = scenario.service_of(scenario.load(_written(tmp_path, name, YAML)))
    assert (service.settings.api_key, service.settings.durations) == ("KEY", Durations(1, 2, (60, 300)))
    assert service.settings.prices == {MODEL: 2.5}
    assert [rule.when["account"] for rule in service.faults] == ["second"]


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert scenario.load(_written(tmp_path, "a.yaml", "# nothing\n")) == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("api_key: a\napi_key: b", 'not YAML: found duplicate key "api_key"'),
        ("api_key: a\nlimits: [1", "not YAML: expected ',' or ']'"),
        ("a: \x07", "not YAML: unacceptable character"),
        ("!!python/object:os.system x", "not YAML: could not determine a constructor"),
        ("- api_key", "is not of type"),
        ("seed: 2020-01-01", "seed: '2020-01-01' is a date; write it in quotes, or as a number"),
        ("1: 2", "request: the key 1 is no text; write it in quotes"),
        ("limits: {getCredits: {2: 3}}", "limits.getCredits: the key 2 is no text; write it in quotes"),
        ("credits: .nan", "credits: nan is no finite number"),
        ("price: -.inf", "price: -inf is no finite number"),
        ("api_key: !!set {a, b}", "api_key: "),
        ("colour: 1", "Additional properties are not allowed ('colour' was unexpected)"),
        ("[" * 3000, "nested too deeply"),
    ],
)
def test_wrong_yaml_is_refused_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    path = _written(tmp_path, "a.yaml", text)
    with pytest.raises(scenario.ScenarioError) as refused:
        scenario.load(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_line_of_a_mistake_is_named(tmp_path: Path) -> None:
    with pytest.raises(scenario.ScenarioError, match=r"\(at line 2\)$"):
        scenario.load(_written(tmp_path, "a.yaml", "api_key: a\nlimits: [1"))


@pytest.mark.parametrize(
    ("described", "words"),
    [
        ({"accounts": [{"key": "mock-key", "name": "b"}]}, "'default' and 'b' have the same key"),
        ({"accounts": [{"key": "x", "name": "default"}]}, "'default' and 'default' have the same name"),
        ({"plan": {"times": 3}}, "plan: Additional properties are not allowed ('times' was unexpected)"),
        ({"limits": {"getCredits": [0.5, 1]}}, "limits.getCredits.0: "),
        ({"faults": [{"fault": "cut", "when": {"account": "nobody"}}]}, "faults.0.when.account: there is no 'nobody'"),
        (
            {"plans": [{}, {"when": {"model": "nobody"}}]},
            f"plans.1.when.model: there is no 'nobody'; there are: {MODEL}",
        ),
        ({"callback_hosts": ["https://x.test/y"]}, "callback_hosts.0: "),
        ({"api_key": "\ud800"}, "api_key: holds half a surrogate pair, which is no text"),
        ({"\ud800": 1}, "request, a key: holds half a surrogate pair, which is no text"),
    ],
)
def test_what_would_be_ignored_is_refused(described: dict[str, Any], words: str) -> None:
    with pytest.raises(scenario.ScenarioError) as refused:
        scenario.service_of(described)
    assert words in str(refused.value)
    assert "mock-key" not in str(refused.value)


def test_a_default_plan_has_durations_of_its_own() -> None:
    service = scenario.service_of({"durations": [9, 9, 9], "plan": {"durations": [1, 2, 3]}})
    assert service.plan_for(MODEL).durations == Durations(1, 2, 3)


@pytest.mark.parametrize("host", ["files.example.com", "10.0.0.7", "2001:db8::1", "bücher.test"])
def test_hosts_are_names_and_addresses(host: str) -> None:
    assert admin_document.findings("Scenario", {"callback_hosts": [host]}) is None


@pytest.mark.parametrize("host", ["", "x.test:80", "[::1]", "x.test/", "//x.test", "a b", "u@x.test", "https://x.test"])
def test_what_could_never_be_a_host_is_refused(host: str) -> None:
    assert admin_document.findings("Scenario", {"callback_hosts": [host]})


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--api-key", ""),
        ("--webhook-key", ""),
        ("--credits", "1e300"),
        ("--speed", "1e300"),
        ("--speed", "1e-300"),
        ("--speed", "0"),
        ("--durations", "1,2,99999999999"),
        ("--allow-callback-host", "https://x.test/y"),
    ],
)
def test_options_are_held_to_the_scenarios_schema(option: str, value: str) -> None:
    command = [sys.executable, "-m", "apikley_mock", "serve", "--port", "0", option, value]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (run.returncode, "Traceback" in run.stderr) == (2, False)
    assert f"error: argument {option}: " in run.stderr


def test_a_key_of_file_and_options_alike_is_refused(tmp_path: Path) -> None:
    path = _written(tmp_path, "a.toml", "[[accounts]]\nname = 'second'\nkey = 'KEY'\n")
    command = [
        sys.executable,
        "-m",
        "apikley_mock",
        "serve",
        "--port",
        "0",
        "--scenario",
        str(path),
        "--api-key",
        "KEY",
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    words = "apikley-mock: accounts: 'default' and 'second' have the same key; give each its own\n"
    assert (run.returncode, run.stderr) == (1, words)


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ({"operation": "createtask"}, "when.operation: there is no 'createtask'; there are: createTask, "),
        ({"account": "nobody"}, "when.account: there is no 'nobody'; there are: default"),
        ({"operation": "file", "account": "default"}, "when.account: a file is served to anybody"),
    ],
)
def test_a_fault_that_would_never_strike_is_refused(apikley_mock: MockService, when: Any, words: str) -> None:
    answer = httpx2.post(f"{apikley_mock.url}/__mock__/faults", json={"fault": "error", "when": when})
    assert (answer.status_code, words in answer.json()["error"]) == (404, True)
    with pytest.raises(ValueError, match=words):
        apikley_mock.fail_next(when=when)


def test_a_plan_for_no_model_is_refused(apikley_mock: MockService) -> None:
    with pytest.raises(ValueError, match=r"when\.model: there is no 'nobody'"):
        apikley_mock.plan_next(when={"model": "nobody"})
    assert httpx2.post(f"{apikley_mock.url}/__mock__/plans", json={"when": {"model": "x"}}).status_code == 404


SENSELESS = ["error 200", "error 399", "polls 1001", "polls 0", "take 31536001", "latency 3601", "fail", "fail a-b"]
SENSELESS += ["callback form 2024", "reset later", "never more", "fail 422 " + "x" * 501]


@pytest.mark.parametrize("spell", SENSELESS)
def test_magic_is_held_to_the_same_limits(spell: str) -> None:
    wish = magic.wish_of(f"[mock: {spell}]")
    assert wish
    assert "makes no sense; write it as [mock: " in (wish.wrong or "")


CONTRADICTIONS = ["latency 2, reset", "never, fail 422", "callback lost, callback twice", "polls 2, hand"]
CONTRADICTIONS += ["take 1, take 2", "never, take 300", "never, callback early", "take 300, callback early"]
CONTRADICTIONS += ["callback early, callback late 60", "vanish, callback early", "vanish, callback twice"]
CONTRADICTIONS += ["hand, take 5", "hand, callback early", "polls 2, callback early", "never, hand", "never, expire 60"]
CONTRADICTIONS += ["error 402, fail 422", "callback twice, error 402", "reset before, fail 422", "fail 422, expire 60"]
CONTRADICTIONS += ["callback lost, callback late 60", "callback unsigned, callback stale"]


@pytest.mark.parametrize("spell", CONTRADICTIONS)
def test_magic_that_contradicts_itself_is_refused(http: httpx2.Client, spell: str) -> None:
    answer = http.post(CREATE, json=request_for(f"[mock: {spell}]")).json()
    last = spell.rpartition(", ")[2]
    assert (answer["code"], answer["msg"]) == (
        422,
        f"magic prompt: {last!r} contradicts what stands before it; leave out one of them",
    )


@pytest.mark.parametrize("spell", ["reset, fail 422", "hidden 3, callback early", "never, polls 2", "hand, vanish"])
def test_magic_that_makes_sense_together_is_taken(spell: str) -> None:
    wish = magic.wish_of(f"[mock: {spell}]")
    assert wish
    assert wish.wrong is None


SENSELESS_PLANS: list[tuple[dict[str, Any], str]] = [
    ({"fail_code": "422", "outcome": "success"}, "fail_code contradicts outcome 'success'; leave out one of them"),
    ({"fail_msg": "no", "outcome": "never"}, "fail_msg contradicts outcome 'never'; leave out one of them"),
    ({"polls": 3, "progress": "time"}, "polls contradicts progress 'time'; leave out one of them"),
    ({"polls": 3, "durations": [1, 1, 1]}, "contradicts progress"),
    ({"outcome": "never", "callback": {"early": True}}, "outcome 'never' contradicts callback"),
    ({"callback": {"times": 0, "early": True}}, "callback.times 0 contradicts callback.early"),
]


@pytest.mark.parametrize(("plan", "words"), SENSELESS_PLANS)
def test_a_plan_that_contradicts_itself_is_refused_wherever_it_is_written(
    apikley_mock: MockService, plan: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        apikley_mock.plan_next(**plan)
    answer = httpx2.post(f"{apikley_mock.url}/__mock__/plans", json=plan)
    assert (answer.status_code, words in answer.json()["error"]) == (409, True)
    with pytest.raises(scenario.ScenarioError, match=rf"^plan\..*{re.escape(words)}"):
        scenario.service_of({"plan": plan})
    with pytest.raises(scenario.ScenarioError, match=rf"^plans\.0\..*{re.escape(words)}"):
        scenario.service_of({"plans": [plan]})


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"fault": "reset", "code": 402}, "code contradicts fault 'reset', which answers none"),
        ({"fault": "html", "msg": "no"}, "msg contradicts fault 'html'"),
        ({"fault": "cut", "retry_after": 3}, "retry_after contradicts fault 'cut'"),
        ({"fault": "latency"}, "fault 'latency' needs latency, the seconds that it takes"),
    ],
)
def test_a_fault_that_contradicts_itself_is_refused_wherever_it_is_written(
    apikley_mock: MockService, fault: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        apikley_mock.fail_next(**fault)
    answer = httpx2.post(f"{apikley_mock.url}/__mock__/faults", json=fault)
    assert (answer.status_code, words in answer.json()["error"]) == (409, True)
    with pytest.raises(scenario.ScenarioError, match=rf"^faults\.0\..*{re.escape(words)}"):
        scenario.service_of({"faults": [fault]})


@pytest.mark.parametrize("plan", [{"fail_code": "422"}, {"fail_msg": "no"}])
def test_why_a_task_fails_says_that_it_fails(http: httpx2.Client, apikley_mock: MockService, plan: Any) -> None:
    assert scenario.service_of({"plan": plan}).settings.plan.outcome == "fail"
    apikley_mock.plan_next(**plan)
    task_id = create(http)
    apikley_mock.advance(10)
    assert look(http, task_id)["state"] == "fail"


def test_how_many_polls_a_state_lasts_says_polls_count(http: httpx2.Client, apikley_mock: MockService) -> None:
    apikley_mock.plan_next(polls=2)
    task_id = create(http)
    apikley_mock.advance(1000)
    assert [look(http, task_id)["state"] for _ in range(3)] == ["waiting", "waiting", "queuing"]


def test_a_prompt_goes_before_a_default_plan_that_it_contradicts(
    http: httpx2.Client, apikley_mock: MockService
) -> None:
    apikley_mock.plan_next(callback={"early": True}, times=None)
    endless = create(http, "[mock: never]")
    assert look(http, endless)["state"] == "waiting"


def test_magic_of_different_kinds_goes_together() -> None:
    wish = magic.wish_of("[mock: fail 422 no, callback twice, callback forged] [mock: reset]")
    assert wish
    assert wish.plan == {
        "outcome": "fail",
        "fail_code": "422",
        "fail_msg": "no",
        "callback": {"times": 2, "signature": "wrong"},
    }
    assert wish.fault
    assert wish.fault.stage == "after"


def test_yaml_without_its_library_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ruamel.yaml", None)
    with pytest.raises(
        scenario.ScenarioError, match=r"ruamel\.yaml is not installed; run: pip install 'apikley\[mock\]'"
    ):
        scenario.load(_written(tmp_path, "a.yaml", YAML))


def test_the_page_offers_a_fault_for_every_operation() -> None:
    page = files("apikley_mock").joinpath("control/page.html").read_text(encoding="utf-8")
    (options,) = re.findall(r'<select name="operation">(.*?)</select>', page)
    offered = re.findall(r'<option(?: value="(\w*)")?>([^<]*)', options)
    known = sorted([*admin_document.operations(), *admin_document.FILES])
    assert sorted(value or text for value, text in offered) == sorted([*known, "any request"])


def test_what_the_readme_imports_is_there() -> None:
    for name in apikley_mock.__all__:
        assert getattr(apikley_mock, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = apikley_mock.Nothing


def test_no_list_shows_a_key(http: httpx2.Client, apikley_mock: MockService) -> None:
    keys = (apikley_mock.api_key, apikley_mock.webhook_key)
    prompt = f"{keys[0]} and {keys[1]}"
    http.post(CREATE, json=request_for(prompt, callBackUrl=f"http://127.0.0.1:9/?a={keys[0]}&b={keys[1]}"))
    (task,) = httpx2.get(f"{apikley_mock.url}/__mock__/tasks").json()
    assert (task["prompt"], task["callback_url"]) == ("[key] and [key]", "http://127.0.0.1:9/?a=[key]&b=[key]")
    apikley_mock.advance(10)
    listed = [httpx2.get(f"{apikley_mock.url}/__mock__/{name}").text for name in ("tasks", "journal", "state")]
    assert [key for key in keys for text in listed if key in text] == []
