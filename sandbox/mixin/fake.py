"""The fake of the ports `Custody` and `Sender`: a member of a safe in the same process, for the tests of what stands on
the ports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

from common.errors import Refusal
from common.gateways.custody import (
    PAGE_MAX,
    Address,
    CustodyAsset,
    CustodyAssetUnknown,
    CustodyRefused,
    CustodyUnavailable,
    Draft,
    Output,
    Sending,
    Snapshot,
    SnapshotUnknown,
    State,
    Transaction,
    TransactionUnknown,
    User,
    not_believed,
)
from common.money import Quantity
from sandbox.mixin import records
from sandbox.mixin.assets import CHAINS, amount_of
from sandbox.mixin.drafting import drafts_of, read_draft
from sandbox.mixin.refusals import Code, SafeRefused
from sandbox.mixin.rules import asset_of
from sandbox.mixin.safe import Safe
from sandbox.mixin.times import in_full, read
from sandbox.trouble import Trouble

Operation = Literal[
    "snapshots",
    "snapshot",
    "outputs",
    "asset",
    "withdrawal_fee",
    "deposit_address",
    "transaction",
    "draft",
    "send",
]
_T = TypeVar("_T")

_OURS = {
    Code.UNREADABLE,
    Code.INVALID_FIELD,
    Code.INSUFFICIENT_BALANCE,
    Code.INVALID_OUTPUT_KEY,
    Code.INVALID_SIGNATURE,
}  # what is wrong is the form of what we send, our keys or our books, and not the one sending


class FakeCustody(Trouble[Operation]):
    """A member of a safe behind the ports. Safe to use from several threads.

    It drafts as `drafting` does.

    What goes wrong with its calls is ordered as of `sandbox.trouble`.
    """

    def __init__(self, safe: Safe, user_id: str, name: str = "fake") -> None:
        super().__init__(name, CustodyUnavailable, safe.now, safe.lock)
        self._safe = safe
        self._user_id = user_id
        self._halves = 0
        safe.join(user_id)

    # Controls; what the safe itself can be told is told to it

    def refuse_next(self, times: int = 1, *, ours: bool = False) -> None:
        """The next `times` sendings are refused; ours: since our signature is wrong."""
        self._safe.refuse_next(Code.INVALID_SIGNATURE if ours else Code.AMOUNT_TOO_SMALL, times)

    def fail_half_way_next(self, times: int = 1) -> None:
        """The next `times` calls of `send` register what they should send, and raise CustodyUnavailable."""
        with self._safe.lock:
            self._halves += times

    # The port `Custody`

    @property
    def name(self) -> str:
        return self._name

    @property
    def user_id(self) -> str:
        return self._user_id

    def snapshots(self, since: str, asset_id: str | None = None) -> Sequence[Snapshot]:
        """See `common.gateways.custody.Custody.snapshots`. Raises ValueError for a `since` that is no time."""
        since_ns = read(since)

        def look() -> Sequence[Snapshot]:
            page = self._safe.snapshots(self._user_id, asset_id, since_ns, PAGE_MAX)
            if len({told.snapshot_id for told in page}) < len(page):
                raise not_believed("a snapshot stands there twice")
            return [_snapshot(told) for told in page]

        return self.around("snapshots", look)

    def snapshot(self, snapshot_id: str) -> Snapshot:
        """See `common.gateways.custody.Custody.snapshot`."""

        def look() -> Snapshot:
            told = self._found(lambda: self._safe.snapshot(self._user_id, snapshot_id), SnapshotUnknown)
            if told.snapshot_id != snapshot_id:
                raise not_believed(f"snapshot {told.snapshot_id} was not asked for")
            return _snapshot(told)

        return self.around("snapshot", look)

    def outputs(self, asset_id: str, after: int = 0) -> Sequence[Output]:
        """See `common.gateways.custody.Custody.outputs`."""
        return self.around("outputs", lambda: self._outputs(asset_id, after))

    def asset(self, asset_id: str) -> CustodyAsset:
        """See `common.gateways.custody.Custody.asset`."""

        def look() -> CustodyAsset:
            asset = self._found(lambda: asset_of(asset_id), CustodyAssetUnknown)
            chain = CHAINS[asset.chain_id]
            return CustodyAsset(asset.asset_id, asset.chain_id, asset.symbol, asset.decimals, chain.takes_tag)

        return self.around("asset", look)

    def withdrawal_fee(self, asset_id: str, destination: str) -> Quantity:
        """See `common.gateways.custody.Custody.withdrawal_fee`."""

        def look() -> Quantity:
            costs = self._found(lambda: self._safe.fees(asset_id, destination), CustodyAssetUnknown)
            paid_with = asset_id if asset_id in costs else next(iter(costs))
            return Quantity(amount_of(costs[paid_with]), paid_with)

        return self.around("withdrawal_fee", look)

    def deposit_address(self, chain_id: str) -> Address:
        """See `common.gateways.custody.Custody.deposit_address`."""

        def look() -> Address:
            entry = self._found(lambda: self._safe.entry(self._user_id, chain_id), CustodyAssetUnknown)
            return Address(entry.destination, entry.tag)

        return self.around("deposit_address", look)

    def transaction(self, request_id: str) -> Transaction:
        """See `common.gateways.custody.Custody.transaction`."""

        def look() -> Transaction:
            request = self._found(lambda: self._safe.request(request_id), TransactionUnknown)
            if request.state is records.State.UNSPENT:
                raise TransactionUnknown(f"{request_id} is registered, and was not sent")
            return _transaction(request)

        return self.around("transaction", look)

    # The port `Sender`

    def draft(self, sending: Sending) -> Sequence[Draft]:
        """See `common.gateways.custody.Sender.draft`."""
        drafts = drafts_of(sending, self._user_id)

        def make() -> Sequence[Draft]:
            if isinstance(sending.to, User):
                user_id = sending.to.user_id
                self._found(lambda: self._safe.require(user_id), CustodyAssetUnknown)
            return drafts

        return self.around("draft", make)

    def send(self, drafts: Sequence[Draft]) -> Sequence[Transaction]:
        """See `common.gateways.custody.Sender.send`. Raises ValueError for drafts that are none of ours."""
        told = [read_draft(draft) for draft in drafts]
        if not drafts or len({draft.request_id for draft in drafts}) < len(drafts):
            raise ValueError("there are no drafts, or two under one request id")

        def act() -> Sequence[Transaction]:
            self._found(lambda: self._safe.register(self._user_id, told), TransactionUnknown)
            if self._halves:
                self._halves -= 1
                raise CustodyUnavailable(f"{self._name} was lost half way", what="connection")
            ids = [draft.request_id for draft in drafts]
            sent = self._found(lambda: self._safe.send(self._user_id, ids), TransactionUnknown)
            return [_transaction(request) for request in sent]

        return self.around("send", act)

    # Inside

    def _found(self, look: Callable[[], _T], unknown: type[Refusal]) -> _T:
        """What the safe answers, or its no in the port's words."""
        try:
            return look()
        except SafeRefused as refused:
            if refused.code is Code.NOT_FOUND:
                raise unknown(f"{self._name}: {refused.description}") from refused
            said = f"{refused.description} ({int(refused.code)})"
            if refused.code is Code.INVALID_TRACE:  # something is there under that id: it would be wrong to say no
                raise CustodyUnavailable(f"{self._name} says: {said}", what="conflict") from refused
            detail = f"{self._name} refuses: {said}"
            raise CustodyRefused(detail, ours=refused.code in _OURS, custody_said=said) from refused

    def _outputs(self, asset_id: str, after: int) -> Sequence[Output]:
        found = self._safe.outputs(self._user_id, asset_id, records.State.UNSPENT, after + 1, PAGE_MAX)
        return [
            Output(o.output_id, Quantity(amount_of(o.units), asset_id), o.transaction_hash, o.index, o.sequence)
            for o in found
        ]


def _snapshot(told: records.Snapshot) -> Snapshot:
    return Snapshot(
        told.snapshot_id,
        Quantity(amount_of(told.units), told.asset_id),
        in_full(told.created_ns),
        told.transaction_hash,
        told.opponent or None,
        bytes.fromhex(told.memo),
        told.request_id if told.units < 0 else None,
        told.deposit_hash or None,
        told.withdrawal_hash or None,
    )


def _transaction(request: records.Request) -> Transaction:
    state = State.SPENT if request.state is records.State.SPENT else State.SIGNED
    return Transaction(request.request_id, request.transaction_hash, state, request.withdrawal_hash or None)
