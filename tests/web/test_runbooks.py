"""What runbooks do by commands is done in the console as well, by the mouse and by keys alone, in five steps at most.

`make simulate` plays all incidents in which something is done, more than a hundred of them; `make prove` one for each
group of commands, since those of a group are done at the same page.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from common.log import log
from tests.console.test_stuck import Ask, ask
from tests.depth import PROVED, SIMULATED
from tests.desk import Desk
from tests.runbooks.on_call import Way, name_of
from tests.runbooks.test_every_page import WAYS
from tests.web.conftest import Tabs
from tests.web.moving import STEPS_MAX, ByConsole
from tests.web.pages import GO
from tests.web.served import Console

__all__ = ["ask"]

ACTED = [way for way in WAYS if any("--yes" in words for words in way.commands)]


def one_for_each_group() -> Iterator[Way]:
    seen: set[str] = set()
    for way in ACTED:
        groups = {words[0] for words in way.commands if "--yes" in words}
        if not groups <= seen:
            seen |= groups
            yield way


PLAYED = ACTED if SIMULATED else list(one_for_each_group())


@pytest.fixture(scope="module")
def persons(browser: Browser, served: Console) -> Iterator[tuple[Page, Page]]:
    """Two operators with a tab each, for all incidents: to sign in takes longer than most of them."""
    tabs = Tabs(browser, served)
    yield tabs.blank("olga"), tabs.blank("oleg")
    for context in tabs.contexts:
        context.close()
    assert tabs.troubles == []


@pytest.fixture
def on_call(
    desk: Desk,
    ask: Ask,
    counted: Counter[str],
    lines: io.BytesIO,
    monkeypatch: pytest.MonkeyPatch,
    served: Console,
    persons: tuple[Page, Page],
) -> Iterator[ByConsole]:
    log.setLevel("WARNING")  # as in production
    with served.of(desk):
        yield ByConsole(
            desk, ask, counted, lines, monkeypatch, persons=persons, begin=lambda page: begins_at(page, served)
        )
        for page in persons:
            page.goto("about:blank")


def begins_at(page: Page, served: Console) -> None:
    """Loaded once for an incident; then gone to, without what is there from before."""
    if page.url == "about:blank":
        page.goto(f"{served.url}/work")
    else:
        page.evaluate(GO, "/nowhere")
        page.evaluate(GO, "/work")


@PROVED
@pytest.mark.parametrize("number", range(len(PLAYED)), ids=lambda n: name_of(PLAYED[n]))
def test_an_incident_is_moved_by_mouse_and_by_keys_in_five_steps(on_call: ByConsole, number: int) -> None:
    """Five of each person and act. Every other one is ended by the mouse, every other one by keys."""
    way = PLAYED[number]
    on_call.mouse_first = number % 2 == 0
    way.is_gone(on_call)
    print(f"{way}: {on_call.steps}")
    assert on_call.steps
    assert max(on_call.steps) <= STEPS_MAX
