"""What each function asks of AWS, recorded while the desk lives, held against what `infra/grants.py` lets it do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from functools import cache, partial
from itertools import chain, product
from typing import Any
from unittest.mock import patch

import pytest

from common import keys
from common.clock import text
from common.domain import work
from common.domain.clients import ClientStatus
from common.domain.fees import Tier
from common.gateways import configured
from common.gateways.bank import BankEvent, State, baas
from common.money import Money
from common.owner import Owner
from common.pages import Cursors
from functions.billing import tasks as billing_tasks
from functions.market_making import tasks as market_making_tasks
from functions.notifications import changes as notifications_changes
from functions.notifications import schedule as notifications_schedule
from functions.offramp import tasks as offramp_tasks
from functions.offramp.model import SaleUnresolved
from functions.operations import schedule as operations_schedule
from functions.operations.service.comparing_exchange import ExchangeSide
from functions.orders import schedule as orders_schedule
from functions.payouts import tasks as payouts_tasks
from functions.purchases import schedule as purchases_schedule
from functions.purchases import tasks as purchases_tasks
from functions.purchases.model import BatchNotStuck
from infra.contexts import Route, contexts
from infra.grants import (
    GRANTS,
    PAYOUT,
    TOKEN,
    TOKEN_FAILS,
    Grant,
    Secret,
)
from sandbox.prices.oracle import Oracle
from tests import openapi
from tests.calls import CALLS, World, called, entitled, every_route, path
from tests.desk import Desk
from tests.doors import APIS, ROUTES, Client, modules_of, opened, routed
from tests.harness.apart import apart
from tests.harness.invocation import Invocation
from tests.infra import billing, market_making
from tests.infra.recorder import Recorder
from tests.notifications.hooks import change_of
from tests.seen import OnItsWay

TASKS = {
    "billing": billing_tasks,
    "market_making": market_making_tasks,
    "offramp": offramp_tasks,
    "payouts": payouts_tasks,
    "purchases": purchases_tasks,
}


def granted(grant: Grant) -> set[str]:
    """What a grant allows, in words."""
    return {
        *grant.table,
        *(index.name for index in grant.indexes),
        *grant.secrets,
        *grant.data_keys,
        *(f"{action} for persons" for action in grant.person_keys),
        *grant.anchors,
        *grant.operators,
        *(f"{action} of {machine}" for machine, actions in grant.machines.items() for action in actions),
    }


def watched(recorder: Recorder, desk: Desk) -> Desk:
    """Whatever the desk asks of AWS from now on is recorded."""
    world = desk.world
    desk.client = recorder.table(desk.dynamo)
    desk.webhook_key = partial(_read, recorder, desk.webhook_key)
    world.client = recorder.states(world.machines)
    billing.seals(recorder, desk.dealership)
    desk.kms = recorder.kms(desk.kms, whose=" for persons")
    of_the_audit = desk.anchors
    desk.anchors = replace(of_the_audit, kms=recorder.kms(of_the_audit.kms), s3=recorder.s3(of_the_audit.s3))
    desk.operator_pool = replace(desk.operator_pool, client=recorder.user_pool(desk.operator_pool.client))
    world.exchange = recorder.reads(Secret.EXCHANGE_KEY, world.fake)
    world.bank = recorder.reads(Secret.BANK_KEY, world.simulated)
    market = desk.market
    market.books, market.reader, market.maker = (
        recorder.reads(Secret.READING_KEYS, market.maker),
        recorder.reads(Secret.READING_KEYS, market.maker),
        recorder.reads(Secret.TRADING_KEYS, market.maker),
    )
    return desk


def _read(recorder: Recorder, key: Callable[[], bytes]) -> bytes:
    recorder.secret(Secret.WEBHOOK_KEY)
    return key()


@cache
def recorded() -> Recorder:
    """Every route once and again, every machine through all that can happen to it, and every round of the clock."""
    recorder = Recorder()
    with ExitStack() as stack:
        for context, of in TASKS.items():
            for name in tasks_of(context):
                asked = recorder.as_(f"{context}.{name}", getattr(of, name))
                stack.enter_context(patch.object(of, name, asked))
        routes(recorder)
        by_hand(recorder)
        for life in (*LIVES, *market_making.LIVES, *billing.LIVES):
            life(recorder)
        rounds(recorder)
        telling(recorder)
    return recorder


def tasks_of(name: str) -> tuple[str, ...]:
    return next(context.tasks for context in contexts() if context.name == name)


def routes(recorder: Recorder) -> None:
    """Each in the same world, as if it were the first."""
    alone = list(together(every_route()))
    for dead in (False, True):  # a name that has ended is described, and the next one started
        world = World.made()
        if dead:
            world.desk.world.machines.restart()
        of_machines = []
        for one_by_one in alone:
            asked = apart(partial(asked_by, one_by_one, world, recorder))
            for function, what in asked.items():
                recorder.asked[function] |= what
            if any(" of " in each for what in asked.values() for each in what):
                of_machines.append(one_by_one)
        alone = of_machines  # who asks nothing of a machine does not see that it is dead


def together(every: Sequence[Route]) -> Iterator[list[Route]]:
    """Which of them are asked one after the other in one world: those that only read change nothing."""
    yield [route for route in every if route.method == "GET"]
    yield from ([route] for route in every if route.method != "GET")


def asked_by(routes: Sequence[Route], world: World, recorder: Recorder) -> dict[str, set[str]]:
    """In a process of its own."""
    recorder.asked.clear()
    desk = watched(recorder, world.desk)
    for route in routes:
        ask_again(route, world, desk, recorder)
    return dict(recorder.asked)


def ask_again(route: Route, world: World, desk: Desk, recorder: Recorder) -> None:
    with opened(desk) as doors, signing(recorder):
        api = ROUTES[route]
        ask = recorder.as_(api, called)
        who = entitled(doors, route)
        for _ in range(2):
            ask(doors, world, route, who.token)
        if route.method == "GET":  # a page that is not the last, of one asset
            known = {parameter["name"] for parameter in openapi.operation(route).get("parameters", [])}
            asked = {name: value for name, value in {"limit": "1", "asset_id": "BTC"}.items() if name in known}
            asked = {**CALLS[route].query, **asked}
            recorder.as_(api, who.send)("GET", path(route, world), query=asked)


def by_hand(recorder: Recorder) -> None:
    """Of what the routes do only where something came before: a rejected attempt, another machine, an event's token."""
    world = World.made()
    desk = watched(recorder, world.desk)
    desk.world.simulated.set_outcome("refuse")
    desk.world.machines.run()
    with opened(desk) as doors, signing(recorder):
        olga, because = doors.operator(), {"reason": "ticket 4713"}

        def asked(at: str, by: Client = olga, **more: str) -> str:
            route = routed("POST", at)
            assert route is not None
            post = recorder.as_(ROUTES[route], by.post)
            assert post(at, {**because, **more, "dry_run": True}).status == 200
            answer = post(at, {**because, **more})
            assert answer.status == 200, answer.text
            return str(answer.json["id"])

        asked(f"/operations/withdrawals/{world.withdrawal}/reject")
        paid_otherwise = asked(f"/operations/sell-orders/{world.unpaid}/mark-filled", reference="wire 42")
        asked(f"/operations/proposals/{paid_otherwise}/confirm", doors.operator("otto"))
        event = baas.event(doors.signed(world.told), world.told, configured.webhook_secrets(), now=desk.clock)
        item = withdrawn(desk, f"{world.paying}-01")
        desk.events.receive(event)
        desk.dynamo.put_item(TableName="desk", Item=item)
        asked(f"/operations/parked/{event.event_id}/replay")
        paid = desk.accounts.withdraw(Owner("ann", "sub-ann"), "x", Money(1), "ann-bank").made.transfer_id
        desk.mark("SOL", "100")
        batch = desk.purchase(Owner("ann", "sub-ann"), "20").batch_id
        drawn = recorder.as_(ROUTES[Route("GET", "/operations/machines/{machine}")], olga.get)
        assert {drawn(f"/operations/machines/{machine}").status for machine in keys.MACHINES} == {200}
        assert drawn("/operations/machines").status == 200
        assert {drawn(f"/operations/machines/{machine}/executions").status for machine in keys.MACHINES} == {200}
        desk.world.machines.restart()
        asked(f"/operations/work/{paid}/redrive")
        asked(f"/operations/work/{batch}/redrive")
        asked(f"/operations/work/{world.unsold}/redrive")
        recorder.as_("operations.api", olga.get)("/operations/audit", date="2026-11-21", limit=1)
        desk.customer("gina")
        desk.customer("hugo")  # whose first accounts these are
        asks = {"kind": "BANKING", "account_id": "acc-gina"}
        assert recorder.as_("accounts.api", doors.customer("gina").post)("/clients", asks, key="first").status == 202
        first = {"username": "hugo", "account_id": "acc-hugo", **because}
        saved = recorder.as_("operations.api", olga.put)("/operations/clients/hugo-bank/banking", first)
        assert saved.status == 200, saved.text
        desk.list_asset("BTC", "100", fees_bps={Tier.STANDARD: 30, Tier.GOLD: 10})
        quoted = {"asset_id": "BTC", "order_type": "BUY", "quantity": "1"}
        answer = recorder.as_("orders.api", doors.customer().post)("/quotes", quoted, key="tiers")
        assert answer.status == 201, answer.text


def withdrawn(desk: Desk, reference_id: str) -> Any:
    """The attempt's item, taken out of the table."""
    order_id, _, number = reference_id.partition("-")
    key = {"PK": {"S": order_id}, "SK": {"S": f"PAYOUT#{number}"}}
    item = desk.dynamo.get_item(TableName="desk", Key=key)["Item"]
    desk.dynamo.delete_item(TableName="desk", Key=key)
    return item


def signing(recorder: Recorder) -> ExitStack:
    """Cursors and webhooks read their secrets, as in Lambda."""
    stack, said = ExitStack(), configured.webhook_secrets

    def webhooks() -> Any:
        recorder.secret(Secret.BANK_WEBHOOK)
        return said()

    stack.enter_context(patch.object(configured, "webhook_secrets", webhooks))
    for module in chain.from_iterable(map(modules_of, APIS.values())):
        if hasattr(module, "cursors"):
            noted = signed_cursors(recorder, module.cursors())
            stack.enter_context(patch.object(module, "cursors", cache(partial(_same, noted))))
    return stack


def unlisted(desk: Desk, owner: Owner) -> None:
    """He came before there was a list of users."""
    pk, sk = keys.USER(username=owner.username)
    item = desk.dynamo.get_item(TableName="desk", Key={"PK": {"S": pk}, "SK": {"S": sk}})["Item"]
    before = {name: value for name, value in item.items() if not name.startswith("listed")}
    desk.dynamo.put_item(TableName="desk", Item=before)


def signed_cursors(recorder: Recorder, cursors: Cursors) -> Cursors:
    def key() -> bytes:
        recorder.secret(Secret.CURSOR_KEY)
        return cursors.key()

    return Cursors(key, cursors.now)


def _same(cursors: Cursors) -> Cursors:
    return cursors


def trading(recorder: Recorder) -> tuple[Desk, Any]:
    desk = Desk()
    desk.list_asset("BTC", "100")
    ann = desk.customer(usd="5000.00")
    desk.clients(ann)
    desk.buy(ann, "9")
    return watched(recorder, desk), ann


def sales(recorder: Recorder) -> None:
    """Filled, half filled, not at all, never; paid, refused, failed, and paid without a word."""
    for quantity in ("1", "1.444", "1.666", "0.0555"):
        desk, ann = trading(recorder)
        desk.cash_out(ann, quantity)
        desk.run()
    desk, ann = trading(recorder)
    desk.world.simulated.fail_before_next("credit")  # it is sent once more
    desk.accounts.withdraw(ann, "w", Money(10), "ann-bank")
    desk.run()
    for outcome in ("fail", "refuse"):
        desk, ann = trading(recorder)
        desk.world.simulated.set_outcome(outcome)
        desk.cash_out(ann, "1")
        desk.accounts.withdraw(ann, "w", Money(10), "ann-bank")
        desk.run()
    desk, ann = trading(recorder)
    desk.accounts.withdraw(ann, "w", Money("10.54"), "ann-bank")  # no webhook will come
    desk.run()


def unanswered_sales(recorder: Recorder) -> None:
    """The exchange has the order and has not said so; or it never came; or it turned up after all."""
    for lost in ("place", "find"):
        desk, ann = trading(recorder)
        desk.world.fake.drop_answer_next("place") if lost == "find" else desk.world.fake.fail_before_next("place")
        desk.world.fake.fail_before_next("find")
        with pytest.raises(Exception, match="has not said"):
            desk.cash_out(ann, "1", key="k")
        if lost == "find":  # its first execution dies, and is not there to be started when a repeat finds the order
            desk.world.fake.down = True
            desk.run(until=partial(bool, desk.world.machines.executions))
            desk.world.machines.restart()
            desk.world.fake.down = False
            recorder.as_("offramp.api", desk.cash_out)(ann, "1", key="k")
        desk.run()


def turned_up(recorder: Recorder) -> None:
    """The last look finds an order that the exchange did not have."""
    desk, ann = trading(recorder)
    _turned_up(desk, lambda: desk.cash_out(ann, "1"))
    another, bob = buying(recorder)
    _turned_up(another, lambda: another.purchase(bob, "20"))


def _turned_up(desk: Desk, ask: Callable[[], object]) -> None:
    way = OnItsWay(desk)
    with suppress(SaleUnresolved):
        ask()
    desk.run(until=lambda: "NEVER" in repr(desk.dynamo.items()))
    way.arrives()
    desk.run()
    assert "TURNED_UP" in repr(desk.dynamo.items())


def payouts_in_the_way(recorder: Recorder) -> None:
    """A client is blocked; the bank contradicts itself; a decision comes before the token is kept."""
    desk, ann = trading(recorder)
    asked = desk.accounts.withdraw(ann, "w", Money(10), "ann-bank").made.transfer_id
    desk.clients(ann, ClientStatus.BLOCKED)
    desk.run()
    desk.clients(ann)
    desk.by_hand("retry", asked, "unblocked", "olga")
    desk.run()
    for kind in ("withdrawal", "sale"):
        desk, ann = trading(recorder)
        thing = desk.accounts.withdraw(ann, "w", Money(10), "ann-bank").made.transfer_id if kind == "withdrawal" else ""
        thing = thing or desk.cash_out(ann, "1").order_id
        desk.world.machines.run()
        desk.clock.forward(seconds=5)
        desk.world.simulated.settle()
        for event in desk.world.simulated.take_events():
            desk.events.receive(event)
        with patch.object(payouts_tasks, "payouts", lambda desk=desk: desk.payouts):
            awaited = recorder.as_("payouts.await_payout", payouts_tasks.await_payout)
            awaited({"id": thing, "token": "late"}, Invocation(55))
            awaited({"id": thing[:1] + "A" * 25, "token": "lost"}, Invocation(55))


def decided_sales(recorder: Recorder) -> None:
    """While its machine waits, the bank tells what became of a sale's payout: at once, or once it is replayed."""
    for function, outcome in product(("payouts.webhook", "operations.api"), ("complete", "fail")):
        desk, ann = trading(recorder)
        desk.world.simulated.set_outcome(outcome)
        order_id = desk.cash_out(ann, "1").order_id
        desk.world.machines.run()
        desk.clock.forward(seconds=5)
        desk.world.simulated.settle()
        (event,) = desk.world.simulated.take_events()
        if function == "payouts.webhook":
            recorder.as_(function, desk.events.receive)(event)
            continue
        item = withdrawn(desk, f"{order_id}-01")
        desk.events.receive(event)
        desk.dynamo.put_item(TableName="desk", Item=item)
        recorder.as_(function, desk.interventions.replay)(event.event_id, "ticket 4713", "olga", dry_run=False)


def handed_over(recorder: Recorder) -> None:
    """Whoever has sold it starts its payout. Asked again, since his answer was lost, he finds that execution dead.
    An operator who voids a sale has sold it where the exchange was faster."""
    for function in ("offramp.poll_sell_order", "offramp.cancel_sell_order", "offramp.api"):
        desk, ann = trading(recorder)
        order_id = desk.cash_out(ann, "1").order_id
        with patch.object(offramp_tasks, "offramp", lambda desk=desk: desk.offramp):
            if function == "offramp.api":
                asked = partial(recorder.as_(function, desk.offramp.cancel), order_id)
            else:
                asked = partial(getattr(offramp_tasks, function.partition(".")[2]), {"id": order_id}, Invocation(55))
            asked()
            desk.world.machines.restart()
            asked()


def redriven_too_late(recorder: Recorder) -> None:
    """An operator redrives a disputed payout at the moment at which its attempt is rejected: it needs a person again,
    and whoever looks first says so."""
    desk, ann = trading(recorder)
    desk.world.simulated.set_outcome("fail")
    order_id = desk.cash_out(ann, "1").order_id
    desk.world.machines.run()
    desk.clock.forward(seconds=5)
    desk.world.simulated.settle()
    (event,) = desk.world.simulated.take_events()
    desk.events.receive(event)
    paid = replace(event.adjustment, state=State.COMPLETED, failure_code=None)
    desk.events.receive(BankEvent("evt_contradicts", paid, event.at))
    item = work.find(desk.table, keys.SELL_ORDER(order_id=order_id))
    assert item is not None
    desk.table.write(work.redriven(item, desk.clock()))
    with patch.object(payouts_tasks, "payouts", lambda: desk.payouts):
        payouts_tasks.read_payout({"id": order_id}, Invocation(55))
    found = work.find(desk.table, keys.SELL_ORDER(order_id=order_id))
    assert found is not None
    assert found.needs_person


def buying(recorder: Recorder) -> tuple[Desk, Any]:
    desk = Desk()
    desk.list_exchange_asset()
    return watched(recorder, desk), desk.customer()


def bought_batches(recorder: Recorder) -> None:
    """Filled; not filled in time and cancelled; never there, and looked for once more; given up by an operator."""
    desk, ann = buying(recorder)
    desk.purchase(ann, "20")
    desk.run()
    desk, ann = buying(recorder)
    desk.world.nobody_sells()
    batch = desk.purchase(ann, "20").batch_id
    desk.world.machines.run()
    desk.clock.forward(minutes=40)
    with pytest.raises(BatchNotStuck):  # the exchange is asked whether it has lost it
        recorder.as_("purchases.api", desk.batches.void)(batch, "ticket 4715", "olga", dry_run=True)
    desk.run()
    desk, ann = buying(recorder)
    desk.world.fake.fail_before_next("place")
    desk.purchase(ann, "20")
    desk.run()
    for dead in (False, True):
        desk, ann = buying(recorder)
        batch = desk.purchase(ann, "20").batch_id
        if dead:
            desk.world.machines.restart()
        recorder.as_("purchases.api", desk.batches.void)(batch, "ticket 4715", "olga", dry_run=False)


def pools_at_their_deadline(recorder: Recorder) -> None:
    desk, ann = buying(recorder)
    desk.purchase(ann, "4")
    desk.clock.forward(days=2)
    with patch.object(purchases_schedule, "pooling", lambda: desk.pooling):
        recorder.as_("purchases.close_pools", purchases_schedule.close_pools)({}, Invocation(55))


def sales_at_the_exchange(recorder: Recorder) -> None:
    """On their own, with what is less than a lot, and in pools; one member has left his."""
    desk, ann = buying(recorder)
    desk.world.nobody_sells()
    desk.world.bid("100", "1000", "SOLUSDT")
    for quantity in ("0.1234567", "0.06"):
        desk.bring(ann, quantity)
        desk.sale(ann)
        desk.run()
    desk.bring(ann, "0.07")
    leaves = desk.sale(ann, "0.02")
    desk.sales.cancel(ann, leaves.order_id)
    desk.sale(ann, "0.05")
    desk.sales.pools()
    desk.run()
    desk.bring(ann, "0.01")
    desk.sale(ann, "0.02")
    desk.clock.forward(days=2)
    desk.mark("SOL", "100")
    with patch.object(purchases_schedule, "pooling", lambda: desk.pooling):
        recorder.as_("purchases.close_pools", purchases_schedule.close_pools)({}, Invocation(55))
    desk.run()


def recurring_buys(recorder: Recorder) -> None:
    """Bought on their own and in a pool, which one of them fills; skipped, ended, and tried again."""
    desk, ann = buying(recorder)
    for usd in ("20", "4", "6"):
        desk.recurring_buy(ann, usd, ends_at=desk.clock.at + timedelta(hours=1))
    desk.recurring_buy(ann, "4", max_price="1")

    def round_() -> None:
        with patch.object(purchases_schedule, "recurring_buys", lambda: desk.recurring_buys):
            recorder.as_("purchases.buy_recurring", purchases_schedule.buy_recurring)({}, Invocation(55))

    round_()
    desk.recurring_buy(ann, "4")
    desk.clock.forward(minutes=10)  # its price is too old by then
    round_()
    desk.run()


LIVES = (
    recurring_buys,
    sales_at_the_exchange,
    sales,
    unanswered_sales,
    turned_up,
    payouts_in_the_way,
    decided_sales,
    handed_over,
    redriven_too_late,
    bought_batches,
    pools_at_their_deadline,
)


def rounds(recorder: Recorder) -> None:
    desk, ann = trading(recorder)

    def comparing_bank() -> Any:
        recorder.secret(Secret.BANK_KEY)
        return desk.comparing_bank

    def comparing_exchange() -> Any:
        days = desk.comparing_exchange
        side = days.side
        assert isinstance(side, ExchangeSide)
        funds = replace(
            side.funds,
            desk=lambda: recorder.reads(Secret.EXCHANGE_KEY, desk.world.funds),
            account=lambda _: recorder.reads(Secret.READING_KEYS, desk.market.funds),
        )
        return replace(days, side=replace(side, funds=funds))

    for side, price in (("BUY", "99"), ("SELL", "101"), ("BUY", "80")):
        desk.place(ann, side, "1", order_price=price)
    oracle = Oracle(desk.clock, seed=1, ids={"BTC": "btc"})

    def priced(_: Any) -> Oracle:
        recorder.secret(Secret.PRICE_ORACLE_KEY)
        return oracle

    with (
        patch.object(orders_schedule, "catalogue", lambda: desk.catalogue),
        patch.object(orders_schedule, "book", lambda: desk.book),
        patch.object(configured, "prices", priced),
    ):
        for price in ("98", "102", "100"):
            oracle.set_price("btc", price)
            desk.clock.forward(minutes=1)
            for _ in range(2):  # a price counts a moment after it came
                recorder.as_("orders.tend_market", orders_schedule.tend_market)({}, Invocation(55))
                desk.clock.forward(seconds=6)
        desk.clock.forward(days=40)
        recorder.as_("orders.expire_orders", orders_schedule.expire_orders)({}, Invocation(55))
    with (
        patch.object(operations_schedule, "reconciliation", lambda: desk.reconciliation),
        patch.object(operations_schedule, "cross_checking", lambda: desk.cross_checking),
        patch.object(operations_schedule, "comparing_bank", comparing_bank),
        patch.object(operations_schedule, "comparing_exchange", comparing_exchange),
        patch.object(operations_schedule, "sweeper", lambda: desk.sweeper),
        patch.object(operations_schedule, "anchoring", lambda: desk.anchoring),
    ):
        recorder.as_("operations.anchor_audit", operations_schedule.anchor_audit)({}, Invocation(55))
        with opened(desk) as doors:
            recorder.as_("operations.api", doors.operator().get)(
                "/operations/audit/anchors", date=text(desk.clock())[:10]
            )
        sweep = recorder.as_("operations.sweep", operations_schedule.sweep)
        reconcile = recorder.as_("operations.reconcile", operations_schedule.reconcile)
        swept(recorder, desk, ann, sweep)
        desk.accounts.withdraw(ann, "held", Money(1), "ann-bank")  # no index of users has it
        unlisted(desk, ann)
        reconcile({}, Invocation(55))
        desk.clock.forward(days=1)
        recorder.as_("operations.compare_bank", operations_schedule.compare_bank)({}, Invocation(55))
        desk.market.list_pair()  # so that there is a trading account
        desk.list_asset()
        desk.cash_out(ann, "0.10012", estimate="10.012")
        desk.clock.forward(days=1)
        recorder.as_("operations.compare_exchange", operations_schedule.compare_exchange)({}, Invocation(55))
        check = recorder.as_("operations.cross_check", operations_schedule.cross_check)
        for _ in range(2):
            check({}, Invocation(55))


def telling(recorder: Recorder) -> None:
    """A change is taken, and told to a receiver that wants no more. Two could not be read; one can be, an hour later,
    and an item of the index is broken."""
    desk, ann = trading(recorder)
    url = "https://hooks.example.com/desk"
    desk.endpoints.register(ann, "e", url, [])
    desk.receivers.at[url].says(410)
    with (
        patch.object(notifications_changes, "deliveries", lambda: desk.deliveries),
        patch.object(notifications_schedule, "deliveries", lambda: desk.deliveries),
    ):
        told = {"Records": [change_of(n, ann, text(desk.clock())) for n in range(2)]}
        told["Records"] += [change_of(n, ann, "") for n in range(2, 4)]
        recorder.as_("notifications.take_changes", notifications_changes.take_changes)(told, Invocation(55))
        recorder.as_("notifications.deliver", notifications_schedule.deliver)({}, Invocation(55))
        desk.endpoints.register(ann, "f", f"{url}/2", [])
        kept, _ = desk.dynamo.items(having="record")
        record = kept["record"]["S"].replace('""', f'"{text(desk.clock())}"')
        desk.dynamo.put_item(TableName=desk.table.name, Item={**kept, "record": {"S": record}})
        desk.clock.forward(hours=1)
        recorder.as_("notifications.deliver", notifications_schedule.deliver)({}, Invocation(55))


def swept(recorder: Recorder, desk: Desk, ann: Any, sweep: Callable[..., Any]) -> None:
    """All machines dead, and an event that can be placed now, of each outcome."""
    desk.mark("BTC", "100")
    desk.world.simulated.set_outcome("pending")
    desk.cash_out(ann, "1")
    desk.cash_out(ann, "0.0555")  # stays open at the exchange
    desk.accounts.withdraw(ann, "a", Money(10), "ann-bank")
    desk.world.machines.run()
    desk.list_exchange_asset()
    desk.world.fake.down = True
    desk.purchase(ann, "20")
    desk.world.machines.run()
    desk.world.fake.down = False
    desk.world.machines.restart()
    sweep({}, Invocation(55))
    for prefix, outcome in (("S", "fail"), ("W", "complete")):
        attempts = [i for i in desk.dynamo.items() if i["entity_type"]["S"] == "payout_attempt"]
        (attempt,) = [i for i in attempts if i["PK"]["S"].startswith(prefix)]
        key = {name: attempt[name] for name in ("PK", "SK")}
        desk.dynamo.delete_item(TableName="desk", Key=key)
        told = desk.world.simulated.decide(f"{attempt['PK']['S']}-01", outcome)
        desk.events.receive(BankEvent(f"evt_{prefix}", told, desk.clock()))
        desk.dynamo.put_item(TableName="desk", Item=attempt)
    sweep({}, Invocation(55))


@pytest.mark.parametrize("name", GRANTS)
def test_a_function_is_granted_what_it_asks_for_and_nothing_else(name: str) -> None:
    assert recorded().asked[name] == granted(GRANTS[name])


def test_the_webhook_function_holds_no_key_but_the_one_to_check_signatures() -> None:
    """Anybody may send to it."""
    assert GRANTS["payouts.webhook"].secrets == {Secret.BANK_WEBHOOK}
    assert GRANTS["payouts.webhook"].machines == {PAYOUT: {TOKEN, TOKEN_FAILS}}
    assert [name for name, grant in GRANTS.items() if Secret.BANK_WEBHOOK in grant.secrets] == ["payouts.webhook"]


def test_what_only_looks_at_an_exchange_can_not_trade_there() -> None:
    """Nor withdraw. A key that trades with others' money is with what quotes and with what ends that."""
    looks = {name for name, grant in GRANTS.items() if Secret.READING_KEYS in grant.secrets}
    assert {"market_making.api", "market_making.confirm_deposits", "market_making.confirm_return"} <= looks
    acts = {Secret.TRADING_KEYS, Secret.WITHDRAWING_KEYS}
    assert [name for name in looks if GRANTS[name].secrets & acts] == []
    trades = {name for name, grant in GRANTS.items() if Secret.TRADING_KEYS in grant.secrets}
    assert trades == {"market_making.cancel_quotes", "market_making.tick"}


@pytest.mark.parametrize(
    ("secret", "holder"),
    [
        (Secret.WITHDRAWING_KEYS, "market_making.withdraw_from_exchange"),
        (Secret.CUSTODY_SPEND, "market_making.send_transfers"),
    ],
)
def test_what_takes_others_money_out_is_in_one_function_only(secret: Secret, holder: str) -> None:
    """And nobody can trade with what withdraws, or look into the exchange with what spends."""
    assert [name for name, grant in GRANTS.items() if secret in grant.secrets] == [holder]
    assert GRANTS[holder].secrets == {secret, Secret.CUSTODY_READ}
