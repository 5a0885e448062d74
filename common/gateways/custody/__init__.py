"""The custody: where market makers send their money to, and from which the desk sends it on.

It keeps money as outputs: each was received whole and is spent whole, and what is left of it comes back as a new one.
A `Sending` names the outputs that it spends. It is drafted first, which asks the custody for keys and changes nothing;
the drafts are stored; then they are sent, as often as it takes: the custody knows each by its request id.

Quantities are in units of the custody's assets; an `asset_id` here is the custody's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from common.custody import Address as Address
from common.custody import Draft as Draft
from common.custody import Output as Output
from common.custody import Snapshot as Snapshot
from common.custody import User as User
from common.errors import Conflict, NotFound, Unavailable
from common.money import Quantity

PAGE_MAX = 500  # snapshots and outputs that the custody tells at once


class CustodyUnavailable(Unavailable):
    """The custody gives no answer now that could be used. Send the same request again.

    After `send` the outcome is unknown: ask for the transaction, or send the same drafts again. Everything else is safe
    to ask again.
    """

    @property
    def alarm(self) -> str | None:
        """The metric that wakes a person: the custody does not let us in, or tells what can not be."""
        return {"refused": "DeskRefused", "not_believed": "CustodyNotBelieved"}.get(self.facts.get("what", ""))


class CustodyRefused(Conflict):
    """The custody's definite no: this was not sent, and under these request ids never will be. Facts: `custody_said`.

    ours: its cause is the desk's and not the sending's, so that the next one meets it too.
    """

    def __init__(self, detail: str, *, ours: bool = True, **facts: Any) -> None:
        super().__init__(detail, **facts)
        self.ours = ours

    @property
    def alarm(self) -> str | None:
        return "DeskRefused" if self.ours else None


class TransactionUnknown(NotFound):
    """The custody knows nothing under this request id. What is on its way may still arrive."""


class SnapshotUnknown(NotFound):
    """The custody has no such snapshot of ours."""


class CustodyAssetUnknown(NotFound):
    """The custody has no such asset."""


def not_believed(why: str) -> CustodyUnavailable:
    """What the custody tells can not be. It is not used. Asking again is safe."""
    return CustodyUnavailable(f"what the custody tells can not be: {why}", what="not_believed")


@dataclass(frozen=True)
class CustodyAsset:
    """`decimals` is the precision of its chain; what the custody counts has eight at most. `takes_tag`: whether an
    address of its chain may need a tag."""

    asset_id: str
    chain_id: str
    symbol: str
    decimals: int
    takes_tag: bool


@dataclass(frozen=True)
class Sending:
    """Money to send: a transfer to a user, or a withdrawal to an address, which costs `fee`.

    `inputs` are outputs of the asset and add up to the quantity at least, and where the fee is in the same asset, to
    both together. A fee in another asset is paid from `fee_inputs`, which add up to it at least. What is left of either
    comes back to us. `extra` is what the receiver reads as its memo, 256 bytes at most.
    """

    request_id: str
    quantity: Quantity
    to: User | Address
    inputs: tuple[Output, ...]
    extra: bytes = b""
    fee: Quantity | None = None
    fee_inputs: tuple[Output, ...] = ()


class State(StrEnum):
    SIGNED = "SIGNED"  # it will be spent, and can not be taken back
    SPENT = "SPENT"


@dataclass(frozen=True)
class Transaction:
    """A sending as the custody has it. `withdrawal_hash` is the chain's, None before it is there and of a transfer."""

    request_id: str
    transaction_hash: str
    state: State
    withdrawal_hash: str | None = None


class Custody(Protocol):
    """What our read key may ask. Every method may raise CustodyUnavailable and changes nothing."""

    @property
    def name(self) -> str:
        """Of the custody, as people know it: `mixin`."""
        ...

    @property
    def user_id(self) -> str:
        """Of ourselves: who it is that sends, and is paid."""
        ...

    def snapshots(self, since: str, asset_id: str | None = None) -> Sequence[Snapshot]:
        """The first PAGE_MAX at or after `since` (a snapshot's `created_at`, or any time so written), in the order of
        `created_at`; of one asset, or of all."""
        ...

    def snapshot(self, snapshot_id: str) -> Snapshot:
        """Raises SnapshotUnknown."""
        ...

    def outputs(self, asset_id: str, after: int = 0) -> Sequence[Output]:
        """The first of an asset that are unspent and whose `sequence` is above `after`, in that order: PAGE_MAX or
        one fewer, unless there are no more. An empty page is the end."""
        ...

    def asset(self, asset_id: str) -> CustodyAsset:
        """Raises CustodyAssetUnknown."""
        ...

    def withdrawal_fee(self, asset_id: str, destination: str) -> Quantity:
        """What a withdrawal to an address costs now: in the asset itself where the custody takes that, else in the
        asset of its chain. Raises CustodyAssetUnknown, CustodyRefused for an address that can not be one."""
        ...

    def deposit_address(self, chain_id: str) -> Address:
        """Where money from a chain is sent to us; the same one each time. Raises CustodyAssetUnknown for a chain that
        the custody does not have."""
        ...

    def transaction(self, request_id: str) -> Transaction:
        """Raises TransactionUnknown, also for one that is registered and not signed."""
        ...


class Sender(Protocol):
    """What our spend key may do besides."""

    def draft(self, sending: Sending) -> Sequence[Draft]:
        """The transactions of a sending: one, or two where a fee is paid in another asset. The same sending drafts the
        same. Raises ValueError for inputs that do not cover it; CustodyRefused for a user who can not be paid;
        CustodyUnavailable, and is then safe to call again.
        """
        ...

    def send(self, drafts: Sequence[Draft]) -> Sequence[Transaction]:
        """Sign and send the drafts of one sending, in their order. A repeat answers with what came of the first.

        Raises CustodyRefused, and then none of them was sent; CustodyUnavailable: they may be sent or not. ValueError
        for what `draft` did not make.
        """
        ...
