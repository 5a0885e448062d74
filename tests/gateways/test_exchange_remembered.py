"""Twenty orders that wait at one account ask the exchange as one, and are told what each would have been told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from common.custody import Address
from common.gateways.exchange import ExchangeUnavailable
from common.gateways.exchange.funds import ExchangeDeposit, ExchangeWithdrawalUnknown, WithdrawalState
from common.gateways.exchange.remembered import BYTES_MAX, LOOK_EVERY, LOOKING, RememberedFunds
from common.money import Quantity
from common.table.table import Table
from common.table.transaction import Patience
from sandbox.exchange.desk import NETWORKS
from sandbox.exchange.fake_funds import FakeFunds
from sandbox.exchange.venue import Venue
from sandbox.exchange.wallet import Wallet
from tests.desk import TABLE, Clock
from tests.harness.memory import InMemoryDynamoDB

ORDERS = 20
A_MINUTE_MAX = 10  # Binance: 18,000 of a weight of 180,000 a minute, for a list of withdrawals
TRON = Address("T" + "x" * 33)


class Account:
    """One at the simulated exchange, and the table that all its askers share."""

    def __init__(self) -> None:
        self.clock, self.dynamo = Clock(), InMemoryDynamoDB(TABLE)
        venue = Venue(self.clock)
        venue.open_account("mm1", {"USDT": Decimal(10_000), "DOGE": Decimal(10_000)})
        self.wallet = Wallet(venue, NETWORKS, self.clock)
        self.fake = FakeFunds(venue, self.wallet, "mm1")
        self.began = self.clock.at

    def asker(self) -> RememberedFunds:
        """Another process."""
        patience = Patience(monotonic=self.clock.monotonic, sleep=self.clock.sleep, jitter=lambda: 0.5)
        return RememberedFunds(self.fake, Table(self.dynamo, TABLE.name, patience), "mm1", self.clock)  # type: ignore[arg-type]

    def bring(self, hash_: str, coin: str = "USDT", network: str = "TRX") -> None:
        there = self.wallet.networks.named(coin, network)
        self.wallet.deposits.deliver(coin, network, *there.form.address_of("mm1"), Decimal(5), hash_)

    def withdraw(self, name: str) -> None:
        self.fake.withdraw("USDT", "TRC20", TRON, Quantity(10, "USDT"), name)


@pytest.fixture
def account() -> Account:
    return Account()


def test_twenty_orders_ask_an_exchange_as_one(account: Account) -> None:
    """Each half a minute, for ten minutes, for a deposit and a withdrawal: four requests a minute, and not eighty."""
    for number in range(ORDERS):
        account.withdraw(f"w{number}")
    minutes = 10
    for _ in range(2 * minutes):
        for number in range(ORDERS):
            asker = account.asker()
            asker.deposits("USDT", account.began)
            asker.withdrawal("USDT", f"w{number}", account.began)
            account.clock.forward(seconds=0.7)
        account.clock.forward(seconds=16)
    assert account.fake.calls["deposits"] == account.fake.calls["withdrawal"] == 2 * minutes
    assert account.fake.calls["withdrawal"] / minutes <= A_MINUTE_MAX


def test_what_is_remembered_is_what_the_exchange_has_told(account: Account) -> None:
    account.bring("hash-1")
    account.bring("hash-2", "DOGE", "DOGE")
    account.withdraw("ours")
    account.clock.forward(seconds=60)
    for coin in ("USDT", "DOGE", "USDT"):
        assert account.asker().deposits(coin, account.began) == account.fake.deposits(coin, account.began)
    direct = account.fake.withdrawal("USDT", "ours", account.began)
    assert [account.asker().withdrawal("USDT", "ours", account.began) for _ in range(2)] == [direct, direct]
    with pytest.raises(ExchangeWithdrawalUnknown):
        account.asker().withdrawal("DOGE", "ours", account.began)
    assert account.asker().deposits("USDT", account.clock.at) == []


def test_each_order_is_told_of_its_own_withdrawal(account: Account) -> None:
    """Of several of one coin; and none of another coin has its name."""
    for name in ("first", "second"):
        account.withdraw(name)
    for name in ("second", "first"):
        assert account.asker().withdrawal("USDT", name, account.began).withdrawal_id == name
    for coin, name in (("USDT", "third"), ("DOGE", "first")):
        with pytest.raises(ExchangeWithdrawalUnknown):
            account.asker().withdrawal(coin, name, account.began)


def test_what_has_come_since_is_seen_half_a_minute_later(account: Account) -> None:
    assert account.asker().deposits("USDT", account.began) == []
    account.bring("hash-1")
    account.clock.forward(seconds=LOOK_EVERY.total_seconds() - 1)
    assert account.asker().deposits("USDT", account.began) == []
    account.clock.forward(seconds=1)
    (told,) = account.asker().deposits("USDT", account.began)
    assert told.transaction_hash == "hash-1"


def test_who_has_waited_for_longer_is_told_all_of_it(account: Account) -> None:
    """A look that does not go so far back says nothing to him."""
    account.bring("long-ago")
    account.clock.forward(days=40)
    assert account.asker().deposits("USDT", account.clock.at) == []
    (told,) = account.asker().deposits("USDT", account.began)
    assert told.transaction_hash == "long-ago"


class Slow(FakeFunds):
    """While it is asked, others ask."""

    meanwhile: list[object]

    def all_deposits(self, since: datetime) -> Sequence[ExchangeDeposit]:
        told = super().all_deposits(since)
        others, self.meanwhile = self.meanwhile, []
        for other in others:
            assert callable(other)
            other()
        return told


def test_while_one_looks_nobody_else_does(account: Account) -> None:
    slow = Slow(account.fake._venue, account.wallet, "mm1")
    account.fake = slow

    def has_to_wait() -> None:
        with pytest.raises(ExchangeUnavailable, match="somebody looks"):
            account.asker().deposits("USDT", account.began)

    def is_told_what_was_told() -> None:
        assert account.asker().deposits("USDT", account.began) == []

    slow.meanwhile = [has_to_wait]
    account.asker().deposits("USDT", account.began)
    account.clock.forward(seconds=40)
    slow.meanwhile = [is_told_what_was_told]
    account.asker().deposits("USDT", account.began)
    assert slow.calls["deposits"] == 2


def test_who_dies_while_he_looks_keeps_nobody_for_long(account: Account) -> None:
    account.fake.down = True
    with pytest.raises(ExchangeUnavailable):
        account.asker().deposits("USDT", account.began)
    account.fake.down = False
    with pytest.raises(ExchangeUnavailable):
        account.asker().deposits("USDT", account.began)
    account.clock.forward(seconds=LOOKING.total_seconds())
    assert account.asker().deposits("USDT", account.began) == []


def test_what_is_too_much_to_be_remembered_is_told_all_the_same(account: Account) -> None:
    for number in range(BYTES_MAX // 150):
        account.bring(f"hash-{number}")
    for _ in range(2):
        assert len(account.asker().deposits("USDT", account.began)) == BYTES_MAX // 150
        account.clock.forward(seconds=LOOKING.total_seconds())


def test_a_withdrawal_that_is_over_is_told_so(account: Account) -> None:
    account.withdraw("ours")
    account.clock.forward(seconds=60)
    (there,) = account.wallet.withdrawals.outbox()
    account.wallet.withdrawals.complete(there.withdrawal_id, "0xdone")
    told = account.asker().withdrawal("USDT", "ours", account.began)
    assert (told.state, told.transaction_hash) == (WithdrawalState.COMPLETED, "0xdone")
    assert account.began <= account.clock.at - timedelta(seconds=60)
