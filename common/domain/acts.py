"""What operators may do about an item now. The rows say which acts there are; a predicate of each says when it is
possible, and is the one by which the service of that act refuses.

Two acts ask the exchange besides, and may be refused by what it answers: `offramp void` of a sale that is there, when
some of it is executed; `batches void` of an overdue batch, when the exchange still knows its order. `proposals confirm`
looks at what the proposal is about, which may have moved since, and at who confirms it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from common import keys
from common.domain.custody.model import (
    Incoming,
    Outgoing,
    is_in_doubt,
    is_nobodys,
    is_to_be_asked_again,
    may_be_called_off,
    may_go_to_another,
)
from common.domain.custody.shortages import Shortage
from common.domain.custody.shortages import Status as Short
from common.domain.custody.ties import SETTLED_AFTER
from common.domain.custody.ties import Status as Tie
from common.domain.exchange_orders.model import ExchangeOrder
from common.domain.exchange_orders.model import Status as AtExchange
from common.domain.exchange_orders.model import is_decidable_by_evidence as is_order_decidable_by_evidence
from common.domain.exchange_orders.strays import Status as Stray
from common.domain.halts import Status as Halt
from common.domain.ledger.model import Account
from common.domain.payouts.model import (
    CASH_OUT,
    KINDS,
    WITHDRAWAL,
    Attempt,
    EventOutcome,
    Kind,
    Payout,
    has_attempts_left,
    is_abandonable,
    is_approvable,
    is_decidable,
    is_decidable_by_evidence,
    is_decidable_by_one,
    needs_decision,
)
from common.domain.proposals.model import Status as Proposed
from common.domain.trade_cursors import TradesCursor
from common.keys import Key
from common.money import Quantity
from common.sealed import Sealed

PRICE_STOPPED = "STOPPED"  # the status of a price that has jumped; while it has not, it is TRADED
PRICE_TRADED = "TRADED"
ACCOUNT_OPEN = "OPEN"  # the status of every account


@dataclass(frozen=True)
class Leg:
    """An asset of a market-making order on its way: `OUT` to the exchange, or `HOME`; or its `REST`, which
    stays there. `sent_by` is the outgoing transfer, or the exchange's withdrawal; "" of a rest."""

    way: str
    symbol: str
    quantity: Quantity
    status: str
    sent_by: str
    created_at: datetime
    transaction_hash: str | None = None
    arrived: Quantity | None = None


@dataclass(frozen=True)
class Case:
    """What the table says of an item, as far as acts depend on it, and whether its machine runs. `latest` is the
    attempt of its payout that was counted last, `pays_to` the account where that would go if it were approved,
    `exchange_order` the one that it placed last; `account` is what a user has; `legs` are those of a market-making
    order, which `goes_home` when it is to be withdrawn; while it is stopping, `ledger` is what it has by its own, base
    and quote; while it quotes, or is stopping, `cursor` tells how far the trades of its account in its market are
    looked at."""

    row: Key
    status: str | None
    now: datetime
    waits: bool = False
    due_at: datetime | None = None
    needs_person: bool = False
    runs: bool = False
    payout: Payout | None = None
    latest: Attempt | None = None
    disputed: Attempt | None = None  # of its payout, about which the bank has contradicted itself
    pays_to: Sealed | None = None
    exchange_order: ExchangeOrder | None = None
    account: Account | None = None
    incoming: Incoming | None = None
    outgoing: Outgoing | None = None
    legs: Sequence[Leg] = ()
    goes_home: bool = False
    ledger: tuple[Decimal, Decimal] | None = None
    cursor: TradesCursor | None = None
    shortage: Shortage | None = None
    cause_status: str | None = None  # of the order that an outgoing transfer funds
    has_sum: bool = False  # of a dealer's payment: is it told how much was paid?
    takes_back: bool = False  # is it a message of a payment that the bank has taken back?
    why_no_refund: str | None = "it is no account of a dealer"  # of a dealer's account: why nothing of it can go back
    why_not_forgotten: str | None = "it is no customer, and no dealer"  # told where it is asked


@dataclass(frozen=True)
class Act:
    """`command` is that of the command line and of the audit; `route` has the item's id as `{id}`."""

    row: Key
    command: str
    route: str
    does: str
    is_possible: Callable[[Case], bool]
    asks: tuple[str, ...] = ()


@dataclass(frozen=True)
class PossibleAct:
    """An act that is possible now, and the route by which this item's is asked for. `asks` are what it has to be told
    besides a reason."""

    command: str
    route: str
    does: str
    asks: tuple[str, ...] = ()


def possible(thing_id: str, case: Case) -> list[PossibleAct]:
    """The likeliest first."""
    return [
        PossibleAct(act.command, act.route.format(id=thing_id), act.does, act.asks)
        for act in ACTS
        if act.row is case.row and act.is_possible(case)
    ]


def is_possible(command: str, case: Case) -> bool:
    """Would it be listed?"""
    return any(act.command == command and act.row is case.row and act.is_possible(case) for act in ACTS)


def may_void_sell_order(status: str, order: ExchangeOrder | None) -> bool:
    """Is its order at the exchange, or has it turned up there after it was given up?"""
    return status == "BASE_TXN_PENDING" or (order is not None and order.status is AtExchange.TURNED_UP)


def may_void_batch(status: str, order: ExchangeOrder | None, now: datetime) -> bool:
    """Was a batch not sent yet, may the exchange have lost its order, or has that turned up after all?"""
    if order is None:
        return status == "CLOSED"
    return order.status is AtExchange.TURNED_UP or (status == "WORKING" and order.may_be_lost(now))


def machine_decides(case: Case) -> bool:
    """Would its machine, started again, go on? Not where only an operator's decision about its payout does."""
    undecided = case.payout is not None and needs_decision(case.payout, case.latest)
    return bool(case.row.machines) and not (case.needs_person and undecided)


def is_parked(outcome: str | None) -> bool:
    """Could an event of the bank not be placed?"""
    return outcome == EventOutcome.PARKED


def _may_confirm_price(case: Case) -> bool:
    return case.status == PRICE_STOPPED


def _may_fail(case: Case) -> bool:
    """Does an order rest in the book? Its own table of transitions refuses everything else."""
    return case.status == "PENDING"


def _may_void_sell_order(case: Case) -> bool:
    return case.status is not None and may_void_sell_order(case.status, case.exchange_order)


def _may_void_batch(case: Case) -> bool:
    return case.status is not None and may_void_batch(case.status, case.exchange_order, case.now)


def _may_close_stray(case: Case) -> bool:
    return case.status == Stray.STRAY


def _may_lift_halt(case: Case) -> bool:
    return case.status == Halt.HALTED


def _may_redrive(case: Case) -> bool:
    return case.waits and machine_decides(case) and not case.runs


def _is_decidable(case: Case) -> bool:
    return case.payout is not None and is_decidable(case.payout, case.latest)


def _is_decidable_by_one(case: Case) -> bool:
    return case.payout is not None and is_decidable_by_one(case.payout, case.latest)


def _may_retry(case: Case) -> bool:
    return case.payout is not None and _is_decidable_by_one(case) and has_attempts_left(case.payout)


def _may_abandon(case: Case) -> bool:
    return case.payout is not None and is_abandonable(case.payout, case.latest)


def _is_late(case: Case) -> bool:
    return case.waits and (case.needs_person or (case.due_at is not None and case.due_at <= case.now))


def _may_decide_order(case: Case) -> bool:
    """Does its exchange order wait for longer than it should, or for a person?"""
    return _is_late(case) and case.exchange_order is not None and is_order_decidable_by_evidence(case.exchange_order)


def _may_approve(case: Case) -> bool:
    return case.payout is not None and is_approvable(case.payout)


def _may_decide_payout(case: Case) -> bool:
    return case.payout is not None and is_decidable_by_evidence(case.payout, case.latest)


def _may_move(case: Case) -> bool:
    return case.account is not None and case.account.why_it_stays() is None


def _has_account(case: Case) -> bool:
    return case.account is not None


def _may_forget(case: Case) -> bool:
    """Has a customer an account at a bank, or a dealer requisites; and is nothing of him open?"""
    return case.why_not_forgotten is None


def _may_decide_proposal(case: Case) -> bool:
    return case.status == Proposed.PROPOSED


def _may_decide_event(case: Case) -> bool:
    return is_parked(case.status)


def _may_stop(case: Case) -> bool:
    """Does a market-making order quote?"""
    return case.status in ("created", "running", "paused")


def _may_halt(case: Case) -> bool:
    return case.status in ("running", "paused")


def _may_withdraw(case: Case) -> bool:
    return _may_stop(case) or (case.status in ("stopping", "stopped") and not case.goes_home)


def _may_go_home(case: Case) -> bool:
    """Has it failed when a part of it had left for the exchange?"""
    failed = case.status == "failed" and case.needs_person and not case.goes_home
    return failed and any(leg.way == "OUT" for leg in case.legs)


def _may_decide_deposit(case: Case) -> bool:
    """Does it wait for what the exchange has to credit, and does not, or not as it was sent?"""
    waits = case.status == "deposit_confirming" or (case.status == "failed" and case.goes_home)
    return waits and _is_late(case) and _has_leg(case, "OUT", "CONFIRMED")


def _may_decide_fills(case: Case) -> bool:
    """Is it stopping, and can not be stopped by what the exchange tells of its trades?"""
    return case.status == "stopping" and case.needs_person and case.ledger is not None


def _may_look_back(case: Case) -> bool:
    """Are trades of its account looked at, any of which may be its own?"""
    return case.cursor is not None and case.cursor.trade_id > 0


def _may_decide_return(case: Case) -> bool:
    """Does it wait for what the exchange has withdrawn?"""
    return case.status == "returning" and _is_late(case) and _has_leg(case, "HOME", "CONFIRMED")


def _may_keep_rest(case: Case) -> bool:
    """Is something of it at the exchange that can not be withdrawn? Of an order that is over, its dust."""
    if case.status in ("returned", "refunded"):
        return _has_leg(case, "REST", "LEFT")
    return case.status == "returning" and _is_late(case) and any(map(is_at_exchange, case.legs))


def is_at_exchange(leg: Leg) -> bool:
    """Is it to be withdrawn from there and has not come, or stays there and is nobody's yet?"""
    return (leg.way, leg.status) in (("HOME", "INTENDED"), ("HOME", "CONFIRMED"), ("REST", "LEFT"))


def _has_leg(case: Case, way: str, *statuses: str) -> bool:
    return any(leg.way == way and leg.status in statuses for leg in case.legs)


def _is_parked_payment(case: Case) -> bool:
    """Can it not be told which dealer's account a payment came for?"""
    return case.status == "PARKED" and case.needs_person


def _may_assign_payment(case: Case) -> bool:
    """Not where nothing of it is understood: there is no sum that could be anybody's."""
    return _is_parked_payment(case) and case.has_sum


def _may_identify_payment(case: Case) -> bool:
    """Is it a message that can not be read, be it dismissed already?"""
    waits = _is_parked_payment(case) or case.status == "DISMISSED"
    return waits and not case.has_sum and not case.takes_back


def _may_dismiss_payment(case: Case) -> bool:
    """Is it parked; or is a part of one missing that the bank has taken back?"""
    return _is_parked_payment(case) or (case.status == "RECALLING" and _is_late(case))


def _may_recall_payment(case: Case) -> bool:
    """Is all of it on its account, or paid of its bills?"""
    return case.status == "SPREAD"


def _may_agree_total(case: Case) -> bool:
    """Is less or more told of a dealer's account than has come, for longer than messages are on their way?"""
    return case.needs_person


def _may_let_deposit_go(case: Case) -> bool:
    """Is a dealer's deposit held, since his requisites are not those that he was registered with?"""
    return case.status == "LEAVING" and case.needs_person


def _may_book_deposit_paid(case: Case) -> bool:
    """Is the billing system asked to pay a dealer's deposit back?"""
    return case.status == "LEAVING" and case.waits and not case.needs_person


def _may_refund_account(case: Case) -> bool:
    """Is something on a dealer's account that pays nothing there?"""
    return case.why_no_refund is None


def _is_refund_stopped(case: Case) -> bool:
    """Does the billing system contradict itself about it?"""
    return case.needs_person


def _is_overdue(case: Case) -> bool:
    """Is a dealer to be reminded of a bill?"""
    return case.needs_person


def _may_dispose(case: Case) -> bool:
    return case.incoming is not None and is_nobodys(case.incoming, case.now)


def _may_skip_tie(case: Case) -> bool:
    return case.status == Tie.HELD


def _may_settle_tie(case: Case) -> bool:
    """Is nothing of it taken by itself any more? It waits since it was found, or since the poller went on behind it."""
    waits = case.status in (Tie.HELD, Tie.UNTAKEN)
    return waits and case.due_at is not None and case.now >= case.due_at + SETTLED_AFTER


def _may_book_loss(case: Case) -> bool:
    return case.shortage is not None and case.shortage.status is Short.SHORT


def _may_ask_again(case: Case) -> bool:
    return case.outgoing is not None and is_to_be_asked_again(case.outgoing)


def _may_resend(case: Case) -> bool:
    return case.outgoing is not None and may_go_to_another(case.outgoing)


def _may_call_off(case: Case) -> bool:
    """Has the order failed that it was to fund?"""
    return case.outgoing is not None and case.cause_status == "failed" and may_be_called_off(case.outgoing)


def _may_decide_outgoing(case: Case) -> bool:
    return case.outgoing is not None and is_in_doubt(case.outgoing, case.now)


def _of_payout(
    kind: Kind, things: str, verb: str, does: str, is_possible: Callable[[Case], bool], asks: tuple[str, ...] = ()
) -> Act:
    route = f"POST /operations/{things}/{{id}}/{verb}"
    return Act(kind.row, f"{kind.command} {verb}", route, does, is_possible, asks)


def _of_payouts(kind: Kind, things: str) -> tuple[Act, ...]:
    """What is decided about a payout that the bank has rejected."""
    return (
        _of_payout(kind, things, "retry-payout", "one more attempt to pay to the bank", _may_retry),
        _of_payout(
            kind,
            things,
            kind.mark_paid,
            "with a second operator: the customer has the dollars by another way",
            _is_decidable,
            asks=("reference",),
        ),
        _of_payout(kind, things, kind.give_back, "the dollars go to the customer's balance here", _is_decidable_by_one),
    )


def _of_proposal(verb: str, does: str) -> Act:
    route = f"POST /operations/proposals/{{id}}/{verb}"
    return Act(keys.PROPOSAL, f"proposals {verb}", route, does, _may_decide_proposal)


def _of_event(verb: str, does: str) -> Act:
    return Act(keys.BANK_EVENT, f"parked {verb}", f"POST /operations/parked/{{id}}/{verb}", does, _may_decide_event)


def _of_market_making(verb: str, does: str, is_possible: Callable[[Case], bool], asks: tuple[str, ...] = ()) -> Act:
    route = f"POST /operations/market-making/{{id}}/{verb}"
    return Act(keys.MARKET_MAKING_ORDER, f"mm {verb}", route, does, is_possible, asks)


def _of_snapshot(verb: str, does: str, asks: tuple[str, ...] = ()) -> Act:
    route = f"POST /operations/snapshots/{{id}}/{verb}"
    return Act(keys.SNAPSHOT, f"snapshots {verb}", route, does, _may_dispose, asks)


def _of_payment(verb: str, does: str, is_possible: Callable[[Case], bool], asks: tuple[str, ...]) -> Act:
    route = f"POST /operations/payments/{{id}}/{verb}"
    return Act(keys.PAYMENT, f"payments {verb}", route, does, is_possible, asks)


def _of_deposit(verb: str, does: str, is_possible: Callable[[Case], bool]) -> Act:
    route = f"POST /operations/deposits/{{id}}/{verb}"
    return Act(keys.DEALER, f"deposits {verb}", route, does, is_possible, asks=("reference",))


_REDRIVE = ("work redrive", "POST /operations/work/{id}/redrive", "start its machine again", _may_redrive)
_APPROVE = (
    "work approve-payout",
    "POST /operations/work/{id}/approve-payout",
    "with a second operator: it may be sent, over the limit as it is",
    _may_approve,
)
_DECIDE_ORDER = (
    "work decide-order",
    "POST /operations/work/{id}/decide-order",
    "with a second operator: what the exchange has executed of its order",
    _may_decide_order,
)
_DECIDE_PAYOUT = (
    "work decide-payout",
    "POST /operations/work/{id}/decide-payout",
    "with a second operator: what the bank has paid of the attempt that is pending, or disputed",
    _may_decide_payout,
)
_ABANDON = ("abandon-attempt", "the bank never got the pending attempt: it is sent no more", _may_abandon)

ACTS: tuple[Act, ...] = (
    *(Act(kind.row, *_APPROVE) for kind in KINDS),
    *_of_payouts(CASH_OUT, "sell-orders"),
    *_of_payouts(WITHDRAWAL, "withdrawals"),
    Act(
        keys.SELL_ORDER,
        "offramp void",
        "POST /operations/sell-orders/{id}/void",
        "end a sale of which nothing was executed, and give the coins back",
        _may_void_sell_order,
    ),
    Act(
        keys.BATCH,
        "batches void",
        "POST /operations/batches/{id}/void",
        "refund a batch that can not be bought, or be done with an order that turned up",
        _may_void_batch,
    ),
    Act(
        keys.STRAY_ORDER,
        "strays close",
        "POST /operations/strays/{id}/close",
        "what it has executed at the exchange is seen to",
        _may_close_stray,
    ),
    Act(
        keys.HALT,
        "mm lift",
        "POST /operations/halts/{id}/lift",
        "its account is quoted on again: the exchange has all that is owed there; or its owner may resume the order",
        _may_lift_halt,
    ),
    Act(keys.ORDER, "orders fail", "POST /operations/orders/{id}/fail", "end it, and give its hold back", _may_fail),
    _of_market_making(
        "home",
        "with a second operator: what of it is at the exchange comes home, and goes back to who paid",
        _may_go_home,
    ),
    *(Act(row, *_REDRIVE) for row in keys.SCHEMA if row.machines),
    Act(
        keys.OUTGOING,
        "outgoing retry",
        "POST /operations/outgoing/{id}/retry",
        "let it be sent, or asked for, again",
        _may_ask_again,
    ),
    Act(
        keys.PAYMENT,
        "payments replay",
        "POST /operations/payments/{id}/replay",
        "look again whose it is",
        _is_parked_payment,
    ),
    Act(
        keys.REFUND,
        "payments retry-refund",
        "POST /operations/refunds/{id}/retry",
        "ask the billing system again what has become of it",
        _is_refund_stopped,
    ),
    Act(
        keys.REMINDER,
        "reminders snooze",
        "POST /operations/reminders/{id}/snooze",
        "he was reminded: ask again in a week, if it is not paid",
        _is_overdue,
    ),
    _of_payout(CASH_OUT, "sell-orders", *_ABANDON),
    _of_payout(WITHDRAWAL, "withdrawals", *_ABANDON),
    Act(
        keys.PRICE,
        "prices confirm",
        "POST /operations/prices/{id}/confirm",
        "with a second operator: the market is there, and trading goes on from this price",
        _may_confirm_price,
        asks=("price",),
    ),
    *(Act(row, *_DECIDE_ORDER, asks=("executed", "gross", "reference")) for row in (keys.SELL_ORDER, keys.BATCH)),
    *(Act(kind.row, *_DECIDE_PAYOUT, asks=("paid", "reference")) for kind in KINDS),
    Act(
        keys.USER,
        "users move",
        "POST /operations/users/{id}/move",
        "with a second operator: it is the account of a login that was made anew",
        _may_move,
        asks=("sub", "reference"),
    ),
    Act(
        keys.USER,
        "deposit credit",
        "POST /operations/users/{id}/deposits",
        "with a second operator: dollars that came for him to the bank are his",
        _has_account,
        asks=("amount", "reference"),
    ),
    Act(
        keys.USER,
        "users tier",
        "POST /operations/users/{id}/tier",
        "with a second operator: he pays the fees of another tier",
        _has_account,
        asks=("tier",),
    ),
    Act(
        keys.USER,
        "users apart",
        "POST /operations/users/{id}/apart",
        "with a second operator: he is another person than the operator of his name, or who has said that he is it",
        _has_account,
        asks=("operator", "reference"),
    ),
    Act(
        keys.USER,
        "users forget",
        "POST /operations/users/{id}/forget",
        "with a second operator: nobody can read his accounts at banks any more, nor pay to them",
        _may_forget,
    ),
    _of_market_making(
        "decide-deposit",
        "with a second operator: what the exchange has credited of an asset",
        _may_decide_deposit,
        asks=("asset", "credited", "reference"),
    ),
    _of_market_making(
        "decide-fills",
        "with a second operator: what it has at the exchange, where its trades are not told as they can be",
        _may_decide_fills,
        asks=("base", "quote", "reference"),
    ),
    _of_market_making(
        "decide-return",
        "with a second operator: the snapshot as which an asset has come home",
        _may_decide_return,
        asks=("asset", "snapshot", "reference"),
    ),
    _of_market_making(
        "withdraw-again",
        "with a second operator: the exchange has refused an asset's withdrawal; it is asked for it again",
        _may_decide_return,
        asks=("asset", "reference"),
    ),
    _of_market_making(
        "keep-rest",
        "with a second operator: what of an asset can not be withdrawn is the desk's, the payer paid otherwise or not",
        _may_keep_rest,
        asks=("asset", "payer", "reference"),
    ),
    _of_market_making("stop", "end its quotes; the money stays at the exchange", _may_stop),
    _of_market_making("withdraw", "end its quotes, and bring its money home", _may_withdraw),
    _of_market_making("halt", "pause it: its quotes end, and another operator lifts that", _may_halt),
    _of_market_making(
        "look-back",
        "with a second operator: the trades of its account in its market are looked at again, after the one named",
        _may_look_back,
        asks=("after", "reference"),
    ),
    _of_snapshot(
        "assign", "with a second operator: it pays for an order that may still be paid", asks=("order", "reference")
    ),
    _of_snapshot("refund", "with a second operator: it goes to this Mixin user", asks=("to", "reference")),
    _of_snapshot("take", "with a second operator: it is the desk's", asks=("reference",)),
    Act(
        keys.SNAPSHOT_TIE,
        "snapshots skip-tie",
        "POST /operations/ties/{id}/skip",
        "with a second operator: the poller goes on behind it, and what was not seen of it is open work",
        _may_skip_tie,
        asks=("reference",),
    ),
    Act(
        keys.SNAPSHOT_TIE,
        "snapshots settle-tie",
        "POST /operations/ties/{id}/settle",
        "with a second operator: all that was not seen of it is seen to",
        _may_settle_tie,
        asks=("reference",),
    ),
    Act(
        keys.OUTGOING,
        "outgoing resend",
        "POST /operations/outgoing/{id}/resend",
        "with a second operator: it goes to another Mixin user",
        _may_resend,
        asks=("to", "reference"),
    ),
    Act(
        keys.OUTGOING,
        "outgoing decide",
        "POST /operations/outgoing/{id}/decide",
        "with a second operator: whether it was sent",
        _may_decide_outgoing,
        asks=("sent", "reference"),
    ),
    Act(
        keys.OUTGOING,
        "outgoing call-off",
        "POST /operations/outgoing/{id}/call-off",
        "with a second operator: it is not sent any more, and goes back to who paid for its order",
        _may_call_off,
        asks=("reference",),
    ),
    Act(
        keys.CUSTODY_SHORTAGE,
        "outgoing book-loss",
        "POST /operations/shortages/{id}/book-loss",
        "with a second operator: what is missing at the custody is lost, and taken off the desk's own account",
        _may_book_loss,
        asks=("reference",),
    ),
    _of_payment(
        "assign",
        "with a second operator: it came for the account of this contract",
        _may_assign_payment,
        asks=("contract", "reference"),
    ),
    _of_payment(
        "identify",
        "with a second operator: the message, which can not be read, tells of this payment",
        _may_identify_payment,
        asks=("payment", "contract", "sum", "reference"),
    ),
    _of_payment(
        "dismiss", "with a second operator: nothing is to be done about it", _may_dismiss_payment, asks=("reference",)
    ),
    _of_payment(
        "recall",
        "with a second operator: the bank has taken it back, and what it has paid is owed again",
        _may_recall_payment,
        asks=("reference",),
    ),
    _of_deposit(
        "let-go", "with a second operator: the dealer's deposit goes to the requisites that he has", _may_let_deposit_go
    ),
    _of_deposit("keep", "with a second operator: it is not paid back, and he stays", _may_let_deposit_go),
    _of_deposit(
        "paid", "with a second operator: he has it, which the billing system does not tell", _may_book_deposit_paid
    ),
    Act(
        keys.DEALER,
        "dealers forget",
        "POST /operations/dealers/{id}/forget",
        "with a second operator: nobody can read his requisites any more, nor find him by his number",
        _may_forget,
    ),
    Act(
        keys.BILLING_ACCOUNT,
        "payments agree-total",
        "POST /operations/totals/{id}/agree",
        "with a second operator: what the billing system tells is rightly not what has come",
        _may_agree_total,
        asks=("reference",),
    ),
    Act(
        keys.BILLING_ACCOUNT,
        "payments refund",
        "POST /operations/totals/{id}/refund",
        "with a second operator: so much of what is on it, and pays nothing, goes back to the dealer",
        _may_refund_account,
        asks=("sum", "reference"),
    ),
    _of_proposal("confirm", "do what another operator has proposed"),
    _of_proposal("dismiss", "nothing is to be done about it"),
    _of_event("replay", "try to place it again"),
    _of_event("dismiss", "nothing is to be done about it; with a second operator, where it tells of dollars paid"),
)
