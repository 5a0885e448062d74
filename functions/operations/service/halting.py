"""Operators halt flows of the desk, and let them run again. One is enough to halt, since that has to be quick; another
one lifts it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from common.domain import audit, flow_halts
from common.domain.audit import AuditEntry
from common.domain.catalogue import store as catalogue
from common.domain.catalogue.model import AssetNotFound
from common.domain.flow_halts import WORDS, Flow, FlowHalt, ImpossibleHalt
from common.domain.halts import HaltOwn
from common.operator_outcome import OperatorOutcome
from common.table.table import Table
from functions.operations import store

HALTED, RUNS = "HALTED", "RUNS"
EVERYTHING = (
    "nothing is taken, and nothing is sent to the exchange or the bank, until another operator lifts it; refunds to "
    "dealers go on"
)


@dataclass(frozen=True)
class Halting:
    table: Table
    now: Callable[[], datetime]

    def halts(self) -> Sequence[FlowHalt]:
        """All that hold, the longest first."""
        return sorted(flow_halts.read(self.table).halts, key=lambda halt: halt.at)

    def halt(self, flow: Flow, asset_id: str | None, reason: str, operator: str, *, dry_run: bool) -> OperatorOutcome:
        """Nothing new begins in a flow, whole or of one asset, from five seconds on; nothing is sent from now on. What
        another has halted is the operator's as well. A repeat changes nothing.

        Raises ImpossibleHalt, AssetNotFound; HaltMoved, Busy.
        """
        coin = self._coin(flow, asset_id)
        name, before = flow_halts.name_of(flow, asset_id), self._find(flow, asset_id)
        if before is not None and operator in before.operators:
            return OperatorOutcome.repeat(name, HALTED, "you have halted it already; nothing to do")
        at = self.now()
        if not dry_run:
            written = (
                flow_halts.halt(flow, asset_id, reason, operator, at, coin)
                if before is None
                else flow_halts.taken_over(before, reason, operator, at)
            )
            audit.write_stop(self.table, AuditEntry(at, operator, f"halt {flow}", name, reason), written)
        says = "it is halted already; none of you lifts it" if before is not None else _says(flow, asset_id, coin)
        return OperatorOutcome(name, RUNS if before is None else HALTED, HALTED, done=not dry_run, says=says)

    def lift(self, flow: Flow, asset_id: str | None, reason: str, operator: str, *, dry_run: bool) -> OperatorOutcome:
        """A flow runs again, whole or of one asset, as far as no other halt stops it. A repeat changes nothing.

        Raises HaltOwn; HaltMoved, Busy.
        """
        name, before = flow_halts.name_of(flow, asset_id), self._find(flow, asset_id)
        if before is None:
            return OperatorOutcome.repeat(name, RUNS, f"{name} is not halted; nothing to do{self._others(flow)}")
        if operator in before.operators:
            raise HaltOwn("who has halted it does not lift it: ask another operator", id=name)
        if not dry_run:
            entry = audit.entry(self.table, AuditEntry(self.now(), operator, "halt lift", name, reason))
            self.table.write(flow_halts.lift(before), *entry)
        says = f"{name} runs again within five seconds; what waits to be sent goes on within five minutes"
        return OperatorOutcome(name, HALTED, RUNS, done=not dry_run, says=f"{says}{self._others(flow, before)}")

    def _find(self, flow: Flow, asset_id: str | None) -> FlowHalt | None:
        found = (halt for halt in flow_halts.read(self.table).halts if (halt.flow, halt.asset_id) == (flow, asset_id))
        return next(found, None)

    def _others(self, flow: Flow, lifted: FlowHalt | None = None) -> str:
        """What else is halted of it: each halt is lifted by its own name."""
        halts = [halt for halt in self.halts() if halt != lifted]
        others = [halt.name for halt in halts if halt.flow is flow or Flow.ALL in (flow, halt.flow)]
        return f"; still halted: {', '.join(others)}" if others else ""

    def _coin(self, flow: Flow, asset_id: str | None) -> str | None:
        """What the asset is in market making, which quotes coins of its markets by the exchange's names, some of which
        are no assets of the catalogue. Raises ImpossibleHalt; AssetNotFound: a halt of a name that nobody has would
        stop nothing, and look as if it did."""
        if asset_id is None:
            return None
        if flow is Flow.PAYOUTS:
            raise ImpossibleHalt("payouts are of dollars: halt the cash-outs of an asset, or payouts as a whole")
        saved = catalogue.find(self.table, asset_id)
        coins = store.coins(self.table) if flow is Flow.MARKET_MAKING else frozenset[str]()
        if asset_id in coins:
            return asset_id
        if saved is not None:
            return saved.asset.exchange_symbol
        if flow is not Flow.MARKET_MAKING:
            raise AssetNotFound(f"there is no asset {asset_id}; GET /assets lists them")
        known = f"its pairs are of {', '.join(sorted(coins))}" if coins else "it has no pairs"
        raise AssetNotFound(f"market making has no coin {asset_id}, and the catalogue no such asset: {known}")


def _says(flow: Flow, asset_id: str | None, coin: str | None) -> str:
    words = EVERYTHING if flow is Flow.ALL else WORDS[flow]
    known_as = "" if coin == asset_id else f", in market making {coin}"
    return words if asset_id is None else f"of {asset_id}{known_as}: {words}"
