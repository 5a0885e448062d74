"""The three keys of a trading account, as the local stack is seeded with them: each may do what it is for, and the
exchange lets it do nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

import pytest

from common.clock import now
from common.custody import Address
from common.errors import Refusal
from common.gateways.exchange import Side, Ticket, client_order_id
from common.gateways.exchange.ccxt import CcxtExchange
from common.gateways.exchange.ccxt_funds import CcxtFunds
from common.money import Price, Quantity
from local.seed_market_making import ACCOUNTS, RIGHTS, keys
from sandbox.exchange.binance import BinanceFace, Credential
from sandbox.exchange.faults import Faults
from sandbox.exchange.keyring import Right
from sandbox.exchange.simulated import SimulatedExchange
from sandbox.serving import serve

ACCOUNT = ACCOUNTS[0]
OUT = Address("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq")


@dataclass(frozen=True)
class World:
    """An account with a key of each purpose, at the simulated exchange."""

    exchange: SimulatedExchange
    url: str

    def looks(self, purpose: str) -> object:
        funds = self.funds(purpose)
        return funds.free("BTC"), funds.deposits("BTC", now()), funds.networks("BTC")

    def trades(self, purpose: str) -> object:
        key = keys(purpose)[ACCOUNT.account_id]
        venue = CcxtExchange(self.url, quote="USDT", api_key=key["api_key"], secret=key["secret"])
        return venue.place(Ticket(Side.SELL, Quantity("0.01", "BTC"), Price("1000000"), client_order_id(purpose, "1")))

    def withdraws(self, purpose: str) -> object:
        self.funds(purpose).withdraw("BTC", "BTC", OUT, Quantity("0.1", "BTC"), purpose)
        return None

    def funds(self, purpose: str) -> CcxtFunds:
        key = keys(purpose)[ACCOUNT.account_id]
        return CcxtFunds(self.url, api_key=key["api_key"], secret=key["secret"])


@pytest.fixture
def world() -> Iterator[World]:
    exchange = SimulatedExchange(now)
    exchange.furnish()
    for account in ACCOUNTS:
        exchange.venue.open_account(account.account_id, {"BTC": Decimal(3)})
    issued = [
        Credential(account_id, key["api_key"], key["secret"], frozenset(RIGHTS[purpose]))
        for purpose in RIGHTS
        for account_id, key in keys(purpose).items()
    ]
    with serve(BinanceFace(exchange.venue, issued, Faults(), now, exchange.wallet).decide, name="binance") as face:
        yield World(exchange, face.url)


def test_an_account_has_a_key_for_each_purpose() -> None:
    assert set(RIGHTS) == {"reading", "trading", "withdrawing"}
    issued = [key["api_key"] for purpose in RIGHTS for key in keys(purpose).values()]
    assert len(set(issued)) == len(issued) == len(RIGHTS) * len(ACCOUNTS)
    assert RIGHTS["reading"] == (Right.READ,)


@pytest.mark.parametrize("purpose", RIGHTS)
def test_each_key_may_look(world: World, purpose: str) -> None:
    assert world.looks(purpose)


@pytest.mark.parametrize("purpose", RIGHTS)
def test_a_key_does_what_it_is_for_and_nothing_else(world: World, purpose: str) -> None:
    acts: dict[str, Callable[[str], object]] = {"trading": world.trades, "withdrawing": world.withdraws}
    for act, tried in acts.items():
        if act == purpose:
            tried(purpose)
            continue
        with pytest.raises(Refusal, match="-2015"):
            tried(purpose)
    left = {one.own_id for one in world.exchange.wallet.withdrawals.all()}
    assert left == ({purpose} if purpose == "withdrawing" else set())
