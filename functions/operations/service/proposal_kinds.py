"""The kinds of proposals: what each would do, and what is written when a second operator confirms it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from common.domain import timeline, work
from common.domain.exchange_orders import store as exchange_orders
from common.domain.exchange_orders.model import BY_EVIDENCE, ExchangeOrder, Fill, doubt, fees_of
from common.domain.exchange_orders.model import Evidence as ExchangeEvidence
from common.domain.ledger import store as ledger
from common.domain.ledger.model import Account
from common.domain.payouts import evidence as payout_evidence
from common.domain.payouts import store as payouts
from common.domain.payouts.model import Attempt, Payout
from common.domain.payouts.model import Evidence as BankEvidence
from common.domain.proposals.model import Proposal, Terms
from common.domain.timeline import TimelineEvent
from common.money import ZERO, Money, Quantity
from common.table.transaction import Write
from functions.operations import store
from functions.operations.model import EvidenceNotBelieved, NotProposable
from functions.operations.service import (
    custody_kinds,
    customer_kinds,
    deposit_kinds,
    market_making_kinds,
    payment_kinds,
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


class PayoutDecision:
    """What the bank has paid of a payout's pending attempt."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        _, attempt = self._of(subject)
        return {"attempt": str(attempt.number), **given}

    def says(self, subject: Subject, terms: Terms) -> str:
        payout, attempt = self._of(subject)
        held, paid, number = payout.amount, Money(terms["paid"]), terms["attempt"]
        if str(attempt.number) != number:
            raise NotProposable(f"it was about attempt {number}, and now attempt {attempt.number} is", id=subject.id)
        if paid == ZERO:
            since = attempt.booked_by_nobody_at
            if since is None or subject.case.now < since:
                abandon = f"`{payout.kind.command} abandon-attempt` first"
                first = abandon if since is None else f"wait until {since:%H:%M:%S} UTC"
                raise NotProposable(f"attempt {number} may still be on its way, or be booked: {first}", id=subject.id)
            return f"has attempt {number} rejected, as never paid; where the held ${held} go is decided then"
        told = f"is {payout.kind.paid}: the bank has paid ${paid} of attempt {number}"
        if paid < held:
            return f"{told}, and ${held - paid} are free on the customer's balance"
        return told if paid == held else f"{told}, ${paid - held} beyond it at the desk's own cost"

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        payout, attempt = self._of(subject)
        assert confirmed.reference is not None
        assert confirmed.decided_at is not None
        evidence = BankEvidence(Money(confirmed.terms["paid"]), confirmed.reference, confirmed.operators)
        return payout_evidence.decided(payout, attempt, evidence, confirmed.decided_at)

    @staticmethod
    def _of(subject: Subject) -> tuple[Payout, Attempt]:
        assert subject.case.payout is not None
        assert subject.case.latest is not None
        return subject.case.payout, subject.case.latest


class PayoutApproval:
    """That a payout over the limit may be sent, of just the amount that it has and to just the account where it would
    go."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        return {"amount": str(self._of(subject).amount), "account": self._account(subject), **given}

    def says(self, subject: Subject, terms: Terms) -> str:
        payout, account_id = self._of(subject), self._account(subject)
        if str(payout.amount) != terms["amount"]:
            raise NotProposable(f"it was about ${terms['amount']}, and now it is ${payout.amount}", id=subject.id)
        if account_id != terms.get("account"):  # one of old names none
            raise NotProposable(
                "it was about another account than the one that would be paid now: propose it",  # it is logged
                id=subject.id,
                proposed_account_id=terms.get("account", "any account"),
                account_id=account_id,
            )
        whose = f"of the client {payout.banking_client_id} of {payout.owner.username}"
        return f"may be paid: ${payout.amount} to the account {account_id} {whose}"

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        assert confirmed.decided_at is not None
        account_id, operators = confirmed.terms["account"], confirmed.operators
        return payouts.approve(self._of(subject), account_id, confirmed.decided_at, operators)

    @staticmethod
    def _account(subject: Subject) -> str:
        """Raises NotProposable."""
        if subject.case.account_id is None:
            raise NotProposable("its customer has no client that it could be paid to", id=subject.id)
        return subject.case.account_id

    @staticmethod
    def _of(subject: Subject) -> Payout:
        assert subject.case.payout is not None
        return subject.case.payout


class AccountMove:
    """That an account is that of another login, which was made anew under its username."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        return {"former_sub": self._of(subject).ownership.owner.sub, **given}

    def says(self, subject: Subject, terms: Terms) -> str:
        account = self._of(subject)
        present, former, sub = account.ownership.owner.sub, terms["former_sub"], terms["sub"]
        if present != former:
            raise NotProposable(f"it was about the login {former}, and now {present} has the account", id=subject.id)
        if sub == present:
            raise NotProposable("that login has the account already", id=subject.id)
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
            store.move_user(subject.id, before, sub, at),
            *ledger.move(account, sub, at),
            timeline.record(subject.id, TimelineEvent(at, item.status, item.status, told, confirmed.operators)),
        ]

    @staticmethod
    def _of(subject: Subject) -> Account:
        assert subject.case.account is not None
        return subject.case.account


KINDS: Mapping[str, Kind] = {  # by the command
    MOVE: AccountMove(),
    "work approve-payout": PayoutApproval(),
    "work decide-order": OrderDecision(),
    "work decide-payout": PayoutDecision(),
    **custody_kinds.KINDS,
    **customer_kinds.KINDS,
    **market_making_kinds.KINDS,
    **deposit_kinds.KINDS,
    **payment_kinds.KINDS,
}

IN_DOLLARS: Mapping[str, str] = {  # of those that move dollars: the term that says how many
    "work approve-payout": "amount",
    "work decide-order": "gross",
    "work decide-payout": "paid",
    customer_kinds.CREDIT: "amount",
}


def dollars_of(proposal: Proposal) -> Money:
    """What counts towards what one operator may do a day."""
    return Money(proposal.terms[IN_DOLLARS[proposal.command]]) if proposal.command in IN_DOLLARS else ZERO
