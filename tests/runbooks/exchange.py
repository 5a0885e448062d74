"""Incidents of sales and purchases at the exchange."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import date
from decimal import Context, Decimal, Inexact
from typing import Any, NoReturn

from botocore.exceptions import EndpointConnectionError

from common.domain import halts
from common.errors import Refusal
from common.gateways.exchange import ExchangeOrderUnknown, ExchangeUnavailable
from common.money import Money
from functions.offramp import model
from functions.purchases.model import BatchStatus
from sandbox.bank.bank import Operation
from tests.console.test_orphans import sale_at_the_exchange
from tests.market_making.market import ACCOUNT as TRADING
from tests.offramp.test_not_believed import lies
from tests.operations.drifts import get, put
from tests.purchases.test_dead_exchange import bought_at_a_dead_exchange
from tests.runbooks.custody import market_of
from tests.runbooks.on_call import OnCall, Way, nothing_more
from tests.runbooks.page import read
from tests.runbooks.payouts import Facts, ann
from tests.seen import OnItsWay, around, at_the_exchange, coins, intent


def silent(*_: Any) -> NoReturn:
    raise ExchangeUnavailable("the exchange can not be reached", what="connection")


def unknown(*_: Any) -> NoReturn:
    raise ExchangeOrderUnknown("there is no such order")


def starts_none(*_: Any, **__: Any) -> NoReturn:
    raise EndpointConnectionError(endpoint_url="https://states.test")


def breaks(*_: Any, **__: Any) -> NoReturn:
    raise KeyError("nobody had thought of this")


def gone(on_call: OnCall, *, bought: bool = True) -> Facts:
    """The exchange has filled a sale, and is gone before it has said so."""
    desk = on_call.desk
    owner = ann(desk)
    if not bought:
        desk.world.nobody_buys()
    order_id = desk.cash_out(owner, "1").order_id
    desk.world.exchange = around(desk.world.fake, order=silent, find=silent, cancel=silent)
    desk.run(days=0.2)
    return {"ID": order_id, "--executed": "1", "--gross": "100.00", "--fee": "0.10", "ASSET": "BTC"}


def gone_before_it_was_filled(on_call: OnCall) -> Facts:
    return gone(on_call, bought=False) | {"--executed": "0", "--gross": "0"}


def back_again(on_call: OnCall) -> Facts:
    found = gone(on_call)
    on_call.desk.world.exchange = on_call.desk.world.fake
    return found


def batch_without_an_answer(on_call: OnCall) -> Facts:
    """It was sent, and the exchange has not answered since; it has bought it."""
    desk = on_call.desk
    desk.list_exchange_asset()
    batch_id = bought_at_a_dead_exchange(desk, desk.customer("ann"), BatchStatus.PLACED).batch_id
    return {"BATCH": batch_id, "--executed": "1", "--gross": "100.00", "--fee": "0.10"}


def batch_that_never_came(on_call: OnCall) -> Facts:
    desk = on_call.desk
    desk.list_exchange_asset()
    owner = desk.customer("ann")
    desk.world.exchange = around(desk.world.fake, place=silent, order=silent, find=silent, cancel=silent)
    batch_id = desk.purchase(owner, "100").batch_id
    desk.run(days=0.2)
    return {"BATCH": batch_id, "--executed": "0", "--gross": "0"}


def not_believed(on_call: OnCall) -> Facts:
    """It tells that a coin has brought a million."""
    desk = on_call.desk
    owner = ann(desk)
    lies(desk, gross=Money(1_000_000))
    order_id = desk.cash_out(owner, "1").order_id
    desk.run(days=0.01)
    return {"ID": order_id, "--executed": "1", "--gross": "100.00", "--fee": "0.10"}


def hold_too_small(on_call: OnCall) -> Facts:
    """Somebody has changed the account in the table while its order was at the exchange, and puts it back."""
    desk = on_call.desk
    owner = ann(desk)
    order_id = desk.cash_out(owner, "1").order_id
    key = {"PK": {"S": "ann"}, "SK": {"S": "ASSET#BTC"}}
    kept = desk.dynamo.get_item(TableName="desk", Key=key)["Item"]
    put(desk, {**kept, "held_quantity": {"N": "0.5"}})
    desk.run(days=0.01)
    on_call.mended = lambda: put(desk, kept)
    return {"ID": order_id}


def too_fine(on_call: OnCall) -> Facts:
    """The exchange tells of more digits than there is room for. Sums have room for eighty, so that no fill which is
    believed has too many; here those of a sale have room for three."""
    desk = on_call.desk
    owner = ann(desk)
    desk.world.exchange = around(
        desk.world.fake, order=lambda real, *asked: replace(real(*asked), gross=Money("99.995123456"))
    )
    order_id = desk.cash_out(owner, "1").order_id
    on_call.patch.setattr(model, "EXACT", Context(prec=3, traps=[Inexact]))
    desk.run(days=0.01)
    return {"ID": order_id, "--executed": "1", "--gross": "100.00", "--fee": "0.10"}


def sale_turned_up(on_call: OnCall) -> Facts:
    """An order that the exchange did not know is there after all."""
    desk = on_call.desk
    owner = ann(desk)
    way = OnItsWay(desk)
    desk.world.nobody_buys()
    with suppress(Refusal):
        desk.cash_out(owner, "1")
    desk.run(until=lambda: coins(desk, owner) == (3, 0))
    way.arrives()
    desk.run()
    return {"ID": intent(desk)}


def batch_turned_up(on_call: OnCall) -> Facts:
    desk = on_call.desk
    desk.list_exchange_asset()
    owner = desk.customer("ann")
    way = OnItsWay(desk)
    desk.world.nobody_sells()
    asked = desk.purchase(owner, "100")
    desk.run(until=lambda: desk.purchases.purchase(owner, asked.order_id).status == "FAILED")
    way.arrives()
    desk.run()
    return {"ID": asked.batch_id}


def stray_turned_up(on_call: OnCall) -> Facts:
    """An answer came after the customer had asked again: of the two orders one is nobody's."""
    desk = on_call.desk
    owner = ann(desk)
    desk.world.nobody_buys()

    def place(real: Any, *asked: Any) -> str:
        desk.world.exchange = desk.world.fake
        desk.run()
        desk.mark("BTC", "100")
        desk.cash_out(owner, "1", key="k")
        return str(real(*asked))

    desk.world.exchange = around(desk.world.fake, place=place)
    desk.cash_out(owner, "1", key="k")
    desk.world.bid("100", "1")
    desk.run()
    (stray,) = (item["PK"]["S"] for item in desk.dynamo.items() if item["entity_type"]["S"] == "stray_order")
    assert len(at_the_exchange(desk)) == 2
    return {"ID": stray}


def traded_by_hand(on_call: OnCall) -> Facts:
    """Somebody has sold with the desk's key, and the day is over."""
    desk = on_call.desk
    day = desk.clock.at.date()
    sale_at_the_exchange(desk)
    desk.clock.forward(days=1)
    desk.comparing_exchange.round(lambda: True)
    (stray,) = (item["PK"]["S"] for item in desk.dynamo.items(having="open_work"))
    return {"Z…": stray, "--date": date.isoformat(day)}


def deposited_by_a_stranger(on_call: OnCall) -> Facts:
    """Something comes to a trading account that no order waits for, and the day is over."""
    desk = on_call.desk
    day, market = desk.clock.at.date(), market_of(on_call)
    address = market.exchange.wallet.networks.named("USDT", "TRX").form.address_of(TRADING)
    market.exchange.wallet.deposits.deliver("USDT", "TRX", *address, Decimal(70), "a-hash")
    desk.clock.forward(days=1)
    desk.comparing_exchange.round(lambda: True)
    (stray,) = (item["PK"]["S"] for item in desk.dynamo.items(having="open_work"))
    return {"Z…": stray, "--date": date.isoformat(day), "ACCOUNT": TRADING}


def share_refused(on_call: OnCall) -> Facts:
    """The account of a batch's member is under another login in the table, and is put back."""
    desk = on_call.desk
    desk.list_exchange_asset()
    owner = desk.customer("ann")
    batch_id = desk.purchase(owner, "100").batch_id
    kept = get(desk, "ann", "BALANCE")
    put(desk, kept | {"sub": {"S": "another-sub"}})
    desk.run(days=0.1)
    on_call.mended = lambda: put(desk, kept)
    return {"ID": batch_id}


def never_looked_for(on_call: OnCall) -> Facts:
    """The exchange never had a sale. Its machine breaks when it is to look for it at last, and none is started anew."""
    desk = on_call.desk
    owner = ann(desk)
    OnItsWay(desk)
    with suppress(Refusal):
        desk.cash_out(owner, "1")
    desk.run(until=lambda: coins(desk, owner) == (3, 0))
    desk.world.exchange = around(desk.world.fake, order=breaks, find=breaks)
    desk.run(days=0.02, sweep=False)
    desk.world.client = around(desk.world.machines, start_execution=starts_none)
    desk.clock.forward(hours=1)

    def mended() -> None:
        desk.world.client, desk.world.exchange = desk.world.machines, desk.world.fake

    on_call.mended = mended
    return {"ID": intent(desk)}


def pool_past_its_time(on_call: OnCall) -> Facts:
    """Nobody closes pools, and one has not reached its minimum by its deadline."""
    desk = on_call.desk
    desk.list_exchange_asset(pool_shards=1)
    desk.purchase(desk.customer("ann"), "4")
    desk.clock.forward(days=2)
    return {}


def batch_past_its_time(on_call: OnCall) -> Facts:
    """One that is closed, and that nothing moves."""
    desk = on_call.desk
    desk.list_exchange_asset(pool_shards=1)
    batch_id, _ = (desk.purchase(desk.customer(name), "6").batch_id for name in ("ann", "bob"))
    desk.world.client = around(desk.world.machines, start_execution=starts_none)
    desk.clock.forward(days=2)
    return {"BATCH": batch_id}


def bank_account_is_empty(on_call: OnCall) -> Facts:
    """That payouts are paid from; it is filled."""
    desk = on_call.desk
    owner = ann(desk)
    desk.world.simulated.fail_next("no_funds", Operation.CREDIT, 1)
    order_id = desk.cash_out(owner, "1").order_id
    desk.run(days=0.1)
    return {"ID": order_id}


def exchange_refuses_the_desk(on_call: OnCall) -> Facts:
    desk = on_call.desk
    owner = ann(desk)
    desk.world.fake.refuse_next(ours=True)
    with suppress(Refusal):
        desk.cash_out(owner, "1")
    return {"ID": intent(desk), "ASSET": "BTC"}


def nobody_buys(on_call: OnCall) -> Facts:
    """The exchange does not end a sale."""
    desk = on_call.desk
    owner = ann(desk)
    desk.world.nobody_buys()
    order_id = desk.cash_out(owner, "1").order_id
    desk.run(days=0.01)
    desk.clock.forward(hours=2)
    return {"ID": order_id}


def no_machine(on_call: OnCall) -> Facts:
    """Step Functions starts none for an hour; a sale was executed meanwhile."""
    desk = on_call.desk
    owner = ann(desk)

    desk.world.client = around(desk.world.machines, start_execution=starts_none)
    order_id = desk.cash_out(owner, "1").order_id
    desk.clock.forward(hours=1)
    on_call.mended = lambda: setattr(desk.world, "client", desk.world.machines)
    return {"ID": order_id}


def batch_without_a_machine(on_call: OnCall) -> Facts:
    desk = on_call.desk
    desk.list_exchange_asset()
    owner = desk.customer("ann")

    desk.world.client = around(desk.world.machines, start_execution=starts_none)
    batch_id = desk.purchase(owner, "100").batch_id
    desk.clock.forward(hours=1)
    desk.sweep()
    desk.world.client = desk.world.machines
    return {"ID": batch_id}


def buggy(on_call: OnCall) -> Facts:
    """A task breaks on something that nobody had thought of, until it is mended."""
    desk = on_call.desk
    owner = ann(desk)

    desk.world.nobody_buys()
    order_id = desk.cash_out(owner, "1").order_id
    desk.world.exchange = around(desk.world.fake, order=breaks, find=breaks)
    desk.run(days=0.08)
    desk.world.bid("100", "1")
    return {"ID": order_id}


def bug_in_a_round(on_call: OnCall) -> Facts:
    """The sweeper meets what nobody had thought of, until it is mended."""
    desk = on_call.desk
    found = no_machine(on_call) | {"USERNAME": "ann"}

    desk.world.client = around(desk.world.machines, start_execution=breaks)
    return found


def read_wrongly(on_call: OnCall) -> Facts:
    return not_believed(on_call) | {"ASSET": "BTC"}


def adapter_is_mended(on_call: OnCall) -> None:
    """And deployed; what waits is asked for again."""
    on_call.desk.world.exchange = on_call.desk.world.fake
    on_call.desk.interventions.redrive(on_call.facts["ID"], "mended", "olga", dry_run=False)
    on_call.desk.run()


def well_again(on_call: OnCall) -> None:
    """It knows of its orders, and tells them as they are."""
    on_call.desk.world.exchange = on_call.desk.world.fake
    on_call.desk.run()


def pools_are_closed(on_call: OnCall) -> None:
    on_call.desk.close_pools()
    on_call.desk.run()


def machines_start(on_call: OnCall) -> None:
    on_call.desk.world.client = on_call.desk.world.machines
    on_call.desk.run()


def let_go(on_call: OnCall) -> None:
    """Whose deposit it was is known."""
    on_call.desk.halting.lift(halts.halt_id_of(TRADING), "it was a test of ours", "otto", dry_run=False)


def mistaken(on_call: OnCall) -> None:
    """Somebody has proposed that nothing was bought, and looked once more; then the exchange answers."""
    propose, *_ = read("batch-placed").step("has no order under our id").commands
    on_call.types(propose)
    on_call.desk.world.exchange = on_call.desk.world.fake


def has_forgotten(on_call: OnCall) -> None:
    """It answers again, and has none of its orders."""
    on_call.desk.world.exchange = around(on_call.desk.world.fake, order=unknown, find=unknown)
    on_call.desk.run()


PERSON = ("WorkNeedsPerson",)
WAYS = [
    Way("exchange-gone", "It comes back", back_again, rings=PERSON),
    Way("exchange-gone", "Nothing of the order was executed", gone_before_it_was_filled, has_forgotten, rings=PERSON),
    Way("exchange-gone", "Some of it was executed", gone, rings=PERSON, afterwards=True),
    Way("batch-placed", "silent for a while", batch_without_an_answer, mistaken, rings=PERSON, afterwards=True),
    Way("batch-placed", "has no order under our id", batch_that_never_came, has_forgotten, rings=PERSON),
    Way("batch-placed", "The statement has the order", batch_without_an_answer, rings=PERSON),
    Way("fills-not-believed", "Ask again", not_believed, well_again),
    Way("fills-not-believed", "will not correct it", not_believed),
    Way("fills-not-believed", "we read it wrongly", read_wrongly, adapter_is_mended),
    Way("work-overdue", "the exchange to execute the sale", nobody_buys),
    Way("work-overdue", "its first payout attempt", no_machine),
    Way("work-overdue", "to be placed at the exchange", batch_without_a_machine),
    Way("executions-failed", "`Unclear`, at once", buggy, well_again, rings=()),
    Way("bug", "One customer, one order", bug_in_a_round),
    Way("fill-not-written", "It is the account", hold_too_small, rings=PERSON),
    Way("fill-not-written", "It is the amounts", too_fine, rings=PERSON, tells=("in its amounts",)),
    Way("orders-turned-up", "a sale, `S…`", sale_turned_up),
    Way("orders-turned-up", "a batch, `B…`", batch_turned_up),
    Way("orders-turned-up", "a stray, `Z…`", stray_turned_up),
    Way("exchange-off", "When it is dealt with", traded_by_hand, nothing_more, afterwards=True),
    Way(
        "exchange-off",
        ("*A deposit*", "When it is dealt with"),
        deposited_by_a_stranger,
        let_go,
        leads_on=1,
        tells=("a deposit of account mm1 of 70 USDT",),
    ),
    Way("needs-person", "members can not get their shares", share_refused, rings=PERSON),
    Way("work-overdue", "a last look whether the exchange has", never_looked_for),
    Way(
        "work-overdue",
        "its pool to reach",
        pool_past_its_time,
        pools_are_closed,
        leaves=("work show BATCH",),
        tells=("its pool to reach $10.00",),
    ),
    Way(
        "work-overdue",
        "its pool to reach",
        batch_past_its_time,
        machines_start,
        leaves=("work show SOL:0",),
        tells=("batch {BATCH}", "CLOSED"),
    ),
    Way("desk-refused", "insufficient funds", bank_account_is_empty),
    Way("desk-refused", "Funds, or a limit", exchange_refuses_the_desk),
]
