"""What a chain brings to the exchange, and which account gets it.

    PENDING → CREDITED    some seconds after the chain's word, and while the network takes deposits
    UNCLAIMED             nobody has that address and tag, or it is less than the network takes: no account sees it

The chain may say so again: a deposit is known by its network, its transaction, and where it went. `DepositMishap`s are
ordered beforehand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum
from typing import Any

from common.clock import instant, text
from common.money import EXACT, ROUNDING, plain
from sandbox.exchange.faults import IllegalOrder
from sandbox.exchange.venue import Venue
from sandbox.exchange.wallet.mishaps import Mishaps
from sandbox.exchange.wallet.networks import Network, Networks

LATE = timedelta(hours=1)
SHORT = Decimal("0.99")  # of what came
_FINEST = Decimal("0.00000001")


class DepositStatus(StrEnum):
    PENDING = "PENDING"
    CREDITED = "CREDITED"
    UNCLAIMED = "UNCLAIMED"


class DepositMishap(StrEnum):
    LATE = "late"  # credited an hour later
    SHORT = "short"  # 1 % less is credited
    NEVER = "never"  # nobody's, wherever it went
    TWICE = "twice"  # two deposits of one transaction, both credited


@dataclass
class Deposit:
    """came: what the chain brought. amount: what the account gets. account: "" where nobody has the address.

    due_at: when it is credited at the earliest.
    """

    deposit_id: str
    account: str
    coin: str
    network: str
    address: str
    tag: str
    came: Decimal
    amount: Decimal
    txid: str
    status: DepositStatus
    at: datetime
    due_at: datetime
    credited_at: datetime | None = None


class Deposits:
    """Safe to use from several threads, by the venue's lock."""

    def __init__(
        self, venue: Venue, networks: Networks, clock: Callable[[], datetime], settle_after: timedelta
    ) -> None:
        self.mishaps = Mishaps(DepositMishap)
        self._venue = venue
        self._networks = networks
        self._clock = clock
        self._settle_after = settle_after
        self._known: dict[tuple[str, ...], list[Deposit]] = {}  # by what the chain calls them
        self._pending: list[Deposit] = []

    def deliver(self, coin: str, network: str, address: str, tag: str, amount: Decimal, txid: str) -> list[Deposit]:
        """The chain's word that something has come: usually one deposit. The same again answers what became of it.

        Raises IllegalOrder for a network that there is not, an amount that is nothing, or another than before.
        """
        with self._venue.lock:
            terms = self._networks.named(coin, network)
            if not amount.is_finite() or amount <= 0:
                raise IllegalOrder(f"amount is {amount}; it must be above 0")
            name = (coin, network, txid, address, tag)
            if name not in self._known:
                self._known[name] = self._arrived(terms, address, tag, amount, txid)
            known = self._known[name]
            if known[0].came != amount:
                raise IllegalOrder(f"{txid} has brought {plain(known[0].came)} {coin} there, and not {plain(amount)}")
            self.settle()
            return [replace(deposit) for deposit in known]

    def _arrived(self, network: Network, address: str, tag: str, amount: Decimal, txid: str) -> list[Deposit]:
        mishap, now = self.mishaps.next(), self._clock()
        owner = self._owner(network, address, tag)
        claimed = owner is not None and amount >= network.deposit_min and mishap is not DepositMishap.NEVER
        deposit = Deposit(
            _named(network.coin, network.network, txid, address, tag),
            owner or "",
            network.coin,
            network.network,
            address,
            tag,
            amount,
            _less(amount) if mishap is DepositMishap.SHORT else amount,
            txid,
            DepositStatus.PENDING if claimed else DepositStatus.UNCLAIMED,
            now,
            now + (LATE if mishap is DepositMishap.LATE else self._settle_after),
        )
        arrived = [deposit]
        if mishap is DepositMishap.TWICE:
            arrived.append(replace(deposit, deposit_id=_named("again", deposit.deposit_id)))
        self._pending += [one for one in arrived if claimed]
        return arrived

    def _owner(self, network: Network, address: str, tag: str) -> str | None:
        accounts = self._venue.customers
        return next((account for account in accounts if network.form.address_of(account) == (address, tag)), None)

    def of(self, account: str) -> list[Deposit]:
        """What an account sees, the newest first."""
        return [one for one in self.all() if one.account == account and one.status is not DepositStatus.UNCLAIMED]

    def all(self) -> list[Deposit]:
        """The newest first."""
        with self._venue.lock:
            self.settle()
            return [replace(one) for known in reversed(self._known.values()) for one in known]

    def settle(self) -> None:
        """Credit what is due."""
        with self._venue.lock:
            now = self._clock()
            for deposit in [one for one in self._pending if one.due_at <= now]:
                if self._networks.named(deposit.coin, deposit.network).deposits:
                    self._pending.remove(deposit)
                    self._venue.deposit(deposit.account, deposit.coin, deposit.amount)
                    deposit.status, deposit.credited_at = DepositStatus.CREDITED, now

    def state(self) -> list[dict[str, Any]]:
        """In what JSON can hold, the oldest first."""
        with self._venue.lock:
            return [told_deposit(one) for known in self._known.values() for one in known]

    def restore(self, state: Iterable[Mapping[str, Any]]) -> None:
        """As `state` told. Raises ValueError, KeyError, TypeError, decimal.InvalidOperation."""
        deposits = [_deposit_of(told) for told in state]
        with self._venue.lock:
            self._known.clear()
            for one in deposits:
                self._known.setdefault((one.coin, one.network, one.txid, one.address, one.tag), []).append(one)
            self._pending = [one for one in deposits if one.status is DepositStatus.PENDING]


def _named(*parts: str) -> str:
    """18 digits, as Binance's ids of deposits have."""
    return str(int.from_bytes(hashlib.sha256("\x1f".join(parts).encode()).digest()[:7]) + 10**17)


def _less(amount: Decimal) -> Decimal:
    return EXACT.multiply(amount, SHORT).quantize(_FINEST, ROUND_DOWN, ROUNDING)


def told_deposit(deposit: Deposit) -> dict[str, Any]:
    """As it is kept and shown; amounts are text."""
    return {
        "deposit_id": deposit.deposit_id,
        "account": deposit.account,
        "coin": deposit.coin,
        "network": deposit.network,
        "address": deposit.address,
        "tag": deposit.tag,
        "came": plain(deposit.came),
        "amount": plain(deposit.amount),
        "txid": deposit.txid,
        "status": str(deposit.status),
        "at": text(deposit.at),
        "due_at": text(deposit.due_at),
        "credited_at": None if deposit.credited_at is None else text(deposit.credited_at),
    }


def _deposit_of(told: Mapping[str, Any]) -> Deposit:
    return Deposit(
        told["deposit_id"],
        told["account"],
        told["coin"],
        told["network"],
        told["address"],
        told["tag"],
        Decimal(told["came"]),
        Decimal(told["amount"]),
        told["txid"],
        DepositStatus(told["status"]),
        instant(told["at"]),
        instant(told["due_at"]),
        None if told["credited_at"] is None else instant(told["credited_at"]),
    )
