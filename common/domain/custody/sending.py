"""What the holder of the spend key does: each outgoing transfer is sent once, whatever is lost, repeated or refused.

An attempt is drafted, its drafts and outputs are written down, and only then is it sent. What was sent is asked for by
its request id; what the custody does not know is sent again, as it was drafted: the custody knows a repeat. A refusal
counts where nobody can have sent the attempt before. Otherwise the custody may have it already, and refuse a repeat for
just that: then it is only asked, and what it does not know ten minutes later was never sent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from common.domain.custody import store
from common.domain.custody.model import (
    PAUSE_AFTER_REFUSAL,
    SHORT_SECONDS_MAX,
    Outgoing,
    OutgoingMoved,
    Shortage,
    Status,
    TooManyOutputs,
    choose,
)
from common.domain.custody.store import OutputReserved
from common.domain.timeline import CUSTODY, MACHINE
from common.gateways.custody import (
    PAGE_MAX,
    Address,
    Custody,
    CustodyRefused,
    CustodyUnavailable,
    Output,
    Sender,
    Sending,
    Transaction,
    TransactionUnknown,
)
from common.gateways.custody import State as TransactionState
from common.log import count, log
from common.money import EXACT, Quantity
from common.table.table import Table

OUTPUTS_READ_MAX = 10 * PAGE_MAX  # of an asset; more are merged before the rest is looked at
RESERVED_MAX = 50  # outputs that others take while we choose


@dataclass(frozen=True)
class OutgoingTransfers:
    """`custody` and `sender` are made when they are first needed."""

    table: Table
    custody: Callable[[], Custody]
    sender: Callable[[], Sender]
    now: Callable[[], datetime]

    def send(self, outgoing_id: str) -> Outgoing:
        """Move one as far as it goes now, and return it as it is then. May be asked at any time, and again.

        Raises OutgoingNotFound, CustodyUnavailable, Busy.
        """
        outgoing = store.outgoing(self.table, outgoing_id)
        try:
            if outgoing.status is Status.INTENDED and not outgoing.needs_person:
                self._begin(outgoing)
            elif outgoing.status is Status.SENT:
                self._follow(outgoing)
        except OutgoingMoved:
            log.info("moved meanwhile", extra={"outgoing_id": outgoing_id})
        return store.outgoing(self.table, outgoing_id)

    def _begin(self, outgoing: Outgoing) -> None:
        try:
            inputs, fee_inputs = self._inputs(outgoing)
        except Shortage as short:
            return self._short(outgoing, str(short))
        except TooManyOutputs as many:
            return self._short(outgoing, str(many))
        sending = Sending(
            request_id=outgoing.request_id,
            quantity=outgoing.quantity,
            to=outgoing.to,
            inputs=inputs,
            extra=outgoing.memo,
            fee=outgoing.fee,
            fee_inputs=fee_inputs,
        )
        drafts = tuple(self.sender().draft(sending))
        at = self.now()
        why = f"attempt {outgoing.attempt} to send {outgoing.quantity}, request {outgoing.request_id}"
        begun = store.event(outgoing, Status.SENT, why, MACHINE, at)
        inputs = (*inputs, *fee_inputs)
        try:
            self.table.write(*store.send(outgoing, drafts, inputs, at), begun)
        except OutputReserved as taken:
            log.info("output taken meanwhile", extra={"outgoing_id": outgoing.outgoing_id, "why": taken.detail})
            return self._begin_without(outgoing, taken.output_id)
        sent = replace(
            outgoing, status=Status.SENT, drafts=drafts, inputs=tuple(o.output_id for o in inputs), sent_at=at
        )
        return self._send(sent, alone=True)
