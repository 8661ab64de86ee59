"""The page of the simulator, in a real browser.

`APIKLEY_SCREENSHOT=docs/images/simulator.png pytest contract_tests/simulator/test_page.py` makes the README's pictures.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from apikley_mock.plugin import MockService
from contract_tests.simulator.browser import find
from contract_tests.simulator.simulators import CREATE, CREDITS, DETAILS, create, request_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

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
    errors: list[str] = []
    with browser.new_page(viewport={"width": 1280, "height": 860}, color_scheme=scheme) as opened:
        opened.set_default_timeout(600_000)
        opened.on("pageerror", lambda error: errors.append(str(error)))
        opened.goto(f"{apikley_mock.url}/__mock__/")
        yield opened
    assert errors == []


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


def test_a_fault_is_armed_on_the_page(page: Page, http: httpx2.Client) -> None:
    page.get_by_label("code").fill("402")
    page.get_by_role("button", name="Arm", exact=True).click()
    page.get_by_text("armed: error 402 before any request (1)").wait_for()
    assert http.get(CREDITS).json()["code"] == 402
    page.get_by_text("200 / 402").wait_for()


def test_a_task_is_failed_and_its_callback_repeated(page: Page, http: httpx2.Client, apikley_mock: MockService) -> None:
    task_id = create(http, "A ship", callBackUrl=f"{apikley_mock.url}/receiver")
    page.get_by_role("button", name=f"Fail: {task_id}").click()
    page.locator(".state", has_text="fail").wait_for()
    page.locator("#callbacks li").nth(0).wait_for()
    page.get_by_role("button", name=f"Repeat callback: {task_id}").click()
    page.locator("#callbacks li").nth(1).wait_for()
    assert len(apikley_mock.journal.callbacks(task_id)) == 2


def test_time_is_advanced_and_the_simulator_reset_on_the_page(page: Page, http: httpx2.Client) -> None:
    create(http, "A ship")
    page.get_by_text("A ship").wait_for()
    page.get_by_role("button", name="Advance").click()
    page.locator(".state", has_text="success").wait_for()
    page.get_by_role("button", name="Reset").click()
    page.get_by_text("No task yet").wait_for()


def test_concurrent_refreshes_show_each_entry_once(page: Page, http: httpx2.Client) -> None:
    http.get(CREDITS)
    page.evaluate("Promise.all([refresh(), refresh(), refresh()])")
    assert page.locator("#requests li").count() == 1


def test_the_page_notices_a_reset(page: Page, http: httpx2.Client, apikley_mock: MockService) -> None:
    http.get(CREDITS)
    page.evaluate("refresh()")
    httpx2.post(f"{apikley_mock.url}/__mock__/reset")
    http.get(DETAILS)
    page.evaluate("refresh()")
    assert page.locator("#requests .mono").all_text_contents() == [f"GET {DETAILS}"]


@pytest.mark.parametrize("page", ["light", "dark"], indirect=True)
def test_the_page_is_readable_in_both_colour_schemes(
    page: Page, http: httpx2.Client, apikley_mock: MockService, request: pytest.FixtureRequest
) -> None:
    for prompt in ("A lighthouse in a storm", "[mock: fail 422] A dragon", "[mock: take 60] A city at dawn", "A ship"):
        create(http, prompt, callBackUrl=f"{apikley_mock.url}/receiver")
    apikley_mock.advance(20)
    create(http, "[mock: take 30] A paper boat on a river")
    apikley_mock.advance(10)
    http.post(CREATE, json=request_for("[mock: error 402] Too dear"))
    page.evaluate("refresh()")
    colours = "e => { const s = getComputedStyle(e); return [s.color, s.backgroundColor]; }"
    text, ground = page.locator("header").evaluate(colours)
    assert _contrast(text, ground) >= 7
    for element in (".small", ".good", ".bad"):
        text = page.locator(element).first.evaluate(colours)[0]
        assert _contrast(text, ground) >= 4.5, element
    screenshot = os.environ.get("APIKLEY_SCREENSHOT")
    if screenshot:
        path = Path(screenshot)
        page.screenshot(
            path=path.with_stem(f"{path.stem}-{request.node.callspec.params['page']}"), animations="disabled"
        )


def _contrast(one: str, other: str) -> float:
    """Return the contrast of two CSS colours, from 1 to 21."""

    def light(colour: str) -> float:
        parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
        red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    lights = sorted((light(one), light(other)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)
