"""Every call that a use case makes to the table × everything that can go wrong at it, and the user's retry after it.

After each, dollars and coins are conserved; after the retry the thing is done once, or refused as it would have been.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from common.domain.catalogue.model import Asset, Execution
from common.domain.clients import Client, ClientKind, ClientStatus
from common.domain.fees import Tier
from common.domain.payouts.model import EventOutcome, PayoutUnsettled, kind_of
from common.domain.proposals.model import Terms
from common.gateways.bank import BankEvent
from common.money import Money, Price
from common.operator_outcome import OperatorOutcome
from common.owner import Owner
from common.table.transaction import Patience
from functions.operations.model import NotDriven, StillRunning
from functions.orders.model import Side, Status
from functions.orders.model import Terms as OrderTerms
from tests import books
from tests.depth import PROVED, sampled
from tests.desk import NOON, TABLE, Clock, Desk
from tests.harness.crash_matrix import Scene, crash_matrix
from tests.harness.faults import Faults
from tests.harness.memory import InMemoryDynamoDB
from tests.market_making.market import BOB
from tests.market_making.written import PAYABLE, Written
from tests.seen import save_asset, save_client

Act = Callable[[Desk], Any]  # on a desk whose table may fail
Before = Callable[[Desk, Owner], Any]  # prepares, on a desk where nothing fails, what is acted on then
UseCase = Callable[[Desk, Owner], Act]
REASON = ("ticket 4713", "olga")


def use_case(act: Callable[[Desk, Owner, Any], Any], before: Before = lambda *_: None) -> UseCase:
    """`act` gets what was prepared `before`."""

    def prepare(quiet: Desk, ann: Owner) -> Act:
        prepared = before(quiet, ann)
        return lambda desk: act(desk, ann, prepared)

    return prepare


# What is there before


def bought(quantity: str) -> Before:
    return lambda quiet, ann: quiet.buy(ann, quantity)


def bought_at_thirds(quiet: Desk, ann: Owner) -> None:
    quiet.mark("BTC", "33.333333")
    quiet.buy(ann, "3")
    quiet.sell(ann, "1")


def bought_before_the_price_left_its_protection(quiet: Desk, ann: Owner) -> None:
    quiet.place(ann, "BUY", "1", key="k", max_price=Price(100))
    quiet.mark("BTC", "101")


def quoted(side: str) -> Before:
    def ask(quiet: Desk, ann: Owner) -> OrderTerms:
        quiet.buy(ann, "2")
        asked = OrderTerms("BTC", Side(side), quantity=Decimal(1))
        return replace(asked, quote_id=quiet.orders.quote(ann, "q", asked).made.quote_id)

    return ask


def at_a_quote(desk: Desk, ann: Owner, terms: OrderTerms) -> str:
    placed: str = desk.orders.place(ann, "k", terms).made.order_id
    return placed


def of_tier(tier: Tier, then: Before = lambda *_: None) -> Before:
    """Where tiers pay different fees, a customer of this one."""

    def promote(quiet: Desk, ann: Owner) -> Any:
        fees = {Tier.STANDARD: 50, Tier.GOLD: 20}
        quiet.list_asset("BTC", "100", price_age_max_seconds=86_400, fees_bps=fees)
        set_tier(quiet, ann, tier)
        return then(quiet, ann)

    return promote


def set_tier(desk: Desk, ann: Owner, tier: Any) -> str | None:
    desk.set_tier("ann", tier)
    return desk.accounts.balance(ann).tier


def resting(side: str) -> Before:
    def rest(quiet: Desk, ann: Owner) -> str:
        quiet.buy(ann, "2")
        return quiet.place(ann, side, "1", order_price="90" if side == "BUY" else "110").made.order_id

    return rest


def resting_on_both_sides(*prices: str) -> Before:
    """The ids of a buy and a sale at each pair of prices."""

    def rest(quiet: Desk, ann: Owner) -> list[str]:
        quiet.buy(ann, "2")
        orders = [(quiet.buy if n % 2 == 0 else quiet.sell)(ann, "1", order_price=p) for n, p in enumerate(prices)]
        return [order.order_id for order in orders]

    return rest


def withdraw(desk: Desk, ann: Owner) -> str:
    asked: str = desk.accounts.withdraw(ann, "k", Money(5), "ann-bank").made.transfer_id
    return asked


def withdrawn_to_a_client_that_was_blocked_since(quiet: Desk, ann: Owner) -> None:
    withdraw(quiet, ann)
    quiet.clients(ann, ClientStatus.BLOCKED)


def rejected_by_the_bank(quiet: Desk, ann: Owner) -> str:
    quiet.world.simulated.set_outcome("refuse")
    asked = withdraw(quiet, ann)
    quiet.run(sweep=False)
    return asked


def undecided_by_the_bank(quiet: Desk, ann: Owner) -> str:
    quiet.world.simulated.set_outcome("pending")
    asked = withdraw(quiet, ann)
    quiet.world.machines.run()
    return asked


def proposed(quiet: Desk, ann: Owner) -> str:
    """The id of what another operator says that the bank has paid."""
    return propose(quiet, ann, undecided_by_the_bank(quiet, ann), "otto").id


def propose(desk: Desk, _: Owner, asked: str, by: str = "olga") -> OperatorOutcome:
    told = {"paid": "4.50"}
    return desk.proposals.propose("work decide-payout", asked, told, "line 11", "its fee", by, dry_run=False)


def propose_a_move(desk: Desk, by: str = "olga") -> OperatorOutcome:
    """To the login that was made anew."""
    act, told = desk.proposals.propose, {"sub": "sub-anew"}
    return act("users move", "ann", told, "ticket 4719", "passport seen", by, dry_run=False)


def proposed_move(quiet: Desk, ann: Owner) -> str:
    """The id of what another operator has proposed, of an account with coins."""
    quiet.buy(ann, "2")
    return propose_a_move(quiet, "otto").id


def unpaid_sale(quiet: Desk, ann: Owner) -> str:
    """One whose payouts the bank has rejected."""
    quiet.buy(ann, "2")
    quiet.world.simulated.set_outcome("refuse")
    order_id = quiet.cash_out(ann, "1").order_id
    quiet.run(sweep=False)
    return order_id


def event(says: str, *, known: bool = True, received: bool = False) -> Callable[[Desk, Owner], BankEvent]:
    """What the bank tells of a withdrawal, or of nothing that it was sent."""

    def told(quiet: Desk, ann: Owner) -> BankEvent:
        quiet.world.simulated.set_outcome(says)
        withdraw(quiet, ann)
        quiet.world.machines.run()
        quiet.clock.forward(seconds=5)
        quiet.world.simulated.settle()
        (said,) = quiet.world.simulated.take_events()
        reference_id = said.adjustment.reference_id if known else f"W{'A' * 25}-01"
        said = replace(said, adjustment=replace(said.adjustment, reference_id=reference_id))
        if received:
            quiet.events.receive(said)
        return said

    return told


def written(name: str) -> Before:
    """Something of market making's."""
    return lambda quiet, ann: getattr(Written(quiet.market, ann), name)


def proposed_of(name: str, command: str, terms: Terms) -> Before:
    """What another operator has proposed about it."""

    def propose(quiet: Desk, ann: Owner) -> str:
        thing, reference = written(name)(quiet, ann), None if command == "mm home" else "line 11"
        return quiet.proposals.propose(command, thing, terms, reference, "seen", "otto", dry_run=False).id

    return propose


# What is done


def confirm(desk: Desk, ann: Owner, proposal_id: str) -> str | None:
    assert desk.market  # with its machine
    return desk.proposals.confirm(proposal_id, *REASON, dry_run=False).after


def retry_a_transfer(desk: Desk, ann: Owner, thing_id: str) -> str | None:
    try:
        return desk.asking_again.retry_outgoing(thing_id, *REASON, dry_run=False).after
    except NotDriven:  # the answer was lost, and it was done
        return desk.operations.story(thing_id).status


def stop_quoting(desk: Desk, ann: Owner, order_id: str) -> str | None:
    return desk.overseeing.stop(order_id, *REASON, dry_run=False).after


def bring_home(desk: Desk, ann: Owner, order_id: str) -> str | None:
    return desk.overseeing.bring_home(order_id, *REASON, dry_run=False).after


def save_a_trading_account(desk: Desk, ann: Owner, _: Any) -> str | None:
    return desk.overseeing.save_account("mm9", "binance", 3, None, *REASON, dry_run=False).after


def place(side: str, quantity: str = "1", **more: Any) -> Callable[[Desk, Owner, Any], str]:
    return lambda desk, ann, _: desk.place(ann, side, quantity, key="k", **more).made.order_id


def cancel(desk: Desk, ann: Owner, order_id: str) -> Status:
    return desk.orders.cancel(ann, order_id).made.status


def fill(desk: Desk, ann: Owner, order_ids: list[str]) -> None:
    desk.match()
    seen = Desk(desk.dynamo).orders
    ends = [seen.order(ann, order_id).status for order_id in order_ids]
    assert ends == [Status.COMPLETED] * 2, "a further round is needed"


def expire(desk: Desk, ann: Owner, _: Any) -> int:
    desk.clock.at = max(desk.clock.at, NOON + timedelta(days=31))
    return desk.expire()


def end_by_hand(desk: Desk, ann: Owner, order_id: str) -> str | None:
    return desk.orders.fail(order_id, "delisted", "olga", dry_run=False).after


def redrive(desk: Desk, ann: Owner, asked: str) -> str | None:
    """Of what was never started: in this world no execution runs until somebody starts one."""
    try:
        return desk.interventions.redrive(asked, *REASON, dry_run=False).after
    except StillRunning:  # the answer was lost, and it was done
        return desk.operations.story(asked).status


def abandon_an_attempt(desk: Desk, ann: Owner, asked: str) -> str:
    try:
        return desk.by_hand("abandon", asked, *REASON).after or ""
    except PayoutUnsettled:  # the answer was lost, and it was done
        return desk.accounts.withdrawal(ann, asked).status


def by_hand(act: str) -> Callable[[Desk, Owner, str], Any]:
    """What an operator does about a withdrawal."""
    return lambda desk, _, asked: desk.by_hand(act, asked, *REASON).after


def paid_otherwise(begin: Callable[[Desk, Owner], str]) -> Callable[[Desk, Owner], str]:
    """The id of what another operator has proposed about such a payout."""

    def made(desk: Desk, ann: Owner) -> str:
        asked = begin(desk, ann)
        kind = kind_of(asked)
        assert kind is not None
        command, reason = f"{kind.command} {kind.mark_paid}", "by wire"
        return desk.proposals.propose(command, asked, {}, "wire 42", reason, "otto", dry_run=False).id

    return made


def hear(desk: Desk, ann: Owner, said: BankEvent) -> EventOutcome:
    return desk.events.receive(said)


def save_a_client(desk: Desk, ann: Owner, _: Any) -> str | None:
    client = Client("new", ClientKind.BANKING, ann, ClientStatus.ACTIVE, NOON, desk.account("ann", "acc-2"))
    save_client(desk, client, *REASON)
    return desk.operations.client(client.kind, client.client_id).status


def save_an_asset(desk: Desk, ann: Owner, _: Any) -> str | None:
    asset = Asset("OP", "Optimism", 8, Money(1), Money(1000), Execution.INSTANT, True, "optimism", "OP", 120)
    save_asset(desk, asset, *REASON)
    return str(desk.operations.listing("OP").asset)


def look(desk: Desk, ann: Owner, _: Any) -> tuple[Any, ...]:
    orders = desk.orders.orders(ann, limit=10, after=None)
    history = desk.orders.history(ann, "BTC", limit=10, after=None)
    reconciled = desk.reconciliation.reconcile("ann")
    return (desk.orders.portfolio(ann).balance, len(orders.items), len(history.items), reconciled.differences)


ONE = OrderTerms("BTC", Side.BUY, quantity=Decimal(1))
PROTECTED = place("BUY", max_price=Price(100))
USE_CASES: dict[str, UseCase] = {
    "buy": use_case(place("BUY")),
    "buy too much": use_case(place("BUY", "1000")),
    "buy again at a price that has left the protection": use_case(
        PROTECTED, bought_before_the_price_left_its_protection
    ),
    "sell": use_case(place("SELL"), bought("3")),
    "sell everything": use_case(place("SELL", "2"), bought_at_thirds),
    "sell too much": use_case(place("SELL", "2"), bought("1")),
    "quote": use_case(lambda desk, ann, _: desk.orders.quote(ann, "q", ONE).made.quote_id),
    "buy at a quote": use_case(at_a_quote, quoted("BUY")),
    "sell at a quote": use_case(at_a_quote, quoted("SELL")),
    "buy with the standard fee": use_case(place("BUY"), of_tier(Tier.STANDARD)),
    "buy with another tier's fee": use_case(place("BUY"), of_tier(Tier.GOLD)),
    "sell with another tier's fee": use_case(place("SELL"), of_tier(Tier.GOLD, bought("2"))),
    "quote another tier's fee": use_case(
        lambda desk, ann, _: desk.orders.quote(ann, "q", ONE).made.fee, of_tier(Tier.GOLD)
    ),
    "buy at a quote with a fee": use_case(at_a_quote, of_tier(Tier.GOLD, quoted("BUY"))),
    "rest a buy with another tier's fee": use_case(place("BUY", order_price="90"), of_tier(Tier.GOLD)),
    "rest a sale with another tier's fee": use_case(place("SELL", order_price="110"), of_tier(Tier.GOLD, bought("2"))),
    "cancel a buy with a fee": use_case(cancel, of_tier(Tier.GOLD, resting("BUY"))),
    "fill with a fee": use_case(fill, of_tier(Tier.GOLD, resting_on_both_sides("100", "100"))),
    "set a tier": use_case(lambda desk, ann, _: set_tier(desk, ann, Tier.GOLD)),
    "rest a buy": use_case(place("BUY", order_price="90")),
    "rest a sale": use_case(place("SELL", order_price="110"), bought("2")),
    "cancel a buy": use_case(cancel, resting("BUY")),
    "cancel a sale": use_case(cancel, resting("SELL")),
    "cancel all": use_case(
        lambda desk, ann, _: desk.orders.cancel_all(ann, None, None).after,
        resting_on_both_sides("90", "110", "90", "110"),
    ),
    "fill": use_case(fill, resting_on_both_sides("100", "100")),
    "expire": use_case(expire, resting_on_both_sides("90", "110")),
    "end by hand": use_case(end_by_hand, resting("BUY")),
    "open an account": use_case(lambda desk, *_: desk.accounts.open(Owner("new", "sub-new"))[0].owner),
    "deposit": use_case(lambda desk, ann, _: desk.accounts.deposit(ann, "k", Money(5)).made.transfer_id),
    "deposit over the limit": use_case(lambda desk, ann, _: desk.accounts.deposit(ann, "k", Money(999_999))),
    "credit": use_case(lambda desk, *_: desk.credit("ann", "k", "5.00").id),
    "withdraw": use_case(lambda desk, ann, _: withdraw(desk, ann)),
    "withdraw to a client that was blocked since": use_case(
        lambda desk, ann, _: withdraw(desk, ann), withdrawn_to_a_client_that_was_blocked_since
    ),
    "confirm that it was paid otherwise": use_case(confirm, paid_otherwise(withdraw)),
    "reject": use_case(by_hand("give_back"), withdraw),
    "confirm that what the bank has rejected was": use_case(confirm, paid_otherwise(rejected_by_the_bank)),
    "reject what the bank has rejected": use_case(by_hand("give_back"), rejected_by_the_bank),
    "try again what the bank has rejected": use_case(by_hand("retry"), rejected_by_the_bank),
    "redrive": use_case(redrive, withdraw),
    "abandon an attempt": use_case(abandon_an_attempt, undecided_by_the_bank),
    "propose what the bank has paid": use_case(
        lambda desk, ann, asked: propose(desk, ann, asked).id, undecided_by_the_bank
    ),
    "confirm a proposal": use_case(
        lambda desk, _, asked: desk.proposals.confirm(asked, *REASON, dry_run=False).after, proposed
    ),
    "dismiss a proposal": use_case(
        lambda desk, _, asked: desk.proposals.dismiss(asked, *REASON, dry_run=False).after, proposed
    ),
    "propose a move": use_case(lambda desk, *_: propose_a_move(desk).id),
    "confirm a move": use_case(
        lambda desk, _, asked: desk.proposals.confirm(asked, *REASON, dry_run=False).after, proposed_move
    ),
    "confirm whose a snapshot is": use_case(confirm, proposed_of("parked", "snapshots refund", {"to": BOB})),
    "confirm what it pays for": use_case(confirm, proposed_of("parked", "snapshots assign", {"order": PAYABLE})),
    "confirm that it is the desk's": use_case(confirm, proposed_of("parked", "snapshots take", {})),
    "confirm that an order comes home": use_case(confirm, proposed_of("failed", "mm home", {})),
    "confirm another receiver": use_case(confirm, proposed_of("refused", "outgoing resend", {"to": BOB})),
    "confirm that it was never sent": use_case(confirm, proposed_of("doubted", "outgoing decide", {"sent": "no"})),
    "confirm that a leg is called off": use_case(confirm, proposed_of("late", "outgoing call-off", {})),
    "confirm that a tie is passed over": use_case(confirm, proposed_of("tie", "snapshots skip-tie", {})),
    "confirm a loss at the custody": use_case(confirm, proposed_of("short", "outgoing book-loss", {})),
    "confirm that trades are looked at again": use_case(
        confirm, proposed_of("running", "mm look-back", {"after": "4711"})
    ),
    "confirm that a tie is settled": use_case(confirm, proposed_of("untaken", "snapshots settle-tie", {})),
    "retry a transfer": use_case(retry_a_transfer, written("refused")),
    "stop quoting": use_case(stop_quoting, written("quoting")),
    "bring an order home": use_case(bring_home, written("quoting")),
    "save a trading account": use_case(save_a_trading_account),
    "hear that it is paid": use_case(hear, event("complete")),
    "hear that it is rejected": use_case(hear, event("fail")),
    "hear of nothing": use_case(hear, event("complete", known=False)),
    "replay an event": use_case(
        lambda desk, _, said: desk.interventions.replay(said.event_id, *REASON, dry_run=False).after,
        event("complete", known=False, received=True),
    ),
    "dismiss an event": use_case(
        lambda desk, _, said: desk.interventions.dismiss(said.event_id, *REASON, dry_run=False).after,
        event("complete", known=False, received=True),
    ),
    "retry the payout of a sale": use_case(by_hand("retry"), unpaid_sale),
    "confirm that a sale was paid otherwise": use_case(confirm, paid_otherwise(unpaid_sale)),
    "credit a sale here": use_case(by_hand("give_back"), unpaid_sale),
    "save a client": use_case(save_a_client),
    "save an asset": use_case(save_an_asset),
    "look": use_case(look, resting("BUY")),
}
IN_PAIRS = (
    "buy",
    "sell",
    "buy with another tier's fee",
    "sell with another tier's fee",
    "buy at a quote",
    "cancel a sale",
    "withdraw",
    "confirm that it was paid otherwise",
    "hear that it is paid",
)
# An answer that is lost was perhaps an answer: the repeat then finds it done.
REPEATS: dict[str, set[Any]] = {
    "hear that it is paid": {EventOutcome.APPLIED, EventOutcome.REPEATED},
    "hear that it is rejected": {EventOutcome.APPLIED, EventOutcome.REPEATED},
    "hear of nothing": {EventOutcome.PARKED, EventOutcome.REPEATED},
}


def is_as_good(name: str, first: Any, again: Any) -> bool:
    return name == "expire" or first == again or {first, again} <= REPEATS.get(name, set())


def scenario(use_case: UseCase) -> Callable[[Faults], Scene]:
    quiet = Desk()
    quiet.list_asset("BTC", "100", price_age_max_seconds=86_400)
    ann = quiet.customer(usd="1000.00")
    quiet.clients(ann)
    act = use_case(quiet, ann)

    def build(faults: Faults) -> Scene:
        dynamo = quiet.dynamo.copy()
        desk = Desk(dynamo, Clock(quiet.clock.at + timedelta(seconds=1)), client=faults.client(dynamo))
        desk.patience = Patience(
            budget_seconds=0.1, monotonic=desk.clock.monotonic, sleep=desk.clock.sleep, jitter=lambda: 0.5
        )

        def check() -> None:
            items = dynamo.items()
            books.check(items)
            assert quiet.outside is None or not quiet.outside.violations(items)

        return Scene(act=lambda: act(desk), check=check)

    return build


@pytest.mark.parametrize("name", USE_CASES)
def test_a_fault_at_any_call_loses_nothing_and_the_retry_finishes_it(name: str) -> None:
    report = crash_matrix(scenario(USE_CASES[name]), same=partial(is_as_good, name))
    assert report.runs > len(report.calls) > 0
    assert not report.violations, report


@PROVED
@sampled(3)
@pytest.mark.parametrize("name", IN_PAIRS)
def test_two_faults_one_after_the_other_lose_nothing_either(name: str) -> None:
    report = crash_matrix(scenario(USE_CASES[name]), pairs=True, same=partial(is_as_good, name))
    assert not report.violations, report


def test_a_purchase_made_twice_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The matrix can fail: a retry under a new id each time, as if the key were not the record."""
    from functions.orders import model

    ids = iter(f"O{'A' * 24}{letter}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    monkeypatch.setattr(model, "order_id", lambda *_: next(ids))

    def build(faults: Faults) -> Scene:
        dynamo = InMemoryDynamoDB(TABLE)
        quiet, desk = Desk(dynamo), Desk(dynamo, client=faults.client(dynamo))
        quiet.list_asset("BTC", "100")
        ann = quiet.customer()

        def once() -> None:
            orders = [item for item in dynamo.items() if item["entity_type"] == {"S": "order"}]
            assert len(orders) <= 1, "the purchase was made twice"

        act = USE_CASES["buy"](quiet, ann)
        return Scene(act=lambda: act(desk), check=once)

    assert crash_matrix(build).violations
