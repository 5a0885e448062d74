"""Lists: newest first, in pages, everything reached exactly once; cursors, good in one place for a day."""

import base64
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from common import keys
from common.clock import text
from common.identity import BILLING
from common.money import Money, Quantity
from common.owner import Owner
from common.pages import LIMIT_DEFAULT
from common.table import table
from functions.notifications.model import Change
from functions.orders import store
from functions.orders.model import Order, Side, Status
from functions.purchases.recurring import Changes
from infra.contexts import Route
from tests import openapi
from tests.billing.dealership import CME_ID
from tests.calls import named
from tests.desk import NOON, TABLE, Clock, Desk
from tests.doors import Answer, Client, Doors, Token, opened
from tests.harness.invocation import Invocation
from tests.market_making.written import have_traded


def times(orders: list[Any]) -> list[str]:
    return [order["created_at"] for order in orders]


def written(desk: Desk, username: str, numbers: Iterable[int]) -> list[str]:
    """Orders that are over, each its number of seconds after noon, straight into the table: their ids, newest first."""
    owner = desk.customer(username, usd=None)
    ids = []
    for n in numbers:
        at = NOON + timedelta(seconds=n)
        order = Order(
            order_id=f"O{n:025d}",
            owner=owner,
            order_type=Side.BUY,
            quantity=Quantity(1, ("AI", "BTC", "ETH")[n % 3]),
            status=Status.CANCELLED if n % 10 else Status.FAILED,
            terms="",
            created_at=at,
            updated_at=at,
            hold=Money(1),
            reason="for the test",
        )
        desk.dynamo.put_item(TableName=TABLE.name, Item=store.insert(order).statement["Item"])
        ids.append(order.order_id)
    return ids[::-1]


@pytest.fixture(scope="module")
def traded() -> Desk:
    """Ann has placed 250 orders of three assets: bought, sold, resting, cancelled; Bob a few in between."""
    desk = Desk()
    desk.customer("ann", usd="900000.00")
    desk.customer("bob", usd="9000.00")
    for asset_id in ("AI", "BTC", "ETH"):
        desk.list_asset(asset_id, "100")
    with opened(desk) as doors:
        ann, bob = doors.customer("ann"), doors.customer("bob")
        chance = random.Random(2)
        for n in range(250):
            asked = {"asset_id": ("AI", "BTC", "ETH")[n % 3], "order_type": "BUY", "quantity": "1"}
            kind = chance.random()
            if n > 20 and kind < 0.2:
                asked["order_type"] = "SELL"
            elif kind < 0.5:
                asked["order_price"] = "50.00"
            placed = ann.post("/orders", asked)
            assert placed.status == 201, placed.text
            if kind < 0.3 and placed.json["status"] == "PENDING":
                ann.post(f"/orders/{placed.json['order_id']}/cancel")
            if n % 25 == 0:
                bob.post("/orders", {"asset_id": "BTC", "order_type": "BUY", "quantity": "1"})
            if n % 50 == 0:
                desk.clock.forward(seconds=10)
                ann.post("/balance/deposits", {"amount": "1.00"})
    desk.check()
    return desk


@pytest.fixture
def ann(traded: Desk) -> Iterator[Client]:
    with opened(traded) as doors:
        yield doors.customer("ann")


class TestOrders:
    def test_come_newest_first_twenty_at_a_time(self, ann: Client) -> None:
        page = ann.get("/orders").json
        assert len(page["items"]) == LIMIT_DEFAULT
        assert page["cursor"]
        assert times(page["items"]) == sorted(times(page["items"]), reverse=True)

    @pytest.mark.parametrize("limit", [1, 7, 50, 99, 100])
    def test_are_all_reached_once_and_in_order_whatever_the_limit(self, ann: Client, limit: int) -> None:
        pages = list(ann.pages("/orders", limit=limit))
        orders = [order for page in pages for order in page.json["items"]]
        assert len({order["order_id"] for order in orders}) == len(orders) == 250
        assert times(orders) == sorted(times(orders), reverse=True)
        assert all(len(page.json["items"]) == limit for page in pages[:-1])
        assert {order["username"] for order in orders} == {"ann"}

    FILTERS = (
        *[{"asset_id": asset_id} for asset_id in ("AI", "BTC", "ETH", "NONE")],
        *[{"status": status} for status in Status],
        {"asset_id": "BTC", "status": "PENDING"},
        {"from_": "2026-11-21T12:00:20Z"},
        {"to": "2026-11-21T12:00:20Z"},
        {"from_": "2026-11-21T12:00:20Z", "to": "2026-11-21T12:00:40Z"},
        {"from_": "2026-11-21T14:00:20+02:00", "asset_id": "AI"},
        {"to": "2026-11-21T12:00:40Z", "asset_id": "AI", "status": "COMPLETED"},
    )

    @pytest.mark.parametrize("asked", FILTERS, ids=str)
    def test_under_a_filter_are_exactly_those_it_lets_through(self, ann: Client, asked: dict[str, str]) -> None:
        since = asked.get("from_", "").replace("T14:00:20+02:00", "T12:00:20Z")
        expected = [
            order
            for order in ann.every("/orders", limit=100)
            if order["asset_id"] == asked.get("asset_id", order["asset_id"])
            and order["status"] == asked.get("status", order["status"])
            and since.removesuffix("Z") <= order["created_at"] < asked.get("to", "9").removesuffix("Z")
        ]
        assert expected or asked in ({"asset_id": "NONE"}, {"status": "FAILED"})
        for limit in (7, 100):
            assert ann.every("/orders", limit=limit, **asked) == expected

    def test_of_one_status_come_in_pages_that_are_full(self, ann: Client) -> None:
        pages = [page.json for page in ann.pages("/orders", limit=5, status="CANCELLED")]
        assert len(pages) > 3
        assert [len(page["items"]) for page in pages[:-1]] == [5] * (len(pages) - 1)
        assert {page["short"] for page in pages} == {None}

    def test_a_page_that_has_looked_at_too_many_says_so_and_goes_on(
        self, ann: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = ann.every("/orders", limit=100, status="CANCELLED")
        monkeypatch.setattr(table, "LOOK", 10)
        monkeypatch.setattr(table, "LOOKED_MAX", 12)
        pages = [page.json for page in ann.pages("/orders", limit=5, status="CANCELLED")]
        assert [order for page in pages for order in page["items"]] == whole
        short = [page for page in pages if len(page["items"]) < 5]
        assert len(short) > 3
        assert all(page["short"] for page in short if page["cursor"])
        assert all(page["short"] is None for page in pages if page not in short)

    def test_from_is_inclusive_and_to_exclusive_to_the_microsecond(self, ann: Client) -> None:
        one = ann.get("/orders", limit=1).json["items"][0]
        at = one["created_at"]
        assert ann.get("/orders", from_=at).json["items"] == [one]
        assert one not in ann.every("/orders", to=at, limit=100)
        assert len(ann.every("/orders", to=at, limit=100)) == 249
        later = at.replace("000Z", "001Z")
        assert ann.get("/orders", from_=later).json["items"] == []
        assert ann.get("/orders", to=later, limit=1).json["items"] == [one]

    def test_that_come_while_the_pages_are_read_do_not_move_them(self) -> None:
        desk = Desk()
        ids = written(desk, "ann", range(30))
        with opened(desk) as doors:
            ann = doors.customer("ann")
            pages = ann.pages("/orders", limit=10)
            read = list(next(pages).json["items"])
            (late,) = written(desk, "ann", [1000])
            for page in pages:
                read += page.json["items"]
            assert [order["order_id"] for order in read] == ids
            assert ann.get("/orders", limit=1).json["items"][0]["order_id"] == late


class TestOfOneMicrosecond:
    """Orders of the same microsecond are none of them lost between two pages."""

    @dataclass
    class Stopped(Clock):
        def __call__(self) -> Any:
            return self.at

    @pytest.fixture
    def ann(self) -> Iterator[Client]:
        desk = Desk(clock=self.Stopped())
        desk.list_asset("BTC", "100")
        desk.customer("ann", usd="5000.00")
        with opened(desk, openapi.check) as doors:
            ann = doors.customer("ann")
            for _ in range(20):
                assert ann.post("/orders", {"asset_id": "BTC", "order_type": "BUY", "quantity": "1"}).status == 201
            yield ann
        desk.check()

    @pytest.mark.parametrize("limit", [1, 3, 20])
    @pytest.mark.parametrize("at", ["/orders", "/assets/BTC/transactions"])
    def test_are_all_reached_once(self, ann: Client, at: str, limit: int) -> None:
        orders = ann.every(at, limit=limit)
        assert set(times(orders)) == {text(NOON)}
        assert len({order["order_id"] for order in orders}) == len(orders) == 20

    def test_deposits_and_filters_too(self, ann: Client) -> None:
        for _ in range(4):
            ann.post("/balance/deposits", {"amount": "1.00"})
        assert len({line["order_id"] for line in ann.every("/balance/transactions", limit=1)}) == 5 + 20
        for span in ({"from_": text(NOON)}, {"to": "2026-11-21T12:00:00.000001Z"}, {"asset_id": "BTC"}):
            assert len(ann.every("/orders", limit=3, **span)) == 20
        assert ann.every("/orders", to=text(NOON)) == []

    def test_come_with_the_others_in_one_statement(self, ann: Client) -> None:
        lines = ann.get("/statements/2026-11").text.splitlines()
        assert len(lines) == 1 + 1 + 20 + 4  # it opens and closes with dollars and a coin


def test_ten_thousand_orders_are_all_reachable() -> None:
    desk = Desk()
    ids = written(desk, "ann", range(10_000))
    with opened(desk) as doors:
        ann = doors.customer("ann")
        found = [order["order_id"] for order in ann.every("/orders", limit=100)]
        assert found == ids
        failed = [order["order_id"] for order in ann.every("/orders", limit=100, status="FAILED", asset_id="AI")]
        assert failed == [id_ for id_ in ids if int(id_[1:]) % 30 == 0]


class TestOthers:
    def test_the_journal_of_dollars_and_of_an_asset_are_newest_first_and_whole(self, ann: Client) -> None:
        dollars = ann.every("/balance/transactions", limit=7)
        assert [line["transaction_type"] for line in dollars].count("DEPOSIT") == 6
        balance = ann.get("/balance").json
        there = Decimal(balance["current_balance"]) + Decimal(balance["held_balance"])
        for line in dollars:
            assert Decimal(line["balance_after"]) == there
            comes = line["transaction_type"] in ("DEPOSIT", "SELL")
            there -= Decimal(line["amount"]) if comes else -Decimal(line["amount"])
        assert there == 0
        assert times(dollars) == sorted(times(dollars), reverse=True)
        done = {order["order_id"] for order in ann.every("/orders", asset_id="ETH", status="COMPLETED", limit=100)}
        trades = ann.every("/assets/ETH/transactions", limit=9)
        assert {line["order_id"] for line in trades} == done
        assert len(trades) == len(done)
        assert times(trades) == sorted(times(trades), reverse=True)
        middle = trades[len(trades) // 2]["created_at"]
        assert ann.every("/assets/ETH/transactions", limit=9, from_=middle) == trades[: len(trades) // 2 + 1]
        assert ann.every("/assets/ETH/transactions", limit=9, to=middle) == trades[len(trades) // 2 + 1 :]

    def test_cancel_all_goes_through_every_page(self) -> None:
        desk = Desk()
        desk.list_asset("BTC", "100")
        desk.customer("ann", usd="9000.00")
        with opened(desk, openapi.check) as doors:
            ann = doors.customer("ann")
            asked = {"asset_id": "BTC", "order_type": "BUY", "quantity": "1", "order_price": "50.00"}
            placed = [ann.post("/orders", asked).json["order_id"] for _ in range(120)]
            pages = [ann.post("/orders/cancel-all").json]
            while pages[-1]["cursor"]:
                pages.append(ann.post("/orders/cancel-all", cursor=pages[-1]["cursor"]).json)
            assert [len(page["items"]) for page in pages] == [50, 50, 20]
            assert [order["order_id"] for page in pages for order in page["items"]] == placed[::-1]
            assert ann.get("/balance").json["held_balance"] == "0.00"
        desk.check()

    def test_cash_outs_are_reached_once_and_newest_first_among_other_orders(self) -> None:
        desk = Desk()
        desk.list_asset("BTC", "100")
        for name in ("ann", "bob"):
            desk.clients(desk.customer(name, usd="9000.00"))
        with opened(desk, openapi.check) as doors:
            sold: dict[str, list[str]] = {"ann": [], "bob": []}
            for n in range(24):
                who = ("ann", "bob")[n % 4 == 3]
                doors.customer(who).post("/orders", {"asset_id": "BTC", "order_type": "BUY", "quantity": "1"})
                if n % 3 == 2:
                    desk.world.fake.refuse_next()  # what was never sold is no cash-out
                answer = doors.customer(who).post("/crypto/order/sell", cash_out(who))
                assert answer.status == (503 if n % 3 == 2 else 200)
                sold[who] += [answer.json["order_id"]] if answer.status == 200 else []
            for who, ids in sold.items():
                for limit in (1, 3, 100):
                    found = doors.customer(who).every("/crypto/order/sell", limit=limit)
                    assert [order["order_id"] for order in found] == ids[::-1]
                every = doors.customer(who).every("/orders", limit=3)
                assert [order["order_id"] for order in every if order["order_type"] == "SELL"] == ids[::-1]
                assert len(every) == len(ids) + len(ids) * 3 // 2
                assert times(every) == sorted(times(every), reverse=True)
        desk.check()

    def test_every_user_is_found(self) -> None:
        desk = Desk()
        names = {f"user{n}" for n in range(60)}
        for name in names:
            desk.customer(name)
        with opened(desk, openapi.check) as doors:
            found = [user["username"] for user in doors.operator().every("/operations/users", limit=7)]
        assert sorted(found) == sorted(names)

    def test_a_days_acts_are_newest_first(self) -> None:
        desk = Desk()
        desk.customer("ann")
        with opened(desk, openapi.check) as doors:
            olga = doors.operator()
            for n in range(1, 26):
                body = {"amount": f"{n}.00", "reason": "wire 4711"}
                assert olga.post("/operations/users/ann/deposits", body).status == 200
            desk.clock.forward(days=1)
            olga.post("/operations/users/ann/deposits", {"amount": "99.00", "reason": "wire 4712"})
            acts = olga.every("/operations/audit", date="2026-11-21", limit=10)
            amounts = [act["detail"].partition("amount ")[2].partition(",")[0] for act in acts]
            assert amounts == [f"{n}.00" for n in range(25, 0, -1)]
            assert len(olga.every("/operations/audit", date="2026-11-22")) == 1


def cash_out(username: str, quantity: str = "0.1") -> dict[str, str]:
    """For about ten dollars."""
    clients = {"crypto_client_id": f"{username}-crypto", "banking_client_id": f"{username}-bank"}
    return {"asset_id": "BTC", "quantity": quantity, "estimated_amount": "10.00", **clients}


def skipped_twice(desk: Desk, owner: Owner) -> str:
    """One of three recurring buys; two dates of it are dealt with."""
    desk.list_exchange_asset()
    plans = [desk.recurring_buy(owner, "4.00", max_price="1") for _ in range(3)]
    desk.buy_recurring()
    again = Changes({"starts_at": desk.clock()})
    desk.recurring_buys.change(owner, plans[0].plan_id, 1, again)
    desk.clock.forward(seconds=1)
    desk.buy_recurring()
    return plans[0].plan_id


@dataclass(frozen=True)
class List:
    """A list with more than one page: how it is asked for, and how else it may be asked for."""

    route: Route
    query: Mapping[str, str] = field(default_factory=dict)
    asset_id: str = "BTC"
    others: tuple[Mapping[str, str], ...] = ()  # other filters
    operators: bool = False
    machines: bool = False  # the dealers' systems

    def at(self, order_id: str) -> str:
        own = {"asset_id": self.asset_id, "order_id": order_id, "plan_id": TRADED[f"plan beside {order_id}"]}
        own |= {
            "contract_id": TRADED.get("contract", ""),
            "endpoint_id": TRADED.get(order_id, "endpoint-0000000000000000"),
        }
        return self.route.path.format(**own, cme_dealer_id=CME_ID, dealer=CME_ID)


SPAN = {"from": "2026-11-21T00:00:00Z"}
LISTS = [
    List(
        Route("GET", "/orders"),
        others=({"asset_id": "BTC"}, {"status": "COMPLETED"}, SPAN, {"to": "2026-11-22T00:00:00Z"}),
    ),
    List(Route("GET", "/assets/{asset_id}/transactions"), others=(SPAN, {"to": "2026-11-22T00:00:00Z"})),
    List(Route("GET", "/balance/transactions"), others=(SPAN, {"to": "2026-11-22T00:00:00Z"})),
    List(Route("POST", "/orders/cancel-all"), others=({"asset_id": "BTC"}, {"asset_id": "AI"})),
    List(
        Route("GET", "/balance/withdrawals"),
        others=({"status": "PENDING"}, SPAN, {"to": "2026-11-22T00:00:00Z"}),
    ),
    List(Route("GET", "/crypto/order/sell")),
    List(Route("GET", "/webhooks/endpoints/{endpoint_id}/deliveries"), others=({"status": "PENDING"},)),
    List(Route("GET", "/recurring-buys")),
    List(Route("GET", "/recurring-buys/{plan_id}/dates")),
    List(Route("GET", "/market-making/orders")),
    List(Route("GET", "/market-making/orders/{order_id}/fills")),
    List(Route("GET", "/operations/market-making/{order_id}/fills"), operators=True),
    List(Route("GET", "/operations/market-making"), others=({"status": "created"},), operators=True),
    List(Route("GET", "/billing/dealers/{cme_dealer_id}/bills"), machines=True),
    List(Route("GET", "/operations/billing/dealers"), operators=True),
    List(Route("GET", "/operations/billing/dealers/{dealer}/bills"), operators=True),
    List(Route("GET", "/operations/billing/dealers/{dealer}/payments"), operators=True),
    List(Route("GET", "/operations/billing/contracts/{contract_id}/payments"), operators=True),
    List(Route("GET", "/operations/users"), operators=True),
    List(
        Route("GET", "/operations/failures"), {"date": "2026-11-21"}, others=({"date": "2026-11-22"},), operators=True
    ),
    List(Route("GET", "/operations/audit"), {"date": "2026-11-21"}, others=({"date": "2026-11-22"},), operators=True),
]

EXECUTIONS = Route("GET", "/operations/machines/{machine}/executions")  # of Step Functions: tests/test_http_machines.py
COMPARE = Route("POST", "/operations/compare/billing")  # no list: goes on for as long as there is time, and is audited
# An order that has traded, by its owner; by that, his endpoint; and the contract of a dealer who has paid.
TRADED: dict[str, str] = {}
EACH = pytest.mark.parametrize("list_", LISTS, ids=lambda list_: named(list_.route))


@pytest.fixture(scope="module")
def doors() -> Iterator[Doors]:
    """Ann and Bob have more than a page of everything, and so have operators."""
    desk = Desk()
    desk.list_asset("BTC", "10")
    desk.list_asset("AI", "10")
    with opened(desk, openapi.check) as doors:
        olga = doors.operator()
        for name in ("ann", "bob"):
            who = doors.customer(name)
            who.post("/users")
            for amount in ("1000.00", "1000.00"):
                body = {"amount": amount, "reason": "wire 4711"}
                assert doors.confirmed(olga.post(f"/operations/users/{name}/deposits", body)).json["done"]
            for n in range(55):
                asked = {"asset_id": ("BTC", "AI")[n % 2], "order_type": "BUY", "quantity": "1"}
                who.post("/orders", asked)
            desk.clients(Owner(name, f"sub-{name}"))
            for _ in range(3):
                asked = {"amount": "1.00", "banking_client_id": f"{name}-bank"}
                assert who.post("/balance/withdrawals", asked).status == 202
                assert who.post("/crypto/order/sell", cash_out(name, "1")).status == 200
            desk.market.list_pair(capacity=10)
            for _ in range(3):
                terms = {"pair": "BTC-USDT", "base_quantity": "0.1", "quote_quantity": "5000"}
                made = who.post("/market-making/orders", terms)
                assert made.status == 201
            TRADED[name] = made.json["order_id"]
            have_traded(desk.market, TRADED[name], 3)
            TRADED[TRADED[name]] = was_told(desk, Owner(name, f"sub-{name}"), 3)
            desk.clock.forward(seconds=1)
            for _ in range(2):
                resting = {"asset_id": "BTC", "order_type": "BUY", "quantity": "1", "order_price": "1"}
                order_id = who.post("/orders", resting).json["order_id"]
                assert olga.post(f"/operations/orders/{order_id}/fail", {"reason": "ticket 4711"}).status == 200
            TRADED[f"plan beside {TRADED[name]}"] = skipped_twice(desk, Owner(name, f"sub-{name}"))
        desk.dealership.active()
        for _ in range(3):
            desk.dealership.billed()
            desk.dealership.pay(1_00)
        TRADED["contract"] = str(desk.dealership.account().contract_id)
        yield doors
    desk.check()


def was_told(desk: Desk, owner: Owner, times: int) -> str:
    """The endpoint of somebody who has been told so often."""
    endpoint = desk.endpoints.register(owner, "e", "https://hooks.example.com", []).made.endpoint
    for number in range(times):
        desk.deliveries.take(Change(owner, keys.ORDER.entity, f"O{number}", "COMPLETED", desk.clock()))
    return endpoint.endpoint_id


class TestCursors:
    @pytest.fixture(autouse=True)
    def nothing_is_written(self, doors: Doors) -> Iterator[None]:
        before = doors.desk.dynamo.items()
        yield
        assert doors.desk.dynamo.items() == before

    def ask(self, doors: Doors, list_: List, query: Mapping[str, str], who: str | None = None) -> Answer:
        client = doors.operator(who or "olga") if list_.operators else doors.customer(who or "ann")
        if list_.machines:
            client = doors.as_(Token(sub=who or "cme", changed={"scope": BILLING}))
        order_id = TRADED["ann" if list_.operators else who or "ann"]
        return client.send(list_.route.method, list_.at(order_id), query=query)

    def cursor(self, doors: Doors, list_: List, who: str | None = None) -> str:
        limit = {} if list_.route.method == "POST" else {"limit": "1"}
        page = self.ask(doors, list_, {**list_.query, **limit}, who)
        assert page.json["cursor"], page.text
        return str(page.json["cursor"])

    def refused(self, doors: Doors, list_: List, cursor: str, who: str | None = None) -> None:
        answer = self.ask(doors, list_, {**list_.query, "cursor": cursor}, who)
        assert (answer.status, answer.problem) == (422, "CursorRefused"), (cursor, answer.text)

    def test_every_list_is_here(self) -> None:
        assert sorted([COMPARE, EXECUTIONS, *(list_.route for list_ in LISTS)]) == sorted(
            openapi.parameters("query", "cursor")
        )

    @EACH
    def test_go_on_where_the_page_ended(self, doors: Doors, list_: List) -> None:
        cursor = self.cursor(doors, list_)
        assert self.ask(doors, list_, {**list_.query, "cursor": cursor}).status == 200

    @EACH
    def test_that_were_changed_anywhere_are_refused(self, doors: Doors, list_: List) -> None:
        cursor = self.cursor(doors, list_)
        meant = base64.urlsafe_b64decode(cursor + "==")
        for place in [*range(0, len(cursor), 17), *range(22), len(cursor) - 2, len(cursor) - 1]:
            other = "A" if cursor[place] != "A" else "B"
            changed = cursor[:place] + other + cursor[place + 1 :]
            if base64.urlsafe_b64decode(changed + "==") != meant:  # the last character has bits that say nothing
                self.refused(doors, list_, changed)
        for changed in (*(cursor[:n] for n in (1, 2, 20, 21, 22, 24, -8, -4, -3, -2)), cursor + "A" * 4, cursor * 2):
            self.refused(doors, list_, changed)
        for changed in (cursor[4:], "A" + cursor, " " + cursor, cursor + "\n", cursor + "\0"):
            self.refused(doors, list_, changed)

    @EACH
    def test_that_were_never_ours_are_refused(self, doors: Doors, list_: List) -> None:
        signed_by_nobody = base64.urlsafe_b64encode(b"\0" * 16 + b'[9999999999,{"PK":{"S":"bob"}}]').decode()
        for made_up in (
            *("", "x", "null", "0", "{}", "=", "====", "%%%", "%00", "\0", "\n", "ключ", "🙂", "../..", "AAAA"),
            *("A" * 22, "A" * 8_000, "!" * 8_000, signed_by_nobody),
        ):
            self.refused(doors, list_, made_up)

    @EACH
    def test_of_another_person_list_or_filter_are_refused(self, doors: Doors, list_: List) -> None:
        cursor = self.cursor(doors, list_)
        self.refused(doors, list_, cursor, who="bob")
        self.refused(doors, list_, self.cursor(doors, list_, "bob"))
        for other in LISTS:
            if other is not list_:
                self.refused(doors, list_, self.cursor(doors, other))
        if "{asset_id}" in list_.route.path:
            self.refused(doors, replace(list_, asset_id="AI"), cursor)
        for query in list_.others:
            self.refused(doors, replace(list_, query=query), cursor)

    def test_of_a_new_owner_of_the_same_name_are_refused(self, doors: Doors) -> None:
        (orders, *_) = LISTS
        ann = doors.customer("ann").token
        assert ann is not None
        answer = doors.as_(replace(ann, sub="another")).get("/orders", cursor=self.cursor(doors, orders))
        assert answer.problem == "CursorRefused"

    def test_are_good_for_a_day(self, doors: Doors) -> None:
        cursors = [(list_, self.cursor(doors, list_)) for list_ in LISTS]
        doors.desk.clock.forward(hours=23, minutes=59)
        for list_, cursor in cursors:
            assert self.ask(doors, list_, {**list_.query, "cursor": cursor}).status == 200
        doors.desk.clock.forward(hours=1)
        for list_, cursor in cursors:
            self.refused(doors, list_, cursor)


def test_a_look_at_the_billing_system_goes_on_where_its_time_was_over(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    for dealer in (CME_ID, "cme-8"):
        desk.dealership.active(dealer)
        desk.dealership.billed(cme_dealer_id=dealer)
    monkeypatch.setattr(Invocation, "get_remaining_time_in_millis", lambda _: 0)  # for one account
    with opened(desk, openapi.check) as doors:
        olga, otto = doors.operator(), doors.operator("otto")
        first = olga.post(COMPARE.path).json
        assert first["compared"] == 1
        before = desk.dynamo.items()
        for who, cursor in ((otto, first["cursor"]), (olga, first["cursor"][4:]), (olga, "A" * 22)):
            assert who.post(COMPARE.path, cursor=cursor).problem == "CursorRefused"
        of_dealers = olga.get("/operations/billing/dealers", limit=1).json["cursor"]
        assert olga.post(COMPARE.path, cursor=of_dealers).problem == "CursorRefused"
        assert olga.get("/operations/billing/dealers", cursor=first["cursor"]).problem == "CursorRefused"
        compared, cursor = 1, first["cursor"]
        while cursor is not None:
            page = olga.post(COMPARE.path, cursor=cursor).json
            compared, cursor = compared + page["compared"], page["cursor"]
        assert compared == 2
        assert desk.dynamo.items() == before


def test_the_keys_of_the_table_hold_the_orders_that_were_written() -> None:
    """What `written` puts there is what the product would have put there."""
    desk = Desk()
    (id_,) = written(desk, "ann", [1])
    found = store.find(desk.table, id_)
    assert found is not None
    assert found.order_id == keys.ORDER(order_id=id_).pk
