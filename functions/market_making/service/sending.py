"""What the clock does for outgoing transfers: whatever is due is sent, or asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from common import keys
from common.domain import flow_halts, halts, work
from common.domain.custody import store as custody
from common.domain.custody.model import Kind, Outgoing
from common.domain.custody.service import OutgoingTransfers
from common.domain.flow_halts import Flow, Halted
from common.domain.halts import AccountHalted
from common.errors import Refusal
from common.log import count, log
from common.table.table import Table, TableUnavailable
from common.table.transaction import Write
from functions.market_making import store


@dataclass(frozen=True)
class Sending:
    table: Table
    transfers: OutgoingTransfers
    now: Callable[[], datetime]

    def round(self, more_time: Callable[[], bool]) -> int:
        """Move each outgoing transfer that is due, oldest first, as far as there is time. What is silent about one does
        not keep the others; a round that is cut short is gone on with by the next. Raises TableUnavailable."""
        moved = 0
        for waiting in work.due(self.table, keys.OUTGOING.backlog, self.now()):
            if not more_time():
                break
            try:
                self.transfers.send(waiting.PK)
                moved += 1
            except TableUnavailable:
                raise
            except (Halted, AccountHalted) as halted:
                log.info("waits", extra={"outgoing_id": waiting.PK, "why": halted.detail})
                self._behind_others(waiting.PK)
            except Refusal as no:
                log.warning("not sent", extra={"outgoing_id": waiting.PK, "why": no.detail})
            except Exception:  # whatever is wrong with one is not the next one's fault
                log.exception("not sent", extra={"outgoing_id": waiting.PK})
                count("TransfersFailed")
        return moved

    def _behind_others(self, outgoing_id: str) -> None:
        """What is halted may be so for long: what is not, and is due after it, has its turn first from now on."""
        at = self.now()
        try:
            self.table.write(custody.look_later(custody.outgoing(self.table, outgoing_id), at, at))
        except Refusal as no:
            log.info("moved meanwhile", extra={"outgoing_id": outgoing_id, "why": no.detail})


def conditions(table: Table, outgoing: Outgoing) -> list[Write]:
    """Nothing goes to a trading account that is halted, or while market making is: it leaves once that is lifted.
    Raises Halted."""
    if outgoing.kind is not Kind.FUNDING:
        return []
    order = store.existing(table, outgoing.cause)
    flow_halts.must_run(table, Flow.MARKET_MAKING, *order.coins)
    return [halts.not_halted(order.account_id)]
