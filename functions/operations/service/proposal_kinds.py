"""The kinds of proposals: what each would do, and what is written when a second operator confirms it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from common.clock import text
from common.domain import timeline, work
from common.domain.exchange_orders import store as exchange_orders
from common.domain.exchange_orders.model import BY_EVIDENCE, ExchangeOrder, Fill, doubt, fees_of
from common.domain.exchange_orders.model import Evidence as ExchangeEvidence
from common.domain.ledger import store as ledger
from common.domain.ledger.model import Account
from common.domain.proposals.model import Proposal, Terms
from common.domain.timeline import TimelineEvent
from common.money import ZERO, Money, Quantity
from common.table.transaction import Write
from functions.operations import store
from functions.operations.model import EvidenceNotBelieved, NotProposable
from functions.operations.service import (
    catalogue_kinds,
    custody_kinds,
    customer_kinds,
    dealer_kinds,
    deposit_kinds,
    market_making_kinds,
    pair_kinds,
    payment_kinds,
    payout_kinds,
    segment_kinds,
)
from functions.operations.service.subjects import Kind, Subject

FEES_IN_COINS = "fees_in_coins"  # among the terms only where there are any
MOVE = "users move"


class OrderDecision:
    """What the exchange has executed of an order that it does not tell of."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        return {"exchange_order": str(self._of(subject).number), **given}

    def says(self, subject: Subject, terms: Terms) -> str:
        order, number = self._of(subject), terms["exchange_order"]
        if str(order.number) != number:
            raise NotProposable(f"it was about exchange order {number}, and now it is {order.number}", id=subject.id)
        fill = self._fill(order, terms)
        why = doubt(order, fill, by_operators=True)
        if why is not None:
            raise EvidenceNotBelieved(f"no order of {order.quantity} can have come to that: {why}", id=subject.id)
        fees = " and ".join([f"fee ${fill.fee}", *filter(None, [terms.get(FEES_IN_COINS)])])
        told = f"{fill.executed} executed for ${fill.gross}, {fees}"
        return f"goes on with {told}, unless the exchange itself says what can be believed and written down"

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        order, item, at = self._of(subject), subject.item, confirmed.decided_at
        assert at is not None
        assert item.status is not None
        assert confirmed.reference is not None
        fill, by, reference = self._fill(order, confirmed.terms), confirmed.operators, confirmed.reference
        evidence = ExchangeEvidence(fill.executed, fill.gross, fill.fee, reference, by, at, fill.fees_elsewhere)
        told = f"the exchange has executed {fill.executed} for ${fill.gross}, reference {reference}"
        return [
            exchange_orders.evidence(order, evidence),
            work.redriven(item, at),
            timeline.record(subject.id, TimelineEvent(at, item.status, item.status, told, by)),
        ]

    @staticmethod
    def _fill(order: ExchangeOrder, terms: Terms) -> Fill:
        executed = Quantity(Decimal(terms["executed"]), order.quantity.asset_id)
        in_coins = fees_of(terms.get(FEES_IN_COINS, ""))
        return Fill(BY_EVIDENCE, executed, Money(terms["gross"]), Money(terms["fee"]), in_coins)

    @staticmethod
    def _of(subject: Subject) -> ExchangeOrder:
        assert subject.case.exchange_order is not None
        return subject.case.exchange_order


class AccountMove:
    """That an account is that of another login, which was made anew under its username. Whoever has moved it since, be
    it to and fro, is not overruled."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        return {"former_sub": self._of(subject).ownership.owner.sub, "since": text(subject.item.updated_at), **given}

    def says(self, subject: Subject, terms: Terms) -> str:
        account = self._of(subject)
        present, former, sub = account.ownership.owner.sub, terms["former_sub"], terms["sub"]
        if present != former:
            raise NotProposable(f"it was about the login {former}, and now {present} has the account", id=subject.id)
        if sub == present:
            raise NotProposable("that login has the account already", id=subject.id)
        if terms.get("since") != text(subject.item.updated_at):
            raise NotProposable(f"it was moved since, and {present} has it again: look at it again", id=subject.id)
        has = f"${account.balance.current} and {len(account.holdings)} assets"
        return (
            f"is the account of the login {sub}, with {has}; the login {former} has it no more, and its clients are to "
            "be saved again"
        )

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        account, item, at = self._of(subject), subject.item, confirmed.decided_at
        before, sub = account.ownership.owner.sub, confirmed.terms["sub"]
        assert at is not None
        assert item.status is not None
        told = f"moved from the login {before} to {sub}, reference {confirmed.reference}"
        return [
            store.move_user(subject.id, before, sub, at, item.updated_at),
            *ledger.move(account, sub, at),
            timeline.record(subject.id, TimelineEvent(at, item.status, item.status, told, confirmed.operators)),
        ]

    @staticmethod
    def _of(subject: Subject) -> Account:
        assert subject.case.account is not None
        return subject.case.account


KINDS: Mapping[str, Kind] = {  # by the command
    MOVE: AccountMove(),
    "work decide-order": OrderDecision(),
    **catalogue_kinds.KINDS,
    **custody_kinds.KINDS,
    **customer_kinds.KINDS,
    **market_making_kinds.KINDS,
    **dealer_kinds.KINDS,
    **deposit_kinds.KINDS,
    **pair_kinds.KINDS,
    **payment_kinds.KINDS,
    **payout_kinds.KINDS,
    **segment_kinds.KINDS,
}


def _of_order(subject: Subject, terms: Terms) -> Money:
    """What is told of an order moves what was executed, too: coins that are said to have cost less than they may have
    are worth their limit."""
    order = subject.case.exchange_order
    assert order is not None
    executed = Quantity(terms["executed"], order.quantity.asset_id)
    return max(Money(terms["gross"]), order.limit_price.cost_of(executed))


def _of_payout(subject: Subject, terms: Terms) -> Money:
    """What is not paid of the hold goes back, and what was never paid may be sent again."""
    payout = subject.case.payout
    assert payout is not None
    return max(Money(terms["paid"]), payout.amount)


def _amount(subject: Subject, terms: Terms) -> Money:  # noqa: ARG001
    return Money(terms["amount"])


IN_DOLLARS: Mapping[str, Callable[[Subject, Terms], Money]] = {  # of those that move dollars: how many at most
    **dict.fromkeys(payout_kinds.OTHERWISE, _amount),
    "work approve-payout": _amount,
    "work decide-order": _of_order,
    "work decide-payout": _of_payout,
    customer_kinds.CREDIT: _amount,
}


def dollars_of(proposal: Proposal, subject: Subject) -> Money:
    """What counts towards what one operator may do a day: whichever moves more, what is said or what it is about."""
    moves = IN_DOLLARS.get(proposal.command)
    return ZERO if moves is None else moves(subject, proposal.terms)
