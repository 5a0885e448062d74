"""An incident as it may go: by keyboard alone, with hostile words, with a thousand things to do, with a desk that does
not answer, and with somebody else at the same time."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import Page, Route, expect

from tests.depth import PROVED
from tests.desk import Desk
from tests.seen import status
from tests.web.conftest import NARROW, Tabs, sideways
from tests.web.pages import GO
from tests.web.served import refusal
from tests.web.test_console import at_the_pool, refusing, tried

pytestmark = PROVED
HOSTILE = "<img src=x onerror=alert(1)> \"quoted\" 'so' #1 &amp; \u202eltr\u202c \u2066x " + "W" * 10_000
TEXTS = {
    "reason",
    "waits_for",
    "says",
    "why",
    "what",
    "error",
    "detail",
    "name",
    "actor",
    "operator",
    "subject",
    "action",
}
LISTS = ("/work", "/approvals", "/parked", "/halts", "/books", "/audit", "/catalogue", "/pools", "/users", "/dealers")
ROWS = 1000
QUICK_MS = 3_000  # with a machine that does much else meanwhile


def tabbed(page: Page, to: str) -> None:
    """By the keyboard alone, to what bears this name, or begins with it."""
    here = "() => (document.activeElement.labels?.[0] ?? document.activeElement).textContent.trim()"
    for _ in range(80):
        page.keyboard.press("Tab")
        if str(page.evaluate(here)).startswith(to):
            return
    raise AssertionError(f"no key leads to {to}")


def test_an_incident_is_ended_by_two_with_the_keyboard_alone(tabs: Tabs, desk: Desk, stuck: str) -> None:
    """Five steps each: find it, choose, give a reason, see, do."""
    olga = tabs.of("olga", "/work")
    expect(olga.get_by_role("link", name=stuck)).to_be_visible()
    olga.keyboard.press("j")
    olga.keyboard.press("Enter")
    expect(olga.get_by_role("heading", level=1, name="Story of")).to_be_focused()
    tabbed(olga, "offramp mark-filled")
    olga.keyboard.press("Enter")
    tabbed(olga, "Where others can look that up")
    olga.keyboard.type("wire 4711")
    tabbed(olga, "Reason")
    olga.keyboard.type("paid by wire")
    olga.keyboard.press("Enter")
    expect(olga.get_by_text("It would be:")).to_be_visible()
    olga.keyboard.press("Enter")
    expect(olga.get_by_text("It waits for a second person")).to_be_visible()
    oleg = tabs.of("oleg", "/work")
    expect(oleg.get_by_text("for a person").first).to_be_visible()
    tabbed(oleg, "Approvals")
    oleg.keyboard.press("Enter")
    expect(oleg.get_by_text("1 to decide")).to_be_visible()
    tabbed(oleg, "proposals confirm")
    oleg.keyboard.press("Enter")
    tabbed(oleg, "Reason")
    oleg.keyboard.type("I have seen the wire")
    oleg.keyboard.press("Enter")
    expect(oleg.get_by_text("It would be:")).to_be_visible()
    oleg.keyboard.press("Enter")
    expect(oleg.get_by_text("Nothing waits for a second person")).to_be_visible()
    assert status(desk, stuck) == "FILLED"


def hostile(told: Any) -> Any:
    """The same, with what anybody may have written in words made as bad as it gets."""
    if isinstance(told, list):
        return [hostile(each) for each in told]
    if not isinstance(told, dict):
        return told
    return {
        name: HOSTILE if name in TEXTS and isinstance(value, str) else hostile(value) for name, value in told.items()
    }


def test_whatever_words_an_operator_is_shown_stay_words(tabs: Tabs, desk: Desk, stuck: str) -> None:
    assert tabs.console.doors is not None
    tabs.console.doors.operator("oleg").post("/operations/users/ann/tier", {"tier": "GOLD", "reason": "she trades"})
    page = tabs.blank("olga", viewport=NARROW)

    def spoilt(route: Route) -> None:
        answer = route.fetch()
        if answer.ok and route.request.method == "GET":
            route.fulfill(response=answer, json=hostile(answer.json()))
        else:
            route.fulfill(response=answer)

    page.route("**/api/operations/**", spoilt)
    page.goto(f"{tabs.console.url}/work")
    shown = 0
    for path in (*LISTS, f"/work/{stuck}", "/customers/ann", "/find/ann", "/catalogue/BTC", "/trading-accounts"):
        page.evaluate(GO, path)
        expect(page.locator("main h1")).to_be_visible()
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
        assert page.locator("main img, main script").count() == 0, path
        assert not sideways(page), path
        shown += HOSTILE[:28] in page.locator("main").inner_text()
    assert shown >= 6


def test_whatever_words_an_operator_types_are_refused_or_kept_as_they_are(tabs: Tabs, desk: Desk, stuck: str) -> None:
    page = tabs.of("olga", f"/work/{stuck}")
    page.get_by_role("button", name="offramp mark-filled").click()
    for words in (HOSTILE[:60], HOSTILE[:200], "#", "''\"\"", "\u202eabc"):
        page.get_by_label("Where others can look that up").fill(words)
        page.get_by_label("Reason").fill(f"said {words}"[:200])
        page.get_by_role("button", name="See what it would do").click()
        expect(page.get_by_role("alert").or_(page.get_by_text("It would be:")).first).to_be_visible()
        assert page.get_by_label("Where others can look that up").input_value() == words
    page.evaluate(GO, "/work")
    for words in ("%#?&", "<b>", "\u202eabc", "x" * 300):
        page.locator("[data-search]").fill(words)
        page.locator("[data-search]").press("Enter")
        expect(page.get_by_role("heading", level=1)).to_contain_text("Found: ")
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
        assert page.locator("main b").count() == 0
        page.evaluate(GO, "/work")


def test_a_thousand_things_to_do_are_listed_and_filtered_quickly(tabs: Tabs, desk: Desk) -> None:
    items = [
        {"context": "offramp", "id": f"S{n:025d}", "waits_for": f"an operator: {n}", "due_at": "2026-11-21T12:15:10Z"}
        | {"overdue": n % 2 == 0, "needs_person": n % 3 == 0}
        for n in range(ROWS)
    ]

    def many(route: Route) -> None:
        most = 1000 if "limit=1000" in route.request.url else 100
        route.fulfill(json={"items": items[:most]})

    page = tabs.blank("olga")
    page.route("**/api/operations/work?*", many)
    page.goto(f"{tabs.console.url}/work")
    expect(page.locator("tbody tr")).to_have_count(100)
    page.get_by_role("button", name="Up to 1,000").click()
    expect(page.locator("tbody tr")).to_have_count(ROWS)
    taken = page.evaluate("""async () => {
      const input = document.querySelector("[data-search]"), begun = performance.now();
      for (const words of ["9", "99", "999"]) {
        input.value = words;
        input.dispatchEvent(new Event("input", { bubbles: true }));
        await new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)));
      }
      return performance.now() - begun;
    }""")
    expect(page.locator("tbody tr")).to_have_count(1)
    print(f"three letters among {ROWS} rows: {taken:.0f} ms")
    assert taken < QUICK_MS


def test_each_list_says_why_it_is_not_there_and_comes_when_it_can(tabs: Tabs, desk: Desk, stuck: str) -> None:
    page = tabs.blank("olga")
    page.goto(f"{tabs.console.url}/halts")
    for path in LISTS:
        for told in (
            refusal(503, "TableUnavailable", "the books do not answer"),
            refusal(429, "TooManyRequests", "too often"),
        ):
            tabs.console.wrong = refusing("/operations", told)
            page.evaluate(GO, path)
            expect(page.get_by_role("alert").first).to_contain_text(json.loads(told.body)["detail"])
            tabs.console.wrong = lambda _: None
            page.get_by_role("button", name="Try again").first.click()
            page.evaluate(GO, "/nowhere")
    page.evaluate(GO, "/work")
    expect(page.get_by_role("link", name=stuck)).to_be_visible()
    page.context.set_offline(True)
    expect(page.get_by_text("Not refreshed since")).to_be_visible(timeout=15_000)
    expect(page.get_by_role("link", name=stuck)).to_be_visible()
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("Not refreshed since")).to_have_count(0)


def test_an_act_whose_answer_is_lost_is_done_once_and_says_so(tabs: Tabs, desk: Desk, stuck: str) -> None:
    page = tabs.of("olga", f"/work/{stuck}")
    tried(page, "offramp credit-usd", "he asks for it")
    tabs.console.lost = lambda request: request.target.endswith("credit-usd")
    page.get_by_role("button", name="Do it").click()
    expect(page.get_by_text("It may have been done.")).to_be_visible()
    expect(page.get_by_label("Reason")).to_be_disabled()
    assert status(desk, stuck) == "FILLED"
    tabs.console.lost = lambda _: False
    page.get_by_role("button", name="Ask again").click()
    expect(page.get_by_text("Nothing was done: is FILLED already")).to_be_visible()


def test_an_act_that_is_pressed_twice_is_asked_for_once(tabs: Tabs, desk: Desk, stuck: str) -> None:
    page = tabs.of("olga", f"/work/{stuck}")
    tried(page, "offramp credit-usd", "he asks for it")
    tabs.console.asked.clear()
    page.get_by_role("form").evaluate("form => { form.requestSubmit(); form.requestSubmit() }")
    expect(page.get_by_text("Done: is FILLED")).to_be_visible()
    assert tabs.console.asked.count(f"POST /operations/sell-orders/{stuck}/credit-usd") == 1


def test_of_two_tabs_the_later_one_is_told_what_the_other_has_done(tabs: Tabs, desk: Desk, stuck: str) -> None:
    pages = tabs.of("olga", f"/work/{stuck}"), tabs.of("oleg", f"/work/{stuck}")
    for page in pages:
        tried(page, "offramp retry-payout", "the bank is well again")
    pages[0].get_by_role("button", name="Do it").click()
    expect(pages[0].get_by_text("Done: attempt 6")).to_be_visible()
    pages[1].get_by_role("button", name="Do it").click()
    expect(pages[1].get_by_text("has moved since this was tried: olga:")).to_be_visible()


def test_who_has_lost_his_role_or_his_sign_in_keeps_what_he_has_written(tabs: Tabs, desk: Desk, stuck: str) -> None:
    page = tabs.of("olga", f"/work/{stuck}")
    tried(page, "offramp credit-usd", "he asks for it")
    tabs.console.wrong = lambda request: (
        refusal(403, "OperatorsOnly", "this needs the group 'operators'") if request.method == "POST" else None
    )
    page.get_by_role("button", name="Do it").click()
    expect(page.get_by_text("this needs the group 'operators'")).to_be_visible()
    expect(page.get_by_label("Reason")).to_have_value("he asks for it")
    tabs.console.wrong = lambda _: None
    tabs.console.end_sessions()
    page.get_by_role("button", name="Do it").click()
    expect(page.get_by_text("Your sign-in has ended. What you have filled in is kept.")).to_be_visible()
    expect(page.get_by_label("Reason")).to_have_value("he asks for it")
    page.get_by_role("button", name="Sign in again").click()
    at_the_pool(page, "olga")
    page.get_by_role("button", name="offramp credit-usd").click()
    expect(page.get_by_label("Reason")).to_have_value("he asks for it")
    assert status(desk, stuck) == "SELL_PAYOUT_FAILED"
