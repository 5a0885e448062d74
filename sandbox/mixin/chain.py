"""The chains between the simulated custody and the simulated exchange: what one sends arrives at the other, once.

    the custody's outbox    → a deposit at the exchange, by the chain's hash
    the exchange's outbox   → a deposit at the custody, where it has the address; then the exchange hears of its hash

Both sides know a deposit by its hash: what is carried again, after a restart or an answer that was lost, does nothing.
Nothing that is carried is forgotten by its sender before its receiver has kept it. What is sent to an address that
nobody has is gone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

import urllib3

from common.errors import Refusal
from common.money import exact, plain
from sandbox.exchange.wallet import Wallet
from sandbox.mixin.assets import ASSETS, CHAINS, amount_of, units_of
from sandbox.mixin.records import Gone, hash_of
from sandbox.mixin.refusals import SafeRefused
from sandbox.mixin.safe import Safe

_ASSETS = {(asset.symbol, CHAINS[asset.chain_id].network): asset.asset_id for asset in ASSETS.values()}


class NotCarried(Exception):
    """The exchange does not answer, or not understandably. Carry it again."""


@dataclass(frozen=True)
class Transfer:
    """Money on a chain. txid: "" of what is not on its chain yet."""

    coin: str
    network: str
    address: str
    tag: str
    amount: Decimal
    txid: str = ""


class ExchangeSide(Protocol):
    """Every method may raise NotCarried, and may be called again."""

    def deliver(self, transfer: Transfer) -> bool:
        """False where the exchange does not take it, and never will."""
        ...

    def outbox(self) -> Sequence[tuple[str, Transfer]]:
        """What is to be sent, by its id at the exchange."""
        ...

    def complete(self, withdrawal_id: str, txid: str) -> None: ...


class Chain:
    """keep: writes down what the custody knows. lost: what was carried and nobody took."""

    def __init__(self, safe: Safe, exchange: ExchangeSide, keep: Callable[[], None] = lambda: None) -> None:
        self.lost: list[Transfer] = []
        self._safe = safe
        self._exchange = exchange
        self._keep = keep
        self._carried = 0  # of the custody's outbox, since the start: after a restart all of it is carried again

    def step(self) -> int:
        """Carry what waits on both sides; how much that was. Raises NotCarried; what it has carried stays carried."""
        carried = 0
        for gone in self._safe.gone(after=self._carried):
            self._from_custody(gone)
            self._carried = gone.number
            carried += 1
        for withdrawal_id, leaving in self._exchange.outbox():
            self._from_exchange(withdrawal_id, leaving)
            carried += 1
        return carried

    def _from_custody(self, gone: Gone) -> None:
        asset = ASSETS[gone.asset_id]
        transfer = Transfer(
            asset.symbol,
            CHAINS[asset.chain_id].network,
            gone.destination,
            gone.tag,
            amount_of(gone.units),
            gone.withdrawal_hash,
        )
        if not self._arrives_at_custody(transfer) and not self._exchange.deliver(transfer):
            self.lost.append(transfer)

    def _from_exchange(self, withdrawal_id: str, leaving: Transfer) -> None:
        txid = f"0x{hash_of('exchange', withdrawal_id)}"
        transfer = Transfer(**{**asdict(leaving), "txid": txid})
        if not self._arrives_at_custody(transfer):
            self.lost.append(transfer)
        self._exchange.complete(withdrawal_id, txid)

    def _arrives_at_custody(self, transfer: Transfer) -> bool:
        asset_id = _ASSETS.get((transfer.coin, transfer.network))
        if asset_id is None:
            return False
        try:
            units = units_of(transfer.amount)
            self._safe.deposit(asset_id, transfer.address, transfer.tag, units, transfer.txid, sender="exchange")
        except (SafeRefused, ValueError):
            return False
        self._keep()
        return True


class WalletSide:
    """An exchange in the same process."""

    def __init__(self, wallet: Wallet) -> None:
        self._wallet = wallet

    def deliver(self, transfer: Transfer) -> bool:
        try:
            self._wallet.deposits.deliver(**asdict(transfer))
        except Refusal:
            return False
        return True

    def outbox(self) -> Sequence[tuple[str, Transfer]]:
        return [
            (
                waiting.withdrawal_id,
                Transfer(waiting.coin, waiting.network, waiting.address, waiting.tag, waiting.amount),
            )
            for waiting in self._wallet.withdrawals.outbox()
        ]

    def complete(self, withdrawal_id: str, txid: str) -> None:
        self._wallet.withdrawals.complete(withdrawal_id, txid)


class HttpSide:
    """An exchange that runs elsewhere (`python -m sandbox.exchange`)."""

    def __init__(self, url: str, seconds: float = 2.0) -> None:
        self._url = f"{url.rstrip('/')}/sandbox/chain"
        self._seconds = seconds
        self._pool = urllib3.PoolManager(num_pools=1)

    def deliver(self, transfer: Transfer) -> bool:
        return self._ask("POST", "deposits", {**asdict(transfer), "amount": plain(transfer.amount)}) is not None

    def outbox(self) -> Sequence[tuple[str, Transfer]]:
        told = self._ask("GET", "withdrawals")
        try:
            return [(waiting["withdrawal_id"], _leaving(waiting)) for waiting in told["withdrawals"]]
        except (LookupError, TypeError, ValueError, InvalidOperation) as unreadable:
            raise NotCarried(f"the exchange's outbox can not be read: {unreadable}") from unreadable

    def complete(self, withdrawal_id: str, txid: str) -> None:
        if self._ask("POST", f"withdrawals/{withdrawal_id}", {"txid": txid}) is None:
            raise NotCarried(f"the exchange does not want to hear of {withdrawal_id}")

    def _ask(self, method: str, path: str, asked: object = None) -> Any:
        """None where it refuses. Raises NotCarried."""
        body = None if asked is None else json.dumps(asked).encode()
        try:
            answer = self._pool.request(method, f"{self._url}/{path}", body=body, timeout=self._seconds, retries=False)
            told = answer.json()
        except (urllib3.exceptions.HTTPError, ValueError) as trouble:
            raise NotCarried(f"the exchange does not answer: {trouble}") from trouble
        if answer.status == 400:
            return None
        if answer.status != 200:
            raise NotCarried(f"the exchange answers {answer.status}: {told}")
        return told


def _leaving(told: Mapping[str, Any]) -> Transfer:
    """Raises LookupError, TypeError, ValueError, InvalidOperation."""
    return Transfer(told["coin"], told["network"], told["address"], told["tag"], exact(told["amount"]))
