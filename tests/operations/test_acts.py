"""What may be done by hand is listed exactly when it would be done: in every state that an item comes to."""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace

import pytest

from common import keys
from common.domain import acts, dealer_refunds
from common.domain.acts import ACTS, Case
from common.domain.clients import ClientStatus
from common.domain.custody import shortages
from common.domain.dealer_refunds import Refund
from common.domain.exchange_orders import store as exchange_orders
from common.domain.exchange_orders import strays
from common.domain.exchange_orders.model import POLL_LIMIT
from common.domain.payouts import store as payouts
from common.domain.payouts.model import ATTEMPTS_EVER
from common.domain.proposals.model import Terms
from common.errors import Refusal, Unavailable
from common.gateways.bank import State
from common.gateways.exchange import ExchangeOrderUnknown
from common.keys import Key, PrimaryKey
from common.money import Money, Quantity
from common.operator_outcome import OperatorOutcome
from common.owner import Owner
from functions.billing import store
from functions.billing.model import receipt_id, receipt_id_of
from functions.billing.service.corrections import Change
from functions.offramp.model import SellOrderNotOpen
from functions.operations.model import NotProposable
from functions.purchases.model import BatchNotStuck
from sandbox.bank.bank import Operation
from sandbox.billing import records
from sandbox.billing.faults import Operation as AtBilling
from tests.billing.dealership import CME_ID
from tests.billing.test_reminders import overdue_bill
from tests.depth import FULL, SIMULATED, deep
from tests.desk import Desk
from tests.doors import ROUTES
from tests.faulty import FaultyDesk
from tests.harness.faults import Crash, CrashAfter, Faults, planned
from tests.market_making.market import BOB, USDT
from tests.market_making.written import CAME, PAYABLE, Written
from tests.seen import OnItsWay, a_stray, an_event, around

Scene = Callable[[Desk, Owner], object]
Seen = Counter[tuple[str, bool]]  # how often a command was found possible, or not


# What is proposed, by the command.
TERMS: Mapping[str, Terms] = {
    "dealers forget": {},
    **{f"deposits {verb}": {} for verb in ("keep", "let-go", "paid")},
    "mm decide-deposit": {"asset": "BTC", "credited": "0.05"},
    "mm decide-fills": {"base": "0.09", "quote": "5600"},
    "mm decide-return": {"asset": "BTC", "snapshot": CAME},
    "mm home": {},
    "mm keep-rest": {"asset": "BTC", "payer": "paid"},
    "mm look-back": {"after": "4711"},
    "mm withdraw-again": {"asset": "BTC"},
    "outgoing book-loss": {},
    "outgoing call-off": {},
    "outgoing decide": {"sent": "no"},
    "outgoing resend": {"to": BOB},
    "payments assign": {"contract": "contract-of-another"},
    "payments agree-total": {},
    "payments dismiss": {},
    "payments identify": {"payment": "payment-of-nobody", "contract": "contract-of-nobody", "sum": "1.00"},
    "payments recall": {},
    "payments refund": {"sum": "1.00"},
    "snapshots assign": {"order": PAYABLE},
    "snapshots refund": {"to": BOB},
    "snapshots settle-tie": {},
    "snapshots skip-tie": {},
    "snapshots take": {},
    "deposit credit": {"amount": "1.00"},
    "offramp mark-filled": {},
    "users apart": {},
    "users forget": {},
    "users move": {"sub": "sub-anew"},
    "users tier": {"tier": "GOLD"},
    "work approve-payout": {},
    "work decide-order": {"executed": "0", "gross": "0.00", "fee": "0.00"},
    "work decide-payout": {"paid": "1.00"},
    "withdrawals complete": {},
}


def ask(desk: Desk, command: str, thing_id: str, *, dry_run: bool) -> OperatorOutcome:
    verb = command.partition(" ")[2]
    by_hand = {
        "retry-payout": "retry",
        "credit-usd": "give_back",
        "reject": "give_back",
        "abandon-attempt": "abandon",
    }
    if verb in by_hand:
        return desk.by_hand(by_hand[verb], thing_id, dry_run=dry_run)
    acts_of: dict[str, Callable[..., OperatorOutcome]] = {
        "offramp void": desk.voiding.void,
        "batches void": desk.batches.void,
        "mm halt": desk.halting.halt_order,
        "mm lift": desk.halting.lift,
        "mm stop": desk.overseeing.stop,
        "mm withdraw": desk.overseeing.bring_home,
        "strays close": desk.interventions.close_stray,
        "orders fail": desk.orders.fail,
        "work redrive": desk.interventions.redrive,
        "outgoing retry": desk.asking_again.retry_outgoing,
        "payments replay": desk.asking_again.replay_payment,
        "payments retry-refund": desk.asking_again.retry_refund,
        "reminders snooze": desk.asking_again.snooze_reminder,
        "proposals confirm": desk.proposals.confirm,
        "proposals dismiss": desk.proposals.dismiss,
        "parked replay": desk.interventions.replay,
        "parked dismiss": desk.interventions.dismiss,
    }
    if command == "prices confirm":
        listing = desk.operations.listing(thing_id)
        quote = listing.quote if listing.jump is None else listing.jump.quote
        assert quote is not None
        told = {"price": str(quote.price)}
        return desk.proposals.propose(command, thing_id, told, None, "by hand", "olga", dry_run=dry_run)
    if command in TERMS:
        given, reference = TERMS[command], "line 11"
        if command == "users apart":  # of whom it is asked: he is no operator of his name
            given = {"operator": thing_id}
        return desk.proposals.propose(command, thing_id, given, reference, "by hand", "olga", dry_run=dry_run)
    return acts_of[command](thing_id, "by hand", "olga", dry_run=dry_run)


def is_possible(desk: Desk, command: str, thing_id: str, *, listed: bool) -> bool:
    """Would it be done? Where the exchange is asked besides, what is listed may be refused all the same."""
    try:
        outcome = ask(desk, command, thing_id, dry_run=True)
    except (SellOrderNotOpen, BatchNotStuck) as refusal:
        if command == "offramp void" and "the exchange has executed" in refusal.detail:
            return listed
        placed = exchange_orders.find(desk.table, thing_id, 1)
        overdue = command == "batches void" and placed is not None and placed.may_be_lost(desk.clock.at)
        return listed and overdue
    except NotProposable:  # what it is about has moved since
        return listed and command in ("proposals confirm", "snapshots assign")  # or the order has no payer yet
    except Unavailable:  # the exchange does not answer
        return listed
    except Refusal:
        return False
    return "nothing to do" not in outcome.says  # a repeat


def check(desk: Desk, seen: Seen) -> None:
    """Of everything in the table that an id names, a user as well, of every event of the bank, and of every price."""
    rows = {row.sk: row for row in keys.SCHEMA if row.id_prefix or row.backlog or row is keys.USER}
    for item in desk.dynamo.items():
        key = PrimaryKey(item["PK"]["S"], item["SK"]["S"])
        row = keys.PRICE if key.pk == keys.PRICE.pk else rows.get(key.sk) or account_at(key)
        if row is None:
            continue
        thing_id = key.sk if row is keys.PRICE else row.id_of(key)
        if row is keys.BANK_EVENT:
            offered = desk.operations.acts_on(desk.events.known(thing_id))
        elif row is keys.PRICE:
            offered = desk.operations.acts_on_price(desk.operations.listing(thing_id))
        else:
            offered = list(desk.operations.story(thing_id).acts)
        listed = [act.command for act in offered]
        for command in (act.command for act in ACTS if act.row is row):
            possible = is_possible(desk, command, thing_id, listed=command in listed)
            assert (command in listed) is possible, f"{command} of {item.get('status')}: {item.get('waits_for')}"
            seen[command, possible] += 1


class Watch:
    """Checks once something has moved. Before half of the tasks nothing has but the time of a poll, and a day looks
    again then only in another hour."""

    def __init__(self, desk: Desk, seen: Seen) -> None:
        self._desk, self._seen = desk, seen
        self._before: object = None

    def __call__(self) -> None:
        machines = [(execution.name, execution.status) for execution in self._desk.world.machines.executions]
        now = self._desk.dynamo.items(), machines, self._desk.clock.at.replace(minute=0, second=0, microsecond=0)
        if FULL or now != self._before:
            check(self._desk, self._seen)
        self._before = now


def account_at(key: PrimaryKey) -> Key | None:
    """Whose row is known by more than its sort key."""
    with suppress(ValueError):
        keys.BILLING_ACCOUNT.read(key)
        return keys.BILLING_ACCOUNT if key.pk.startswith(str(keys.DEALER.id_prefix)) else None
    return None


def play(desk: Desk, scene: Scene, seen: Seen) -> None:
    """A scene, looked at before each task of a machine and at its end."""
    desk.list_asset("BTC", "100")
    desk.list_exchange_asset()
    ann = desk.customer(usd="2000.00")
    desk.clients(ann)
    desk.buy(ann, "10")
    desk.world.process = Watch(desk, seen)
    scene(desk, ann)
    check(desk, seen)
    desk.run()
    check(desk, seen)
    desk.check()


def undisturbed(desk: Desk) -> Desk:
    """The same desk, whose looks at the table and outside are not among what may go wrong."""
    world = copy.copy(desk.world)
    world.client, world.exchange, world.bank = world.machines, world.fake, world.simulated
    return Desk(desk.dynamo, desk.clock, outside=world)


# Scenes


def price_that_jumps(desk: Desk, ann: Owner) -> None:
    desk.clock.forward(seconds=6)
    desk.jump("BTC", "75")


def orders_in_the_book(desk: Desk, ann: Owner) -> None:
    cancelled, failed, *_ = [desk.buy(ann, "1", order_price="90") for _ in range(3)]
    desk.orders.cancel(ann, cancelled.order_id)
    desk.orders.fail(failed.order_id, "delisted", "olga", dry_run=False)


def cash_out(desk: Desk, ann: Owner) -> str:
    return desk.cash_out(ann).order_id


def withdraw(desk: Desk, ann: Owner) -> str:
    asked: str = desk.accounts.withdraw(ann, next(desk.keys), Money(40), "ann-bank").made.transfer_id
    return asked


def rejected(begin: Callable[[Desk, Owner], str], act: str) -> Scene:
    """The bank rejects five attempts, then an operator decides."""

    def scene(desk: Desk, ann: Owner) -> None:
        desk.world.simulated.set_outcome("fail", times=5)
        thing_id = begin(desk, ann)
        desk.run()
        desk.by_hand(act, thing_id)

    return scene


def pending(begin: Callable[[Desk, Owner], str]) -> Scene:
    """The bank decides late; its machine dies and is started again."""

    def scene(desk: Desk, ann: Owner) -> None:
        desk.world.simulated.set_outcome("pending", times=1)
        thing_id = begin(desk, ann)
        desk.world.machines.run()
        desk.world.machines.restart()
        check(desk, Counter())
        desk.interventions.redrive(thing_id, "the host was restarted", "olga", dry_run=False)
        desk.world.machines.run()
        desk.world.simulated.decide(f"{thing_id}-01", "complete")

    return scene


def abandoned(begin: Callable[[Desk, Owner], str]) -> Scene:
    """An attempt never reaches the bank, and its client is blocked."""

    def scene(desk: Desk, ann: Owner) -> None:
        desk.world.simulated.fail_before_next(Operation.CREDIT)
        thing_id = begin(desk, ann)
        desk.world.machines.run()
        desk.clients(ann, ClientStatus.BLOCKED)
        desk.run()
        desk.by_hand("abandon", thing_id)

    return scene


def blocked(begin: Callable[[Desk, Owner], str]) -> Scene:
    def scene(desk: Desk, ann: Owner) -> None:
        begin(desk, ann)
        desk.clients(ann, ClientStatus.BLOCKED)

    return scene


def disputed(begin: Callable[[Desk, Owner], str]) -> Scene:
    """The bank has rejected an attempt and says then that it has paid it."""

    def scene(desk: Desk, ann: Owner) -> None:
        desk.world.simulated.set_outcome("fail", times=5)
        thing_id = begin(desk, ann)
        desk.run(until=lambda: payouts.payout(desk.table, thing_id).attempts == 2)
        amount = payouts.payout(desk.table, thing_id).amount
        desk.events.receive(an_event(desk, f"{thing_id}-01", State.COMPLETED, amount=amount))

    return scene


def sale_that_never_arrives(desk: Desk, ann: Owner) -> None:
    desk.world.fake.fail_before_next("place")
    with suppress(Unavailable):
        desk.cash_out(ann)


def sale_that_turns_up(desk: Desk, ann: Owner) -> None:
    way = OnItsWay(desk)
    with suppress(Unavailable):
        desk.cash_out(ann)
    desk.run(until=lambda: any("NEVER" in str(item.get("status")) for item in desk.dynamo.items()))
    way.arrives()


def sale_that_nobody_buys(desk: Desk, ann: Owner) -> None:
    desk.world.nobody_buys()
    desk.cash_out(ann)


def sale_that_is_bought_in_part(desk: Desk, ann: Owner) -> None:
    desk.world.nobody_buys()
    desk.world.bid("100", "0.4")
    desk.cash_out(ann)


def unknown(*_: object) -> None:
    raise ExchangeOrderUnknown("no such order")


def sale_with_a_stray(desk: Desk, ann: Owner) -> None:
    """One is dealt with, another one is not."""
    order = desk.at_exchange.existing(desk.cash_out(ann).order_id, 1)
    for exchange_order_id in ("4711", "4712"):
        desk.table.write(*strays.insert(order, exchange_order_id, desk.clock()))
    desk.interventions.close_stray(strays.stray_id_of(order, "4711"), "bought back", "olga", dry_run=False)


def sale_that_is_lost(desk: Desk, ann: Owner) -> None:
    order_id = desk.cash_out(ann).order_id
    desk.world.exchange = around(desk.world.fake, order=unknown, find=unknown)
    check(desk, Counter())
    desk.clock.forward(seconds=POLL_LIMIT.total_seconds())
    check(desk, Counter())
    desk.voiding.void(order_id, "lost", "olga", dry_run=False)
    desk.world.exchange = desk.world.fake


def pools(desk: Desk, ann: Owner) -> None:
    first = desk.purchase(ann, "4")
    desk.purchases.cancel(ann, first.order_id)
    desk.purchase(ann, "4")
    check(desk, Counter())
    desk.purchase(ann, "6")
    desk.purchase(ann, "3")


def batch_that_is_voided(desk: Desk, ann: Owner) -> None:
    desk.batches.void(desk.purchase(ann, "20").batch_id, "a mistake", "olga", dry_run=False)


def batch_that_turns_up(desk: Desk, ann: Owner) -> None:
    way = OnItsWay(desk)
    batch_id = desk.purchase(ann, "20").batch_id
    desk.run(until=lambda: desk.operations.story(batch_id).status == "ALLOCATED")
    way.arrives()
    desk.run()
    check(desk, Counter())
    desk.batches.void(batch_id, "sold", "olga", dry_run=False)


def batch_that_is_overdue(desk: Desk, ann: Owner) -> None:
    """The exchange still knows its order; then it does not."""
    desk.world.nobody_sells()
    batch_id = desk.purchase(ann, "20").batch_id
    desk.run(until=lambda: desk.operations.story(batch_id).status == "WORKING")
    check(desk, Counter())
    desk.clock.forward(seconds=POLL_LIMIT.total_seconds())
    check(desk, Counter())
    desk.world.exchange = around(desk.world.fake, order=unknown, find=unknown)
    check(desk, Counter())
    desk.batches.void(batch_id, "lost", "olga", dry_run=False)
    desk.world.exchange = desk.world.fake


def batch_that_can_not_be_shared_out(desk: Desk, ann: Owner) -> None:
    """Its member's account is not as it was."""
    desk.purchase(ann, "20")
    balance = {"PK": {"S": "ann"}, "SK": {"S": "BALANCE"}}
    for change in ("-20", "20"):
        desk.dynamo.update_item(
            TableName="desk",
            Key=balance,
            UpdateExpression="ADD held_balance :change",
            ExpressionAttributeValues={":change": {"N": change}},
        )
        desk.run()


def events_of_the_bank(desk: Desk, ann: Owner) -> None:
    for n in range(2):
        desk.events.receive(an_event(desk, f"W{'A' * 25}-01", event_id=f"evt_{n}"))
    desk.events.park("evt_strange", "{}", "the bank's event is not understood")
    desk.interventions.dismiss("evt_1", "a test", "olga", dry_run=False)


def proposals(desk: Desk, ann: Owner) -> None:
    """Of what the bank has paid: one is dismissed, another one confirmed, and a third one can not be any more."""
    desk.world.simulated.set_outcome("pending", times=2)
    thing_id, other = withdraw(desk, ann), withdraw(desk, ann)
    desk.world.machines.run()
    dismissed = proposed(desk, thing_id, "1.00")
    check(desk, Counter())
    desk.proposals.dismiss(dismissed, "of another one", "olga", dry_run=False)
    confirmed = proposed(desk, thing_id, "1.00")
    proposed(desk, other, "1.00")
    check(desk, Counter())
    desk.proposals.confirm(confirmed, "so it is", "olga", dry_run=False)
    desk.world.simulated.decide(f"{other}-01", "complete")
    desk.events.receive(desk.world.simulated.event_of(f"{other}-01"))


def proposed(desk: Desk, thing_id: str, paid: str) -> str:
    told = desk.proposals.propose(
        "work decide-payout", thing_id, {"paid": paid}, "line 11", "its fee", "otto", dry_run=False
    )
    return told.id


def approved(desk: Desk, ann: Owner) -> None:
    """A payout that is over the limit."""
    desk.rules = replace(desk.rules, withdrawal_limit=Money(1_000_000))
    rich = desk.customer("rich", usd="11000.00")
    desk.clients(rich)
    desk.buy(rich, "101")
    thing_id = desk.cash_out(rich, "101").order_id
    desk.world.machines.run()
    check(desk, Counter())
    told = desk.proposals.propose("work approve-payout", thing_id, {}, None, "he was called", "otto", dry_run=False)
    desk.proposals.confirm(told.id, "so it is", "olga", dry_run=False)


def market_making(desk: Desk, ann: Owner) -> None:
    """One of its snapshots is the desk's by now; of what is missing at the custody one asset is booked as lost."""
    there, lost = Written(desk.market, ann), Quantity(7, USDT)
    desk.market.table.write(*shortages.found(None, lost, "7 are missing", desk.clock.at))
    check(desk, Counter())
    for command, thing in (
        ("snapshots take", there.parked),
        ("outgoing book-loss", shortages.shortage_id_of(USDT)),
    ):
        told = desk.proposals.propose(command, thing, {}, "line 11", "a gift", "otto", dry_run=False)
        desk.proposals.confirm(told.id, "so it is", "olga", dry_run=False)


def a_parked_payment(desk: Desk, invoice_id: str = "invoice-of-nobody") -> str:
    """Of an active dealer, for an invoice that no bill has."""
    message = desk.dealership.message(100_00)
    desk.dealership.payments.take(replace(message, payment=replace(message.payment, invoice_id=invoice_id)))
    return receipt_id(message.payment.payment_id)


def a_total_that_differs(desk: Desk) -> str:
    """Of a dealer's account: one message never comes, and the next one is there for a quarter of an hour."""
    desk.dealership.message(70_00)
    desk.dealership.pay(1_00)
    desk.clock.forward(minutes=16)
    desk.dealership.rounds.round(lambda: True)
    return store.account_id(desk.dealership.account())


def payments_of_dealers(desk: Desk, ann: Owner) -> None:
    """One waits for an invoice; of those that are parked, one is assigned, one dismissed, one looked at again, one not
    understood, and one left as it is; two operators have agreed on a total, which differs again."""
    dealership = desk.dealership
    dealership.active()
    dealership.billed(60_00)
    assigned, dismissed, again, left = [a_parked_payment(desk) for _ in range(4)]
    dealership.payments.park(b"no JSON", "a message of a payment is not understood: not JSON")
    check(desk, Counter())
    dealership.billed(invoice=False)
    early = a_parked_payment(desk, "invoice-that-is-being-made")
    assert desk.operations.story(early).status == "EARLY"
    contract = str(dealership.account().contract_id)
    for command, thing_id, terms in (
        ("payments assign", assigned, {"contract": contract}),
        ("payments dismiss", dismissed, {}),
    ):
        told = desk.proposals.propose(command, thing_id, terms, "line 11", "its payer called", "otto", dry_run=False)
        desk.proposals.confirm(told.id, "so it is", "olga", dry_run=False)
    desk.asking_again.replay_payment(again, "is it known by now?", "olga", dry_run=False)
    check(desk, Counter())
    dealership.rounds.round(lambda: True)
    statuses = [desk.operations.story(thing_id).status for thing_id in (assigned, dismissed, again, left)]
    assert statuses == ["SPREAD", "DISMISSED", "EARLY", "PARKED"]
    check(desk, Counter())
    total = a_total_that_differs(desk)
    told = desk.proposals.propose("payments agree-total", total, {}, "line 12", "it went back", "otto", dry_run=False)
    desk.proposals.confirm(told.id, "so it is", "olga", dry_run=False)
    desk.clock.forward(minutes=2)
    dealership.rounds.round(lambda: True)
    assert dealership.account().open_work is None
    assert a_total_that_differs(desk) == total  # again, and otherwise
    a_refund_that_is_contradicted(desk, total)
    other = dealership.active("cme-8")
    agreed = Refund(other.dealer_id, "COMMISSION", 1, 1_00, 1, "line 13", "olga, otto", desk.clock())
    desk.table.write(*dealer_refunds.agree(agreed))
    dealership.check()


def a_bill_that_is_overdue(desk: Desk, ann: Owner) -> None:
    """Its dealer is reminded, and reminded again; another dealer is not."""
    desk.dealership.active("cme-8")
    desk.dealership.billed(50_00, "cme-8")
    bill = overdue_bill(desk)
    check(desk, Counter())
    desk.dealership.rounds.round(lambda: True)
    check(desk, Counter())
    desk.asking_again.snooze_reminder(f"{bill.bill_id}:REMINDER", "called", "olga", dry_run=False)
    check(desk, Counter())
    desk.clock.forward(days=7)
    desk.dealership.rounds.round(lambda: True)
    check(desk, Counter())
    desk.asking_again.snooze_reminder(f"{bill.bill_id}:REMINDER", "called", "olga", dry_run=False)


def deposits_of_dealers(desk: Desk, ann: Owner) -> None:
    """One is let go, one kept, and one paid as two operators say."""
    dealership = desk.dealership
    let_go, kept = (dealership.leaving(name, moved=True) for name in ("cme-1", "cme-2"))
    paid = dealership.leaving("cme-3")
    dealership.active("cme-4")  # of whom nothing is open
    check(desk, Counter())
    dealership.run(seconds=1)
    for command, dealer_id in (("deposits let-go", let_go), ("deposits keep", kept), ("deposits paid", paid)):
        told = desk.proposals.propose(command, dealer_id, {}, "call 7", "he was called", "otto", dry_run=False)
        desk.proposals.confirm(told.id, "so it is", "olga", dry_run=False)
    dealership.run(seconds=61)
    statuses = [desk.operations.story(dealer_id).status for dealer_id in (let_go, kept, paid)]
    assert statuses == ["LEAVING", "ACTIVE", "LEFT"]
    for refund in dealership.system.all(records.Refund):
        dealership.system.settle_refund(refund.refund_id, "DONE")
    dealership.check()


def a_refund_that_is_contradicted(desk: Desk, account: str) -> None:
    """Asked for, the answer lost; then the billing system refuses what it pays back."""
    dealership = desk.dealership
    dealership.pay(5_00)
    for bill in dealership.bills.unpaid(CME_ID):
        dealership.corrections.change(bill.deal_id, "off", Change(cancelled=True))
    dealership.run()
    told = desk.proposals.propose("payments refund", account, {"sum": "1.00"}, "1", "his", "otto", dry_run=False)
    desk.proposals.confirm(told.id, "so it is", "olga", dry_run=False)
    dealership.trouble.drop_answer_next(AtBilling.REFUND)
    dealership.refunding.round(lambda: True)
    check(desk, Counter())
    dealership.refuses.add("refund")
    dealership.refunding.round(lambda: True)
    (waiting,) = desk.operations.work(["refunds"], overdue_only=False, limit=9)
    assert waiting.needs_person
    desk.clock.forward(minutes=16)
    dealership.rounds.round(lambda: True)  # its total differs still


SCENES: dict[str, Scene] = {
    "deposits of dealers": deposits_of_dealers,
    "market making": market_making,
    "payments of dealers": payments_of_dealers,
    "a bill that is overdue": a_bill_that_is_overdue,
    "orders in the book": orders_in_the_book,
    "a price that jumps": price_that_jumps,
    "an event of the bank": events_of_the_bank,
    "proposals": proposals,
    "a payout over the limit": approved,
    "a sale that never arrives": sale_that_never_arrives,
    "a sale that turns up": sale_that_turns_up,
    "a sale that nobody buys": sale_that_nobody_buys,
    "a sale bought in part": sale_that_is_bought_in_part,
    "a sale with a stray": sale_with_a_stray,
    "a sale that is lost": sale_that_is_lost,
    "pools": pools,
    "a batch that is voided": batch_that_is_voided,
    "a batch that turns up": batch_that_turns_up,
    "a batch that is overdue": batch_that_is_overdue,
    "a batch that can not be shared out": batch_that_can_not_be_shared_out,
    **{
        f"{name}, {what}": scene
        for name, begin in (("a cash-out", cash_out), ("a withdrawal", withdraw))
        for what, scene in (
            ("undisturbed", begin),
            ("rejected, retried", rejected(begin, "retry")),
            ("rejected, paid", rejected(begin, "mark_paid")),
            ("rejected, given back", rejected(begin, "give_back")),
            ("pending", pending(begin)),
            ("abandoned", abandoned(begin)),
            ("blocked", blocked(begin)),
            ("disputed", disputed(begin)),
        )
    },
}


@pytest.fixture(scope="module")
def played() -> dict[str, Seen]:
    """What the scenes of this module have come across."""
    return {}


@pytest.mark.parametrize("name", SCENES)
def test_what_is_listed_is_what_a_dry_run_does_not_refuse(name: str, played: dict[str, Seen]) -> None:
    """Two acts ask the exchange besides: a sale that is there is refused when some of it is executed, an overdue batch
    when the exchange still knows its order. A story does not ask the exchange."""
    seen: Seen = Counter()
    play(Desk(), SCENES[name], seen)
    played[name] = seen


def test_the_scenes_have_seen_every_act_possible_and_refused(played: dict[str, Seen]) -> None:
    if played.keys() != SCENES.keys():
        pytest.skip("needs all scenes of this module")
    always = {("deposit credit", False), ("users apart", False), ("users tier", False)}  # of whoever has an account
    expected = {(act.command, possible) for act in ACTS for possible in (True, False)} - always
    assert set().union(*played.values()) == expected


@pytest.mark.parametrize("scene", [cash_out, withdraw, pools], ids=lambda scene: scene.__name__)
@pytest.mark.parametrize("number", range(0, 90, 1 if SIMULATED else deep(18, 3)))
def test_that_is_so_wherever_a_process_has_ended(scene: Scene, number: int) -> None:
    """After each call of the outside, the table included, behind which a process may die."""
    beginning = Desk()
    beginning.list_asset("BTC", "100")
    beginning.list_exchange_asset()
    ann = beginning.customer(usd="2000.00")
    beginning.clients(ann)
    beginning.buy(ann, "10")
    desk = FaultyDesk.after(beginning, Faults(planned({number: CrashAfter()})))
    desk.world.simulated.set_outcome("fail", times=2)
    with suppress(Crash, Unavailable):
        scene(desk, ann)
    seen: Seen = Counter()
    for _ in range(8):
        desk.process()
        check(undisturbed(desk), seen)
        steps = iter(range(3))
        desk.run(until=lambda: next(steps, None) is None)  # noqa: B023
    desk.run()
    check(undisturbed(desk), seen)
    assert seen


def test_every_act_is_asked_for_by_a_route_that_there_is() -> None:
    operators = {
        f"{route.method} {re.sub('{.*?}', '{id}', route.path)}"
        for route in ROUTES
        if route.method == "POST" and route.path.startswith("/operations/") and "{" in route.path
    }
    of_no_item = {
        "POST /operations/trading-accounts/{id}/halt",
        "POST /operations/flows/{id}/halt",
        "POST /operations/flows/{id}/lift",
        "POST /operations/operators/{id}/sign-out",
        "POST /operations/users/{id}/own",
        "POST /operations/operators/{id}/disable",
    }
    assert {act.route for act in ACTS} == operators - of_no_item


def test_an_attempt_that_would_have_no_reference_is_not_offered(desk: Desk) -> None:
    desk.clients(ann := desk.customer())
    desk.world.simulated.set_outcome("fail")
    thing_id = withdraw(desk, ann)
    desk.run()
    payout = payouts.payout(desk.table, thing_id)
    for attempts, offered in ((ATTEMPTS_EVER - 1, True), (ATTEMPTS_EVER, False)):
        case = Case(
            keys.WITHDRAWAL,
            payout.status,
            desk.clock.at,
            payout=replace(payout, attempts=attempts),
            latest=payouts.latest(desk.table, payout),
        )
        commands = [act.command for act in acts.possible(thing_id, case)]
        assert ("withdrawals retry-payout" in commands, "withdrawals reject" in commands) == (offered, True)


def test_what_is_likeliest_is_offered_first(desk: Desk) -> None:
    desk.clients(ann := desk.customer())
    desk.world.simulated.set_outcome("fail")
    thing_id = withdraw(desk, ann)
    desk.run()
    offered = desk.operations.story(thing_id).acts
    assert [(act.command, act.route) for act in offered] == [
        (f"withdrawals {verb}", f"POST /operations/withdrawals/{thing_id}/{verb}")
        for verb in ("retry-payout", "complete", "reject")
    ]


# Of what is written, what each act is done to.
MARKET_MAKING = {
    "mm stop": "quoting",
    "mm halt": "running",
    "mm withdraw": "quoting",
    "mm home": "failed",
    "mm lift": "halt",
    "mm decide-deposit": "crediting",
    "mm decide-fills": "held_up",
    "mm look-back": "running",
    **dict.fromkeys(("mm decide-return", "mm withdraw-again", "mm keep-rest"), "returning"),
    **dict.fromkeys(("snapshots assign", "snapshots refund", "snapshots take"), "parked"),
    "outgoing book-loss": "short",
    "outgoing call-off": "late",
    "snapshots skip-tie": "tie",
    "snapshots settle-tie": "untaken",
    "outgoing decide": "doubted",
    "outgoing resend": "refused",
    "outgoing retry": "refused",
}


def stuck(desk: Desk, ann: Owner, command: str) -> str:
    """The id of something that this may be done to."""
    of = command.partition(" ")[0]
    if command in MARKET_MAKING:
        stuck: str = getattr(Written(desk.market, ann), MARKET_MAKING[command])
        return stuck
    if of == "prices":
        desk.jump("BTC", "75")
        return "BTC"
    if of in ("users", "deposit"):
        return ann.username
    if of == "orders":
        return desk.buy(ann, "1", order_price="90").order_id
    if of == "batches":
        return desk.purchase(ann, "20").batch_id
    if of == "dealers":
        return desk.dealership.active().dealer_id
    if of == "deposits":
        return desk.dealership.leaving(moved=not command.endswith("paid"))
    if of == "payments":
        desk.dealership.active()
        if command.endswith("identify"):
            desk.dealership.payments.park(b"no JSON", "a message of a payment is not understood: not JSON")
            return receipt_id_of(b"no JSON")
        if command.endswith("recall"):
            message = desk.dealership.message(100_00)
            desk.dealership.payments.take(message)
            return receipt_id(message.payment.payment_id)
        if command == "payments retry-refund":
            a_refund_that_is_contradicted(desk, store.account_id(desk.dealership.account()))
            (waiting,) = desk.operations.work(["refunds"], overdue_only=False, limit=9)
            return waiting.id
        return a_total_that_differs(desk) if command.endswith(("total", "refund")) else a_parked_payment(desk)
    if of == "reminders":
        bill = overdue_bill(desk)
        desk.dealership.rounds.round(lambda: True)
        return f"{bill.bill_id}:REMINDER"
    if of == "strays":
        return a_stray(desk, cash_out(desk, ann))
    if of == "parked":
        desk.world.simulated.set_outcome("pending")
        reference = f"{withdraw(desk, ann)}-01"
        desk.events.receive(an_event(desk, reference, event_id="evt_early", amount=Money(40)))
        desk.world.machines.run()
        return "evt_early"
    if command == "work approve-payout":
        desk.accounts.deposit(ann, "more", Money(11_000))
        desk.rules = replace(desk.rules, withdrawal_limit=Money(1_000_000))
        desk.buy(ann, "101")
        thing_id = desk.cash_out(ann, "101").order_id
        desk.world.machines.run()
        return thing_id
    if command in ("offramp void", "work decide-order"):
        desk.world.nobody_buys()
        thing_id = cash_out(desk, ann)
        desk.clock.forward(minutes=2)
        return thing_id
    if command.endswith(("redrive", "abandon-attempt", "decide-payout")) or of == "proposals":
        desk.world.simulated.set_outcome("pending")
        thing_id = (cash_out if of == "offramp" else withdraw)(desk, ann)
        desk.world.machines.run()
        desk.world.machines.restart()
        return proposed(desk, thing_id, "39.00") if of == "proposals" else thing_id
    desk.world.simulated.set_outcome("fail", times=5)
    thing_id = (cash_out if of == "offramp" else withdraw)(desk, ann)
    desk.run()
    return thing_id


@pytest.mark.parametrize("command", sorted({act.command for act in ACTS}))
def test_an_act_is_audited_in_the_words_of_its_command(desk: Desk, command: str) -> None:
    desk.list_exchange_asset()
    desk.clients(ann := desk.customer(usd="2000.00"))
    desk.buy(ann, "10")
    thing_id = stuck(desk, ann, command)
    assert ask(desk, command, thing_id, dry_run=False).done
    entry, *_ = desk.operations.audit(f"{desk.clock.at:%Y-%m-%d}", limit=10, after=None).items
    assert (entry.action, entry.subject, entry.operator) == (command, thing_id, "olga")
