"""What the holder of the spend key does: each outgoing transfer is sent once, whatever is lost, repeated or refused.

An attempt is drafted, its drafts and outputs are written down, and only then is it sent. What was sent is asked for by
its request id; what the custody does not know is sent again, as it was drafted: the custody knows a repeat. A refusal
counts where nobody can have sent the attempt before, and its outputs are not spent. Otherwise the custody may have it
already, and refuse a repeat for just that: then it is only asked, and what it does not know ten minutes later was never
sent. All attempts share an output: whatever the custody says, it can not spend it twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count as count_from

from common.domain.custody import model, store
from common.domain.custody.model import Kind, Outgoing, OutgoingMoved, Status, TooFewOutputs, TooManyOutputs, choose
from common.domain.custody.store import OutputReserved
from common.domain.timeline import CUSTODY, MACHINE
from common.gateways.custody import (
    PAGE_MAX,
    Address,
    Custody,
    CustodyRefused,
    Output,
    Sender,
    Sending,
    Transaction,
    TransactionUnknown,
    User,
)
from common.gateways.custody import State as TransactionState
from common.log import count, log
from common.money import Quantity
from common.table.table import Table
from common.table.transaction import Write

OUTPUTS_READ_MAX = 10 * PAGE_MAX  # of an asset: that many are looked at, and more where they do not cover it
PAUSE_AFTER_REFUSAL = timedelta(minutes=5)  # where the cause is ours
DENIED_MAX = timedelta(hours=6)  # so long it is tried again; then a person looks
LOOK_EVERY = timedelta(seconds=15)  # at what the custody has, and its chain has not
SHORT_PAUSE = timedelta(seconds=30)
SHORT_MAX = timedelta(minutes=30)  # for so long the outputs of an outgoing may be on their way; then a person looks


class OutputsSpent(Exception):
    """Outputs of an attempt that was refused are spent: it was not refused, or somebody else holds our key."""


class OutputsWanted(Exception):
    """Another outgoing is to spend an output of an attempt that was refused: which of them is booked is not known."""

    def __init__(self, output_id: str, outgoing_id: str) -> None:
        super().__init__(f"{outgoing_id} is to spend output {output_id}, as an attempt before was")


@dataclass(frozen=True)
class OutgoingTransfers:
    """`custody` and `sender` are made when they are first needed. An outgoing is sent, and sent again where the custody
    does not know it, `provided` that these conditions hold, each with its refusal."""

    table: Table
    custody: Callable[[], Custody]
    sender: Callable[[], Sender]
    now: Callable[[], datetime]
    provided: Callable[[Outgoing], Sequence[Write]] = lambda _: ()

    def send(self, outgoing_id: str) -> Outgoing:
        """Move one as far as it goes now, and return it as it is then. May be asked at any time, and again.

        Raises OutgoingNotFound, CustodyUnavailable, Busy; and the refusals of `provided`: then nothing was sent.
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
        """Send its attempt, or say what that has to wait for."""
        if outgoing.kind is not Kind.MERGE and outgoing.to == User(self.custody().user_id):
            # What comes from ourselves is nobody's: nobody would miss it.
            return self._refused(outgoing, CustodyRefused("it would go to the desk itself", ours=False))
        try:
            self._attempt(outgoing)
        except TooFewOutputs as short:
            if outgoing.kind is Kind.MERGE:  # others have spent them: who needs it merges what is there now
                self.table.write(*store.refuse(outgoing, str(short), self.now()))
            else:
                self._wait(outgoing, str(short))
        except TooManyOutputs as many:
            self._merge(many.largest)
            self._wait(outgoing, str(many))
        except OutputsWanted as wanted:
            self._wait(outgoing, str(wanted))
        except OutputsSpent:
            why = f"it has refused attempt {outgoing.attempt - 1}, whose outputs are spent"
            self._doubt(outgoing, why, self.now())

    def _attempt(self, outgoing: Outgoing) -> None:
        """Draft the attempt, write down what it spends, and send it.

        Raises TooFewOutputs, TooManyOutputs, OutputsWanted, OutputsSpent: nothing was sent.
        """
        reserved: set[str] = set()
        while True:
            inputs, fee_inputs = self._chosen(outgoing, reserved)
            try:
                drafts = tuple(self.sender().draft(_sending(outgoing, inputs, fee_inputs)))
            except CustodyRefused as no:
                return self._refused(outgoing, no)
            at, spent = self.now(), (*inputs, *fee_inputs)
            why = f"attempt {outgoing.attempt} to send {outgoing.quantity}, request {outgoing.request_id}"
            begun = store.event(outgoing, Status.SENT, why, MACHINE, at)
            try:
                self.table.write(*store.send(outgoing, drafts, spent, at), begun, *self.provided(outgoing))
            except OutputReserved as taken:
                if taken.output_id in outgoing.contested:
                    return self._wait(outgoing, str(taken))
                reserved.add(taken.output_id)
                continue
            inputs_now = tuple(output.output_id for output in spent)
            sent = replace(outgoing, status=Status.SENT, drafts=drafts, inputs=inputs_now, sent_at=at)
            return self._send(sent, alone=True)

    def _chosen(self, outgoing: Outgoing, reserved: Set[str]) -> tuple[tuple[Output, ...], tuple[Output, ...]]:
        """What pays for the quantity, and what for the fee where that is in another asset.

        Raises TooFewOutputs, TooManyOutputs, OutputsSpent, OutputsWanted, CustodyUnavailable.
        """
        needed, fee = outgoing.quantity, outgoing.fee
        if fee is not None and fee.asset_id == needed.asset_id:
            needed, fee = needed + fee, None
        if outgoing.inputs:
            return self._same_again(outgoing, needed.asset_id)
        contested = frozenset(outgoing.contested)
        inputs = choose(self._outputs(needed, reserved, contested), needed, contested)
        fee_inputs = () if fee is None else choose(self._outputs(fee, reserved), fee)
        return inputs, fee_inputs

    def _same_again(self, outgoing: Outgoing, asset_id: str) -> tuple[tuple[Output, ...], tuple[Output, ...]]:
        unspent = self._unspent(outgoing)
        if len(unspent) < len(outgoing.inputs):
            raise OutputsSpent
        own = tuple(output for output in unspent if output.quantity.asset_id == asset_id)
        return own, tuple(output for output in unspent if output.quantity.asset_id != asset_id)

    def _unspent(self, outgoing: Outgoing) -> list[Output]:
        """Those of its outputs that the custody still has."""
        assets = {outgoing.quantity.asset_id} | (set() if outgoing.fee is None else {outgoing.fee.asset_id})
        found = (output for asset_id in sorted(assets) for page in _pages(self.custody(), asset_id) for output in page)
        return [output for output in found if output.output_id in outgoing.inputs]

    def _outputs(self, needed: Quantity, reserved: Set[str], contested: frozenset[str] = frozenset()) -> list[Output]:
        """All of them, or enough, and those of `contested`. Anybody can send us any number of small ones, and ours may
        have come after those. Raises OutputsSpent, OutputsWanted, CustodyUnavailable."""
        found: list[Output] = []
        for page in _pages(self.custody(), needed.asset_id):
            found += [output for output in page if output.output_id not in reserved]
            contested -= {output.output_id for output in page}
            if not contested and len(found) >= OUTPUTS_READ_MAX and model.covers(found, needed):
                return found
        for output_id in sorted(contested):
            self._booked_by_another(output_id)
        return found

    def _booked_by_another(self, output_id: str) -> None:
        """Then no attempt that would have spent it can be booked any more. Raises OutputsSpent, OutputsWanted."""
        spender = store.spender(self.table, output_id)
        if spender is None:
            raise OutputsSpent
        if store.outgoing(self.table, spender).status not in (Status.CONFIRMED, Status.ARRIVED):
            raise OutputsWanted(output_id, spender)

    def _merge(self, outputs: Sequence[Output]) -> None:
        """Once, and again where that was refused."""
        us = User(self.custody().user_id)
        for number in count_from(1):
            merging = model.merging(outputs, us, self.now(), number)
            known = store.find_outgoing(self.table, merging.outgoing_id)
            if known is None or known.status is not Status.REFUSED:
                break
        try:
            self.table.write(store.intend(merging))
        except OutgoingMoved:
            log.info("to be merged already", extra={"outgoing_id": merging.outgoing_id})

    def _wait(self, outgoing: Outgoing, why: str) -> None:
        """What is to be spent may be on its way back to us, as what is left of another outgoing."""
        at = self.now()
        if at >= (outgoing.short_since or at) + SHORT_MAX:
            count("CustodyShort")
            self.table.write(store.stop(outgoing, why, at))
        else:
            self.table.write(store.wait_for_outputs(outgoing, at + SHORT_PAUSE, why, at))

    def _follow(self, outgoing: Outgoing) -> None:
        """Find out what became of an attempt that may have been sent."""
        try:
            told = self.custody().transaction(outgoing.request_id)
        except TransactionUnknown:
            return self._unknown(outgoing)
        return self._told(outgoing, told)

    def _unknown(self, outgoing: Outgoing) -> None:
        at = self.now()
        if at < outgoing.looked_at:
            return None  # somebody is sending it
        if outgoing.refused_at is None:
            self.table.write(store.repeat(outgoing, at), *self.provided(outgoing))
            return self._send(replace(outgoing, sent_at=at), alone=False)
        if at >= outgoing.never_sent_at:
            return self._try_again(outgoing, outgoing.reason or "the custody has refused it", at, at)
        return None  # it is due then

    def _send(self, outgoing: Outgoing, *, alone: bool) -> None:
        """`alone`: nobody can have sent the attempt before. Only then is a refusal one of the attempt."""
        try:
            told = self.sender().send(outgoing.drafts)
        except CustodyRefused as no:
            if alone:
                return self._refused(outgoing, no)
            self.table.write(store.refuse_repeat(outgoing, no.detail, self.now()))
            return None
        return self._told(outgoing, told[0])

    def _refused(self, outgoing: Outgoing, no: CustodyRefused) -> None:
        """A definite no: the attempt was not sent, by anybody."""
        at = self.now()
        if no.ours:
            return self._denied(outgoing, no.detail, at)
        if len(self._unspent(outgoing)) < len(outgoing.inputs):
            return self._doubt(outgoing, f"it has refused what has spent its outputs: {no.detail}", at)
        refused = store.event(outgoing, Status.REFUSED, no.detail, CUSTODY, at)
        self.table.write(*store.refuse(outgoing, no.detail, at), refused)
        return None

    def _denied(self, outgoing: Outgoing, why: str, at: datetime) -> None:
        """Its cause is ours: rights, an address that we may not ask from, a quota. It may pass; if it does not, a
        person mends it."""
        count("TransfersDenied")
        given_up = at >= (outgoing.denied_since or at) + DENIED_MAX
        log.error("transfer denied", extra={"outgoing_id": outgoing.outgoing_id, "why": why})
        said = store.event(outgoing, Status.INTENDED, f"attempt {outgoing.attempt} was not sent: {why}", CUSTODY, at)
        self.table.write(store.deny(outgoing, why, None if given_up else at + PAUSE_AFTER_REFUSAL, at), said)

    def _try_again(self, outgoing: Outgoing, why: str, due_at: datetime, at: datetime) -> None:
        said = store.event(outgoing, Status.INTENDED, f"attempt {outgoing.attempt} was not sent: {why}", CUSTODY, at)
        self.table.write(store.try_again(outgoing, why, due_at, at), said)

    def _told(self, outgoing: Outgoing, told: Transaction) -> None:
        at = self.now()
        if (told.request_id, told.transaction_hash) != (outgoing.request_id, outgoing.transaction_hash):
            return self._doubt(outgoing, f"it knows {told.request_id} as transaction {told.transaction_hash}", at)
        if isinstance(outgoing.to, Address):
            if told.withdrawal_hash is not None:
                why = f"its chain has it: {told.withdrawal_hash}"
                confirmed = store.event(outgoing, Status.CONFIRMED, why, CUSTODY, at)
                self.table.write(store.confirm(outgoing, told.withdrawal_hash, at), confirmed)
                return None
        elif told.state is TransactionState.SPENT:
            arrived = store.event(outgoing, Status.ARRIVED, f"transaction {told.transaction_hash}", CUSTODY, at)
            self.table.write(store.arrive(outgoing, at), arrived)
            return None
        self.table.write(store.look_later(outgoing, at + LOOK_EVERY, at))
        return None

    def _doubt(self, outgoing: Outgoing, why: str, at: datetime) -> None:
        """Nothing is decided by what can not be: a person asks the custody. What fits, later, still counts."""
        count("CustodyNotBelieved")
        log.error("custody not believed", extra={"outgoing_id": outgoing.outgoing_id, "why": why})
        if not outgoing.needs_person:
            self.table.write(store.stop(outgoing, f"what the custody tells can not be: {why}", at))


def unspent(custody: Custody, asset_id: str) -> Quantity:
    """All that the custody has of an asset for us to spend. Raises CustodyUnavailable."""
    return model.total(asset_id, (output for page in _pages(custody, asset_id) for output in page))


def _pages(custody: Custody, asset_id: str) -> Iterator[Sequence[Output]]:
    """Outputs, the oldest first."""
    after = 0
    while page := custody.outputs(asset_id, after):
        yield page
        after = page[-1].sequence


def _sending(outgoing: Outgoing, inputs: tuple[Output, ...], fee_inputs: tuple[Output, ...]) -> Sending:
    return Sending(
        request_id=outgoing.request_id,
        quantity=outgoing.quantity,
        to=outgoing.to,
        inputs=inputs,
        extra=outgoing.memo,
        fee=outgoing.fee,
        fee_inputs=fee_inputs,
    )
