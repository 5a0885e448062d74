"""An operator on call follows a runbook in the console instead of by commands: with the mouse, or by keys alone.

The incident, the page and its commands are those of tests/runbooks. Commands that only look are typed, since later ones
name what they print; commands that act (`--yes`) are done in the console. Each act is gone through twice: one way
(mouse or keys) until it tells what it would do, and the other way to the end.

A step is a decision of a person: which thing; which act; with what words, which tells what it would do; to do it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from urllib.parse import quote

from playwright.sync_api import Locator, Page, expect

from tests.console.run import Said
from tests.runbooks.on_call import OnCall
from tests.runbooks.page import CONFIRM, Words

STEPS_MAX = 5  # of a person
NAMED = {"account": "account_id", "fee-coin": "fee_coin"}  # options that the API calls otherwise
OF_THE_PAGE = {"username"}  # options that the page knows, since it is a customer's


@dataclass
class Person:
    """At a tab, with the mouse or by keys."""

    page: Page
    keys: bool
    steps: int = 0

    def opens(self, path: str) -> None:
        """By the menu, as a step of its own or on the way."""
        self._goes(self.page.locator(f"header a[href='{path}']"))
        self._is_there()

    def finds(self, thing: str) -> None:
        """In the work; or, where nothing waits, by its id. A customer's story is behind his page."""
        self._is_there()
        link = self.page.locator(f"main tbody th a[href='/work/{quote(thing, safe='')}']")
        if link.count() == 0:
            search = self.page.locator("[data-search]")
            self._fills(search, thing)
            search.press("Enter")
            expect(self.page.get_by_role("heading", level=1)).to_contain_text("Found: ")
            self._is_there()
            at = quote(thing, safe="")
            link = self.page.locator(f"main tbody th a:is([href='/work/{at}'], [href='/customers/{at}'])").first
        if self.keys and link.evaluate("a => a.closest('main').querySelector('[data-search]') !== null"):
            for _ in range(self.page.locator("main tbody th a").count()):
                self.page.keyboard.press("j")
                if _has_focus(link):
                    break
            self.page.keyboard.press("Enter")
        else:
            self._goes(link)
        expect(self.page.get_by_role("heading", level=1)).to_contain_text(thing)
        self._is_there()
        self.steps += 1

    def follows(self, *links: str) -> None:
        """One after the other, to where something is."""
        for link in links:
            self._goes(self.page.locator(f"main a[href='{link}']").first)
            self._is_there()
        self.steps += 1

    def chooses(self, command: str, within: str = "main", of: Iterable[tuple[str, str]] = ()) -> None:
        """`of`: fields that are filled in before, where the page does not know the subject."""
        for name, value in of:
            self._fills(self.page.locator(f"{within} [name={name}]"), value)
        self._goes(self.page.locator(within).get_by_role("button", name=command, exact=True))
        self.steps += 1

    def tries(self, fields: Mapping[str, str], form: Locator) -> None:
        """He fills the form in, and is told what it would do."""
        for name, value in fields.items():
            self._fills(form.locator(f"[name={name}]"), value)
        if self.keys:
            self.page.keyboard.press("Enter")
        else:
            form.get_by_role("button", name="See what it would do").click()
        expect(form.get_by_text("It would be:")).to_be_visible()
        self.steps += 1

    def does(self, form: Locator) -> str:
        """Returns what has become of it."""
        done = self.page.locator(".done")
        expect(done).to_have_count(0)
        self._goes(form.get_by_role("button", name="Do it"))
        self.steps += 1
        return done.inner_text()

    def _is_there(self) -> None:
        expect(self.page.locator("main h1")).to_be_visible()
        expect(self.page.locator("[aria-busy=true]")).to_have_count(0)

    def _goes(self, to: Locator) -> None:
        if self.keys:
            self._tabs(to)
            self.page.keyboard.press("Enter")
        else:
            to.click()

    def _fills(self, into: Locator, value: str) -> None:
        if not self.keys:
            if into.evaluate("e => e.tagName") == "SELECT":
                into.select_option(value)
            else:
                into.fill(value)
            return
        self._tabs(into)
        self.page.keyboard.type(value)  # over what is there: a field that is reached by keys is selected

    def _tabs(self, to: Locator) -> None:
        there = to.element_handle()
        for _ in range(200):
            where = there.evaluate("e => document.activeElement.compareDocumentPosition(e)")
            if where == 0:
                return
            self.page.keyboard.press("Shift+Tab" if where & 2 else "Tab")
        raise AssertionError(f"no key leads to {to}")


def _has_focus(what: Locator) -> bool:
    return bool(what.evaluate("e => e === document.activeElement"))


@dataclass
class ByConsole(OnCall):
    """`persons`: olga and the second person, each at a tab; `begin` takes a tab to where each act begins."""

    persons: tuple[Page, Page] | None = None
    begin: Callable[[Page], None] = lambda _: None
    mouse_first: bool = True
    steps: list[int] = field(default_factory=list)  # of each act that was done

    def types(self, words: Words) -> Said:
        if "--yes" not in words:
            return super().types(words)
        filled = self._filled(words)
        assert self.persons is not None
        page = self.persons[words[:3] == CONFIRM or words[:2] == ("halt", "lift") or words[:2] == ("mm", "lift")]
        first, then = (Person(page, self.mouse_first is not keys) for keys in (True, False))
        for person in (first, then):
            self.begin(page)
            form = goes_to_trial(person, filled)
        told = then.does(form)
        assert then.steps == first.steps + 1
        self.typed.append(filled)
        self.steps.append(then.steps)
        self.told += told
        self.printed += told
        assert "Nothing was done" not in told, (filled, told)
        if words[:3] == CONFIRM:
            del self.facts["PROPOSAL"]
        if "It waits for a second person" in told:
            self.facts["PROPOSAL"] = told.rstrip(".").split()[-1]
        return Said(0, told, "")


def options(words: Words) -> dict[str, str]:
    """A command's options, by the names of the form's fields; the reason last."""
    given = {
        NAMED.get(name[2:], name[2:]): value
        for name, value in pairwise(words)
        if name.startswith("--") and name != "--yes" and name[2:] not in OF_THE_PAGE and not value.startswith("--")
    }
    return {**given, "reason": given.pop("reason")}


def goes_to_trial(person: Person, words: Words) -> Locator:
    """To the subject of a command, and up to what it would do; returns the form."""
    page, fields, command, thing = person.page, options(words), " ".join(words[:2]), words[2]
    form = page.get_by_role("form", name=command)
    if words[0] == "halt":
        return _halts(person, words, fields)
    if words[0] == "catalogue":
        name, _, value = words[3].partition("=")
        person.opens("/catalogue")
        person.follows(f"/catalogue/{thing}")
        form, fields = page.get_by_role("form"), {name: {"false": "no", "true": "yes"}[value], **fields}
    elif (words[0] == "mm" and words[1].startswith("save-")) or (command == "mm halt" and not _is_order(thing)):
        person.opens("/catalogue")
        if words[1] == "save-pair":
            person.follows("/trading-accounts")
            person.chooses("disable", f"section[aria-label='What may be done about {thing}']")
            form = page.get_by_role("form", name="disable")
        else:
            person.follows("/trading-accounts", f"/trading-accounts/{thing}")
            if command == "mm halt":
                person.chooses(command)
            else:
                form = page.get_by_role("form", name="Change it")
    elif words[0] == "clients":
        person.finds(words[words.index("--username") + 1])
        person.chooses(command, of=(("client", thing), ("kind", words[3])))
    elif words[0] in ("parked", "proposals"):
        person.opens({"parked": "/parked", "proposals": "/approvals"}[words[0]])
        person.chooses(command, f"section[aria-label='What may be done about {thing}']")
    elif words[0] == "prices":
        person.opens("/catalogue")
        person.chooses(command, f"section[aria-label='What may be done about {thing}']")
    else:
        person.finds(thing)
        if words[0] in ("users", "deposit"):
            person.follows(f"/work/{thing}")
        person.chooses(command)
    person.tries(fields, form)
    return form


def _is_order(thing: str) -> bool:
    return thing.startswith("M") and len(thing) > 20


def _halts(person: Person, words: Words, fields: dict[str, str]) -> Locator:
    lifts, flow = words[1] == "lift", words[2] if words[1] == "lift" else words[1]
    asset = fields.pop("asset", "")
    named = f"{flow} of {asset}" if asset else flow
    person.opens("/halts")
    if lifts:
        person.chooses("flows lift", f"section[aria-label='What may be done about {named}']")
    else:
        person._fills(person.page.get_by_label("Flow"), "everything" if flow == "all" else flow)
        if asset:
            person._fills(person.page.get_by_label("Of one asset"), asset)
        person.chooses("flows halt")
    form = person.page.get_by_role("form", name="flows lift" if lifts else "flows halt")
    person.tries(fields, form)
    return form
