"""Responses and callbacks have the recorded shape by default, and the documented one by option."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import httpx2
import pytest

from apikley import Hailuo02ImageToVideoPro, LocalFile, callbacks
from apikley_client import AuthenticatedClient
from apikley_client.api.account import get_credits
from apikley_client.api.jobs import create_task, get_task_details
from apikley_client.models import Hailuo02ImageToVideoProRequest
from apikley_mock.control.vocabulary import Settings
from apikley_mock.plugin import MockService
from apikley_mock.service import Service
from apikley_mock.world.clock import VirtualClock
from apikley_mock.world.plan import Form, Shapes
from contract_tests.contract.draws import component
from contract_tests.simulator import other_receivers
from contract_tests.simulator.other_receivers import Understood
from contract_tests.simulator.simulators import (
    CREATE,
    CREDITS,
    DETAILS,
    Received,
    assert_fits,
    create,
    in_process,
    poll,
    request_for,
)

RECORDED_KEYS = [
    *(
        "taskId",
        "model",
        "state",
        "param",
        "resultJson",
        "failCode",
        "failMsg",
        "costTime",
        "completeTime",
        "createTime",
    )
]
INPUT = Hailuo02ImageToVideoPro(prompt="a ship", image_url="https://files.example.com/a.png")
STREAM = "/file-upload/api/file-stream-upload"


def test_a_create_returns_two_equal_ids_of_32_hex_digits(http: httpx2.Client) -> None:
    response = http.post(CREATE, json=request_for()).json()
    assert re.fullmatch("[0-9a-f]{32}", response["data"]["taskId"])
    assert response["data"] == dict.fromkeys(["taskId", "recordId"], response["data"]["taskId"])


@pytest.mark.parametrize("directive", ["", "[mock: fail 500]"])
def test_a_record_has_the_same_ten_keys_in_every_state(
    http: httpx2.Client, apikley_mock: MockService, directive: str
) -> None:
    apikley_mock.plan_next(durations=(1, 1, 1))
    task_id = create(http, f"a ship {directive}")
    for unfinished in range(3):
        record = poll(http, task_id)
        assert list(record) == RECORDED_KEYS, unfinished
        assert [record[name] for name in RECORDED_KEYS[4:9]] == ["", None, None, None, None]
        apikley_mock.advance(1)
    record = poll(http, task_id)
    assert list(record) == RECORDED_KEYS
    assert (record["costTime"], record["completeTime"] - record["createTime"]) == (3, 3000)
    assert bool(record["resultJson"]) == (not directive)


def test_a_failed_record_has_the_recorded_code_and_text(http: httpx2.Client, apikley_mock: MockService) -> None:
    apikley_mock.plan_next(outcome="fail")
    task_id = create(http)
    apikley_mock.advance(10)
    record = poll(http, task_id)
    failure = ("500", "Internal Error, Please try again later.", "")
    assert (record["failCode"], record["failMsg"], record["resultJson"]) == failure


def test_the_param_of_a_record_has_its_input_as_text_with_defaults(http: httpx2.Client) -> None:
    param = poll(http, create(http))["param"]
    assert ": " not in param
    request = json.loads(param)
    assert list(request) == ["model", "input"]
    assert json.loads(request["input"]) == request_for()["input"] | {
        name: field["default"]
        for name, field in component("Hailuo02ImageToVideoPro")["properties"].items()
        if "default" in field and name not in request_for()["input"]
    }


def _input_schema() -> Any:
    import apikley_contract

    return apikley_contract.openapi()["components"]["schemas"]["Hailuo02ImageToVideoPro"]["properties"]


@pytest.mark.anyio
async def test_a_task_waits_or_is_generated_and_rarely_shows_all_states() -> None:
    async def seen(seed: int) -> list[tuple[str, ...]]:
        service = Service(Settings(seed=seed), VirtualClock())
        http = in_process(service)
        ids = [(await http.post(CREATE, json=request_for())).json()["data"]["taskId"] for _ in range(300)]
        kinds: list[list[str]] = [[] for _ in ids]
        for _ in range(8):
            for kind, task_id in zip(kinds, ids, strict=True):
                state = (await http.get(DETAILS, params={"taskId": task_id})).json()["data"]["state"]
                if state not in kind:
                    kind.append(state)
            await service.advance(0.45)
        return [tuple(kind) for kind in kinds]

    kinds = await seen(1)
    counted = Counter(kinds)
    all_states = ("waiting", "queuing", "generating", "success")
    assert set(counted) == {("waiting", "success"), ("generating", "success"), all_states}
    assert 0 < counted[all_states] < 40
    assert min(counted[kind] for kind in counted if kind != all_states) > 90
    assert await seen(1) == kinds


@pytest.mark.anyio
@pytest.mark.parametrize("key", ["", "wrong"])
async def test_a_wrong_key_gets_the_recorded_text_without_data(key: str) -> None:
    response = (await in_process(key=key).get(CREDITS)).json()
    assert (list(response), response["code"]) == (["code", "msg"], 401)
    assert response["msg"].startswith("Unauthorized \u2013 Authentication failed.")
    documented = (await in_process(key=key, shapes="documented").get(CREDITS)).json()
    assert documented == {"code": 401, "msg": "You do not have access permissions", "data": None}


def test_credits_are_a_fraction_and_fall_with_each_task(http: httpx2.Client) -> None:
    before = http.get(CREDITS).json()["data"]
    assert before != int(before)
    create(http)
    assert http.get(CREDITS).json()["data"] == before - 1


def test_a_plan_can_ask_for_several_results(http: httpx2.Client, apikley_mock: MockService) -> None:
    apikley_mock.plan_next(results=6)
    with apikley_mock.client() as api:
        task = api.create(INPUT).wait()
    assert len(set(task.result_urls)) == 6
    assert {httpx2.get(url).content[4:8] for url in task.result_urls} == {b"ftyp"}
    assert httpx2.get(task.result_urls[5].replace("-6.", "-7.")).status_code == 404


def test_an_upload_without_a_file_name_gets_a_unique_name(http: httpx2.Client) -> None:
    stored = [
        http.post(STREAM, files={"file": ("cat.png", content)}, data={"uploadPath": "images"}).json()["data"]
        for content in (b"1", b"2")
    ]
    for data in stored:
        assert data["success"] is True
        assert re.fullmatch(r"\d{13}-[a-z0-9]{11}\.png", data["fileName"])
        assert data["filePath"] == f"default/images/{data['fileName']}"
    assert [httpx2.get(data["downloadUrl"]).content for data in stored] == [b"1", b"2"]


def test_an_upload_with_a_file_name_replaces_the_earlier_one(http: httpx2.Client) -> None:
    form = {"uploadPath": "images", "fileName": "cat.png"}
    stored = [http.post(STREAM, files={"file": ("x", content)}, data=form).json()["data"] for content in (b"1", b"2")]
    assert stored[0]["downloadUrl"] == stored[1]["downloadUrl"]
    assert httpx2.get(stored[0]["downloadUrl"]).content == b"2"


def test_two_pictures_of_one_name_keep_their_bytes(
    http: httpx2.Client, apikley_mock: MockService, tmp_path: Path
) -> None:
    pictures = [b"\x89PNG\r\n\x1a\n" + bytes([number]) * 8 for number in range(2)]
    paths = [tmp_path / str(number) / "cat.png" for number in range(2)]
    for path, picture in zip(paths, pictures, strict=True):
        path.parent.mkdir()
        path.write_bytes(picture)
    with apikley_mock.client() as api:
        tasks = [api.create(Hailuo02ImageToVideoPro(prompt="a cat", image_url=LocalFile(path))) for path in paths]
    sent = [json.loads(json.loads(poll(http, task.id)["param"])["input"])["image_url"] for task in tasks]
    assert [httpx2.get(url).content for url in sent] == pictures
    assert all(url.endswith("/cat.png") for url in sent)


@pytest.mark.parametrize(("shapes", "content_type"), [("recorded", ";charset=UTF-8"), ("documented", "")])
def test_the_content_type_names_the_encoding_as_recorded(
    http: httpx2.Client, apikley_mock: MockService, shapes: Shapes, content_type: str
) -> None:
    apikley_mock.set_shapes(shapes)
    assert http.get(CREDITS).headers["content-type"] == f"application/json{content_type}"


@pytest.mark.parametrize(("accepted", "encoding"), [("gzip, br", "gzip"), ("identity", None)])
def test_a_response_is_compressed_if_the_client_accepts_it(
    http: httpx2.Client, accepted: str, encoding: str | None
) -> None:
    with http.stream("GET", CREDITS, headers={"Accept-Encoding": accepted}) as response:
        raw = b"".join(response.iter_raw())
    assert response.headers.get("content-encoding") == encoding
    assert json.loads(gzip.decompress(raw) if encoding else raw)["code"] == 200


def test_an_empty_callback_url_is_accepted_with_a_warning(http: httpx2.Client, apikley_mock: MockService) -> None:
    task_id = create(http, callBackUrl="")
    apikley_mock.advance(60)
    assert poll(http, task_id)["state"] == "success"
    assert apikley_mock.journal.callbacks() == []
    (entry,) = apikley_mock.journal.created()
    assert entry.warnings == ("callBackUrl is empty: no callback will be sent",)


@pytest.mark.parametrize(
    ("operation", "text"), [("createTask", "This field is required"), ("getTaskDetails", "recordInfo")]
)
def test_the_text_of_a_code_fits_its_operation(
    http: httpx2.Client, apikley_mock: MockService, operation: str, text: str
) -> None:
    apikley_mock.fail_next(422, when={"operation": operation})
    response = http.post(CREATE, json=request_for()) if operation == "createTask" else http.get(DETAILS)
    assert response.json()["msg"].startswith(text)


def test_a_directives_text_fits_its_operation(http: httpx2.Client) -> None:
    assert "recordInfo" not in http.post(CREATE, json=request_for("[mock: error 422]")).json()["msg"]


def test_one_error_may_have_its_code_as_http_status(http: httpx2.Client, apikley_mock: MockService) -> None:
    apikley_mock.fail_next(500, style="http")
    assert [http.get(CREDITS).status_code for _ in range(2)] == [500, 200]
    apikley_mock.fail_next(500)
    assert (http.get(CREDITS).status_code, http.get(CREDITS).json()["code"]) == (200, 200)


@pytest.mark.anyio
@pytest.mark.parametrize("key", ["k", "task", "a" * 7])
async def test_a_short_key_does_not_hide_other_text(key: str) -> None:
    service = Service(Settings(api_key=key, shapes="documented"), VirtualClock())
    http, prompt = in_process(service, key), f"a task by {key}, unmasked"
    body = request_for(prompt, metadata=key)
    task_id = (await http.post(CREATE, json=body)).json()["data"]["taskId"]
    (entry,) = service.journal.created()
    assert (entry.task_id, entry.json()["input"]["prompt"]) == (task_id, prompt)
    assert entry.json()["metadata"] != key, "a whole value that is the key is redacted"


def _data(response: Any) -> Any:
    return response.data


@pytest.mark.parametrize("shapes", get_args(Shapes))
@pytest.mark.parametrize("outcome", ["success", "fail"])
def test_the_generated_client_reads_each_shape(apikley_mock: MockService, shapes: Shapes, outcome: Any) -> None:
    apikley_mock.set_shapes(shapes)
    apikley_mock.plan_next(outcome=outcome)
    with AuthenticatedClient(base_url=apikley_mock.url, token=apikley_mock.api_key) as client:
        created = _data(create_task.sync(client=client, body=Hailuo02ImageToVideoProRequest(input_=INPUT)))
        running = _data(get_task_details.sync(client=client, task_id=created.task_id))
        apikley_mock.advance(10)
        ended = _data(get_task_details.sync(client=client, task_id=created.task_id))
        credits_left = _data(get_credits.sync(client=client))
    assert running.state in ("waiting", "generating")
    assert (ended.state, ended.task_id) == (outcome, created.task_id)
    assert ended.complete_time - ended.create_time == ended.cost_time * (1000 if shapes == "recorded" else 1)
    assert isinstance(credits_left, float | int)
    assert (created.record_id == created.task_id) == (shapes == "recorded")


@pytest.mark.parametrize("shapes", get_args(Shapes))
def test_the_library_reads_each_shape(apikley_mock: MockService, shapes: Shapes) -> None:
    apikley_mock.set_shapes(shapes)
    with apikley_mock.client() as api:
        task = api.create(INPUT)
        assert task.refresh().duration is None
        task.wait()
    assert task.request is not None
    assert task.request["input"]["prompt"] == "a ship"
    assert task.state == "success"
    assert task.duration == timedelta(seconds=3)


RECEIVERS = [
    other_receivers.reads_task_id_in_camel_case,
    other_receivers.reads_task_id_in_snake_case,
    other_receivers.reads_strict_integers,
]


@pytest.mark.parametrize("outcome", ["success", "fail"])
@pytest.mark.parametrize("start", RECEIVERS, ids=lambda start: start.__name__)
def test_other_receivers_understand_all_forms(
    http: httpx2.Client, apikley_mock: MockService, start: Any, outcome: Any
) -> None:
    apikley_mock.set_credits(100)
    receiver: AbstractContextManager[Understood] = start()
    ids = []
    with receiver as understood:
        for form in get_args(Form):
            apikley_mock.plan_next(outcome=outcome, callback={"form": form, "both_ids": True})
            ids.append(create(http, callBackUrl=understood.url))
            apikley_mock.wait_for_callback(ids[-1])
    assert [each["taskId"] for each in understood] == ids


def test_the_verification_form_names_only_the_task(
    http: httpx2.Client, apikley_mock: MockService, receiver: Received
) -> None:
    task_id = create(http, "[mock: callback form verification]", callBackUrl=receiver.url)
    apikley_mock.wait_for_callback(task_id)
    ((headers, body),) = receiver.calls
    assert_fits("TaskIdCallback", json.loads(body))
    assert json.loads(body)["data"] == {"task_id": task_id}
    callback = callbacks.verify(headers, body, apikley_mock.webhook_key)
    assert (callback.task_id, callback.code) == (task_id, 200)


@pytest.mark.parametrize("form", ["2025", "late-2025", "2026"])
def test_a_callback_has_whole_seconds_and_whole_credits(
    http: httpx2.Client, apikley_mock: MockService, receiver: Received, form: Any
) -> None:
    apikley_mock.set_credits(100)
    apikley_mock.plan_next(callback={"form": form})
    apikley_mock.advance(0.25)
    task_id = create(http, callBackUrl=receiver.url)
    apikley_mock.wait_for_callback(task_id)
    data = json.loads(receiver.calls[0][1])["data"]
    assert data["costTime"] == 3
    assert [data[name] % 1000 for name in ("createTime", "completeTime")] == [0, 0]
    credits_shown = [data[name] for name in ("consumeCredits", "remainedCredits", "creditsConsumed") if name in data]
    assert all(isinstance(amount, int) for amount in credits_shown)
