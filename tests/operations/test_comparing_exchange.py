"""What the desk's account at the exchange has done, held against our orders there, day by day."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from common.custody import Address
from common.domain.comparisons import Verdict
from common.gateways.exchange import ExchangeOrderUnknown, ExchangeUnavailable, Reports, State
from common.gateways.exchange.funds import Movements, NoTradingKey
from common.money import Money, Quantity
from common.owner import Owner
from functions.market_making.model import Status as MarketMaking
from functions.operations.service.comparing_days import ComparingDays
from functions.operations.service.comparing_exchange import ExchangeSide
from sandbox.exchange.orders import SELL, Kind
from tests.desk import Desk
from tests.market_making.market import ACCOUNT as TRADING
from tests.market_making.market import Market
from tests.operations.drifts import first, get, put
from tests.outside import ACCOUNT
from tests.seen import around

TODAY = date(2026, 11, 21)


@pytest.fixture
def desk() -> Desk:
    """One whose books need not be right in the end."""
    return Desk()


@pytest.fixture
def ann(desk: Desk) -> Owner:
    desk.list_asset()
    ann = desk.customer(usd="5000.00")
    desk.clients(ann)
    desk.buy(ann, "10")
    return ann


def sold(desk: Desk, ann: Owner, quantity: str = "1.00012") -> str:
    """A cash-out that the exchange has filled."""
    sale = desk.cash_out(ann, quantity)
    desk.run()
    return sale.order_id


def orphan(desk: Desk, quantity: str = "0.7", name: str = "by-hand") -> str:
    """A sale on the desk's account that is nobody's here."""
    placed = desk.world.venue.place(
        ACCOUNT, "BTCUSDT", SELL, Kind.LIMIT, price=Decimal(99), quantity=Decimal(quantity), client_order_id=name
    )
    return str(placed.order_id)


def strays(desk: Desk) -> list[str]:
    return [w.waits_for for w in desk.operations.work(("strays",), overdue_only=False, limit=100)]


def books(desk: Desk) -> list[str]:
    return [w.waits_for for w in desk.operations.work(("books",), overdue_only=False, limit=100)]


def compared(desk: Desk) -> Verdict:
    """Of the day that is over."""
    desk.clock.forward(days=1)
    found = desk.comparing_exchange.round(lambda: True)
    assert found[-1].of == f"exchange.{(desk.clock.at.date()).fromordinal(desk.clock.at.date().toordinal() - 1)}"
    return found[-1].verdict


def test_a_day_that_agrees_is_told_with_its_sum(desk: Desk, ann: Owner) -> None:
    sold(desk, ann), sold(desk, ann, "2.00012")
    assert compared(desk) is Verdict.AGREES
    found = desk.comparing_exchange.found(TODAY)
    (total,) = found.lines
    assert (found.assets, total.there, total.booked_together) == (2, Decimal("300.024"), Decimal("300.024"))
    assert strays(desk) == []


def test_a_purchase_agrees_to_the_last_digit_of_its_fees(desk: Desk, ann: Owner) -> None:
    desk.list_exchange_asset(pool_shards=1)
    desk.purchase(ann, "25.55")
    desk.run(days=1)
    assert desk.world.venue.history(ACCOUNT, "SOLUSDT")
    assert compared(desk) is Verdict.AGREES
    assert strays(desk) == []


def test_a_sale_that_only_the_exchange_knows_is_told_to_a_person_once(desk: Desk, ann: Owner) -> None:
    sold(desk, ann)
    theirs = orphan(desk)
    assert compared(desk) is Verdict.OFF
    for _ in range(2):
        (told,) = strays(desk)
        assert f"exchange tells of {theirs}: SELL 0.7 BTC under by-hand, FULLY_EXECUTED" in told
        assert "which no order of ours is" in told
        desk.comparing_exchange.ask(TODAY, "olga")
        (found,) = desk.comparing_exchange.round(lambda: True)
        (line,) = [line for line in found.those(Verdict.OFF) if line.asset_id == theirs]
        assert (line.there, line.booked_together) == (Decimal(70), Decimal(0))


def test_an_order_that_the_exchange_never_took_is_nobodys(desk: Desk, ann: Owner) -> None:
    placed = desk.world.venue.place(
        ACCOUNT, "BTCUSDT", SELL, Kind.LIMIT, price=Decimal(99), quantity=Decimal("1.00222"), client_order_id="magic"
    )
    assert desk.world.fake.order("BTC", str(placed.order_id)).state is State.REJECTED
    assert compared(desk) is Verdict.AGREES


def test_a_sale_that_the_exchange_has_not_is_found_by_the_books(desk: Desk, ann: Owner) -> None:
    order_id = sold(desk, ann)
    empty = around(desk.world.fake, orders=lambda *_: Reports([], None))
    desk.world.exchange = empty
    for _ in range(2):
        compared(desk)
    assert desk.cross_checking.round(lambda: True).faults == 1
    (told,) = books(desk)
    assert "the exchange has order" in told
    assert "in no list" in told
    waiting = desk.operations.work(("books",), overdue_only=False, limit=9)[0]
    assert waiting.id == order_id


def test_a_sale_that_was_listed_is_not_missed(desk: Desk, ann: Owner) -> None:
    sold(desk, ann)
    for _ in range(3):
        compared(desk)
    assert desk.cross_checking.round(lambda: True).faults == 0


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"gross_amount": {"N": "90"}}, "we have booked 1.00012 BTC for $90.00"),
        ({"executed_quantity": {"N": "0.9"}}, "we have booked 0.9 BTC for"),
        ({"fee_amount": {"N": "0.01"}}, "fees $0.01"),
        ({"fees_elsewhere": {"S": "0.5 BNB"}}, "0.5 BNB"),
        ({"buys": {"BOOL": True}}, "we have placed BUY 1.00012 BTC"),
        ({"status": {"S": "LOST"}}, "we have it as LOST"),
    ],
)
def test_a_sale_that_is_another_one_here_is_told(
    desk: Desk, ann: Owner, changed: dict[str, dict[str, object]], why: str
) -> None:
    sold(desk, ann)
    key = first(desk, "exchange_order")
    put(desk, get(desk, *key) | changed)
    assert compared(desk) is Verdict.OFF
    (told,) = strays(desk)
    assert why in told


def test_a_sale_that_is_still_open_there_and_ended_here_is_told(desk: Desk, ann: Owner) -> None:
    sold(desk, ann)

    def orders(_: object, *asked: Any) -> Reports:
        page = desk.world.fake.orders(*asked)
        return replace(page, items=[replace(report, state=State.WORKING) for report in page.items])

    desk.world.exchange = around(desk.world.fake, orders=orders)
    assert compared(desk) is Verdict.OFF
    assert "WORKING" in strays(desk)[0]
    assert "we have it as ended" in strays(desk)[0]


def test_what_two_looks_do_not_find_the_same_is_not_told(desk: Desk, ann: Owner) -> None:
    """It is on the list, as what can not be told."""
    theirs = orphan(desk)
    looks = iter(range(100))

    def orders(_: object, asset_id: str, day: date, after: str | None = None) -> Reports:
        page = desk.world.fake.orders(asset_id, day, after)
        return page if next(looks) % 2 == 0 else Reports([], None)

    def gone(*_: object) -> None:
        raise ExchangeOrderUnknown("it never was")

    desk.world.exchange = around(desk.world.fake, orders=orders, order=gone)
    assert compared(desk) is Verdict.UNKNOWN
    (line,) = [line for line in desk.comparing_exchange.found(TODAY).lines if line.asset_id == theirs]
    assert "asked once more, it does not know it" in line.why
    assert strays(desk) == []


def test_what_two_looks_find_otherwise_is_not_told(desk: Desk, ann: Owner) -> None:
    orphan(desk)
    looks = iter(range(100))

    def orders(_: object, *asked: Any) -> Reports:
        page = desk.world.fake.orders(*asked)
        return replace(page, items=[replace(one, gross=Money(60 + next(looks))) for one in page.items])

    desk.world.exchange = around(desk.world.fake, orders=orders)
    assert compared(desk) is Verdict.UNKNOWN
    assert strays(desk) == []


def test_a_sale_that_two_have_decided_is_not_told(desk: Desk, ann: Owner) -> None:
    sold(desk, ann)
    key = first(desk, "exchange_order")
    evidence = {
        "order_state": {"S": "BY_EVIDENCE"},
        "evidence_executed": {"N": "1"},
        "evidence_gross": {"N": "100"},
        "evidence_fee": {"N": "0"},
        "evidence_reference": {"S": "letter"},
        "evidence_operators": {"S": "olga and oleg"},
        "evidence_at": get(desk, *key)["updated_at"],
    }
    put(desk, get(desk, *key) | evidence | {"gross_amount": {"N": "100"}})
    assert strays(desk) == []
    compared(desk)
    assert strays(desk) == []


def test_every_market_of_a_long_day_is_compared_in_rounds(desk: Desk, ann: Owner) -> None:
    desk.list_exchange_asset()
    theirs = [orphan(desk, "0.02", f"by-hand-{number}") for number in range(120)]
    desk.clock.forward(days=1)
    rounds = 0
    while True:
        found = desk.comparing_exchange.round(partial(next, iter([True, False])))
        rounds += 1
        if found and found[-1].of == f"exchange.{TODAY}":
            break
    assert (found[-1].assets, len(strays(desk))) == (len(theirs), 100)
    assert rounds >= 4
    assert Money(found[-1].lines[0].there) == Money("1.98") + Money("0.02")


def test_a_silent_exchange_is_asked_again_at_the_next_round(desk: Desk, ann: Owner) -> None:
    orphan(desk)
    desk.clock.forward(days=1)
    desk.world.fake.down = True
    assert desk.comparing_exchange.round(lambda: True) == []
    desk.world.fake.down = False
    (found,) = desk.comparing_exchange.round(lambda: True)
    assert found.verdict is Verdict.OFF


def bring(desk: Desk, amount: str = "70") -> None:
    """A chain brings something for the desk's account."""
    network = desk.world.wallet.networks.named("USDT", "TRX")
    desk.world.wallet.deposits.deliver("USDT", "TRX", *network.form.address_of(ACCOUNT), Decimal(amount), "a-hash")


def test_what_came_in_and_what_went_out_is_told_to_a_person_once(desk: Desk, ann: Owner) -> None:
    bring(desk)
    to = Address("TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC", "")
    desk.world.funds.withdraw("USDT", "TRC20", to, Quantity("100", "USDT"), "by-hand")
    for _ in range(2):
        compared(desk)
        deposit, withdrawal = sorted(strays(desk))
        assert "a deposit of 70 USDT, which nothing here has asked for" in deposit
        assert "a withdrawal of 100 USDT under by-hand, which nothing here has asked for" in withdrawal
        desk.comparing_exchange.ask(TODAY, "olga")
        (found,) = desk.comparing_exchange.round(lambda: True)
        assert found.verdict is Verdict.OFF


def test_an_exchange_that_tells_of_no_deposits_is_compared_by_its_orders(desk: Desk, ann: Owner) -> None:
    bring(desk)
    side = desk.comparing_exchange.side
    assert isinstance(side, ExchangeSide)
    side = replace(side, funds=replace(side.funds, desk=lambda: None))
    desk.clock.forward(days=1)
    (found,) = ComparingDays(desk.table, side, desk.clock).round(lambda: True)
    assert found.verdict is Verdict.AGREES


# The trading accounts of market making


@pytest.fixture
def market(desk: Desk) -> Market:
    """With an order that has come to its trading account today."""
    market = desk.market
    market.list_pair()
    market.poll()
    market.fund_all()
    market.run(60, until=lambda: market.has_order() and market.order().status is MarketMaking.RUNNING)
    assert len(market.exchange.wallet.deposits.of(TRADING)) >= 2
    return market


def strange(desk: Desk) -> list[tuple[str, Verdict]]:
    """What of a day is told, and how surely."""
    desk.clock.forward(days=1)
    found = desk.comparing_exchange.round(lambda: True)[-1]
    return sorted((line.why, line.verdict) for line in found.lines if line.why)


def test_what_legs_have_brought_and_orders_take_home_is_ours(desk: Desk, market: Market) -> None:
    assert strange(desk) == []
    market.overseeing.bring_home(market.order().order_id, "it is over", "olga", dry_run=False)
    market.run(240, until=lambda: market.order().status is MarketMaking.RETURNED)
    assert market.exchange.wallet.withdrawals.of(TRADING)
    assert strange(desk) == []


def test_what_a_stranger_moves_at_a_trading_account_is_told(desk: Desk, market: Market) -> None:
    network = market.exchange.wallet.networks.named("USDT", "TRX")
    address = network.form.address_of(TRADING)
    market.exchange.wallet.deposits.deliver("USDT", "TRX", *address, Decimal(70), "a-hash")
    to = Address("TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC", "")
    market.funds.withdraw("USDT", "TRC20", to, Quantity("50", "USDT"), "by-hand")
    assert strange(desk) == [
        (f"a deposit of account {TRADING} of 70 USDT, which nothing here has asked for", Verdict.OFF),
        (f"a withdrawal of account {TRADING} of 50 USDT under by-hand, which nothing here has asked for", Verdict.OFF),
    ]
    assert len(strays(desk)) == 2


REFUSED = ExchangeUnavailable("the exchange does not let us in", what="refused")


@pytest.mark.parametrize("no", [NoTradingKey("there is no key of it"), REFUSED])
def test_an_account_without_a_key_keeps_no_other_from_being_compared(
    desk: Desk, market: Market, no: NoTradingKey | ExchangeUnavailable
) -> None:
    """It can not be told of: that is said, and no more."""
    bring(desk)
    desk.clock.forward(days=1)
    (found,) = without(desk, no).round(lambda: True)
    assert [line.verdict for line in found.lines if line.why] == [Verdict.OFF, Verdict.UNKNOWN]
    assert no.detail in found.lines[1].why


def test_an_account_of_which_nothing_is_told_now_is_asked_again(desk: Desk, market: Market) -> None:
    desk.clock.forward(days=1)
    assert without(desk, ExchangeUnavailable("no answer", what="timeout")).round(lambda: True) == []


def without(desk: Desk, no: NoTradingKey | ExchangeUnavailable) -> ComparingDays:
    """Nothing can be asked of the trading accounts."""

    def none(_: str) -> Movements:
        raise no

    side = desk.comparing_exchange.side
    assert isinstance(side, ExchangeSide)
    return ComparingDays(desk.table, replace(side, funds=replace(side.funds, account=none)), desk.clock)
