"""What leaves the exchange: taken from an account, sent by a chain.

    AWAITING_APPROVAL → PROCESSING → COMPLETED | FAILED     PROCESSING is the outbox, from which the chain takes
    AWAITING_APPROVAL | PROCESSING → REJECTED               the exchange's own no, which it may say at once

The account has paid as soon as it has asked. The fee is taken from what it asked for, and goes to the account
`exchange` once the rest has left; of what does not leave, everything comes back. The chain may say again what became of
a withdrawal. `WithdrawalMishap`s are ordered beforehand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from common.clock import instant, text
from common.money import EXACT, ROUNDING, plain
from sandbox.exchange.faults import IllegalOrder
from sandbox.exchange.venue import EXCHANGE, Venue
from sandbox.exchange.wallet.mishaps import Mishaps
from sandbox.exchange.wallet.networks import Network, Networks


class WithdrawalStatus(StrEnum):
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    REJECTED = "REJECTED"
    FAILED = "FAILED"

    @property
    def over(self) -> bool:
        return self not in (WithdrawalStatus.AWAITING_APPROVAL, WithdrawalStatus.PROCESSING)


class WithdrawalMishap(StrEnum):
    REJECT = "reject"  # accepted, and REJECTED at once
    STUCK = "stuck"  # PROCESSING, and the chain does not find it until it is released


class WithdrawalReason(StrEnum):
    """Why a withdrawal is not accepted."""

    UNKNOWN_NETWORK = "UNKNOWN_NETWORK"
    CLOSED = "CLOSED"
    ADDRESS = "ADDRESS"
    TAG = "TAG"
    STEP = "STEP"
    TOO_SMALL = "TOO_SMALL"
    DUPLICATE = "DUPLICATE"
    INSUFFICIENT_BALANCE = "INSUFFICIENT_BALANCE"


class WithdrawalRefused(Exception):
    """A definite no: nothing has changed. network: the one that was asked for, where there is one."""

    def __init__(self, reason: WithdrawalReason, network: Network | None = None) -> None:
        super().__init__(str(reason))
        self.reason = reason
        self.network = network


@dataclass(frozen=True)
class WithdrawalRequest:
    """What an account asks for. network: None is the coin's default. own_id: what the account calls it, or "".

    amount: what the account pays, the fee in it.
    """

    account: str
    coin: str
    network: str | None
    address: str
    amount: Decimal
    tag: str = ""
    own_id: str = ""


@dataclass
class Withdrawal:
    """amount: what arrives; with the fee it is what the account has paid.

    due_at: when it comes into the outbox at the earliest. why: it did not leave.
    """

    withdrawal_id: str
    own_id: str
    account: str
    coin: str
    network: str
    address: str
    tag: str
    amount: Decimal
    fee: Decimal
    at: datetime
    due_at: datetime
    status: WithdrawalStatus = WithdrawalStatus.AWAITING_APPROVAL
    ended_at: datetime | None = None
    txid: str = ""
    why: str = ""
    stuck: bool = False

    @property
    def paid(self) -> Decimal:
        return EXACT.add(self.amount, self.fee)


class Withdrawals:
    """Safe to use from several threads, by the venue's lock.

    refuses_repeats: whether an account's own id of a withdrawal is taken once only. Of Binance that is not documented.
    """

    refuses_repeats = True

    def __init__(
        self, venue: Venue, networks: Networks, clock: Callable[[], datetime], settle_after: timedelta
    ) -> None:
        self.mishaps = Mishaps(WithdrawalMishap)
        self._venue = venue
        self._networks = networks
        self._clock = clock
        self._settle_after = settle_after
        self._known: dict[str, Withdrawal] = {}

    def apply(self, asked: WithdrawalRequest) -> Withdrawal:
        """Take it from what the account has free.

        Raises AccountUnknown; WithdrawalRefused for the first of `WithdrawalReason`.
        """
        with self._venue.lock:
            network = self._network_for(asked)
            if not self._venue.withdraw(asked.account, asked.coin, asked.amount):
                raise WithdrawalRefused(WithdrawalReason.INSUFFICIENT_BALANCE, network)
            mishap, now = self.mishaps.next(), self._clock()
            withdrawal = Withdrawal(
                _named(str(len(self._known)), asked.account, text(now)),
                asked.own_id,
                asked.account,
                asked.coin,
                network.network,
                asked.address,
                asked.tag,
                EXACT.subtract(asked.amount, network.withdraw_fee),
                network.withdraw_fee,
                now,
                now + self._settle_after,
                stuck=mishap is WithdrawalMishap.STUCK,
            )
            self._known[withdrawal.withdrawal_id] = withdrawal
            if mishap is WithdrawalMishap.REJECT:
                self._bring_back(withdrawal, WithdrawalStatus.REJECTED, "the exchange does not send it")
            return replace(withdrawal)

    def _network_for(self, asked: WithdrawalRequest) -> Network:
        """Raises WithdrawalRefused."""
        network = self._networks.find(asked.coin, asked.network)
        if network is None:
            raise WithdrawalRefused(WithdrawalReason.UNKNOWN_NETWORK)
        for reason, is_so in (
            (WithdrawalReason.CLOSED, not network.withdrawals),
            (WithdrawalReason.ADDRESS, not network.form.fits(asked.address)),
            (WithdrawalReason.TAG, not network.form.fits_tag(asked.tag)),
            (WithdrawalReason.STEP, bool(ROUNDING.remainder(asked.amount, network.withdraw_step))),
            (WithdrawalReason.TOO_SMALL, asked.amount < network.withdraw_min),
            (WithdrawalReason.DUPLICATE, self._has_been_asked(asked.account, asked.own_id)),
        ):
            if is_so:
                raise WithdrawalRefused(reason, network)
        return network

    def _has_been_asked(self, account: str, own_id: str) -> bool:
        known = self._known.values() if self.refuses_repeats else ()
        return any((one.account, one.own_id) == (account, own_id) for one in known if one.own_id)

    # The chain's side

    def outbox(self) -> list[Withdrawal]:
        """What the chain is to send, the oldest first. It stays here until the chain says what became of it."""
        with self._venue.lock:
            self.settle()
            processing = [one for one in self._known.values() if one.status is WithdrawalStatus.PROCESSING]
            return [replace(one) for one in processing if not one.stuck]

    def complete(self, withdrawal_id: str, txid: str) -> Withdrawal:
        """It has left. The same again does nothing.

        Raises IllegalOrder for one that is not in the outbox, or has left with another txid.
        """
        with self._venue.lock:
            withdrawal = self._found(withdrawal_id)
            if (withdrawal.status, withdrawal.txid) != (WithdrawalStatus.COMPLETED, txid):
                _refuse_unless_in_the_outbox(withdrawal)
                withdrawal.status, withdrawal.txid = WithdrawalStatus.COMPLETED, txid
                withdrawal.ended_at = self._clock()
                self._venue.deposit(EXCHANGE, withdrawal.coin, withdrawal.fee)
            return replace(withdrawal)

    def fail(self, withdrawal_id: str, why: str) -> Withdrawal:
        """It can not be sent. Again does nothing. Raises IllegalOrder for one that is not in the outbox."""
        with self._venue.lock:
            withdrawal = self._found(withdrawal_id)
            if withdrawal.status is not WithdrawalStatus.FAILED:
                _refuse_unless_in_the_outbox(withdrawal)
                self._bring_back(withdrawal, WithdrawalStatus.FAILED, why)
            return replace(withdrawal)

    # The exchange's side

    def reject(self, withdrawal_id: str) -> Withdrawal:
        """Also one that is stuck. Again does nothing. Raises IllegalOrder for one that has ended otherwise."""
        with self._venue.lock:
            withdrawal = self._found(withdrawal_id)
            if withdrawal.status is not WithdrawalStatus.REJECTED:
                if withdrawal.status.over:
                    raise IllegalOrder(f"{withdrawal_id} is {withdrawal.status}")
                self._bring_back(withdrawal, WithdrawalStatus.REJECTED, "the exchange does not send it")
            return replace(withdrawal)

    def release(self, withdrawal_id: str) -> Withdrawal:
        """Let one that is stuck into the outbox. Raises IllegalOrder when it is unknown."""
        with self._venue.lock:
            withdrawal = self._found(withdrawal_id)
            withdrawal.stuck = False
            return replace(withdrawal)

    def _found(self, withdrawal_id: str) -> Withdrawal:
        self.settle()
        if withdrawal_id not in self._known:
            raise IllegalOrder(f"there is no withdrawal {withdrawal_id}")
        return self._known[withdrawal_id]

    def _bring_back(self, withdrawal: Withdrawal, status: WithdrawalStatus, why: str) -> None:
        withdrawal.status, withdrawal.why, withdrawal.ended_at = status, why, self._clock()
        self._venue.deposit(withdrawal.account, withdrawal.coin, withdrawal.paid)

    # Looking

    def of(self, account: str) -> list[Withdrawal]:
        """The newest first."""
        return [one for one in self.all() if one.account == account]

    def all(self) -> list[Withdrawal]:
        """The newest first."""
        with self._venue.lock:
            self.settle()
            return [replace(one) for one in reversed(self._known.values())]

    def on_the_way(self, account: str, coin: str) -> Decimal:
        """What its withdrawals have taken that are not over."""
        paid = [one.paid for one in self.of(account) if one.coin == coin and not one.status.over]
        return sum(paid, Decimal(0))

    def settle(self) -> None:
        """Let what is due into the outbox."""
        with self._venue.lock:
            now = self._clock()
            for withdrawal in self._known.values():
                if withdrawal.status is WithdrawalStatus.AWAITING_APPROVAL and withdrawal.due_at <= now:
                    withdrawal.status = WithdrawalStatus.PROCESSING

    def state(self) -> list[dict[str, Any]]:
        """In what JSON can hold, the oldest first."""
        with self._venue.lock:
            return [told_withdrawal(one) for one in self._known.values()]

    def restore(self, state: Iterable[Mapping[str, Any]]) -> None:
        """As `state` told. Raises ValueError, KeyError, TypeError, decimal.InvalidOperation."""
        withdrawals = [_withdrawal_of(told) for told in state]
        with self._venue.lock:
            self._known = {one.withdrawal_id: one for one in withdrawals}


def _refuse_unless_in_the_outbox(withdrawal: Withdrawal) -> None:
    """Raises IllegalOrder."""
    if withdrawal.status is not WithdrawalStatus.PROCESSING or withdrawal.stuck:
        stuck = ", stuck" if withdrawal.stuck else ""
        raise IllegalOrder(f"{withdrawal.withdrawal_id} is not in the outbox: it is {withdrawal.status}{stuck}")


def _named(*parts: str) -> str:
    """32 letters and digits, as Binance's ids of withdrawals have."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def told_withdrawal(withdrawal: Withdrawal) -> dict[str, Any]:
    """As it is kept and shown; amounts are text."""
    return {
        "withdrawal_id": withdrawal.withdrawal_id,
        "own_id": withdrawal.own_id,
        "account": withdrawal.account,
        "coin": withdrawal.coin,
        "network": withdrawal.network,
        "address": withdrawal.address,
        "tag": withdrawal.tag,
        "amount": plain(withdrawal.amount),
        "fee": plain(withdrawal.fee),
        "at": text(withdrawal.at),
        "due_at": text(withdrawal.due_at),
        "status": str(withdrawal.status),
        "ended_at": None if withdrawal.ended_at is None else text(withdrawal.ended_at),
        "txid": withdrawal.txid,
        "why": withdrawal.why,
        "stuck": withdrawal.stuck,
    }


def _withdrawal_of(told: Mapping[str, Any]) -> Withdrawal:
    return Withdrawal(
        told["withdrawal_id"],
        told["own_id"],
        told["account"],
        told["coin"],
        told["network"],
        told["address"],
        told["tag"],
        Decimal(told["amount"]),
        Decimal(told["fee"]),
        instant(told["at"]),
        instant(told["due_at"]),
        WithdrawalStatus(told["status"]),
        None if told["ended_at"] is None else instant(told["ended_at"]),
        told["txid"],
        told["why"],
        told["stuck"],
    )
