"""What the fake of an account's funds can be told; what it promises as a port is in the ports' contract."""

from decimal import Decimal

import pytest

from common.gateways.custody import Address
from common.gateways.exchange import ExchangeRefused, ExchangeUnavailable
from common.money import Quantity
from sandbox.exchange.desk import NETWORKS
from sandbox.exchange.fake_funds import FakeFunds
from sandbox.exchange.venue import Venue
from sandbox.exchange.wallet import Wallet
from tests.harness.clock import VirtualClock

HUNDRED = Quantity("100", "USDT")
THEIRS = Address("T" + "x" * 33)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def venue(clock: VirtualClock) -> Venue:
    venue = Venue(clock.now)
    venue.open_account("maker", {"USDT": Decimal(1000)})
    return venue


@pytest.fixture
def wallet(clock: VirtualClock, venue: Venue) -> Wallet:
    return Wallet(venue, NETWORKS, clock.now)


@pytest.fixture
def fake(venue: Venue, wallet: Wallet) -> FakeFunds:
    return FakeFunds(venue, wallet, "maker")


def withdraw(fake: FakeFunds, name: str = "a") -> None:
    fake.withdraw("USDT", "TRC20", THEIRS, HUNDRED, name)


def test_while_it_is_down_nothing_is_done(fake: FakeFunds, wallet: Wallet) -> None:
    fake.down = True
    with pytest.raises(ExchangeUnavailable):
        withdraw(fake)
    assert wallet.withdrawals.all() == []
    fake.down = False
    withdraw(fake)
    assert fake.calls["withdraw"] == 2


def test_a_ban_is_over_when_its_time_is(fake: FakeFunds, clock: VirtualClock) -> None:
    fake.ban(10)
    clock.advance(3)
    with pytest.raises(ExchangeUnavailable) as unavailable:
        fake.networks("USDT")
    assert unavailable.value.facts == {"what": "rate_limit", "retry_after_seconds": 7}
    clock.advance(7)
    assert fake.networks("USDT")


def test_what_it_tells_can_be_made_unbelievable(fake: FakeFunds, wallet: Wallet) -> None:
    """What was asked is done all the same."""
    fake.doubt_next("withdraw")
    with pytest.raises(ExchangeUnavailable) as unavailable:
        withdraw(fake)
    assert unavailable.value.facts["what"] == "not_believed"
    assert len(wallet.withdrawals.all()) == 1
    withdraw(fake)


def test_a_refusal_is_of_a_new_withdrawal_and_whose_it_was_told(fake: FakeFunds, wallet: Wallet) -> None:
    withdraw(fake)
    fake.refuse_next()
    fake.refuse_next(ours=True)
    withdraw(fake)
    for ours in (False, True):
        with pytest.raises(ExchangeRefused) as refused:
            withdraw(fake, "b")
        assert refused.value.ours is ours
    withdraw(fake, "b")
    assert len(wallet.withdrawals.all()) == 2
