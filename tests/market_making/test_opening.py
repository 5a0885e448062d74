"""An order by API: opened once for each key, within the room that there is, and nobody else's."""

from collections.abc import Callable
from decimal import Decimal
from uuid import UUID

import pytest
from pydantic import ValidationError

from common.domain.custody.model import Disposition, Incoming, incoming_id
from common.domain.pairs.model import PairNotFound
from common.errors import Refusal
from common.gateways.custody import CustodyUnavailable
from common.gateways.exchange import ExchangeUnavailable
from common.gateways.exchange.funds import NoTradingKey
from common.idempotency import IdempotencyKeyReused, uuid_of
from common.money import Quantity
from common.owner import Owner
from functions.market_making import account_store, model, store
from functions.market_making.api.orders import MarketMakingRequest
from functions.market_making.memo import Memo
from functions.market_making.model import (
    FundingTooSmall,
    MarketMakingOrderMoved,
    MarketMakingOrderNotFound,
    NoCapacity,
    Order,
    Status,
    Terms,
    TradingAccount,
)
from functions.market_making.service.opening import PairUnreachable, to_pay
from sandbox.mixin.assets import units_of
from tests.market_making.audit import items, live, meanwhile, room_taken
from tests.market_making.market import ANN as PAYER
from tests.market_making.market import BOB as OTHER_PAYER
from tests.market_making.market import BTC, ETH, PAIR, USDT, Market

ANN = Owner("ann", "sub-ann")
BOB = Owner("bob", "sub-bob")
TERMS = Terms(PAIR, Decimal("0.1"), Decimal(5000))


@pytest.fixture
def market() -> Market:
    market = Market()
    market.list_pair()
    market.poll()
    return market


def opened(market: Market, key: str = "key-1", asked: Terms = TERMS, owner: Owner = ANN) -> Order:
    return market.opening.open(owner, key, asked).made


def test_an_order_says_what_is_to_be_paid(market: Market) -> None:
    parts = {part.purpose: (part.quantity.asset_id, part.quantity.amount) for part in to_pay(opened(market))}
    assert parts == {
        "base": (BTC, Decimal("0.1")),
        "quote": (USDT, Decimal(5000)),
        "base_fee": (BTC, Decimal("0.00002")),
        "quote_fee": (ETH, Decimal("0.001")),
    }


def test_dust_is_of_what_the_pair_asks_and_not_of_what_its_owner_puts_in(market: Market) -> None:
    order = store.existing(market.table, opened(market).order_id)
    assert order.is_dust(Quantity("0.0001", BTC))  # a hundredth of the 0.01 that an order needs
    assert not order.is_dust(Quantity("0.00010001", BTC))
    assert not order.is_dust(Quantity("1.01", USDT))


def test_the_same_post_twice_opens_one_order(market: Market) -> None:
    first = market.opening.open(ANN, "key-1", TERMS)
    before = items(market)
    again = market.opening.open(ANN, "key-1", TERMS)
    assert (first.replayed, again.replayed, first.made.order_id) == (False, True, again.made.order_id)
    assert (items(market), room_taken(market)) == (before, 1)


def test_a_repeat_is_answered_whatever_has_changed_since(market: Market) -> None:
    first = opened(market)
    market.list_pair(enabled=False, capacity=1)
    market.custody.down = market.funds.down = market.keyless = True
    assert opened(market).order_id == first.order_id
    live(market, 18)
    assert opened(market).status is Status.REFUNDED


@pytest.mark.parametrize(
    "other",
    [
        Terms(PAIR, Decimal("0.2"), Decimal(5000)),
        Terms(PAIR, Decimal("0.1"), Decimal(5001)),
        Terms(UUID(int=7), Decimal("0.1"), Decimal(5000)),
        Terms(PAIR, Decimal("0.1"), Decimal(5000), "campaign-1"),
    ],
    ids=["base", "quote", "pair", "campaign"],
)
def test_the_same_key_with_other_terms_is_refused(market: Market, other: Terms) -> None:
    opened(market)
    before = items(market)
    with pytest.raises(IdempotencyKeyReused):
        opened(market, asked=other)
    assert items(market) == before


def test_two_posts_at_once_open_one_order(market: Market) -> None:
    meanwhile(market, lambda: opened(market))
    assert market.opening.open(ANN, "key-1", TERMS).replayed
    assert room_taken(market) == 1


def test_two_posts_at_once_with_other_terms_open_one_order(market: Market) -> None:
    meanwhile(market, lambda: opened(market, asked=Terms(PAIR, Decimal(1), Decimal(5000))))
    with pytest.raises(IdempotencyKeyReused):
        opened(market)
    assert room_taken(market) == 1


def test_keys_are_their_owners_own(market: Market) -> None:
    same_name = Owner(ANN.username, "another sub")
    ids = {opened(market, owner=owner).order_id for owner in (ANN, BOB, same_name)}
    assert len(ids) == 3


def test_two_who_pay_for_an_order_at_once_bind_it_to_one(market: Market) -> None:
    """The second is decided anew, and has his money back."""
    uuid = uuid_of(opened(market).order_id)
    said, writes = Memo(PAIR, uuid), []
    for payer in (PAYER, OTHER_PAYER):
        snapshot = market.custody.snapshot(market.fund(payer, BTC, "0.1", uuid).snapshot_id)
        at, held = market.clock(), incoming_id(snapshot.snapshot_id)
        paid = Incoming(held, snapshot, Disposition.HELD, at, at, "a payment")
        writes.append(market.paying.accept(paid, said))
    market.table.write(*writes[0])
    with pytest.raises(MarketMakingOrderMoved):
        market.table.write(*writes[1])
    order = store.existing(market.table, model.order_id(uuid))
    assert (order.opponent_id, order.transfers) == (PAYER, 1)


def test_another_owners_order_is_not_found(market: Market) -> None:
    order = opened(market)
    assert market.opening.order(ANN, order.order_id).order_id == order.order_id
    for stranger in (BOB, Owner(ANN.username, "another sub")):
        with pytest.raises(MarketMakingOrderNotFound):
            market.opening.order(stranger, order.order_id)
        assert market.opening.orders(stranger, limit=10, after=None).items == []


def test_a_full_exchange_opens_nothing_until_an_order_has_ended(market: Market) -> None:
    market.list_pair(capacity=1)
    opened(market)
    with pytest.raises(NoCapacity):
        opened(market, "key-2")
    assert room_taken(market) == 1
    live(market, 18)
    assert (opened(market, "key-2").status, room_taken(market)) == (Status.PAYMENT_PENDING, 1)


def test_the_last_place_is_given_once(market: Market) -> None:
    market.list_pair(capacity=1)
    meanwhile(market, lambda: opened(market, "key-2", owner=BOB))
    with pytest.raises(NoCapacity):
        opened(market)
    assert room_taken(market) == 1


def test_who_loses_the_last_place_gets_one_elsewhere(market: Market) -> None:
    market.list_pair(capacity=1)
    second = TradingAccount("mm2", "binance", 1, 0, enabled=True)
    market.table.write(account_store.save_account(second, None, market.clock()))
    meanwhile(market, lambda: opened(market, "key-2", owner=BOB))
    assert opened(market).account_id == "mm2"
    with pytest.raises(NoCapacity):
        opened(market, "key-3")


def close(market: Market) -> None:
    market.exchange.wallet.networks.change("BTC", "BTC", deposits=False)


@pytest.mark.parametrize(
    ("asked", "happens", "refusal"),
    [
        (Terms(UUID(int=7), Decimal("0.1"), Decimal(5000)), lambda _: None, PairNotFound),
        (TERMS, lambda market: market.list_pair(enabled=False), PairUnreachable),
        (TERMS, close, PairUnreachable),
        (Terms(PAIR, Decimal("0.00999999"), Decimal(5000)), lambda _: None, FundingTooSmall),
        (Terms(PAIR, Decimal("0.1"), Decimal("99.99999999")), lambda _: None, FundingTooSmall),
        (TERMS, lambda market: setattr(market.funds, "down", True), ExchangeUnavailable),
        (TERMS, lambda market: setattr(market.custody, "down", True), CustodyUnavailable),
        (TERMS, lambda market: setattr(market, "keyless", True), NoTradingKey),
    ],
    ids=["unknown", "disabled", "no way", "base", "quote", "exchange down", "custody down", "no key"],
)
def test_a_refusal_writes_nothing(
    market: Market, asked: Terms, happens: Callable[[Market], None], refusal: type[Refusal]
) -> None:
    happens(market)
    before = items(market)
    with pytest.raises(refusal):
        opened(market, asked=asked)
    assert items(market) == before


def test_what_it_costs_is_kept_for_fifteen_minutes(market: Market) -> None:
    order = opened(market)
    market.safe.set_fees(BTC, {BTC: units_of(Decimal("0.5"))})
    market.safe.set_fees(USDT, {ETH: units_of(Decimal("0.5"))})
    assert store.existing(market.table, order.order_id).fees == order.fees


@pytest.mark.parametrize("quantity", ["base_quantity", "quote_quantity"])
def test_an_amount_that_no_transfer_can_have_is_refused(quantity: str) -> None:
    """Nobody could pay it to the last digit, and what is missing brings the whole payment back."""
    asked = {"pair": "BTC-USDT", "base_quantity": "0.12345678", "quote_quantity": "5000.00000001"}
    MarketMakingRequest.model_validate(asked)
    with pytest.raises(ValidationError, match="at most 8 decimals"):
        MarketMakingRequest.model_validate({**asked, quantity: "0.123456789"})
