"""What goes into an account at an exchange and out of it: deposits from a chain, and withdrawals to one.

A port beside that of orders, since other keys may ask it: reading needs a key that may read, and withdrawing one that
may withdraw besides, and nothing else. Coins have the exchange's names (`USDT`), networks those by which exchanges know
them (`ERC20`, `TRC20`, `BSC`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from common.custody import Address
from common.errors import NotFound, Unavailable
from common.money import Quantity


class NetworkUnknown(NotFound):
    """The exchange does not take or give the coin on this network, or not now."""


class NoTradingKey(Unavailable):
    """The desk can not use its account at the exchange now: an operator sees to that. Nothing was asked there, and
    nothing is decided.

    There is no key of a trading account where its functions look for it: a person has to put it there.
    """


class ExchangeWithdrawalUnknown(NotFound):
    """The exchange knows no withdrawal of this id. Just after `withdraw` that may be too early to tell."""


@dataclass(frozen=True)
class Network:
    """One way of a coin in and out. `withdrawal_fee` is taken from what is withdrawn, which is a multiple of
    `withdrawal_step`, and not less than `withdrawal_min` before the fee."""

    name: str
    deposits: bool
    withdrawals: bool
    withdrawal_fee: Decimal
    withdrawal_min: Decimal
    withdrawal_step: Decimal


@dataclass(frozen=True)
class ExchangeDeposit:
    """What came in from a chain. `deposit_id` is the exchange's own, of letters, digits and hyphens: one transaction
    may bring several deposits. `credited`: it may be traded."""

    deposit_id: str
    transaction_hash: str
    quantity: Quantity
    network: str
    credited: bool
    at: datetime


class WithdrawalState(StrEnum):
    PENDING = "PENDING"
    COMPLETED = "COMPLETED"  # its chain has it
    REFUSED = "REFUSED"  # rejected, cancelled or failed: the coins are back


@dataclass(frozen=True)
class ExchangeWithdrawal:
    """A withdrawal as the exchange has it. `quantity` is what arrives, `fee` what was taken besides."""

    withdrawal_id: str
    quantity: Quantity
    fee: Decimal
    network: str
    destination: str
    state: WithdrawalState
    transaction_hash: str | None = None


@dataclass(frozen=True)
class Movement:
    """What came into an account from outside on a day, or went out of it, by whomever. `movement_id` is the exchange's
    own; `our_id` what a withdrawal was asked for under, None: nothing. `quantity` is what the account has got, or paid
    with the fee, which is above zero."""

    movement_id: str
    went_out: bool
    quantity: Quantity
    our_id: str | None


class Movements(Protocol):
    """Of one account. It changes nothing: every call is safe to make again."""

    def movements(self, day: date) -> Sequence[Movement]:
        """All deposits and withdrawals of a day (UTC), of all coins, also those that are on their way; without those
        that were refused. Raises ExchangeUnavailable."""
        ...


class ExchangeFunds(Protocol):
    """Of one account. Every method may raise ExchangeUnavailable; all are then safe to call again."""

    @property
    def name(self) -> str:
        """Of the exchange, as people know it: `binance`."""
        ...

    def networks(self, coin: str) -> Sequence[Network]:
        """None for a coin that the exchange does not have."""
        ...

    def deposit_address(self, coin: str, network: str) -> Address:
        """Where the account takes the coin; the same one each time. Raises NetworkUnknown."""
        ...

    def deposits(self, coin: str, since: datetime) -> Sequence[ExchangeDeposit]:
        """All of the account since then, oldest first."""
        ...

    def free(self, coin: str) -> Quantity:
        """What of a coin is in no order."""
        ...

    def withdraw(self, coin: str, network: str, to: Address, quantity: Quantity, withdrawal_id: str) -> None:
        """Withdraw, once for each `withdrawal_id` (32 letters and digits at most); `quantity` is before the fee. A
        repeat changes nothing, whatever has become of the first.

        Raises NetworkUnknown; ExchangeRefused: its definite no; ExchangeUnavailable: it may be on its way, ask for it,
        or another of this id is (`what` = not_believed). Raises ValueError for a quantity of another coin.
        """
        ...

    def withdrawal(self, coin: str, withdrawal_id: str, since: datetime) -> ExchangeWithdrawal:
        """Raises ExchangeWithdrawalUnknown."""
        ...
