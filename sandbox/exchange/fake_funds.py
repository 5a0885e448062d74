"""The fake of the port `ExchangeFunds`: a venue and its wallet in the same process, for the tests of what stands on the
port."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Literal, TypeVar

from common.errors import Refusal
from common.gateways.custody import Address
from common.gateways.exchange import ExchangeRefused, ExchangeUnavailable, not_believed
from common.gateways.exchange.funds import (
    ExchangeDeposit,
    ExchangeWithdrawal,
    ExchangeWithdrawalUnknown,
    Movement,
    Network,
    NetworkUnknown,
    WithdrawalState,
)
from common.money import Quantity
from sandbox.exchange.venue import Venue
from sandbox.exchange.wallet import Wallet
from sandbox.exchange.wallet.deposits import DepositStatus
from sandbox.exchange.wallet.withdrawals import (
    Withdrawal,
    WithdrawalReason,
    WithdrawalRefused,
    WithdrawalRequest,
    WithdrawalStatus,
)
from sandbox.trouble import Trouble, due

Operation = Literal["networks", "deposit_address", "deposits", "free", "withdraw", "withdrawal", "movements"]
_T = TypeVar("_T")

_CALLED = {"ETH": "ERC20", "TRX": "TRC20"}  # by the port; the others as the venue does
_STATES = {
    WithdrawalStatus.AWAITING_APPROVAL: WithdrawalState.PENDING,
    WithdrawalStatus.PROCESSING: WithdrawalState.PENDING,
    WithdrawalStatus.COMPLETED: WithdrawalState.COMPLETED,
    WithdrawalStatus.REJECTED: WithdrawalState.REFUSED,
    WithdrawalStatus.FAILED: WithdrawalState.REFUSED,
}


class FakeFunds(Trouble[Operation]):
    """What an account of a venue may do with the wallet, behind the port. Safe to use from several threads.

    What goes wrong with its calls is ordered as of `sandbox.trouble`.

    listed_after: a withdrawal is not to be seen before.
    """

    def __init__(self, venue: Venue, wallet: Wallet, account: str, name: str = "fake") -> None:
        super().__init__(name, ExchangeUnavailable, venue.now, venue.lock)
        self._venue = venue
        self.listed_after = timedelta(0)
        self._wallet = wallet
        self._account = account
        self._refusals: list[bool] = []  # whose fault each is
        self._doubts: Counter[str] = Counter()

    # Controls; what the wallet itself can be told is told to it

    def refuse_next(self, times: int = 1, *, ours: bool = False) -> None:
        """The next `times` withdrawals that are new are refused; ours: since the account has no funds."""
        with self._venue.lock:
            self._refusals += [ours] * times

    def doubt_next(self, operation: Operation, times: int = 1) -> None:
        """The next `times` calls that get through are told what can not be."""
        with self._venue.lock:
            self._doubts[operation] += times

    # The port

    @property
    def name(self) -> str:
        return self._name

    def networks(self, coin: str) -> Sequence[Network]:
        """See `common.gateways.exchange.funds.ExchangeFunds.networks`."""
        return self._call("networks", lambda: self._networks(coin))

    def deposit_address(self, coin: str, network: str) -> Address:
        """See `common.gateways.exchange.funds.ExchangeFunds.deposit_address`."""
        return self._call("deposit_address", lambda: self._deposit_address(coin, network))

    def deposits(self, coin: str, since: datetime) -> Sequence[ExchangeDeposit]:
        """See `common.gateways.exchange.funds.ExchangeFunds.deposits`."""
        return self._call("deposits", lambda: self._deposits(coin, since))

    def all_deposits(self, since: datetime) -> Sequence[ExchangeDeposit]:
        """See `common.gateways.exchange.remembered.AllFunds.all_deposits`."""
        coins = {deposit.coin for deposit in self._wallet.deposits.of(self._account)}
        return self._call("deposits", lambda: [one for coin in sorted(coins) for one in self._deposits(coin, since)])

    def all_withdrawals(self, since: datetime) -> Sequence[ExchangeWithdrawal]:
        """See `common.gateways.exchange.remembered.AllFunds.all_withdrawals`."""
        mine = [one for one in self._wallet.withdrawals.of(self._account) if one.own_id and one.at >= since]
        return self._call("withdrawal", lambda: [self._withdrawal(one.coin, one.own_id, since) for one in mine])

    def movements(self, day: date) -> Sequence[Movement]:
        """See `common.gateways.exchange.funds.Movements.movements`."""
        return self._call("movements", lambda: self._movements(day))

    def free(self, coin: str) -> Quantity:
        """See `common.gateways.exchange.funds.ExchangeFunds.free`."""
        return self._call("free", lambda: self._free(coin))

    def withdraw(self, coin: str, network: str, to: Address, quantity: Quantity, withdrawal_id: str) -> None:
        """See `common.gateways.exchange.funds.ExchangeFunds.withdraw`."""
        if quantity.asset_id != coin:
            raise ValueError(f"{quantity} are no {coin}")
        asked = WithdrawalRequest(
            self._account, coin, _venues(network), to.destination, quantity.amount, to.tag, withdrawal_id
        )
        return self._call("withdraw", lambda: self._withdraw(asked))

    def withdrawal(self, coin: str, withdrawal_id: str, since: datetime) -> ExchangeWithdrawal:
        """See `common.gateways.exchange.funds.ExchangeFunds.withdrawal`."""
        return self._call("withdrawal", lambda: self._withdrawal(coin, withdrawal_id, since))

    # Inside

    def _call(self, operation: Operation, act: Callable[[], _T]) -> _T:
        def told() -> _T:
            doubted = due(self._doubts, operation)
            self._wallet.settle()
            try:
                answer = act()
            except Refusal:
                if not doubted:
                    raise
            else:
                if not doubted:
                    return answer
            raise not_believed(f"{self._name} was told to tell what can not be")

        return self.around(operation, told)

    def _networks(self, coin: str) -> Sequence[Network]:
        return [
            Network(
                name=_CALLED.get(network.network, network.network),
                deposits=network.deposits,
                withdrawals=network.withdrawals,
                withdrawal_fee=network.withdraw_fee,
                withdrawal_min=network.withdraw_min,
                withdrawal_step=network.withdraw_step,
            )
            for network in self._wallet.networks.of(coin)
        ]

    def _deposit_address(self, coin: str, name: str) -> Address:
        network = self._wallet.networks.find(coin, _venues(name))
        if network is None or not network.deposits:
            raise self._no_network(coin, name)
        return Address(*network.form.address_of(self._account))

    def _deposits(self, coin: str, since: datetime) -> Sequence[ExchangeDeposit]:
        return [
            ExchangeDeposit(
                deposit_id=deposit.deposit_id,
                transaction_hash=deposit.txid,
                quantity=Quantity(deposit.amount, coin),
                network=_CALLED.get(deposit.network, deposit.network),
                credited=deposit.status is DepositStatus.CREDITED,
                at=deposit.at,
            )
            for deposit in reversed(self._wallet.deposits.of(self._account))
            if deposit.coin == coin and deposit.at >= since
        ]

    def _movements(self, day: date) -> Sequence[Movement]:
        came = [one for one in self._wallet.deposits.of(self._account) if one.at.date() == day]
        went = [one for one in self._wallet.withdrawals.of(self._account) if one.at.date() == day]
        return [
            *(Movement(one.deposit_id, False, Quantity(one.amount, one.coin), None) for one in came),
            *(
                Movement(one.withdrawal_id, True, Quantity(one.paid, one.coin), one.own_id or None)
                for one in went
                if _STATES[one.status] is not WithdrawalState.REFUSED
            ),
        ]

    def _free(self, coin: str) -> Quantity:
        balances = self._venue.balances(self._account)
        return Quantity(balances[coin][0] if coin in balances else 0, coin)

    def _withdraw(self, asked: WithdrawalRequest) -> None:
        there = self._found(asked.coin, asked.own_id)
        if there is not None:
            if _terms(there) != (asked.network, asked.address, asked.tag, asked.amount):
                raise not_believed(f"withdrawal {asked.own_id} is there, and another than was asked for")
            return
        if self._refusals:
            ours = self._refusals.pop(0)
            why = "account has insufficient balance" if ours else "was told to refuse this withdrawal"
            raise ExchangeRefused(f"{self._name} {why}", ours=ours, reason="REFUSED")
        try:
            self._wallet.withdrawals.apply(asked)
        except WithdrawalRefused as refused:
            if refused.reason in (WithdrawalReason.UNKNOWN_NETWORK, WithdrawalReason.CLOSED):
                raise self._no_network(asked.coin, str(asked.network)) from refused
            if refused.reason is WithdrawalReason.DUPLICATE:  # of another coin
                raise ExchangeUnavailable(
                    f"{self._name} has another withdrawal of this id", what="duplicate"
                ) from refused
            ours = refused.reason is WithdrawalReason.INSUFFICIENT_BALANCE
            raise ExchangeRefused(
                f"{self._name} refuses: {refused}", ours=ours, reason=str(refused.reason)
            ) from refused

    def _withdrawal(self, coin: str, withdrawal_id: str, since: datetime) -> ExchangeWithdrawal:
        there = self._found(coin, withdrawal_id)
        if there is None or there.at < since:
            raise ExchangeWithdrawalUnknown(f"{self._name} knows no withdrawal {withdrawal_id} of {coin} since {since}")
        return ExchangeWithdrawal(
            withdrawal_id=there.own_id,
            quantity=Quantity(there.amount, coin),
            fee=there.fee,
            network=_CALLED.get(there.network, there.network),
            destination=there.address,
            state=_STATES[there.status],
            transaction_hash=there.txid or None,
        )

    def _found(self, coin: str, withdrawal_id: str) -> Withdrawal | None:
        shown_at = self._venue.now() - self.listed_after
        mine = [one for one in self._wallet.withdrawals.of(self._account) if one.at <= shown_at]
        return next((one for one in mine if (one.coin, one.own_id) == (coin, withdrawal_id)), None)

    def _no_network(self, coin: str, name: str) -> NetworkUnknown:
        return NetworkUnknown(f"{self._name} has no {coin} on {name} now", coin=coin, network=name)


def _terms(there: Withdrawal) -> tuple[object, ...]:
    return there.network, there.address, there.tag, there.paid


def _venues(name: str) -> str:
    """The venue's name of a network; of none, "", for a name that the port does not have."""
    return {"ERC20": "ETH", "TRC20": "TRX", "ETH": "", "TRX": ""}.get(name, name)
