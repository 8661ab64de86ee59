"""The page of the simulator, in a real browser.

`APIKLEY_SCREENSHOT=docs/images/simulator.png pytest contract_tests/simulator/test_page.py` makes its pictures.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from apikley_mock.plugin import MockService
from apikley_mock.web.app import Settings, Simulator
from apikley_mock.web.server import ThreadedServer
from contract_tests.conftest import published_example
from contract_tests.simulator.browser import find
from contract_tests.simulator.simulators import CREATE, CREDITS, DETAILS, MODEL, Received, create, request_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

TIMEOUT = int(os.environ.get("APIKLEY_BROWSER_TIMEOUT", "600000"))  # milliseconds; for what hangs
FLAGS = [
    *("--disable-background-networking", "--disable-component-update", "--disable-gpu", "--disable-quic"),
    *("--disable-sync", "--no-first-run", "--no-sandbox"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find(), args=FLAGS, headless=True)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, apikley_mock: MockService, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page in one of the colour schemes, without JavaScript errors."""
    scheme: Any = getattr(request, "param", "light")
    errors: list[str] = []  # of scripts and of the console, such as a violated content security policy
    with browser.new_page(viewport={"width": 1280, "height": 860}, color_scheme=scheme) as opened:
        opened.set_default_timeout(TIMEOUT)
        opened.on("pageerror", lambda error: errors.append(str(error)))
        opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        opened.goto(f"{apikley_mock.url}/__mock__/")
        yield opened
    # A refused request is logged by the browser, and shown on the page.
    assert [error for error in errors if not error.startswith("Failed to load resource")] == []


def _until(page: Page, expression: str) -> Any:
    """Return a value of the page once it is true. The page's policy forbids Playwright's own way."""
    while not (value := page.evaluate(expression)):
        time.sleep(0.05)
    return value


def _open(page: Page, where: str) -> None:
    """Open a detail by its address, as a link does."""
    page.evaluate("where => { location.hash = where; }", where)
    page.locator("#detail[open]").wait_for()


def test_a_task_is_shown_and_finished_with_the_keyboard(
    page: Page, http: httpx2.Client, apikley_mock: MockService
) -> None:
    page.get_by_text("No task yet").wait_for()
    apikley_mock.plan_next(durations=(1, 1, 1))
    task_id = create(http, "A lighthouse in a storm")
    page.get_by_text("A lighthouse in a storm").wait_for()
    page.get_by_role("button", name=f"Next state: {task_id}").focus()
    page.keyboard.press("Enter")
    page.locator(".state", has_text="queuing").wait_for()
    # The focus stays, so the next key continues from there.
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.locator(".state", has_text="success").wait_for()
    assert page.get_by_role("button", name=f"Fail: {task_id}").is_disabled()
    requested = page.evaluate("performance.getEntriesByType('resource').map(entry => entry.name)")
    assert [url for url in requested if not url.startswith((apikley_mock.url, "data:"))] == []


def test_a_fault_is_armed_in_a_sentence_and_disarmed_alone(
    page: Page, http: httpx2.Client, apikley_mock: MockService
) -> None:
    page.get_by_label("operation").select_option("getCredits")
    page.get_by_label("number of requests").fill("2")
    page.get_by_label("code", exact=True).fill("402")
    page.get_by_role("button", name="Arm fault").click()
    sentence = "The next 2\u00a0requests to getCredits fail with 402 before they are accepted; struck 0\u00a0times"
    page.get_by_text(sentence).wait_for()
    assert http.get(CREDITS).json()["code"] == 402
    page.get_by_text("The next 1\u00a0request to getCredits fail with 402").wait_for()
    page.get_by_text("struck 1\u00a0time").wait_for()
    page.get_by_text("200 / 402").wait_for()
    apikley_mock.fail_next(455, when={"operation": "createTask"}, allow_unused=True)
    page.get_by_text("fail with 455").wait_for()
    page.get_by_role("button", name="Disarm: The next 1\u00a0request to getCredits").click()
    page.locator("#faults").get_by_text("to getCredits").wait_for(state="detached")
    assert page.get_by_text("fail with 455").is_visible()
    assert http.get(CREDITS).json()["code"] == 200


def test_fields_that_do_not_apply_are_hidden(page: Page) -> None:
    fault, plan = page.get_by_label("fault", exact=True), page.get_by_label("outcome")
    code, delay = page.get_by_label("code", exact=True), page.get_by_label("seconds of delay")
    assert (code.is_visible(), delay.is_visible()) == (True, False)
    fault.select_option("latency")
    assert (code.is_visible(), delay.is_visible()) == (False, True)
    fault.select_option("reset")
    assert (code.is_visible(), delay.is_visible()) == (False, False)
    assert not page.get_by_label("failCode").is_visible()
    plan.select_option("fail")
    assert page.get_by_label("failCode").is_visible()
    plan.select_option("never")
    assert not page.get_by_label("seconds until the end").is_visible()


def test_a_plan_is_armed_in_a_sentence(page: Page, http: httpx2.Client, apikley_mock: MockService) -> None:
    page.get_by_label("outcome").select_option("fail")
    page.get_by_label("failCode").fill("422")
    page.get_by_label("seconds until the end").fill("7")
    page.get_by_role("button", name="Arm plan").click()
    page.get_by_text("The next 1\u00a0task fail with 422, called back 1\u00a0time; struck 0\u00a0times").wait_for()
    create(http, "A ship")
    apikley_mock.advance(7)
    page.locator(".state.fail").wait_for()


def test_a_task_is_created_on_the_page(page: Page, apikley_mock: MockService) -> None:
    page.get_by_role("button", name="Create", exact=True).click()
    page.get_by_text("A task was created").wait_for()
    page.locator(".task").wait_for()
    apikley_mock.assert_created_once()
    page.get_by_label("request body").fill('{"input": {"prompt": 7}}')
    page.get_by_role("button", name="Create", exact=True).click()
    page.locator("#message.bad", has_text="422: ").wait_for()
    page.get_by_label("request body").fill("{")
    page.get_by_role("button", name="Create", exact=True).click()
    page.get_by_text("The request body is not JSON").wait_for()


def test_the_empty_page_says_how_to_start(page: Page, apikley_mock: MockService) -> None:
    page.locator("#start", has_text="curl ").wait_for()
    text = page.locator("#start").text_content() or ""
    for part in (f"APIKLEY_BASE_URL={apikley_mock.url}", "curl ", "from apikley import Apikley", CREATE):
        assert part in text
    assert apikley_mock.webhook_key not in page.content()


def test_a_task_is_failed_and_its_callback_repeated(page: Page, http: httpx2.Client, apikley_mock: MockService) -> None:
    task_id = create(http, "A ship", callBackUrl=f"{apikley_mock.url}/receiver")
    page.get_by_role("button", name=f"Fail: {task_id}").click()
    page.locator(".state", has_text="fail").wait_for()
    callbacks = page.locator("#entries li", has_text="callback to")
    callbacks.nth(0).wait_for()
    page.get_by_role("button", name=f"Repeat callback: {task_id}").click()
    callbacks.nth(1).wait_for()
    assert len(apikley_mock.journal.callbacks(task_id)) == 2


def test_a_task_opens_with_everything_about_it(
    page: Page, http: httpx2.Client, apikley_mock: MockService, receiver: Received
) -> None:
    task_id = create(http, "A lighthouse in a storm", callBackUrl=receiver.url)
    http.get(DETAILS, params={"taskId": task_id})
    apikley_mock.advance(10)
    page.locator(".state.success").wait_for()
    page.get_by_role("button", name="A lighthouse in a storm").click()
    detail = page.locator("#detail")
    for part in (task_id, "→ success", '"prompt": "A lighthouse in a storm"', "callback to", '"outcome": "success"'):
        detail.get_by_text(part).first.wait_for()
    # In one look, because an event may draw the details again.
    _until(page, "document.querySelector('#detail video')?.videoWidth > 0")
    detail.locator(".entry", has_text="callback to").click()
    detail.get_by_text("(the task id and the time, not the body)").wait_for()
    detail.get_by_text("x-webhook-signature", exact=False).first.wait_for()
    detail.get_by_role("link", name=task_id).click()
    detail.get_by_text(f"Task {task_id}").wait_for()
    page.keyboard.press("Escape")
    page.locator("#detail[open]").wait_for(state="detached")


def test_a_request_opens_with_its_headers_bodies_and_violations(page: Page, http: httpx2.Client) -> None:
    http.post(CREATE, json=request_for("x" * 1600), headers={"X-Trace": "trace-of-the-test"})
    page.locator(".entry", has_text="at most 1,500").click()
    detail = page.locator("#detail")
    detail.get_by_text("input.prompt: 1,600 characters, at most 1,500").first.wait_for()
    text = detail.text_content() or ""
    for part in ("x-trace: trace-of-the-test", "authorization: *** (redacted)", '"code": 422', "content-type: "):
        assert part in text
    assert "mock-key" not in text


@pytest.mark.parametrize("form", ["curl", "Python"])
def test_a_request_is_copied_as_a_command_that_runs(
    page: Page, http: httpx2.Client, apikley_mock: MockService, tmp_path: Path, form: str
) -> None:
    http.post(CREATE, json=request_for('it\'s a "ship"'))
    page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    page.locator(".entry").click()
    page.get_by_role("button", name=f"Copy as {form}").click()
    copied = _until(page, "window.copied")
    command = ["sh", "-c", copied] if form == "curl" else [sys.executable, "-c", copied]
    environment = {**os.environ, "APIKLEY_API_KEY": apikley_mock.api_key}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert '"code":200' in ended.stdout, ended.stderr
    first, second = apikley_mock.journal.created()
    assert first.json() == second.json()


def test_a_callback_that_is_not_sent_names_the_option(
    page: Page, http: httpx2.Client, apikley_mock: MockService
) -> None:
    create(http, "A ship", callBackUrl="https://hooks.example.com/a")
    apikley_mock.advance(10)
    row = page.locator(".entry", has_text="callback to https://hooks.example.com/a")
    row.wait_for()
    assert row.locator(".bad").text_content() == "not sent"
    assert "--allow-callback-host hooks.example.com" in (row.text_content() or "")


def test_tasks_and_entries_are_searched_and_paged(page: Page, http: httpx2.Client, apikley_mock: MockService) -> None:
    for number in range(60):
        create(http, f"Ship number {number}")
    page.get_by_text("50 of 60").first.wait_for()
    page.get_by_role("button", name="Show more tasks").click()
    page.locator("#tasks-shown", has_text="60 of 60").wait_for()
    page.get_by_label("search tasks").fill("number 59")
    page.locator("#tasks-shown", has_text="1 of 1").wait_for()
    assert page.locator(".task").count() == 1
    page.get_by_label("state of the tasks").select_option("success")
    page.locator(".task").wait_for(state="detached")
    page.get_by_label("search tasks").fill("")
    apikley_mock.advance(100)
    page.locator("#tasks-shown", has_text="50 of 60").wait_for()
    http.get(CREDITS)
    page.get_by_label("search entries").fill(CREDITS)
    page.locator("#entries-shown", has_text="1 of 1").wait_for()
    page.get_by_label("code of the entries").fill("402")
    page.get_by_text("Nothing matches.").wait_for()


def test_time_is_advanced_and_the_simulator_reset_after_a_question(page: Page, http: httpx2.Client) -> None:
    create(http, "A ship")
    page.get_by_text("A ship").wait_for()
    page.get_by_role("button", name="Advance").click()
    page.locator(".state", has_text="success").wait_for()
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Reset").click()
    page.evaluate("refresh()")
    assert page.locator(".task").count() == 1
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Reset").click()
    page.get_by_text("No task yet").wait_for()


def test_a_clock_that_runs_by_itself_has_no_controls(browser: Browser) -> None:
    server = ThreadedServer(Simulator(Settings()))
    server.start()
    with browser.new_page() as page:
        page.set_default_timeout(TIMEOUT)
        page.goto(f"{server.url}/__mock__/")
        page.locator("#now", has_text=":").wait_for()
        assert not page.get_by_role("button", name="Advance").is_visible()
    server.stop()


def test_concurrent_refreshes_show_each_entry_once(page: Page, http: httpx2.Client) -> None:
    http.get(CREDITS)
    page.evaluate("Promise.all([refresh(), refresh(), refresh()])")
    assert page.locator("#entries li").count() == 1


def test_the_page_notices_a_reset(page: Page, http: httpx2.Client, apikley_mock: MockService) -> None:
    http.get(CREDITS)
    page.evaluate("refresh()")
    httpx2.post(f"{apikley_mock.url}/__mock__/reset")
    http.get(DETAILS)
    page.evaluate("refresh()")
    assert page.locator("#entries .mono").all_text_contents() == [f"GET {DETAILS}"]


def test_the_page_is_complete_after_its_connection_was_lost(page: Page, http: httpx2.Client) -> None:
    page.get_by_text("No task yet").wait_for()
    page.context.set_offline(True)
    for number in range(3):
        create(http, f"Ship {number}")
    page.context.set_offline(False)
    for number in range(3):
        page.get_by_text(f"Ship {number}").wait_for()


LONG = "x" * 1500


@pytest.mark.parametrize("count", [0, 1, 50, 5000])
@pytest.mark.parametrize("page", ["light", "dark"], indirect=True)
def test_nothing_is_wider_than_the_screen_or_covered(
    page: Page, http: httpx2.Client, apikley_mock: MockService, count: int
) -> None:
    for number in range(min(count, 50)):
        prompt = [LONG, "A lighthouse in a storm", published_example()["input"]["prompt"]][number % 3]
        create(http, prompt, callBackUrl=f"{apikley_mock.url}/{'y' * 300}")
    service = apikley_mock._service
    for _ in range(count - 50):
        service.engine.create(MODEL, b"{}", next(iter(service.accounts)), service.plan_for(MODEL), service.clock.now())
    apikley_mock.advance(1)
    for width in (1280, 800, 400):
        page.set_viewport_size({"width": width, "height": 860})
        page.evaluate("refresh()")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(_COVERED) == [], width


# The buttons whose centre shows something else, after scrolling to each.
_COVERED = """
() => [...document.querySelectorAll("button, input, select, textarea")].filter((each) => each.checkVisibility())
  .slice(0, 60).filter((each) => {
  each.scrollIntoView({ block: "center" });
  const box = each.getBoundingClientRect();
  const found = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  return !found || !(each === found || each.contains(found) || found.contains(each) && found.tagName === "LABEL");
}).map((each) => each.outerHTML.slice(0, 120))
"""


@pytest.mark.parametrize("page", ["light", "dark"], indirect=True)
def test_the_page_is_readable_in_both_colour_schemes(
    page: Page, http: httpx2.Client, apikley_mock: MockService, receiver: Received, request: pytest.FixtureRequest
) -> None:
    prompts = ("A lighthouse in a storm, seen from the sea", "[mock: fail 422] A dragon over a village")
    for prompt in (*prompts, "[mock: take 60] A city at dawn", published_example()["input"]["prompt"]):
        create(http, prompt, callBackUrl=receiver.url)
    apikley_mock.advance(20)
    running = create(http, "[mock: take 30] A paper boat on a river", callBackUrl="https://hooks.example.com/done")
    http.get(DETAILS, params={"taskId": running})
    apikley_mock.advance(10)
    http.post(CREATE, json=request_for("[mock: error 402] Too dear"))
    apikley_mock.fail_next(429, times=3, when={"operation": "createTask"}, allow_unused=True)
    page.evaluate("refresh()")
    colours = "e => { const s = getComputedStyle(e); return [s.color, s.backgroundColor]; }"
    text, ground = page.locator("header").evaluate(colours)
    assert _contrast(text, ground) >= 7
    for element in (".soft", ".good", ".bad", ".state.generating", ".state.success", ".state.fail"):
        text = page.locator(element).first.evaluate(colours)[0]
        assert _contrast(text, ground) >= 4.5, element
    screenshot = os.environ.get("APIKLEY_SCREENSHOT")
    if screenshot:
        path, scheme = Path(screenshot), request.node.callspec.params["page"]
        page.screenshot(path=path.with_stem(f"{path.stem}-{scheme}"), animations="disabled")
        done = next(entry.task_id for entry in apikley_mock.journal.callbacks() if entry.status == 200)
        _open(page, f"task/{done}")
        _until(page, "document.querySelector('#detail video').readyState >= 2")
        page.screenshot(path=path.with_stem(f"{path.stem}-task-{scheme}"), animations="disabled")


def _contrast(one: str, other: str) -> float:
    """Return the contrast of two CSS colours, from 1 to 21."""

    def light(colour: str) -> float:
        parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
        red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    lights = sorted((light(one), light(other)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)
