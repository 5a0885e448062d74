"""What the port `Prices` promises, asked of the fake in process and of the real adapter over its real wire."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from common.gateways.prices import Prices, PriceSourceUnavailable
from common.gateways.prices.coingecko import CoinGeckoPrices
from common.money import Price
from sandbox.prices.face import serve
from sandbox.prices.oracle import RETRY_AFTER_SECONDS, Fault, Oracle

NOW = datetime(2026, 11, 21, 9, 30, 7, 654321, tzinfo=UTC)
MANY = {f"A{n}": f"asset-{n}" for n in range(250)}
IDS = {"BTC": "bitcoin", "ETH": "ethereum", "USDT": "tether", "USDT-TRC20": "tether", **MANY}


@dataclass(frozen=True)
class World:
    oracle: Oracle
    prices: Prices
    hasty: Prices  # the same, but it does not wait long


@pytest.fixture(params=["fake", "coingecko"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    oracle = Oracle(lambda: NOW, seed=7, ids=IDS)
    if request.param == "fake":
        yield World(oracle, prices=oracle, hasty=oracle)
        return
    with serve(oracle) as face:
        prices = CoinGeckoPrices(face.url, IDS)
        yield World(oracle, prices, CoinGeckoPrices(face.url, IDS, read_seconds=0.05))


@pytest.mark.parametrize(
    "usd",
    [
        *("67187.3", "0.000012345678901234", "9999999999", "9999999999.999999999999999999", "0.000000000000000001"),
        *("1", "67000.10"),
    ],
)
def test_a_price_is_exact_to_the_last_digit(world: World, usd: str) -> None:
    world.oracle.set_price("bitcoin", usd)
    assert world.prices.latest(["BTC"])["BTC"].price == Price(usd)


@pytest.mark.parametrize(
    ("usd", "rounded"),
    [
        ("0.1234567890123456785", "0.123456789012345678"),
        ("0.1234567890123456775", "0.123456789012345678"),
        ("67187.12345678901234567850001", "67187.123456789012345679"),
        ("9999999999.9999999999999999994", "9999999999.999999999999999999"),
    ],
)
def test_a_price_finer_than_eighteen_digits_is_rounded_half_to_even(world: World, usd: str, rounded: str) -> None:
    world.oracle.set_price("bitcoin", usd)
    assert world.prices.latest(["BTC"])["BTC"].price == Price(rounded)


@pytest.mark.parametrize(
    "usd",
    [None, "0", "-1", "10000000000", "9999999999.9999999999999999995", "0.0000000000000000004"],
)
def test_an_asset_without_a_usable_price_is_missing_and_the_others_are_not(world: World, usd: str | None) -> None:
    world.oracle.set_price("bitcoin", usd)
    world.oracle.set_price("ethereum", "3456.78")
    assert world.prices.latest(["BTC", "ETH"]).keys() == {"ETH"}


def test_an_asset_that_nobody_knows_is_missing(world: World) -> None:
    world.oracle.set_price("bitcoin", "67187.3")
    unlisted, not_in_the_catalogue = "ETH", "XYZ"
    assert world.prices.latest(["BTC", unlisted, not_in_the_catalogue]).keys() == {"BTC"}


def test_an_asset_that_is_delisted_is_missing_from_then_on(world: World) -> None:
    world.oracle.set_price("bitcoin", "67187.3")
    assert "BTC" in world.prices.latest(["BTC"])
    world.oracle.forget("bitcoin")
    assert world.prices.latest(["BTC"]) == {}


@pytest.mark.parametrize("age_seconds", [0, 1, 59, 300, 86_400 * 400])
def test_the_age_of_a_price_is_the_sources_own_to_the_second(world: World, age_seconds: int) -> None:
    world.oracle.set_price("bitcoin", "67187.3", age_seconds=age_seconds)
    as_of = world.prices.latest(["BTC"])["BTC"].as_of
    assert as_of == NOW.replace(microsecond=0) - timedelta(seconds=age_seconds)
    assert as_of.utcoffset() == timedelta(0)


def test_a_quotation_names_its_asset_and_its_source(world: World) -> None:
    world.oracle.set_price("bitcoin", "67187.3")
    quotation = world.prices.latest(["BTC"])["BTC"]
    assert quotation.asset_id == "BTC"
    assert quotation.source


def test_asking_for_nothing_asks_nobody(world: World) -> None:
    world.oracle.fail_next("500")
    assert world.prices.latest([]) == {}
    assert world.prices.latest({"XYZ"}) == {}
    assert world.oracle.calls == 0


def test_assets_may_share_a_listing(world: World) -> None:
    world.oracle.set_price("tether", "0.9998")
    latest = world.prices.latest(["USDT", "USDT-TRC20"])
    assert {asset_id: quotation.asset_id for asset_id, quotation in latest.items()} == {a: a for a in latest}
    assert latest["USDT"].price == latest["USDT-TRC20"].price == Price("0.9998")


def test_an_asset_asked_for_twice_is_quoted_once(world: World) -> None:
    world.oracle.set_price("bitcoin", "67187.3")
    assert world.prices.latest(["BTC", "BTC"]) == world.prices.latest({"BTC"}) == world.prices.latest(("BTC",))


def test_hundreds_of_assets_are_quoted_in_one_answer(world: World) -> None:
    for n, listing in enumerate(MANY.values()):
        world.oracle.set_price(listing, Decimal(n + 1).scaleb(-9))
    latest = world.prices.latest(list(MANY))
    assert {a: q.price for a, q in latest.items()} == {a: Price(Decimal(n + 1).scaleb(-9)) for n, a in enumerate(MANY)}


FACTS = {
    Fault.RATE_LIMIT: {"what": "rate_limit", "retry_after_seconds": RETRY_AFTER_SECONDS},
    Fault.SERVER_ERROR: {"what": "source_error"},
    Fault.TIMEOUT: {"what": "timeout"},
    Fault.GARBAGE: {"what": "garbage"},
    Fault.DROP: {"what": "connection"},
}


@pytest.mark.parametrize("fault", Fault)
def test_after_every_fault_the_next_call_is_answered(world: World, fault: Fault) -> None:
    """The fault itself makes the source unavailable."""
    world.oracle.set_price("bitcoin", "67187.3")
    world.oracle.fail_next(fault)
    asked = world.hasty if fault is Fault.TIMEOUT else world.prices
    with pytest.raises(PriceSourceUnavailable) as refusal:
        asked.latest(["BTC"])
    assert refusal.value.facts == FACTS[fault]
    assert refusal.value.detail
    assert world.prices.latest(["BTC"])["BTC"].price == Price("67187.3")


def test_a_fault_is_not_hidden_by_asking_again_unbidden(world: World) -> None:
    world.oracle.set_price("bitcoin", "67187.3")
    world.oracle.fail_next("drop", times=2)
    for _ in range(2):
        with pytest.raises(PriceSourceUnavailable):
            world.prices.latest(["BTC"])
    assert world.oracle.calls == 2
    assert "BTC" in world.prices.latest(["BTC"])
