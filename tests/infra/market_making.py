"""What market making asks of AWS: its orders through all that can happen to them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache, partial
from typing import Any
from unittest.mock import patch

from common import clock
from common.domain import halts
from common.gateways.campaigns import ReadingKey
from common.idempotency import uuid_of
from common.pages import Cursors
from functions.market_making import api, campaign_store, tasks
from functions.market_making.campaigns import Choice
from functions.market_making.model import FIRST_SHARD, Status, order_id
from infra.contexts import Route
from infra.grants import MARKET_MAKING, Secret
from sandbox.exchange.flow import Flow
from tests.desk import Desk
from tests.doors import CURSOR_KEY, Answer, Token, event, handled, modules_of, opened
from tests.harness.invocation import Invocation
from tests.infra.recorder import Recorder
from tests.market_making.campaigns import CampaignMarket
from tests.market_making.market import ACCOUNT, ANN, BTC, ORDER, USDT, Market
from tests.market_making.test_comparing import Silent
from tests.market_making.written import Written

API, ORDERS = "market_making.api", "/market-making/orders"
TERMS = {"pair": "BTC-USDT", "base_quantity": "0.1", "quote_quantity": "5000"}
_keys = map("key-{}".format, itertools.count())


@dataclass
class Watched(Market):
    """Whatever it asks of AWS and of the outside is recorded."""

    recorder: Recorder = field(default_factory=Recorder)
    sends: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        recorder: Any = self.recorder  # what it makes is what it was given, watched
        self.client = recorder.table(self.dynamo)
        self.states = recorder.states(self.machine, MARKET_MAKING)
        self.custody, self.sender = (
            recorder.reads(secret, self.custody) for secret in (Secret.CUSTODY_READ, Secret.CUSTODY_SPEND)
        )
        self.funds, self.withdrawing = (
            recorder.reads(secret, self.funds) for secret in (Secret.READING_KEYS, Secret.WITHDRAWING_KEYS)
        )
        self.withdrawing_reader = recorder.reads(Secret.WITHDRAWING_KEYS, self.maker)
        self.reader = self.books = recorder.reads(Secret.READING_KEYS, self.maker)
        self.maker = recorder.reads(Secret.TRADING_KEYS, self.maker)
        self.list_pair()
        self.poll()

    def poll(self) -> None:
        self.recorder.as_("market_making.poll_snapshots", super().poll)()

    def send(self) -> None:
        if self.sends:
            self.recorder.as_("market_making.send_transfers", super().send)()

    def until(self, status: Status, order: str) -> None:
        """Raises AssertionError, where it is not there within an hour and a half."""

        def there() -> bool:
            found = self.dynamo.get_item(TableName="desk", Key={"PK": {"S": order}, "SK": {"S": "MARKET_MAKING"}})
            return "Item" in found and found["Item"]["status"]["S"] == status

        self.run(90, there)
        assert there(), status
        assert not self.bugs, self.bugs

    def go_on(self, order: str) -> None:
        """As the sweeper does it, the next generation begins."""
        self.machines.start(MARKET_MAKING, f"{order}-2", order)

    def ask(self, method: str, path: str, body: Mapping[str, str] | None = None, query: str = "", **ids: str) -> Answer:
        """What the owner asks by the API."""
        route = Route(method, path)
        sent = event(
            method,
            path.format(**ids),
            claims=Token("ann", "sub-ann").claims(self.clock.at),
            query=query,
            headers={"idempotency-key": next(_keys), "content-type": "application/json"},
            body=None if body is None else json.dumps(body),
            route=route,
            now=self.clock.at,
        )
        with self._door():
            answer: Answer = self.recorder.as_(API, handled)(API, sent)
        assert answer.status < 300, answer.text
        return answer

    @contextmanager
    def _door(self) -> Iterator[None]:
        def key() -> bytes:
            self.recorder.secret(Secret.CURSOR_KEY)
            return CURSOR_KEY

        cursors = cache(lambda: Cursors(key, self.clock))
        with ExitStack() as patches:
            patches.enter_context(patch.object(clock, "now", self.clock))
            for module in modules_of(api):
                for name in {"opening", "quoting", "steering"} & vars(module).keys():
                    patches.enter_context(patch.object(module, name, partial(getattr, self, name)))
                if hasattr(module, "cursors"):
                    patches.enter_context(patch.object(module, "cursors", cursors))
            yield

    def opened(self) -> str:
        """The id of an order that its owner opens by the API, and pays."""
        order: str = self.ask("POST", ORDERS, TERMS).json["order_id"]
        self.fund_all(ANN, uuid_of(order))
        return order


def home(recorder: Recorder) -> None:
    """Opened, paid, sent, credited; all of it withdrawn while it quotes, and back with who paid. On the way home its
    machine dies."""
    market = Watched(recorder=recorder)
    order = market.opened()
    market.ask("POST", ORDERS, TERMS)
    market.ask("GET", ORDERS, query="limit=1")
    market.ask("GET", "/market-making/pairs")
    market.until(Status.CREATED, order)
    market.ask("GET", f"{ORDERS}/{{order_id}}", order_id=order)
    market.ask("POST", f"{ORDERS}/{{order_id}}/withdraw", order_id=order)
    market.until(Status.RETURNING, order)
    market.machine.restart()
    market.go_on(order)
    market.until(Status.RETURNED, order)


def stopped_first(recorder: Recorder) -> None:
    """Its owner withdraws what he has stopped before; a token comes when the order is stopping already."""
    market = Watched(recorder=recorder)
    order = market.opened()
    market.until(Status.CREATED, order)
    market.ask("POST", f"{ORDERS}/{{order_id}}/stop", order_id=order)
    with patch.object(tasks, "quoting", lambda: market.quoting):
        tasks.await_end({"id": order, "token": "late"}, Invocation())
    market.until(Status.STOPPED, order)
    market.run(1)  # its execution has ended, too
    market.ask("POST", f"{ORDERS}/{{order_id}}/withdraw", order_id=order)
    market.until(Status.RETURNED, order)


def quoted(recorder: Recorder) -> None:
    """It quotes, others trade with it, its owner pauses and resumes it, its account is robbed, and it is stopped with
    quotes open; what was lost is put back."""
    market = Watched(recorder=recorder)
    order = market.opened()
    market.until(Status.CREATED, order)
    market.exchange.profiles.choose("thin", ["BTCUSDT"])
    flow = Flow(market.exchange.venue, {"BTCUSDT": Decimal(60_000)}.get, profiles=market.exchange.profiles)
    for _ in range(6):
        flow.step()
        recorder.as_("market_making.tick", market.ticking.tick)(FIRST_SHARD, market.clock.at, lambda: True)
        market.clock.forward(seconds=10)
    assert market.exchange.venue.open_orders(ACCOUNT)
    for asked in ("pause", "resume"):
        market.ask("POST", f"{ORDERS}/{{order_id}}/{asked}", order_id=order)
    market.exchange.venue.withdraw(ACCOUNT, "BTC", Decimal("0.01"))  # somebody else has its keys
    recorder.as_("market_making.compare_accounts", market.balancing.round)(lambda: True)
    market.ask("POST", f"{ORDERS}/{{order_id}}/stop", order_id=order)
    market.until(Status.STOPPED, order)
    market.exchange.venue.deposit(ACCOUNT, "BTC", Decimal("0.01"))
    recorder.as_(API, market.halting.lift)(halts.halt_id_of(ACCOUNT), "put back", "olga", dry_run=False)


def stopped_while_dead(recorder: Recorder) -> None:
    """Its machine dies while it stops: who withdraws it starts the next execution."""
    market = Watched(recorder=recorder)
    order = market.opened()
    market.until(Status.CREATED, order)
    market.ask("POST", f"{ORDERS}/{{order_id}}/stop", order_id=order)
    market.go_on(order)
    market.machine.restart()
    market.ask("POST", f"{ORDERS}/{{order_id}}/withdraw", order_id=order)
    market.until(Status.RETURNED, order)


def unpaid(recorder: Recorder) -> None:
    """Only a part comes, and something besides that pays for nothing; one transfer finds that the machine has died."""
    market = Watched(recorder=recorder)
    market.pay(ANN, BTC, "0.5", b"no memo of ours")
    market.fund(ANN, BTC, "0.1")
    order = order_id(ORDER)
    market.until(Status.PAYMENT_PENDING, order)
    market.machine.restart()
    market.fund(ANN, USDT, "1")
    market.run(1)
    market.go_on(order)
    market.until(Status.REFUNDED, order)


def refused(recorder: Recorder) -> None:
    """The custody refuses a leg: the other one does not leave, and everything goes back."""
    market = Watched(recorder=recorder)
    market.fund_all()
    market.sends = False
    market.until(Status.WITHDRAWING, order_id(ORDER))
    market.custody.refuse_next()
    leg = next(sent for sent in market.ids_of_due() if market.transfers.custody())
    recorder.as_("market_making.send_transfers", market.transfers.send)(leg)
    market.until(Status.FAILED, order_id(ORDER))
    recorder.as_("market_making.compare_custody", market.comparing.compare)()
    market.sends = True
    market.until(Status.REFUNDED, order_id(ORDER))


def doubted(recorder: Recorder) -> None:
    """Nobody sends what was decided: after half an hour a person looks."""
    market = Watched(recorder=recorder)
    market.fund_all()
    market.sends = False
    market.until(Status.WITHDRAWING, order_id(ORDER))
    market.run(35)
    assert market.order().needs_person


def dead(recorder: Recorder) -> None:
    """Executions have died: the sweeper starts the next ones, or an operator does."""
    desk = Desk()
    market = Watched(recorder=recorder, dynamo=desk.dynamo, clock=desk.clock, shared=desk.world.machines)
    desk.client, desk.world.client = market.client, market.states
    market.fund(ANN, BTC, "0.1")
    order = order_id(ORDER)
    market.until(Status.PAYMENT_PENDING, order)
    for _ in range(2):  # lately, and long ago
        desk.world.machines.restart()
        recorder.as_("operations.sweep", desk.sweeper.sweep)(lambda: True)
        desk.clock.forward(minutes=30)
    desk.world.machines.restart()
    with opened(desk) as doors:
        olga = doors.operator()
        for answer in (
            recorder.as_("operations.api", olga.get)(f"/operations/work/{order}"),
            recorder.as_("operations.api", olga.post)(f"/operations/work/{order}/redrive", {"reason": "it has died"}),
        ):
            assert answer.status == 200, answer.text


def compared(recorder: Recorder) -> None:
    """The custody is held against the books by the clock and by an operator, who asks what it has found."""
    desk = Desk()
    market = Watched(recorder=recorder, dynamo=desk.dynamo, clock=desk.clock, shared=desk.world.machines)
    market.pay(ANN, BTC, "0.5", b"no memo of ours")
    market.poll()
    recorder.as_("market_making.compare_custody", market.comparing.compare)()
    desk.client, desk.world.client = market.client, market.states
    with opened(desk) as doors, patch.object(api.comparing, "comparing", lambda: market.comparing):
        olga = doors.operator()
        for ask in (olga.post, olga.get):
            answer = recorder.as_(API, ask)("/operations/compare/custody")
            assert (answer.status, answer.json["verdict"]) == (200, "AGREES"), answer.text
    silent: Any = Silent(market.custody)
    for tells in (silent, market.custody):  # it tells of nothing for a while
        market.custody = tells
        recorder.as_("market_making.compare_custody", market.comparing.compare)()


def decided(recorder: Recorder) -> None:
    """Two operators find that an outgoing transfer was never sent."""
    desk = Desk()
    market = Watched(recorder=recorder, dynamo=desk.dynamo, clock=desk.clock, shared=desk.world.machines)
    there = Written(market, desk.customer())
    desk.client, desk.world.client = market.client, market.states
    said = {"sent": "no", "reference": "ticket 4711", "reason": "the custody has never had it"}
    with opened(desk) as doors:
        ask = recorder.as_("operations.api", doors.operator().post)
        proposed = ask(f"/operations/outgoing/{there.doubted}/decide", said)
        ask = recorder.as_("operations.api", doors.operator("oleg").post)
        confirmed = ask(f"/operations/proposals/{proposed.json['id']}/confirm", {"reason": "so it is"})
        assert confirmed.status == 200, confirmed.text


def campaigns(recorder: Recorder) -> None:
    """A campaign is joined for an order, and asked what it pays; the order ends, and seeks no more."""
    here = CampaignMarket(Watched(recorder=recorder))
    here.launch()
    login, reading = here.participant, here.reading_key

    def read(account_id: str) -> ReadingKey:
        recorder.secret(Secret.READING_KEYS)
        return reading(account_id)

    def log_in(account_id: str) -> Any:
        return recorder.reads(Secret.CAMPAIGN_KEYS, login(account_id))

    here.reads, here.logs_in = read, log_in
    here.world.account("maker")
    seeker = here.seek(Choice(token="HMT"))
    joins = recorder.as_("market_making.join_campaigns", here.round)
    assert joins() == 1
    here.pass_time(hours=2)
    joins()
    here.market.paying.check(seeker.order_id)
    joins()
    assert not campaign_store.seekers(here.market.table)


LIVES = (home, stopped_first, quoted, stopped_while_dead, unpaid, refused, doubted, dead, compared, decided, campaigns)
