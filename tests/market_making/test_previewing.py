"""What is looked at before anything is placed is what is placed then; and what has been paid is ticked."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from common.domain.pairs import store as pair_store
from common.owner import Owner
from functions.market_making import hummingbot, memo
from functions.market_making.memo import Memo
from functions.market_making.model import NoMarketPrice, NotConfigurable, Status, Terms
from functions.market_making.service.opening import Payment
from functions.market_making.service.previewing import TOO_LITTLE, Preview
from sandbox.exchange.venue import HOUSE
from tests.market_making.audit import live_until
from tests.market_making.market import ANN, BTC, ORDER, PAIR, US, USDT, Market
from tests.market_making.test_ticking import Quoted

SETTINGS = {"bid_spread": "0.1", "ask_spread": "0.3", "order_amount": "0.02", "order_refresh_time": "10"}
LEVELS = {**SETTINGS, "order_levels": "3", "order_level_spread": "0.1", "order_level_amount": "0.005"}


@pytest.fixture
def quoted() -> Quoted:
    return Quoted()


def previewed(market: Market, base: str, quote: str, **settings: Any) -> Preview:
    pair = pair_store.pair(market.table, PAIR)
    read = hummingbot.read(settings, pair.exchange, pair.symbol)
    return market.previewing.quotes(pair, read, Decimal(base), Decimal(quote))


@pytest.mark.parametrize("settings", [SETTINGS, LEVELS], ids=["one level", "three"])
def test_what_is_previewed_is_what_the_first_cycle_places(quoted: Quoted, settings: dict[str, str]) -> None:
    market, order = quoted.market, quoted.market.order()
    market.steering.configure(order.order_id, 0, settings)
    found = previewed(market, "0.1", "5000", **settings)
    quoted.tick()
    told = [(one.side, one.price, one.quantity) for one in found.quotes]
    assert sorted(told) == sorted((order.side, order.price, order.quantity) for order in quoted.open)
    assert (len(told), found.price, found.why) == (2 * int(settings.get("order_levels", "1")), Decimal(60_000), None)


def test_the_desks_fee_is_not_quoted_with(quoted: Quoted) -> None:
    """1,198.80 buys the whole of 0.02 at 59,940; of as much, less a thousandth, it is not quite that."""
    whole = previewed(quoted.market, "0.1", "1300", **SETTINGS).quotes
    less = previewed(quoted.market, "0.1", "1198.80", **SETTINGS).quotes
    assert [one.quantity for one in whole if one.side == "BUY"] == [Decimal("0.02")]
    assert [one.quantity for one in less if one.side == "BUY"] != [Decimal("0.02")]


def test_who_puts_in_too_little_is_told_so(quoted: Quoted) -> None:
    found = previewed(quoted.market, "0.00000001", "0.00000001", **SETTINGS)
    assert (found.quotes, found.why) == ((), TOO_LITTLE)


def test_without_a_price_there_is_no_preview(quoted: Quoted) -> None:
    quoted.exchange.venue.cancel_all(HOUSE, "BTCUSDT")
    found = previewed(quoted.market, "0.1", "5000", **SETTINGS)
    assert (found.price, found.quotes) == (None, ())
    assert found.why == "the market has no price now: a side of its book is empty"


def test_an_exchange_without_an_account_of_ours_is_not_looked_at(quoted: Quoted) -> None:
    pair = replace(pair_store.pair(quoted.market.table, PAIR), exchange="kraken")
    with pytest.raises(NoMarketPrice, match="no account at kraken"):
        quoted.market.previewing.quotes(pair, SETTINGS, Decimal(1), Decimal(1))


def test_a_market_is_asked_for_its_limits_once(quoted: Quoted) -> None:
    previewing, pair = quoted.market.previewing, pair_store.pair(quoted.market.table, PAIR)
    read = hummingbot.read(SETTINGS, pair.exchange, pair.symbol)
    previewing.quotes(pair, read, Decimal(1), Decimal(1))
    known = dict(previewing.known)
    assert len(known) == 1
    previewing.quotes(pair, read, Decimal(1), Decimal(1))
    assert all(previewing.known[key] is limits for key, limits in known.items())


def test_an_order_finds_its_own_quotes_in_the_book(quoted: Quoted) -> None:
    market, order = quoted.market, quoted.market.order()
    quoted.ticks(2, flow=False)
    found = market.previewing.depth(market.order())
    assert [(one.side, one.price, one.state) for one in found.quotes] == [
        ("SELL", Decimal("60120.00"), "open"),
        ("BUY", Decimal("59880.00"), "open"),
    ]
    assert found.own == {one.price: Decimal("0.02081") for one in found.quotes}
    assert Decimal("59880.00") in [level.price for level in found.bids]
    assert (found.base, found.lacks) == (market.order().base and market.order().base.amount, ())  # type: ignore[union-attr]
    assert order.order_id == market.order().order_id


def test_an_order_that_has_too_little_for_a_quote_says_of_what(quoted: Quoted) -> None:
    quoted.ticks(1, flow=False)
    order = quoted.market.order()
    quoted.market.steering.configure(order.order_id, 1, {"order_amount": "0.09"})
    assert quoted.market.previewing.depth(order).lacks == ("USDT",)


def test_what_has_not_begun_has_no_book() -> None:
    market = Market()
    market.list_pair()
    market.fund(ANN, BTC, "0.1")
    market.poll()
    with pytest.raises(NotConfigurable, match="not begun"):
        market.previewing.depth(market.order())


def test_each_transfer_is_ticked_when_as_much_has_come_in() -> None:
    market = Market()
    market.list_pair()
    order = market.opening.open(Owner("ann", "sub-ann"), "k", Terms(PAIR, Decimal("0.2"), Decimal(6000))).made
    said = memo.encode(Memo(PAIR, memo.decode(memo_of(market, order.order_id)).order_id)).encode()

    def ticks() -> dict[str, bool]:
        return {due.transfer.purpose: due.arrived for due in paid(market, order.order_id).due}

    assert not any(ticks().values())
    fee = order.fees.base
    market.pay(ANN, fee.asset_id, str(fee.amount), said)
    market.poll()
    assert [name for name, arrived in ticks().items() if arrived] == ["base_fee"]
    market.pay(ANN, BTC, "0.2", said)
    market.pay(ANN, USDT, "5999", said)
    market.poll()
    assert [name for name, arrived in ticks().items() if arrived] == ["base", "base_fee"]
    assert paid(market, order.order_id).missing[USDT] >= 1


def test_a_link_pays_what_is_due_once() -> None:
    market = Market()
    market.list_pair()
    order = market.opening.open(Owner("ann", "sub-ann"), "k", Terms(PAIR, Decimal("0.2"), Decimal(6000))).made
    links = [urlsplit(due.link) for due in paid(market, order.order_id).due]
    assert {link.path for link in links} == {f"/pay/{US}"}
    asked = [parse_qs(link.query) for link in links]
    assert [(one["asset"], one["amount"]) for one in asked][:2] == [([BTC], ["0.2"]), ([USDT], ["6000"])]
    assert len({one["trace"][0] for one in asked}) == len(links)
    assert [urlsplit(due.link) for due in paid(market, order.order_id).due] == links


def test_the_time_for_a_payment_is_told_by_the_desks_clock() -> None:
    market = Market()
    market.list_pair()
    order = market.opening.open(Owner("ann", "sub-ann"), "k", Terms(PAIR, Decimal("0.2"), Decimal(6000))).made
    assert paid(market, order.order_id).seconds_left == 15 * 60 - 1
    market.clock.forward(minutes=10)
    assert paid(market, order.order_id).seconds_left == 5 * 60 - 1
    market.clock.forward(minutes=10)
    assert paid(market, order.order_id).seconds_left == 0


def test_what_is_paid_is_waited_for_no_more() -> None:
    market = Market()
    market.list_pair()
    market.fund_all()
    live_until(market, Status.CREATED)
    assert market.opening.payment(market.order(ORDER)) is None


def paid(market: Market, order_id: str) -> Payment:
    found = market.opening.payment(market.opening.order(Owner("ann", "sub-ann"), order_id))
    assert found is not None
    return found


def memo_of(market: Market, order_id: str) -> bytes:
    (link, *_) = (urlsplit(due.link) for due in paid(market, order_id).due)
    return parse_qs(link.query)["memo"][0].encode()
