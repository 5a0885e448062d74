"""What two operators decide about a market-making order that waits for a person. Each is a ruling: the order's own
machine goes on and does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from common import keys
from common.domain import rulings, timeline, trade_cursors, work
from common.domain.acts import Leg, is_at_exchange
from common.domain.custody.model import Disposition
from common.domain.proposals.model import Proposal, Terms
from common.domain.rulings import WHOLE, Matter, Ruling
from common.domain.timeline import TimelineEvent
from common.domain.trade_cursors import TradesCursor
from common.money import plain
from common.table.table import Table
from common.table.transaction import Write
from functions.operations.model import EvidenceNotBelieved, NotProposable
from functions.operations.service.subjects import Kind, Subject

OUT, HOME, CONFIRMED = "OUT", "HOME", "CONFIRMED"
PAID = "paid"  # the payer of what is kept, otherwise


@dataclass(frozen=True)
class OfOrder:
    """A ruling on an order as a whole."""

    matter: Matter
    does: str

    def terms(self, subject: Subject, given: Terms) -> Terms:
        return {**given, "status": str(subject.item.status), "waits_for": str(subject.item.waits_for)}

    def says(self, subject: Subject, terms: Terms) -> str:
        """What it waits for says of which of its assets the two have judged."""
        for name, now in self.terms(subject, {}).items():
            if now != terms[name]:
                raise NotProposable(f"{name} was {terms[name]!r}, and now it is {now!r}", id=subject.id)
        return self.does

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        return _ruled(subject, confirmed, self.matter, WHOLE, self.does)


class Keeping:
    """That what is at the exchange of an asset, and can not be withdrawn, is the desk's. Of another asset of the order
    it decides nothing, nor of what was asked of the exchange since. Where the payer is said to have it otherwise, it
    neither leaves the exchange nor goes to him while that waits: he would have it twice."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        return {**given, "there": self._there(subject, given)}

    def says(self, subject: Subject, terms: Terms) -> str:
        now = self._there(subject, terms)
        if now != terms["there"]:
            raise NotProposable(f"it was about {terms['there']}, and now {now} are there", id=subject.id)
        return f"goes on without {now}: what of that stays at the exchange is the desk's, the payer {terms['payer']}"

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        told = f"{confirmed.terms['there']} are the desk's if they stay there, reference {confirmed.reference}"
        (asset_id, *_) = [leg.quantity.asset_id for leg in self._legs(subject, confirmed.terms)]
        return [*_ruled(subject, confirmed, Matter.KEPT, asset_id, told), *self._unsaid(confirmed)]

    def stopped(self, table: Table, subject: Subject, proposal: Proposal) -> list[Write]:  # noqa: ARG002
        if proposal.terms["payer"] != PAID:
            return []
        by, at = proposal.proposed_by, proposal.proposed_at
        return [rulings.say(subject.id, proposal.terms["asset"], proposal.id, by, at)]

    def freed(self, table: Table, dismissed: Proposal) -> list[Write]:
        if dismissed.terms["payer"] != PAID:
            return []
        asset, by, at = dismissed.terms["asset"], dismissed.decided_by, dismissed.decided_at
        assert at is not None
        other = None if by == dismissed.proposed_by else by
        return rulings.dismiss_said(table, dismissed.subject, asset, dismissed.id, other, at)

    @staticmethod
    def _unsaid(decided: Proposal) -> list[Write]:
        if decided.terms["payer"] != PAID:
            return []
        return [rulings.unsay(decided.subject, decided.terms["asset"], decided.id)]

    def _there(self, subject: Subject, terms: Terms) -> str:
        """What of the asset is there, under which ids. Raises NotProposable."""
        found = [f"{plain(leg.quantity.amount)} {leg.symbol}" for leg in self._legs(subject, terms)]
        ids = [leg.sent_by for leg in self._legs(subject, terms) if leg.sent_by]
        return " and ".join(found) + (f" ({', '.join(ids)})" if ids else "")

    @staticmethod
    def _legs(subject: Subject, terms: Terms) -> list[Leg]:
        """Raises NotProposable."""
        legs = [leg for leg in subject.case.legs if leg.symbol == terms["asset"] and is_at_exchange(leg)]
        if not legs:
            raise NotProposable(f"nothing of its {terms['asset']} is left at the exchange", id=subject.id)
        return legs


class DepositDecision:
    """What the exchange has credited of an asset, where it tells nothing that can be believed. What it tells later and
    can be believed counts all the same."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        return {**given, "transaction": _leg(subject, OUT, given).transaction_hash or "none"}

    def says(self, subject: Subject, terms: Terms) -> str:
        leg, credited = _same(subject, OUT, terms, "transaction"), Decimal(terms["credited"])
        if credited > leg.quantity.amount:
            sent = plain(leg.quantity.amount)
            raise EvidenceNotBelieved(f"no more than {sent} {leg.symbol} can have been credited", id=subject.id)
        if not credited:
            return f"has failed, since nothing of its {leg.symbol} was credited"
        return f"goes on with {plain(credited)} {leg.symbol}, unless the exchange itself says what can be believed"

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        leg, credited = _leg(subject, OUT, confirmed.terms), confirmed.terms["credited"]
        told = f"{credited} {leg.symbol} were credited, reference {confirmed.reference}"
        return _ruled(subject, confirmed, Matter.CREDITED, leg.quantity.asset_id, told)


class FillsDecision:
    """What an order that is stopping has at the exchange, where that tells of trades that can not be, or of none for
    what was executed. What it tells by then, and can be believed, counts; so does what the order can have."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        return {**given, "ledger": self._ledger(subject)}

    def says(self, subject: Subject, terms: Terms) -> str:
        now = self._ledger(subject)
        if now != terms["ledger"]:
            raise NotProposable(f"it was about {terms['ledger']}, and now it has {now}", id=subject.id)
        has = rulings.ledger_told(Decimal(terms["base"]), Decimal(terms["quote"]))
        return f"is stopped with {has}, instead of {now}, if nothing of it is open and that can be"

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        has = rulings.ledger_told(Decimal(confirmed.terms["base"]), Decimal(confirmed.terms["quote"]))
        return _ruled(subject, confirmed, Matter.FILLS, WHOLE, f"it has {has}, reference {confirmed.reference}")

    @staticmethod
    def _ledger(subject: Subject) -> str:
        assert subject.case.ledger is not None
        return rulings.ledger_told(*subject.case.ledger)


class LookingBack:
    """That the trades of an order's account in its market are looked at again, by all that quote there. What is in a
    ledger is not booked once more, each trade being one line; nor is what is told of an order that is forgotten."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        return {**given, "of": f"{subject.item.account_id} in {subject.item.symbol}"}

    def says(self, subject: Subject, terms: Terms) -> str:
        cursor, after = self._cursor(subject), int(terms["after"])
        why_not = cursor.why_not_back_to(after)
        if why_not is not None:
            raise EvidenceNotBelieved(why_not, id=subject.id)
        until = f"after {after} up to {cursor.trade_id}"
        return f"has the trades of {terms['of']} looked at again, {until}; what is booked stays booked once"

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        item, at = subject.item, confirmed.decided_at
        assert at is not None
        assert item.account_id is not None
        assert item.symbol is not None
        assert item.status is not None
        after, before = int(confirmed.terms["after"]), self._cursor(subject).trade_id
        told = f"trades are looked at again, after {after} and no more up to {before}, reference {confirmed.reference}"
        return [
            trade_cursors.set_back(item.account_id, item.symbol, after, at),
            timeline.record(subject.id, TimelineEvent(at, item.status, item.status, told, confirmed.operators)),
        ]

    @staticmethod
    def _cursor(subject: Subject) -> TradesCursor:
        assert subject.case.cursor is not None
        return subject.case.cursor


class ReturnDecision:
    """As which snapshot an asset has come home, where the exchange tells of another sum, or of no transaction."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        return {**given, "withdrawal": _leg(subject, HOME, given).sent_by}

    def says(self, subject: Subject, terms: Terms) -> str:
        leg, found = _same(subject, HOME, terms, "withdrawal"), subject.other
        if found is None or found.item.row is not keys.SNAPSHOT or found.case.incoming is None:
            raise NotProposable(f"{terms['snapshot']} is no snapshot", id=subject.id)
        incoming = found.case.incoming
        if incoming.disposition not in (Disposition.EXPECTED, Disposition.PARKED):
            raise NotProposable(f"the snapshot {found.id} is {incoming.disposition}", id=subject.id)
        came = incoming.snapshot.quantity
        if came.asset_id != leg.quantity.asset_id or not 0 < came.amount <= leg.quantity.amount:
            withdrawn = f"{plain(leg.quantity.amount)} {leg.symbol}"
            raise EvidenceNotBelieved(f"{withdrawn} can not have come home as {came}", id=subject.id)
        return f"goes on with {plain(came.amount)} {leg.symbol}, which have come home as {found.id}"

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        leg = _leg(subject, HOME, confirmed.terms)
        told = f"{leg.symbol} has come home as {confirmed.terms['snapshot']}, reference {confirmed.reference}"
        return _ruled(subject, confirmed, Matter.CAME_HOME, leg.quantity.asset_id, told)


class Withdrawal:
    """That the exchange is asked again, under another id, for what it has refused to withdraw. Nothing is asked for
    while it says that the first is under way."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        return {**given, "withdrawal": _leg(subject, HOME, given).sent_by}

    def says(self, subject: Subject, terms: Terms) -> str:
        leg = _same(subject, HOME, terms, "withdrawal")
        return f"is withdrawn again, {plain(leg.quantity.amount)} {leg.symbol}, if the exchange has refused it"

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        leg = _leg(subject, HOME, confirmed.terms)
        told = f"{leg.symbol} is to be withdrawn again, reference {confirmed.reference}"
        return _ruled(subject, confirmed, Matter.AGAIN, leg.quantity.asset_id, told)


def _leg(subject: Subject, way: str, terms: Terms) -> Leg:
    """The order's leg of the asset that the terms name, as it waits. Raises NotProposable."""
    for leg in subject.case.legs:
        if (leg.way, leg.symbol, leg.status) == (way, terms["asset"], CONFIRMED):
            return leg
    raise NotProposable(f"it waits for no {terms['asset']}", id=subject.id)


def _same(subject: Subject, way: str, terms: Terms, name: str) -> Leg:
    """It is still the transaction, or the withdrawal, that was meant."""
    leg = _leg(subject, way, terms)
    now = (leg.transaction_hash or "none") if name == "transaction" else leg.sent_by
    if now != terms[name]:
        raise NotProposable(f"it was about {name} {terms[name]}, and now it is {now}", id=subject.id)
    return leg


def _ruled(subject: Subject, confirmed: Proposal, matter: Matter, about: str, told: str) -> list[Write]:
    item, at, by = subject.item, confirmed.decided_at, confirmed.operators
    assert at is not None
    assert item.status is not None
    is_over = item.open_work is None
    return [
        rulings.record(Ruling(subject.id, matter, about, confirmed.terms, confirmed.reference, by, at)),
        work.reopened(item, item.row, at, waits_for=told) if is_over else work.redriven(item, at),
        timeline.record(subject.id, TimelineEvent(at, item.status, item.status, told, by)),
    ]


KINDS: Mapping[str, Kind] = {  # by the command
    "mm decide-deposit": DepositDecision(),
    "mm decide-fills": FillsDecision(),
    "mm decide-return": ReturnDecision(),
    "mm home": OfOrder(
        Matter.HOME, "comes home: what of it is at the exchange is withdrawn, and goes back to who paid"
    ),
    "mm keep-rest": Keeping(),
    "mm look-back": LookingBack(),
    "mm withdraw-again": Withdrawal(),
}
