"""Who is woken, and moves what his page is about in the console instead of by commands: with the mouse, or by keys.

The incident, the page and its commands are those of tests/runbooks. What a page has typed to look is typed, since later
commands name what it tells; what it has typed to act (`--yes`) is done in the console. All is gone through with one
hand until it tells what would be done, and with the other one to the end.

A step is a decision of a person: which thing, which act, with what words (and he sees what it would do), that it is
done.
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
NAMED = {"account": "account_id", "fee-coin": "fee_coin"}  # an option that the API calls otherwise
OF_THE_PAGE = {"username"}  # an option that the page knows: it is that customer's


@dataclass
class Person:
    """At a tab, with one hand."""

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
        """`of`: where the page does not know it before, about what."""
        for name, value in of:
            self._fills(self.page.locator(f"{within} [name={name}]"), value)
        self._goes(self.page.locator(within).get_by_role("button", name=command, exact=True))
        self.steps += 1

    def tries(self, fields: Mapping[str, str], form: Locator) -> None:
        """What he fills in; and what it would do is told."""
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
        self.page.keyboard.type(value)  # instead of what is there: who comes by the keyboard has it all marked

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
    """`persons`: olga, and whoever is the second person, each at a tab; `begin` takes a tab to where he begins."""

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
            form = comes(person, filled)
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
    """Of a command, as the form calls them; the reason last."""
    given = {
        NAMED.get(name[2:], name[2:]): value
        for name, value in pairwise(words)
        if name.startswith("--") and name != "--yes" and name[2:] not in OF_THE_PAGE and not value.startswith("--")
    }
    return {**given, "reason": given.pop("reason")}


def comes(person: Person, words: Words) -> Locator:
    """To what the command is about, as far as what it would do is told; returns the form."""
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
