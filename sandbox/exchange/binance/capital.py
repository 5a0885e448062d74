"""An account's money on Binance's wire: what it has, what comes, what it sends away.

    deposit      status 0 pending, 1 credited                                               newest first
    withdrawal   status 2 awaiting approval, 3 rejected, 4 processing, 5 failure, 6 completed    newest first

Lists are of the last 90 days, unless they are told from when to when, which is 90 days at most.

Not told by Binance's documents, so our own reading: a second withdrawal of an account with one withdrawOrderId is
refused, -4001, whatever became of the first; the amount of a withdrawal is told without its fee; the address of a
network that takes no deposits now is told all the same; a withdrawal to another account goes out and comes in as to
anybody else. Of transactionFeeFlag, name and walletType nothing depends here.

Source: developers.binance.com/docs/wallet (capital), ccxt 4.5.90 binance.py, whose samples are a living exchange's.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from common.money import plain
from sandbox.exchange.binance.asked import Asked, Refused
from sandbox.exchange.binance.words import amount, ms
from sandbox.exchange.keyring import Keyring, Right
from sandbox.exchange.venue import Venue
from sandbox.exchange.wallet import Wallet
from sandbox.exchange.wallet.deposits import Deposit, DepositStatus
from sandbox.exchange.wallet.networks import Network
from sandbox.exchange.wallet.withdrawals import (
    Withdrawal,
    WithdrawalReason,
    WithdrawalRefused,
    WithdrawalRequest,
    WithdrawalStatus,
)

SPAN_MS_MAX = 90 * 24 * 60 * 60 * 1000
WITHDRAW_MAX = Decimal(10_000_000_000)

_DEPOSIT_STATUSES = {DepositStatus.PENDING: 0, DepositStatus.CREDITED: 1}
_WITHDRAWAL_STATUSES = {
    WithdrawalStatus.AWAITING_APPROVAL: 2,
    WithdrawalStatus.REJECTED: 3,
    WithdrawalStatus.PROCESSING: 4,
    WithdrawalStatus.FAILED: 5,
    WithdrawalStatus.COMPLETED: 6,
}

R = TypeVar("R", Deposit, Withdrawal)


class Capital:
    def __init__(self, venue: Venue, wallet: Wallet, keyring: Keyring, clock: Callable[[], datetime]) -> None:
        self._venue = venue
        self._wallet = wallet
        self._keyring = keyring
        self._clock = clock

    def account(self, asked: Asked) -> Any:
        balances = self._venue.balances(asked.account)
        if asked.text("omitZeroBalances") == "true":
            balances = {asset: both for asset, both in balances.items() if any(both)}
        return {
            "canTrade": True,
            "canWithdraw": True,
            "canDeposit": True,
            "brokered": False,
            "requireSelfTradePrevention": True,
            "updateTime": ms(self._clock()),
            "accountType": "SPOT",
            "balances": [
                {"asset": asset, "free": amount(free), "locked": amount(locked)}
                for asset, (free, locked) in balances.items()
            ],
            "permissions": ["SPOT"],
        }

    def restrictions(self, asked: Asked) -> Any:
        """What the key that asks is good for."""
        credential = self._keyring.find(asked.api_key)
        rights = frozenset() if credential is None else credential.rights
        never = ("enableInternalTransfer", "enableMargin", "enableFutures", "permitsUniversalTransfer")
        return {
            "ipRestrict": False,
            "enableReading": Right.READ in rights,
            "enableSpotAndMarginTrading": Right.TRADE in rights,
            "enableWithdrawals": Right.WITHDRAW in rights,
            **dict.fromkeys((*never, "enableVanillaOptions", "enablePortfolioMarginTrading"), False),
        }

    # Coins and addresses

    def coins(self, asked: Asked) -> Any:
        """Those that can come and go, and those that the account ever had."""
        with self._venue.lock:
            balances, networks = self._venue.balances(asked.account), self._wallet.networks.all()
            known = sorted(balances.keys() | {network.coin for network in networks})
            nothing = (Decimal(0), Decimal(0))
            return [
                self._coin(asked.account, coin, *balances.get(coin, nothing), self._wallet.networks.of(coin))
                for coin in known
            ]

    def _coin(self, account: str, coin: str, free: Decimal, locked: Decimal, networks: list[Network]) -> Any:
        return {
            "coin": coin,
            "name": coin,
            "depositAllEnable": any(network.deposits for network in networks),
            "withdrawAllEnable": any(network.withdrawals for network in networks),
            "free": amount(free),
            "locked": amount(locked),
            "withdrawing": amount(self._wallet.withdrawals.on_the_way(account, coin)),
            **dict.fromkeys(("freeze", "ipoing", "ipoable", "storage"), "0"),
            "isLegalMoney": False,
            "trading": True,
            "networkList": [_told_network(network) for network in networks],
        }

    def deposit_address(self, asked: Asked) -> Any:
        network = self._wallet.networks.find(asked.needed("coin"), asked.text("network"))
        if network is None:
            raise _no_such_coin()
        address, tag = network.form.address_of(asked.account)
        return {"coin": network.coin, "address": address, "tag": tag, "url": f"{network.explorer}/address/{address}"}

    # Deposits

    def deposits(self, asked: Asked) -> Any:
        txid = asked.text("txId")
        mine = [one for one in self._wallet.deposits.of(asked.account) if txid in (None, one.txid)]
        return [self._told_deposit(deposit) for deposit in self._page(asked, mine, _DEPOSIT_STATUSES)]

    def _told_deposit(self, deposit: Deposit) -> dict[str, Any]:
        credited = deposit.credited_at
        needed = self._wallet.networks.named(deposit.coin, deposit.network).confirmations
        told = {
            "id": deposit.deposit_id,
            "amount": plain(deposit.amount),
            "coin": deposit.coin,
            "network": deposit.network,
            "status": _DEPOSIT_STATUSES[deposit.status],
            "address": deposit.address,
            "addressTag": deposit.tag,
            "txId": deposit.txid,
            "insertTime": ms(deposit.at),
            "transferType": 0,
            "confirmTimes": f"{0 if credited is None else needed}/{needed}",
            "unlockConfirm": 0,
            "walletType": 0,
        }
        return told if credited is None else told | {"completeTime": ms(credited)}

    # Withdrawals

    def withdraw(self, asked: Asked) -> Any:
        request = WithdrawalRequest(
            asked.account,
            asked.needed("coin"),
            asked.text("network"),
            asked.needed("address"),
            asked.amount("amount"),
            asked.text("addressTag") or "",
            asked.text("withdrawOrderId") or "",
        )
        try:
            return {"id": self._wallet.withdrawals.apply(request).withdrawal_id}
        except WithdrawalRefused as refused:
            raise _in_binances_words(refused) from None

    def withdrawals(self, asked: Asked) -> Any:
        own_id = asked.text("withdrawOrderId")
        mine = [one for one in self._wallet.withdrawals.of(asked.account) if own_id in (None, one.own_id)]
        return [_told_withdrawal(withdrawal) for withdrawal in self._page(asked, mine, _WITHDRAWAL_STATUSES)]

    def _page(self, asked: Asked, records: list[R], statuses: dict[Any, int]) -> list[R]:
        """Of those that came in the time that is asked about. Raises Refused."""
        until = asked.time("endTime") or ms(self._clock())
        since = asked.time("startTime") or until - SPAN_MS_MAX
        if not 0 <= until - since <= SPAN_MS_MAX:
            raise Refused(-4047, "Time interval must be within 0-90 days")
        coin, status, offset = asked.text("coin"), asked.whole("status"), asked.whole("offset") or 0
        found = [
            record
            for record in records
            if since <= ms(record.at) <= until
            and coin in (None, record.coin)
            and status in (None, statuses[record.status])
        ]
        return found[offset:][: asked.limit(1000)]


def _told_network(network: Network) -> dict[str, Any]:
    return {
        "network": network.network,
        "coin": network.coin,
        "name": network.title,
        "isDefault": network.default,
        "depositEnable": network.deposits,
        "withdrawEnable": network.withdrawals,
        "depositDesc": "" if network.deposits else "Wallet Maintenance, Deposit Suspended",
        "withdrawDesc": "" if network.withdrawals else "Wallet Maintenance, Withdrawal Suspended",
        "specialTips": "",
        "resetAddressStatus": False,
        "addressRegex": network.form.pattern,
        "memoRegex": network.form.tag_pattern,
        "withdrawFee": plain(network.withdraw_fee),
        "withdrawMin": plain(network.withdraw_min),
        "withdrawMax": plain(WITHDRAW_MAX),
        "withdrawInternalMin": plain(network.withdraw_step),
        "withdrawIntegerMultiple": plain(network.withdraw_step),
        "depositDust": plain(network.deposit_min),
        "minConfirm": network.confirmations,
        "unLockConfirm": 0,
        "sameAddress": network.form.tagged,
        "estimatedArrivalTime": 1,
        "busy": False,
        "contractAddressUrl": f"{network.explorer}/address/",
    }


def _told_withdrawal(withdrawal: Withdrawal) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": withdrawal.withdrawal_id,
        "amount": plain(withdrawal.amount),
        "transactionFee": plain(withdrawal.fee),
        "coin": withdrawal.coin,
        "status": _WITHDRAWAL_STATUSES[withdrawal.status],
        "address": withdrawal.address,
        "addressTag": withdrawal.tag,
        "txId": withdrawal.txid,
        "applyTime": _second(withdrawal.at),
        "network": withdrawal.network,
        "transferType": 0,
        "info": withdrawal.why,
        "confirmNo": 0,
        "walletType": 0,
    }
    if withdrawal.own_id:
        told["withdrawOrderId"] = withdrawal.own_id
    if withdrawal.ended_at is not None and withdrawal.status is WithdrawalStatus.COMPLETED:
        told["completeTime"] = _second(withdrawal.ended_at)
    return told


def _in_binances_words(refused: WithdrawalRefused) -> Refused:
    network = refused.network
    match refused.reason:
        case WithdrawalReason.UNKNOWN_NETWORK:
            return _no_such_coin()
        case WithdrawalReason.CLOSED:
            return Refused(-4019, "Current asset is not open for withdrawal.")
        case WithdrawalReason.ADDRESS:
            return Refused(-4007, "Address validation is not passed.")
        case WithdrawalReason.TAG:
            return Refused(-4008, "Address tag validation is not passed.")
        case WithdrawalReason.STEP:
            step = "" if network is None else plain(network.withdraw_step)
            return Refused(-4021, f"Asset withdrawal must be an integer multiple of {step}.")
        case WithdrawalReason.TOO_SMALL:
            least = "" if network is None else plain(network.withdraw_min)
            return Refused(-4022, f"Not less than the minimum pick-up quantity {least}.")
        case WithdrawalReason.DUPLICATE:
            return Refused(-4001, "Invalid operation.")
        case WithdrawalReason.INSUFFICIENT_BALANCE:
            return Refused(-4026, "You have insufficient balance.")


def _no_such_coin() -> Refused:
    return Refused(-4018, "We don't have this asset.")


def _second(at: datetime) -> str:
    """UTC."""
    return at.strftime("%Y-%m-%d %H:%M:%S")
