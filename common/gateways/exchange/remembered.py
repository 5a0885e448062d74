"""One look at an account's deposits, and one at its withdrawals, for all who wait for some of them.

    LOOK#{account_id}   DEPOSITS, WITHDRAWALS   what the exchange told last, of all coins; since when somebody asks

Each order that waits asks every half a minute, and an exchange lets an account ask a few times a minute only: Binance
for the list of withdrawals ten times. So whoever asks first reads the whole list, and it is remembered in the table for
all others. Nobody decides by it what is not so: a deposit that is credited, and a withdrawal that is over, stay so, and
what came since is seen half a minute later. What can not be remembered is asked for, as if nothing were.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Generic, Protocol, TypeVar

from pynamodb.attributes import UnicodeAttribute

from common import keys
from common.clock import instant, text
from common.custody import Address
from common.errors import Conflict
from common.gateways.exchange import ExchangeUnavailable
from common.gateways.exchange.funds import (
    ExchangeDeposit,
    ExchangeFunds,
    ExchangeWithdrawal,
    ExchangeWithdrawalUnknown,
    Movements,
    Network,
    WithdrawalState,
)
from common.log import log
from common.money import Quantity, plain
from common.table.items import InstantAttribute, Item
from common.table.table import Table
from common.table.transaction import Write

LOOK_EVERY = timedelta(seconds=30)
LOOKING = timedelta(seconds=20)  # who looks has ended by then
TOLD_AGE_MAX = timedelta(minutes=5)  # while somebody looks, what was told before still says what has come by then
LOOK_BACK = timedelta(days=7)  # at least: so one look is good for all who wait
BYTES_MAX = 300_000  # an item has 400 KiB

T = TypeVar("T")


class AllFunds(ExchangeFunds, Movements, Protocol):
    """An account's funds, whose lists are told of all coins with one request."""

    def all_deposits(self, since: datetime) -> Sequence[ExchangeDeposit]: ...

    def all_withdrawals(self, since: datetime) -> Sequence[ExchangeWithdrawal]:
        """Those that have an id of ours."""
        ...


class LookItem(Item, discriminator=keys.EXCHANGE_LOOK.entity):
    looking_since = InstantAttribute(null=True)
    told = UnicodeAttribute(null=True)
    told_at = InstantAttribute(null=True)
    told_since = InstantAttribute(null=True)  # how far it goes back


class LookedMeanwhile(Conflict):
    """Somebody else looks."""


@dataclass(frozen=True)
class _Kind(Generic[T]):
    name: str
    write: Callable[[T], dict[str, Any]]
    read: Callable[[dict[str, Any]], T]


@dataclass(frozen=True)
class RememberedFunds:
    """The port `ExchangeFunds`: an account's, whose lists are remembered."""

    funds: AllFunds
    table: Table
    account_id: str
    now: Callable[[], datetime]

    @property
    def name(self) -> str:
        return self.funds.name

    def networks(self, coin: str) -> Sequence[Network]:
        return self.funds.networks(coin)

    def deposit_address(self, coin: str, network: str) -> Address:
        return self.funds.deposit_address(coin, network)

    def free(self, coin: str) -> Quantity:
        return self.funds.free(coin)

    def withdraw(self, coin: str, network: str, to: Address, quantity: Quantity, withdrawal_id: str) -> None:
        self.funds.withdraw(coin, network, to, quantity, withdrawal_id)

    def deposits(self, coin: str, since: datetime) -> Sequence[ExchangeDeposit]:
        told = self._told(_DEPOSITS, self.funds.all_deposits, since)
        return [deposit for deposit in told if deposit.quantity.asset_id == coin and deposit.at >= since]

    def withdrawal(self, coin: str, withdrawal_id: str, since: datetime) -> ExchangeWithdrawal:
        for one in self._told(_WITHDRAWALS, self.funds.all_withdrawals, since):
            if (one.withdrawal_id, one.quantity.asset_id) == (withdrawal_id, coin):
                return one
        raise ExchangeWithdrawalUnknown(f"the exchange knows no withdrawal {withdrawal_id} of {coin} since {since}")

    def _told(self, kind: _Kind[T], ask: Callable[[datetime], Sequence[T]], since: datetime) -> list[T]:
        """Raises ExchangeUnavailable: also while somebody else looks, and nothing is remembered that goes so far
        back."""
        key, at = keys.EXCHANGE_LOOK(account_id=self.account_id, list=kind.name), self.now()
        item = self.table.get(LookItem, key, consistent=True)
        told = None if item is None or item.told is None or item.told_since > since else item
        if told is not None and timedelta(0) <= at - told.told_at < LOOK_EVERY:
            return _entries(kind, told)
        looks = LookItem(*key, looking_since=at, created_at=at, updated_at=at)
        if item is not None:
            looks.told, looks.told_at, looks.told_since = item.told, item.told_at, item.told_since
        free = LookItem.looking_since.does_not_exist() | (LookItem.looking_since <= at - LOOKING)
        try:
            self.table.write(Write.put(looks, when=free, otherwise=LookedMeanwhile("somebody looks")))
        except LookedMeanwhile:
            if told is not None and timedelta(0) <= at - told.told_at < TOLD_AGE_MAX:
                return _entries(kind, told)
            raise ExchangeUnavailable("somebody looks at this account now; ask again", what="looked_at") from None
        told_since = min(since, at - LOOK_BACK)
        entries = list(ask(told_since))
        self._remember(kind, LookItem(*key, told_at=at, told_since=told_since, created_at=at, updated_at=at), entries)
        return entries

    def _remember(self, kind: _Kind[T], item: LookItem, entries: Sequence[T]) -> None:
        written = json.dumps([kind.write(entry) for entry in entries])
        if len(written) > BYTES_MAX:
            log.error("too much to be remembered", extra={"account_id": self.account_id, "bytes": len(written)})
            return
        item.told = written
        self.table.write(Write.put(item))


def _entries(kind: _Kind[T], item: LookItem) -> list[T]:
    return [kind.read(entry) for entry in json.loads(item.told)]


def _deposit_written(deposit: ExchangeDeposit) -> dict[str, Any]:
    return {
        "id": deposit.deposit_id,
        "hash": deposit.transaction_hash,
        "amount": plain(deposit.quantity.amount),
        "coin": deposit.quantity.asset_id,
        "network": deposit.network,
        "credited": deposit.credited,
        "at": text(deposit.at),
    }


def _deposit_read(entry: dict[str, Any]) -> ExchangeDeposit:
    quantity = Quantity(Decimal(entry["amount"]), entry["coin"])
    at = instant(entry["at"])
    return ExchangeDeposit(entry["id"], entry["hash"], quantity, entry["network"], entry["credited"], at)


def _withdrawal_written(one: ExchangeWithdrawal) -> dict[str, Any]:
    return {
        "id": one.withdrawal_id,
        "amount": plain(one.quantity.amount),
        "coin": one.quantity.asset_id,
        "fee": plain(one.fee),
        "network": one.network,
        "to": one.destination,
        "state": one.state.value,
        "hash": one.transaction_hash,
    }


def _withdrawal_read(entry: dict[str, Any]) -> ExchangeWithdrawal:
    return ExchangeWithdrawal(
        withdrawal_id=entry["id"],
        quantity=Quantity(Decimal(entry["amount"]), entry["coin"]),
        fee=Decimal(entry["fee"]),
        network=entry["network"],
        destination=entry["to"],
        state=WithdrawalState(entry["state"]),
        transaction_hash=entry["hash"],
    )


_DEPOSITS = _Kind("DEPOSITS", _deposit_written, _deposit_read)
_WITHDRAWALS = _Kind("WITHDRAWALS", _withdrawal_written, _withdrawal_read)
