"""What two operators decide about money at the custody: where a snapshot goes that is nobody's, and what became of an
outgoing transfer that the custody does not tell of, or has refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from common import keys
from common.custody import Address, User
from common.domain import rulings
from common.domain.custody import model as custody_model
from common.domain.custody import shortages, ties
from common.domain.custody import store as custody
from common.domain.custody.model import Disposition, Incoming, Outgoing
from common.domain.custody.model import Status as Sent
from common.domain.custody.shortages import Shortage
from common.domain.ledger import store as ledger
from common.domain.proposals.model import Proposal, Terms
from common.domain.rulings import Matter, Ruling
from common.table.transaction import Write
from functions.operations.model import EvidenceNotBelieved, NotProposable
from functions.operations.service.subjects import Kind, Subject

PAYABLE = ("payment_pending", "payment_incomplete")  # a market-making order that may still be paid
YES, NO = "yes", "no"
SETTLE_TIE = "snapshots settle-tie"


class Assignment:
    """That a snapshot pays for a market-making order. It is nobody's until that order's own machine has taken it: an
    order whose time is over takes nothing any more."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        return {**given, "quantity": str(_incoming(subject).snapshot.quantity)}

    def says(self, subject: Subject, terms: Terms) -> str:
        incoming, order = _incoming(subject), subject.other
        if order is None or order.item.row is not keys.MARKET_MAKING_ORDER:
            raise NotProposable(f"{terms['order']} is no market-making order", id=subject.id)
        if order.item.status not in PAYABLE:
            raise NotProposable(f"the order {order.id} is {order.item.status}: it takes no payment", id=subject.id)
        payer, sender = order.item.opponent_id, incoming.snapshot.opponent_id
        if (sender or payer) is None:
            raise NotProposable(f"nobody is known to pay for {order.id}, nor to have sent it", id=subject.id)
        if payer is not None and sender not in (None, payer):
            raise EvidenceNotBelieved(f"{sender} has sent it, and {payer} pays for {order.id}", id=subject.id)
        if incoming.snapshot.quantity.asset_id not in order.item.assets:
            raise EvidenceNotBelieved(f"the order {order.id} takes no such asset", id=subject.id)
        return f"pays for {order.id} with {incoming.snapshot.quantity}, if that may still be paid then"

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        incoming, at, order = _incoming(subject), _at(confirmed), subject.other
        assert order is not None
        why = f"it pays for {order.id}, reference {confirmed.reference}"
        ruling = Ruling(
            order.id, Matter.PAYS, subject.id, confirmed.terms, confirmed.reference, confirmed.operators, at
        )
        return [
            rulings.record(ruling),
            custody.told(incoming, incoming.disposition, why, confirmed.operators, at),
        ]


class Refund:
    """That a snapshot goes to a user of the custody."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        return {**given, "quantity": str(_incoming(subject).snapshot.quantity)}

    def says(self, subject: Subject, terms: Terms) -> str:
        return f"is refunded: {_incoming(subject).snapshot.quantity} go to {terms['to']}"

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        incoming, at = _incoming(subject), _at(confirmed)
        refund = custody_model.refund(incoming, User(confirmed.terms["to"]), at)
        why = f"refunded to {confirmed.terms['to']}, reference {confirmed.reference}"
        return [
            custody.dispose(incoming, Disposition.REFUNDED, at, why, outgoing_id=refund.outgoing_id),
            custody.intend(refund),
            custody.told(incoming, Disposition.REFUNDED, why, confirmed.operators, at),
        ]


class Taking:
    """That a snapshot is the desk's."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        return {**given, "quantity": str(_incoming(subject).snapshot.quantity)}

    def says(self, subject: Subject, terms: Terms) -> str:
        sender = _incoming(subject).snapshot.opponent_id or "nobody who is named"
        return f"is the desk's: {terms['quantity']}, sent by {sender}"

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        incoming, at = _incoming(subject), _at(confirmed)
        why = f"the desk's, reference {confirmed.reference}"
        return [
            custody.dispose(incoming, Disposition.DESK, at, why),
            ledger.desk_line(incoming.snapshot.quantity, f"snapshot {subject.id}: {why}", subject.id, at),
            custody.told(incoming, Disposition.DESK, why, confirmed.operators, at),
        ]


@dataclass(frozen=True)
class TieDecision:
    """What becomes of snapshots of one time that a page does not hold: the poller goes on behind them, or they are
    seen to."""

    after: ties.Status
    does: str

    def terms(self, subject: Subject, given: Terms) -> Terms:
        return {**given, "status": str(subject.item.status)}

    def says(self, subject: Subject, terms: Terms) -> str:
        now = str(subject.item.status)
        if now != terms["status"]:
            raise NotProposable(f"it was {terms['status']}, and now it is {now}", id=subject.id)
        return self.does

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        why = f"{self.does}, reference {confirmed.reference}"
        before = ties.Status(confirmed.terms["status"])
        return ties.move(subject.id, before, self.after, why, confirmed.operators, _at(confirmed))


class BookingLoss:
    """That what is missing at the custody is lost: the desk's own, and nobody else's."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        return {**given, "missing": str(_shortage(subject).missing)}

    def says(self, subject: Subject, terms: Terms) -> str:
        now = str(_shortage(subject).missing)
        if now != terms["missing"]:
            raise NotProposable(f"it was about {terms['missing']}, and now {now} are missing", id=subject.id)
        return f"is booked: {now} are taken off the desk's own account, which may be below nothing then"

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        assert confirmed.reference is not None
        return shortages.book(_shortage(subject), confirmed.reference, confirmed.operators, _at(confirmed))


def _shortage(subject: Subject) -> Shortage:
    assert subject.case.shortage is not None
    return subject.case.shortage


class Resending:
    """That what a user of the custody can not be given goes to another one."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        outgoing = _outgoing(subject)
        return {**given, "attempt": str(outgoing.attempt), "quantity": str(outgoing.quantity)}

    def says(self, subject: Subject, terms: Terms) -> str:
        outgoing = _of_attempt(subject, terms)
        assert isinstance(outgoing.to, User)
        if outgoing.to.user_id == terms["to"]:
            raise NotProposable("it goes to him already: redrive it", id=subject.id)
        return f"is sent again: {outgoing.quantity} go to {terms['to']} instead of {outgoing.to.user_id}"

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        outgoing, at, to = _outgoing(subject), _at(confirmed), confirmed.terms["to"]
        why = f"to {to}, reference {confirmed.reference}"
        return [
            custody.send_to(outgoing, User(to), at),
            custody.event(outgoing, Sent.INTENDED, why, confirmed.operators, at),
        ]


class OutgoingDecision:
    """Whether an outgoing transfer was sent, of which the custody tells what can not be."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        return {**given, "attempt": str(_outgoing(subject).attempt)}

    def says(self, subject: Subject, terms: Terms) -> str:
        outgoing, hash_ = _of_attempt(subject, terms), terms.get("hash")
        if terms["sent"] == NO:
            return "was never sent: the next attempt is, and spends what outputs there are"
        if isinstance(outgoing.to, Address) == (hash_ is None):
            told = "the transaction of its chain is to be told" if hash_ is None else "it has no transaction of a chain"
            raise EvidenceNotBelieved(f"it was sent to {_receiver(outgoing)}: {told}", id=subject.id)
        return f"was sent: {outgoing.quantity} have gone to {_receiver(outgoing)}, and it is not sent again"

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        outgoing, at, hash_ = _outgoing(subject), _at(confirmed), confirmed.terms.get("hash")
        by, reference = confirmed.operators, confirmed.reference
        if confirmed.terms["sent"] == NO:
            never = custody.event(outgoing, Sent.INTENDED, f"it was never sent, reference {reference}", by, at)
            return [*custody.was_never_sent(outgoing, at), never]
        after = Sent.ARRIVED if hash_ is None else Sent.CONFIRMED
        sent = custody.event(outgoing, after, f"it was sent, reference {reference}", by, at)
        return [custody.was_sent(outgoing, hash_, at), sent]


class CallingOff:
    """That an order's funding is not sent any more. It is not, from then on: whoever was about to send it finds it
    refused. What was paid for it goes back with the order that has failed."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        return {**given, "attempt": str(_outgoing(subject).attempt)}

    def says(self, subject: Subject, terms: Terms) -> str:
        outgoing = _of_attempt(subject, terms)
        return f"is not sent any more: {outgoing.quantity} go back to who paid for {outgoing.cause}"

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        outgoing, at = _outgoing(subject), _at(confirmed)
        why = f"called off, reference {confirmed.reference}"
        return [
            *custody.refuse(outgoing, why, at),
            custody.event(outgoing, Sent.REFUSED, why, confirmed.operators, at),
        ]


def _incoming(subject: Subject) -> Incoming:
    assert subject.case.incoming is not None
    return subject.case.incoming


def _outgoing(subject: Subject) -> Outgoing:
    assert subject.case.outgoing is not None
    return subject.case.outgoing


def _of_attempt(subject: Subject, terms: Terms) -> Outgoing:
    outgoing = _outgoing(subject)
    if str(outgoing.attempt) != terms["attempt"]:
        raise NotProposable(f"it was about attempt {terms['attempt']}, and now it is {outgoing.attempt}", id=subject.id)
    return outgoing


def _receiver(outgoing: Outgoing) -> str:
    return outgoing.to.user_id if isinstance(outgoing.to, User) else outgoing.to.destination


def _at(confirmed: Proposal) -> datetime:
    assert confirmed.decided_at is not None
    return confirmed.decided_at


KINDS: Mapping[str, Kind] = {  # by the command
    "outgoing call-off": CallingOff(),
    "outgoing decide": OutgoingDecision(),
    "outgoing resend": Resending(),
    "snapshots assign": Assignment(),
    "outgoing book-loss": BookingLoss(),
    "snapshots skip-tie": TieDecision(ties.Status.UNTAKEN, "is passed over: what was not seen of it stays open work"),
    SETTLE_TIE: TieDecision(
        ties.Status.SETTLED, "is settled: all that was not seen of it is seen to, and the poller goes on behind it"
    ),
    "snapshots refund": Refund(),
    "snapshots take": Taking(),
}
