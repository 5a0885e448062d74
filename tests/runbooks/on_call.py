"""Who is woken by an alarm, with its page in hand: the real command line, against the desk of a test.

What a page tells to type is typed as it is there. What stands for something, `ID` or `…`, is what a command before has
printed or the log says; what only the outside knows (what a bank's statement says) the incident tells.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from common.domain import audit
from common.gateways.custody import CustodyUnavailable
from common.log import metrics
from functions.billing import schedule as of_billing
from functions.market_making import schedule as of_market_making
from functions.operations import schedule as of_operations
from functions.operations.model import NothingKnown
from tests.console.run import Said
from tests.desk import Desk
from tests.harness.invocation import Invocation
from tests.runbooks.page import CONFIRM, PAGES, Page, Step, Words, read
from tests.runbooks.untold import is_untold

COMMANDS_MAX = 4
OUTSIDE = {"ACCOUNT", "ASSET", "CLIENT", "SUB", "USERNAME", "UUID"}  # known to who is woken, or told by somebody
NAMES = OUTSIDE | {"BATCH", "CAMPAIGN", "DEALER", "EVENT", "ID", "MESSAGE", "ORDER", "PAIR", "PROPOSAL"}
ALARMS = {alarm for name in PAGES for alarm in read(name).alarms}
TELLS_TROUBLE = {"compare", "reconcile", "audit"}  # they end with 1 where they find what is wrong, 75: not now
TIME = Invocation(600)


@dataclass
class OnCall:
    desk: Desk
    ask: Callable[..., Said]
    counted: Counter[str]
    lines: io.BytesIO
    patch: pytest.MonkeyPatch
    facts: dict[str, str] = field(default_factory=dict)
    typed: list[Words] = field(default_factory=list)
    told: str = ""
    printed: str = ""  # by commands, of what is told
    clocks: list[Callable[[], object]] = field(default_factory=list)  # what comes round besides, of an incident
    mended: Callable[[], object] = lambda: None  # what is done besides, in the table or outside, before the last step

    @property
    def acts(self) -> int:
        """Of operators, each of which is a command."""
        head = audit.head(self.desk.table)
        return 0 if head is None else head.number

    def rounds(self) -> None:
        """What the clock does each so many minutes, of what this desk has."""
        desk, market, dealership = self.desk, self.desk._market, self.desk._dealership
        for clock in self.clocks:
            clock()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(metrics, "flush_metrics", lambda: None)  # there is nothing: `counted` has it
            for name in ("sweeper", "reconciliation", "cross_checking"):
                patch.setattr(of_operations, name, lambda name=name: getattr(desk, name))
            of_operations.reconcile({}, TIME)
            of_operations.cross_check({}, TIME)
            if market is not None:
                patch.setattr(of_market_making, "balancing", lambda: market.balancing)
                patch.setattr(of_market_making, "comparing", lambda: market.comparing)
                of_market_making.compare_accounts({}, TIME)
                with suppress(CustodyUnavailable):  # it is asked again by the next round
                    of_market_making.compare_custody({}, TIME)
            if dealership is not None:
                patch.setattr(of_billing, "rounds", lambda: dealership.rounds)
                patch.setattr(of_billing, "comparing_billing", lambda: dealership.comparing)
                of_billing.spread_payments({}, TIME)
                of_billing.compare_billing({}, TIME)
            of_operations.sweep({}, TIME)

    def rings(self, page: Page, alarms: set[str]) -> None:
        """The alarm has what it rings by, and the log what it is searched for, also by the page of another alarm."""
        self.rounds()
        silent = {alarm for alarm in alarms if not self.counted[alarm]}
        assert not silent, (silent, self.counted)
        log = self.lines.getvalue().decode().splitlines()
        others = [read(name) for name in PAGES if read(name).alarms & (alarms - page.alarms)]
        for each in (page, *others):
            found = [line for line in log for member in each.logged if member in line]
            assert found or not (alarms and each.logged), (each.name, log)
            self.told += "".join(found) if each is page else ""
        if "aws logs tail" in page.look.text:
            self.told += "".join(log)

    def named_by_stories(self) -> set[str]:
        """The runbooks that the stories of what the incident tells of name."""
        named = set()
        for each in self.facts.values():
            with suppress(NothingKnown):
                named.add(self.desk.operations.story(each).runbook or "none")
        return named

    def follows(self, page: Page, steps: Sequence[str], leaves: tuple[str, ...]) -> None:
        """Looks, and does these steps but for what is of another case. What is to be mended besides is mended before
        the last."""
        for words in page.look.commands:
            if not begins(words, leaves):
                self.types(words)
        for number, step in enumerate(steps):
            done = [words for words in page.step(step).commands if not begins(words, leaves)]
            if len(steps) == 1 or number == 1:
                self.mended()
            for words in done:
                self.types(words)
                if "PROPOSAL" in self.facts and CONFIRM not in [each[:3] for each in done]:
                    self.types(page.confirms)
        assert len(self.typed) <= COMMANDS_MAX, self.typed

    def types(self, words: Words) -> Said:
        filled = self._filled(words)
        second = words[:2] == ("proposals", "confirm") or "lift" in words
        said = self.ask(*filled, by="otto" if second else "olga")
        self.typed.append(filled)
        self.told += said.words + said.out
        self.printed += said.words
        fine = (0, 1, 75) if words[0] in TELLS_TROUBLE else (0,)
        assert (said.code in fine, said.err) == (True, ""), (filled, said)
        if "--yes" in words:
            assert "✓ Done" in said.out, (filled, said)
        if words[:3] == CONFIRM:
            del self.facts["PROPOSAL"]
        if ": nothing → PROPOSED" in said.words:
            self.facts["PROPOSAL"] = said.words.partition(":")[0].split()[-1]
        return said

    def _filled(self, words: Words) -> Words:
        filled: list[str] = []
        for before, word in zip(("", *words), words, strict=False):
            if before.startswith("--") and before in self.facts:
                filled.append(self.facts[before])
            elif before.startswith("--") and word == "…":
                filled.append("line-11")
            elif word in NAMES or "…" in word:
                value = self.facts[word]
                assert word in OUTSIDE or value in self.told, f"nothing has told {word} {value}"
                filled.append(value)
            else:
                filled.append(word)
        return tuple(filled)

    def was_told(self, tells: Sequence[str]) -> None:
        """By commands; `{NAME}` is a fact."""
        printed = " ".join(self.printed.split())
        untold = [words for words in tells if words.format_map(self.facts) not in printed]
        assert not untold, (untold, printed)

    def is_quiet(self) -> None:
        """No work, nothing halted, no alarm; and the books agree."""
        self.rounds()
        waits = self.ask("work", "list", "--overdue")
        assert waits.out == "Nothing is overdue.\n", waits.out
        self.counted.clear()
        self.rounds()
        rings = {alarm: n for alarm, n in self.counted.items() if n and alarm in ALARMS}
        assert not rings, rings
        self.desk.check_as_the_product_does()
        self.desk.check()


def begins(words: Words, beginnings: Sequence[str]) -> bool:
    return any(" ".join(words).startswith(beginning) for beginning in beginnings)


Plant = Callable[[OnCall], Mapping[str, str]]


def nothing_more(_: OnCall) -> None:
    """The page's commands were all."""


def time_passes(on_call: OnCall) -> None:
    on_call.desk.run()


@dataclass(frozen=True)
class Way:
    """An incident, and the way out of it that its page has: the steps with these words, without commands that they have
    for another case; then what happens by itself, or outside. `rings`: the alarms, where the page's title has none.
    `tells`: what the commands print, by which is known what to do. `afterwards`: what the page tells to type in the
    end is typed. `leads_on`: the commands of operators that come after, where the first ones have led to another
    incident: each such page has its reason in decision 59; all others need four at most from beginning to end."""

    page: str
    steps: str | tuple[str, ...]
    plant: Plant
    after: Callable[[OnCall], None] = time_passes
    leaves: tuple[str, ...] = ()
    rings: tuple[str, ...] | None = None
    tells: tuple[str, ...] = ()
    afterwards: bool = False
    leads_on: int = 0

    @property
    def parts(self) -> list[Step]:
        """Of its page, that are followed."""
        page = read(self.page)
        steps = (self.steps,) if isinstance(self.steps, str) else self.steps
        return [page.look, *map(page.step, steps), *([page.afterwards] if self.afterwards else [])]

    @property
    def commands(self) -> set[Words]:
        """That are typed."""
        return {words for part in self.parts for words in part.commands if not begins(words, self.leaves)}

    def __str__(self) -> str:
        return f"{self.page}: {self.steps}"

    def is_gone(self, on_call: OnCall) -> None:
        page = read(self.page)
        on_call.facts |= self.plant(on_call)
        on_call.rings(page, page.alarms if self.rings is None else set(self.rings))
        named = on_call.named_by_stories()
        assert (self.page in named) is not is_untold(self.page, self.plant.__name__), named
        on_call.follows(page, (self.steps,) if isinstance(self.steps, str) else self.steps, self.leaves)
        before = on_call.acts
        self.after(on_call)
        after = on_call.acts - before
        assert len(on_call.typed) + after <= COMMANDS_MAX or after == self.leads_on, (on_call.typed, after)
        if self.afterwards:
            for words in page.afterwards.commands:
                on_call.types(words)
            time_passes(on_call)
        on_call.was_told(self.tells)
        on_call.is_quiet()


def name_of(way: Any) -> str:
    return re.sub(r"[^a-z0-9]+", "-", str(way).lower())[:60].strip("-")
