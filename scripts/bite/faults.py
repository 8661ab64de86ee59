"""The faults that are planted: where, what for what, and which tests are meant to catch it."""

from __future__ import annotations

from typing import NamedTuple


class Fault(NamedTuple):
    """One planted fault.

    Attributes:
        name: What is wrong with it in place.
        path: The file, from the repository's root.
        old: A text that stands in it exactly once.
        new: What it is replaced by.
        tests: Modules of `contract_tests/` that are meant to catch it.
    """

    name: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]


_OPENAPI, _SCHEMAS = "generated/apikley_contract/openapi.json", "generated/apikley_contract/schemas.json"
_VENDORED = "openapi/vendored/market/hailuo/02-image-to-video-pro.json"
_WITNESSES, _MATRIX, _CALLBACKS = ("test_witnesses",), ("test_error_matrix",), ("test_callback_payloads",)
_SCHEMATHESIS, _SIMULATOR, _CREATE = ("test_schemathesis",), ("test_simulator",), ("test_create",)
_GENERATED = ("test_generated_client",)

CONTRACT = (
    Fault("limit one higher for all but Prism", _SCHEMAS, '"maxLength": 1500', '"maxLength": 1501', _WITNESSES),
    Fault("limit one lower for all but Prism", _SCHEMAS, '"maxLength": 1500', '"maxLength": 1499', _WITNESSES),
    Fault("limit one higher for Prism", _OPENAPI, '"maxLength": 1500', '"maxLength": 1501', _WITNESSES),
    Fault("limit changed at the source only", _VENDORED, '"maxLength": 1500', '"maxLength": 1400', _GENERATED),
    Fault(
        "required field dropped",
        _SCHEMAS,
        '"required": [\n          "prompt",\n          "image_url"\n        ]',
        '"required": [\n          "prompt"\n        ]',
        _WITNESSES,
    ),
    Fault(
        "required model dropped",
        _SCHEMAS,
        '"required": [\n          "model"\n        ]',
        '"required": []',
        _WITNESSES,
    ),
    Fault(
        "model's enumeration changed",
        _SCHEMAS,
        '"enum": [\n              "hailuo/02-image-to-video-pro"\n            ]',
        '"enum": [\n              "hailuo/02-image-to-video"\n            ]',
        _WITNESSES,
    ),
    Fault("state dropped from the enumeration", _SCHEMAS, '"queuing",\n          "generating"', '"generating"', _SIMULATOR),
    Fault("code removed", _SCHEMAS, "              455,\n", "", _GENERATED),
    Fault("code removed for Prism", "openapi/overlay.yaml", "        '455': MAINTENANCE\n", "", _GENERATED),
    Fault("required field renamed in answers", _SCHEMAS, '"taskId",\n          "state"', '"taskID",\n          "state"', _CALLBACKS),
    Fault("answer field renamed at the source", "openapi/companion/task-details.yaml", "        resultJson:\n", "        resultJSON:\n", _GENERATED),
    Fault("null no longer allowed in errors", _SCHEMAS, '"enum": [\n                  null\n                ]', '"enum": [\n                  {}\n                ]', _SCHEMATHESIS),
    Fault("security removed from a source", "openapi/companion/account.yaml", "      description: What the account has left.\n      security:\n        - BearerAuth: []\n", "      description: What the account has left.\n", _GENERATED),
    Fault("format of the callback URL dropped", _SCHEMAS, '"callBackUrl": {\n            "type": "string",\n            "format": "uri",', '"callBackUrl": {\n            "type": "string",', _WITNESSES),
    Fault("optional flag's type changed", _SCHEMAS, '"type": "boolean"\n          }\n        },\n        "required": [\n          "prompt"', '"type": "string"\n          }\n        },\n        "required": [\n          "prompt"', _WITNESSES),
)  # fmt: skip
_MOCK = "mock/apikley_mock"
SIMULATOR = (
    Fault("wrong code for a wrong request", f"{_MOCK}/jobs.py", 'return self._error("VALIDATION_FAILED", wrong)\n        model,', 'return self._error("SERVER_ERROR", wrong)\n        model,', _WITNESSES),
    Fault("unknown task answered as 422", f"{_MOCK}/jobs.py", 'answer = self._error("NOT_FOUND")', 'answer = self._error("VALIDATION_FAILED")', _SIMULATOR),
    Fault("states in the wrong order", f"{_MOCK}/engine.py", "return (QUEUING, queued) if now >= queued else (WAITING, self.created)", "return (WAITING, queued) if now >= queued else (QUEUING, self.created)", _SIMULATOR),
    Fault("unsigned callback", f"{_MOCK}/deliveries.py", 'if not key or plan.signature == "none":', 'if key or plan.signature == "none":', _SIMULATOR),
    Fault("signature over the wrong text", f"{_MOCK}/deliveries.py", 'f"{task.id}.{stamp}"', 'f"{stamp}.{task.id}"', _CALLBACKS),
    Fault("callback sent twice", f"{_MOCK}/plan.py", "    times: int = 1\n", "    times: int = 2\n", _SIMULATOR),
    Fault("task invisible at first", f"{_MOCK}/plan.py", "    hidden: float = 0.0\n", "    hidden: float = 1.0\n", _SIMULATOR),
    Fault("every key accepted", f"{_MOCK}/simulator.py", "        if account is None:\n            return self._refusal", "        if account is None and not request.headers:\n            return self._refusal", _SIMULATOR),
    Fault("errors as the wrong HTTP status", f"{_MOCK}/answers.py", 'json_answer(200 if style == "envelope" else _status(code)', 'json_answer(400 if style == "envelope" else _status(code)', _SIMULATOR),
    Fault("data left out of errors as an object", f"{_MOCK}/answers.py", '{"code": code, "msg": text, "data": None})', '{"code": code, "msg": text, "data": {}})', _SCHEMATHESIS),
    Fault("unchecked formats", f"{_MOCK}/judge.py", "validate_formats=True", "validate_formats=False", _WITNESSES),
    Fault("create without validation", f"{_MOCK}/judge.py", "    return findings(models[name].request, body)\n", "    return None\n", _WITNESSES),
    Fault("findings without their place", f"{_MOCK}/judge.py", "or 'request'}: {_words(error)}", "and 'request'}: {_words(error)}", _WITNESSES),
    Fault("callback to any host", f"{_MOCK}/caller.py", "if not (host in", "if False and not (host in", _SIMULATOR),
    Fault("field of the callback renamed", f"{_MOCK}/shapes.py", 'return {"code": example["code"], "msg": example["msg"], "data": data}', 'return {"code": example["code"], "msg": example["msg"], "payload": data}', _CALLBACKS),
    Fault("credits of the callback as text", f"{_MOCK}/shapes.py", 'data["consumeCredits"] = cost', 'data["consumeCredits"] = str(cost)', _CALLBACKS),
    Fault("time of the last change stands still", f"{_MOCK}/shapes.py", '"updateTime": _milliseconds(since)', '"updateTime": _milliseconds(task.created)', _SIMULATOR),
    Fault("failed task costs credits", f"{_MOCK}/shapes.py", '0 if task.plan.outcome == "fail" else task.price', "task.price", ("test_mock_callbacks",)),
    Fault("field of the record renamed", f"{_MOCK}/jobs.py", "answers.success(shapes.record(task, now))", 'answers.success({name.replace("costTime", "costTimes"): value for name, value in shapes.record(task, now).items()})', _SCHEMATHESIS),
    Fault("look-ups of other tasks", f"{_MOCK}/jobs.py", "        task = service.engine.find(task_id, now)\n", "        task = service.engine.find(next(iter(service.engine.tasks), task_id), now)\n", _SIMULATOR),
    Fault("file fetched from behind a redirect", f"{_MOCK}/caller.py", "get(URL(url), timeout=limit, allow_redirects=False)", "get(URL(url), timeout=limit, allow_redirects=True)", ("test_mock_files", "test_mock_endpoints", "test_mock_callbacks")),
    Fault("link given for a file of another host", f"{_MOCK}/jobs.py", "or shapes.result_url(task) != body[\"url\"]", "", ("test_mock_files", "test_mock_endpoints")),
    Fault("405 without Allow", f"{_MOCK}/simulator.py", '            answer.headers.append((b"allow", ", ".join(methods).encode()))\n', "", _SIMULATOR),
)  # fmt: skip
LIBRARY = (
    Fault("lost answer sent again", "apikley/_create.py", "            raise attempt.unknown(str(error)) from error.__cause__\n", "            failure = TransportError(str(error))\n", _CREATE),
    Fault("every error of a create sent again", "apikley/_create.py", "        if not _retry.certainly_refused(failure):\n            raise failure\n", "", _MATRIX),
    Fault("server's error of a create taken as refused", "apikley/_create.py", "return (400 <= code < 500 and code != 408)", "return (400 <= code < 600 and code != 408)", _MATRIX),
    Fault("code in the body ignored", "apikley/_envelope.py", "        code, msg, raw = envelope.code, envelope.msg, envelope.raw\n", "        code, msg, raw = answer.status, envelope.msg, envelope.raw\n", _MATRIX),
    Fault("HTTP 200 taken for success", "apikley/_envelope.py", 'return answered_well(answer.status) and envelope.code == apikley_contract.codes()["SUCCESS"]', "return answered_well(answer.status)", _MATRIX),
    Fault("text in `message` not read", "apikley/_envelope.py", 'text(body.get("msg")) or text(body.get("message")) or ""', 'text(body.get("msg")) or ""', _MATRIX),
    Fault("class of a code lost", "apikley/errors.py", "class FeatureDisabled(ApiError):", "class FeatureDisabled(ApikleyError):", _MATRIX),
    Fault("credits missing sent again", "apikley/_retry.py", '_REFUSED = ("RATE_LIMITED", "MAINTENANCE")', '_REFUSED = ("RATE_LIMITED", "MAINTENANCE", "INSUFFICIENT_CREDITS")', _MATRIX),
    Fault("maintenance not sent again", "apikley/_retry.py", '_REFUSED = ("RATE_LIMITED", "MAINTENANCE")', '_REFUSED = ("RATE_LIMITED",)', _MATRIX),
    Fault("any callback URL taken", "apikley/_validation.py", "    found += _callback_url(request)\n", "", _WITNESSES),
    Fault("limits unchecked before sending", "apikley/_validation.py", "    if found:\n        raise RequestInvalid(sorted(", "    if not request:\n        raise RequestInvalid(sorted(", _WITNESSES),
    Fault("wrong place named", "apikley/_validation.py", 'f"{pointer}/{_escaped(facts[\'property\'])}"', 'f"{pointer}/missing/{_escaped(facts[\'property\'])}"', _WITNESSES),
    Fault("compare not constant in time", "apikley/callbacks.py", "hmac.compare_digest(_signature(callback.task_id, stamp, each), presented)", "_signature(callback.task_id, stamp, each) == presented", ("test_callbacks",)),
    Fault("signature not checked", "apikley/callbacks.py", "    if not any(fits):\n", "    if not fits:\n", _CALLBACKS),
    Fault("time not signed", "apikley/callbacks.py", 'f"{task_id}.{timestamp}".encode()', "task_id.encode()", _CALLBACKS),
    Fault("old callbacks taken", "apikley/callbacks.py", "    if not abs((time.time() if now is None else now) - int(stamp)) <= tolerance:", "    if (time.time() if now is None else now) - int(stamp) > tolerance:", ("test_callbacks",)),
    Fault("credits of the 2025 form not read", "apikley/_fields.py", 'number(self._record.get("consumeCredits")) if cost is None else cost', "cost", _CALLBACKS),
    Fault("look places kept by waits that have left", "apikley/_limit.py", "                self._line.pop(ticket, None)\n", "                self._line.get(ticket)\n", ("test_wait_in_line",)),
    Fault("redirects followed with the key", "apikley/_drivers.py", "= self.client.send(built, stream=True, follow_redirects=follow_redirects)", "= self.client.send(built, stream=True, follow_redirects=True)", ("test_error_codes",)),
    Fault("bad address of a redirect taken for not sent", "apikley/_failures.py", "httpx.PoolTimeout, httpx.ProxyError)", "httpx.PoolTimeout, httpx.ProxyError, httpx.InvalidURL)", ("test_create",)),
    Fault("answers without end", "apikley/_deadline.py", "        self._until = min(self._whole, monotonic() + self._part)", "        self._until = self._whole", ("test_hostile_answers",)),
    Fault("deadline of many waits overshot", "apikley/_wait.py", "        if time.left() <= 0 < timeout:", "        if time.left() <= 0 > timeout:", ("test_wait_many",)),
)  # fmt: skip
_RECEIVER = "apikley/receiver"
RECEIVER = (
    Fault("callback acknowledged before it is stored", f"{_RECEIVER}/_asgi.py", "        await asyncio.wait_for(asyncio.wrap_future(store(judged)), _gate.STORE_TIMEOUT)\n", "        store(judged)\n", ("test_receiver",)),
    Fault("same ending claimed by two", f"{_RECEIVER}/_inbox.py", "values(claim=claim, due_at=now + lease)", "values(claim=claim, due_at=now)", ("test_inbox",)),
    Fault("outcome of a lost claim written", f"{_RECEIVER}/_inbox.py", '(_COLUMN.claim == bindparam("held_claim"))', '(_COLUMN.claim != bindparam("held_claim") + "-")', ("test_inbox",)),
    Fault("handler called again that had finished", f"{_RECEIVER}/_handling.py", "                if name not in done:\n", "                if name:\n", ("test_receiver_handlers",)),
    Fault("failed handler never given up", f"{_RECEIVER}/_handling.py", "        if attempts >= self.attempts:\n", "        if attempts > self.attempts * 1000:\n", ("test_receiver_handlers",)),
    Fault("handler's error ends its thread", f"{_RECEIVER}/_handling.py", "        except BaseException as error:  # noqa: BLE001 - a handler may raise anything\n", "        except ZeroDivisionError as error:\n", ("test_receiver_survival",)),
    Fault("callback believed without asking", f"{_RECEIVER}/_handling.py", "if self._client is not None and not confirmed:", "if self._client is not None and confirmed:", ("test_receiver_confirmation",)),
    Fault("contradicted result believed", f"{_RECEIVER}/_confirm.py", "    if claimed and claimed != confirmed:\n", "    if not claimed and claimed != confirmed:\n", ("test_receiver_confirmation",)),
    Fault("news of a running task stored as its end", f"{_RECEIVER}/_gate.py", "        if state not in FINISHED:\n", "        if not state:\n", ("test_receiver",)),
    Fault("what was done with kept for ever", f"{_RECEIVER}/_workers.py", "            self._inbox.forget(self._now() - self._keep)\n", "", ("test_receiver_threads",)),
)  # fmt: skip
FAULTS = (*CONTRACT, *SIMULATOR, *LIBRARY, *RECEIVER)
