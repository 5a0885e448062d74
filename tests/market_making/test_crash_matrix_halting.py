"""An account is halted, by an operator or because it is short, and let go again: every call of operators, of the clock
and of the ticker × what can go wrong at it. While a halt holds nothing is placed; what halts it and who lifts it is
written once, with who did so; and in the end it is quoted on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import pytest

from common import keys
from common.domain import audit, halts, timeline, work
from common.gateways.exchange.maker import Balance, Maker, MakerOrder, Market
from common.operator_outcome import OperatorOutcome
from functions.market_making.model import AccountStillShort, Status
from tests.depth import SIMULATED, points
from tests.harness.crash_matrix import Scene, crash_matrix
from tests.harness.faults import Faults
from tests.market_making.market import ACCOUNT
from tests.market_making.test_crash_matrix_steering import OUTSIDE, UNTIL_KNOWN, Steered, quoted

HALT = halts.halt_id_of(ACCOUNT)
DEALT_TICKS = 2  # after each act: what goes wrong at later ticks, the matrix of steering deals


@dataclass
class Reader:
    """What an account is told to have; somebody may have taken `lost` of BTC."""

    maker: Maker
    lost: Decimal = Decimal(0)

    def balances(self) -> Mapping[str, Balance]:
        told = dict(self.maker.balances())
        return told | {"BTC": Balance(told["BTC"].free - self.lost, told["BTC"].locked)}

    def open_orders(self, market: Market) -> Sequence[MakerOrder]:
        return self.maker.open_orders(market)


@dataclass
class Halted(Steered):
    """`finds`: the clock finds it short, before an operator takes that over."""

    finds: bool = False
    dealing: bool = True
    reader: Reader | None = None

    def __post_init__(self) -> None:
        self.reader = Reader(self.market.maker)
        self.market.reader = self.reader  # type: ignore[assignment]

    @property
    def halt(self) -> halts.Halt | None:
        return halts.of(self.market.quiet, ACCOUNT)

    def rest(self) -> None:
        self.tick(DEALT_TICKS)
        self.dealing = False
        self.tick(UNTIL_KNOWN)
        self.dealing = True

    def drill(self) -> tuple[int, list[str]]:
        """How many quotes are open in the end, and which halts wait for a person."""
        halting, reader = self.market.halting, self.reader
        assert reader is not None
        if self.finds:
            reader.lost = Decimal("0.01")
            for _ in range(30):
                self.insist(lambda: self.market.balancing.round(lambda: True))
                if self.halt is not None:
                    break
            self.rest()
            self.insist(self._is_not_let_go)
        self.insist(lambda: halting.halt(ACCOUNT, "a drill", "olga", dry_run=False))
        if not self.finds:
            self.rest()
        assert not self.open, f"it is halted, and {self.open} are open"
        reader.lost = Decimal(0)
        self.insist(self._lift)
        self.rest()
        if self.market.order().status is Status.PAUSED:  # what an operator has halted, its owner resumes
            self.dealing = False
            self.market.steering.resume(self.market.order().order_id)
            self.tick(UNTIL_KNOWN)
        return len(self.open), self._people()

    def _is_not_let_go(self) -> None:
        with pytest.raises(AccountStillShort):
            self._lift()

    def _lift(self) -> OperatorOutcome:
        return self.market.halting.lift(HALT, "over", "oleg", dry_run=False)

    def _people(self) -> list[str]:
        return [item.PK for item in work.for_people(self.market.quiet, keys.HALT.backlog)]

    def check(self) -> None:
        self.market.check()
        halt, table = self.halt, self.market.quiet
        assert self._people() == ([] if halt is None else [HALT])
        if halt is not None:
            later = [o for o in self.market.exchange.venue.history(ACCOUNT) if o.at > halt.at]
            assert not later, f"it is halted since {halt.at}, and {later} were placed"
        events = list(timeline.of(table, HALT))
        entries = audit.entries(table, f"{self.market.clock.at:%Y-%m-%d}", limit=99, after=None).items
        done = Counter((e.action, e.operator) for e in entries)
        named = {"HALTED": "mm halt", "LIFTED": "mm lift"}
        assert done == Counter((named[e.after], e.actor) for e in events if e.actor in ("olga", "oleg"))


def halted(faults: Faults, *, finds: bool) -> Scene:
    here = Halted(quoted(faults), finds)
    here.tick(3)
    assert len(here.open) == 2
    return Scene(here.drill, here.check, recover=lambda: here.tick(UNTIL_KNOWN), tried=lambda: here.dealing)


@pytest.mark.parametrize(
    "finds",
    [
        pytest.param(False, id="an operator", marks=pytest.mark.skipif(not SIMULATED, reason="make simulate")),
        pytest.param(True, id="the clock"),
    ],
)
def test_whatever_fails_once_what_is_halted_is_so_until_it_is_lifted(finds: bool) -> None:
    """What the clock has found, an operator takes over: the drill of an operator alone is a part of that."""
    report = crash_matrix(
        lambda faults: halted(faults, finds=finds),
        OUTSIDE,
        same=lambda wanted, got: bool(wanted == got),
        points=points("halted by the clock" if finds else "halted by an operator", everyday=144, proved=4),
    )
    assert not report.violations, report
    assert not report.never_dealt(OUTSIDE), report
    assert report.ending.answer == (2, [])
