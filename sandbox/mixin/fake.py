"""The fake of the ports `Custody` and `Sender`: a member of a safe in the same process, for the tests of what stands on
the ports."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from hashlib import md5
from math import ceil
from typing import Any, Literal, TypeVar

from blake3 import blake3

from common.errors import Refusal
from common.gateways.custody import (
    PAGE_MAX,
    Address,
    Custody,
    CustodyAsset,
    CustodyAssetUnknown,
    CustodyRefused,
    CustodyUnavailable,
    Draft,
    Output,
    Sender,
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
from sandbox.mixin.assets import CHAINS, TagUse, amount_of, units_of
from sandbox.mixin.records import CASHIER, Payment, Terms, Withdrawal
from sandbox.mixin.refusals import Code, SafeRefused
from sandbox.mixin.rules import EXTRA_BYTES_MAX, asset_of
from sandbox.mixin.safe import Safe
from sandbox.mixin.times import read, written

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

_OURS = (Code.UNAUTHORIZED, Code.FORBIDDEN, Code.INVALID_SIGNATURE)


class FakeCustody:
    """A member of a safe behind the ports. Safe to use from several threads.

    What it drafts is written as JSON in hex, not as the custody's own encoding. Where a withdrawal may be paid for in
    two assets, it names its own.

    calls: how often each operation was asked for, those that met a fault included.
    down: while it is true, every call raises CustodyUnavailable and nothing is done.
    """

    def __init__(self, safe: Safe, user_id: str, name: str = "fake") -> None:
        self.calls: Counter[Operation] = Counter()
        self.down = False
        self._safe = safe
        self._user_id = user_id
        self._name = name
        self._failures: Counter[Operation] = Counter()
        self._halves = 0
        self._drops: Counter[Operation] = Counter()
        self._banned_until: datetime | None = None
        safe.join(user_id)

    # Controls; what the safe itself can be told is told to it

    def ban(self, seconds: float) -> None:
        """From now on, for so long, every call is told to wait for what is left of it, and nothing is done."""
        with self._safe.lock:
            self._banned_until = self._safe.now() + timedelta(seconds=seconds)

    def refuse_next(self, times: int = 1, *, ours: bool = False) -> None:
        """The next `times` sendings are refused; ours: since our signature is wrong."""
        self._safe.refuse_next(Code.INVALID_SIGNATURE if ours else Code.INSUFFICIENT_BALANCE, times)

    def fail_before_next(self, operation: Operation, times: int = 1) -> None:
        """The next `times` calls raise CustodyUnavailable, and nothing has been done."""
        with self._safe.lock:
            self._failures[operation] += times

    def fail_half_way_next(self, times: int = 1) -> None:
        """The next `times` calls of `send` register what they should send, and raise CustodyUnavailable."""
        with self._safe.lock:
            self._halves += times

    def drop_answer_next(self, operation: Operation, times: int = 1) -> None:
        """The next `times` calls that get through are done, or refused, and raise CustodyUnavailable."""
        with self._safe.lock:
            self._drops[operation] += times

    # The port `Custody`

    @property
    def name(self) -> str:
        return self._name

    def snapshots(self, since: str, asset_id: str | None = None) -> Sequence[Snapshot]:
        """See `common.gateways.custody.Custody.snapshots`. Raises ValueError for a `since` that is no time."""
        since_ns = read(since)
        return self._call(
            "snapshots",
            lambda: [_snapshot(told) for told in self._safe.snapshots(self._user_id, asset_id, since_ns, PAGE_MAX)],
        )

    def snapshot(self, snapshot_id: str) -> Snapshot:
        """See `common.gateways.custody.Custody.snapshot`."""

        def look() -> Snapshot:
            told = self._found(lambda: self._safe.snapshot(self._user_id, snapshot_id), SnapshotUnknown)
            if told.snapshot_id != snapshot_id:
                raise not_believed(f"snapshot {told.snapshot_id} was not asked for")
            return _snapshot(told)

        return self._call("snapshot", look)

    def outputs(self, asset_id: str, after: int = 0) -> Sequence[Output]:
        """See `common.gateways.custody.Custody.outputs`."""
        return self._call("outputs", lambda: self._outputs(asset_id, after))

    def asset(self, asset_id: str) -> CustodyAsset:
        """See `common.gateways.custody.Custody.asset`."""

        def look() -> CustodyAsset:
            asset = self._found(lambda: asset_of(asset_id), CustodyAssetUnknown)
            takes_tag = CHAINS[asset.chain_id].tags is not TagUse.NEGATIVE
            return CustodyAsset(asset.asset_id, asset.chain_id, asset.symbol, asset.decimals, takes_tag)

        return self._call("asset", look)

    def withdrawal_fee(self, asset_id: str, destination: str) -> Quantity:
        """See `common.gateways.custody.Custody.withdrawal_fee`."""

        def look() -> Quantity:
            costs = self._found(lambda: self._safe.fees(asset_id, destination), CustodyAssetUnknown)
            paid_with = asset_id if asset_id in costs else next(iter(costs))
            return Quantity(amount_of(costs[paid_with]), paid_with)

        return self._call("withdrawal_fee", look)

    def deposit_address(self, chain_id: str) -> Address:
        """See `common.gateways.custody.Custody.deposit_address`. Raises CustodyAssetUnknown for a chain that it has
        not."""

        def look() -> Address:
            entry = self._found(lambda: self._safe.entry(self._user_id, chain_id), CustodyAssetUnknown)
            return Address(entry.destination, entry.tag)

        return self._call("deposit_address", look)

    def transaction(self, request_id: str) -> Transaction:
        """See `common.gateways.custody.Custody.transaction`."""

        def look() -> Transaction:
            request = self._found(lambda: self._safe.request(request_id), TransactionUnknown)
            if request.state is records.State.UNSPENT:
                raise TransactionUnknown(f"{request_id} is registered, and was not sent")
            return _transaction(request)

        return self._call("transaction", look)

    # The port `Sender`

    def draft(self, sending: Sending) -> Sequence[Draft]:
        """See `common.gateways.custody.Sender.draft`."""
        terms = _terms_of(sending, self._user_id)

        def make() -> Sequence[Draft]:
            if isinstance(sending.to, User):
                user_id = sending.to.user_id
                self._found(lambda: self._safe.require(user_id), CustodyAssetUnknown)
            drafts = [_written(sending.request_id, terms)]
            if sending.fee is not None and sending.fee_inputs:
                fee = _fee_terms(sending.fee, sending.fee_inputs, drafts[0].transaction_hash, self._user_id)
                drafts.append(_written(fee_request_id(sending.request_id), fee))
            return drafts

        return self._call("draft", make)

    def send(self, drafts: Sequence[Draft]) -> Sequence[Transaction]:
        """See `common.gateways.custody.Sender.send`."""

        def act() -> Sequence[Transaction]:
            told = [records.Draft(d.request_id, d.raw, _hash(d.raw), _read(d.raw)) for d in drafts]
            self._found(lambda: self._safe.register(self._user_id, told), TransactionUnknown)
            if self._halves:
                self._halves -= 1
                raise CustodyUnavailable(f"{self._name} was lost half way", what="connection")
            ids = [draft.request_id for draft in drafts]
            sent = self._found(lambda: self._safe.send(self._user_id, ids), TransactionUnknown)
            return [_transaction(request) for request in sent]

        return self._call("send", act)

    # Inside

    def _call(self, operation: Operation, act: Callable[[], _T]) -> _T:
        with self._safe.lock:
            self.calls[operation] += 1
            if self.down:
                raise CustodyUnavailable(f"{self._name} is down", what="connection")
            if self._banned_until is not None:
                seconds = ceil((self._banned_until - self._safe.now()).total_seconds())
                if seconds > 0:
                    said = f"{self._name} says that we ask too often"
                    raise CustodyUnavailable(said, what="rate_limit", retry_after_seconds=seconds)
            if _due(self._failures, operation):
                raise CustodyUnavailable(f"{self._name} was not reached", what="connection")
            lost = _due(self._drops, operation)
            try:
                answer = act()
            except Refusal:
                if not lost:
                    raise
            else:
                if not lost:
                    return answer
        raise CustodyUnavailable(f"the answer of {self._name} was lost", what="timeout")

    def _found(self, look: Callable[[], _T], unknown: type[Refusal]) -> _T:
        """What the safe answers, or its no in the port's words."""
        try:
            return look()
        except SafeRefused as refused:
            if refused.code is Code.NOT_FOUND:
                raise unknown(f"{self._name}: {refused.description}") from refused
            said = f"{self._name} says {int(refused.code)}: {refused.description}"
            raise CustodyRefused(said, ours=refused.code in _OURS, reason=str(int(refused.code))) from refused

    def _outputs(self, asset_id: str, after: int) -> Sequence[Output]:
        found = self._safe.outputs(self._user_id, asset_id, records.State.UNSPENT, after + 1, PAGE_MAX)
        return [
            Output(o.output_id, Quantity(amount_of(o.units), asset_id), o.transaction_hash, o.index, o.sequence)
            for o in found
        ]


def fee_request_id(request_id: str) -> str:
    """Of the transaction that pays for a withdrawal: what the service's own client derives from the withdrawal's."""
    return str(uuid.UUID(bytes=md5(f"{request_id}FEE".encode()).digest(), version=3))


def _due(times: Counter[Operation], operation: Operation) -> bool:
    if not times[operation]:
        return False
    times[operation] -= 1
    return True


def _snapshot(told: records.Snapshot) -> Snapshot:
    return Snapshot(
        told.snapshot_id,
        Quantity(amount_of(told.units), told.asset_id),
        written(told.created_ns),
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


# What is drafted


def _terms_of(sending: Sending, user_id: str) -> Terms:
    """Without a fee that is paid in another asset. Raises ValueError."""
    if len(sending.extra) > EXTRA_BYTES_MAX:
        raise ValueError(f"extra has {len(sending.extra)} bytes; at most {EXTRA_BYTES_MAX}")
    asset_id, fee = sending.quantity.asset_id, sending.fee
    leaving: list[Payment | Withdrawal] = []
    if isinstance(sending.to, User):
        if fee is not None or sending.fee_inputs:
            raise ValueError("a transfer costs no fee")
        leaving.append(Payment(sending.to.user_id, _units(sending.quantity)))
    else:
        if fee is None or bool(sending.fee_inputs) == (fee.asset_id == asset_id):
            raise ValueError("a withdrawal costs a fee: of its own asset from its inputs, of another from fee_inputs")
        leaving.append(Withdrawal(_units(sending.quantity), sending.to.destination, sending.to.tag))
        if fee.asset_id == asset_id:
            leaving.append(Payment(CASHIER, _units(fee)))
    return _with_change(asset_id, sending.inputs, leaving, (), sending.extra, user_id)


def _fee_terms(fee: Quantity, inputs: Sequence[Output], paid_for: str, user_id: str) -> Terms:
    return _with_change(fee.asset_id, inputs, [Payment(CASHIER, _units(fee))], (paid_for,), b"", user_id)


def _with_change(
    asset_id: str,
    inputs: Iterable[Output],
    leaving: list[Payment | Withdrawal],
    references: tuple[str, ...],
    extra: bytes,
    user_id: str,
) -> Terms:
    """Raises ValueError for inputs that do not cover it, are of another asset or stand there twice."""
    places: dict[tuple[str, int], int] = {}
    for output in inputs:
        if output.quantity.asset_id != asset_id or (output.transaction_hash, output.index) in places:
            raise ValueError(f"output {output.output_id} is of another asset, or stands there twice")
        places[output.transaction_hash, output.index] = _units(output.quantity)
    change = sum(places.values()) - sum(output.units for output in leaving)
    if change < 0:
        raise ValueError(f"the inputs lack {amount_of(-change)} {asset_id}")
    if change:
        leaving.append(Payment(user_id, change))
    return Terms(asset_id, tuple(places), tuple(leaving), references, extra)


def _units(quantity: Quantity) -> int:
    """Raises ValueError for what can not be sent."""
    units = units_of(quantity.amount)
    if units <= 0:
        raise ValueError(f"{quantity} can not be sent")
    return units


# How the fake writes a transaction


def _written(request_id: str, terms: Terms) -> Draft:
    leaving = [
        ["pay", o.receiver, o.units] if isinstance(o, Payment) else ["withdraw", o.destination, o.tag, o.units]
        for o in terms.outputs
    ]
    members: list[Any] = [terms.asset_id, terms.inputs, leaving, terms.references, terms.extra.hex()]
    raw = json.dumps(members, separators=(",", ":")).encode().hex()
    return Draft(request_id, raw, _hash(raw))


def _read(raw: str) -> Terms:
    asset_id, inputs, leaving, references, extra = json.loads(bytes.fromhex(raw))
    outputs = [Payment(*rest) if kind == "pay" else Withdrawal(rest[2], rest[0], rest[1]) for kind, *rest in leaving]
    places = tuple((hash_, index) for hash_, index in inputs)
    return Terms(asset_id, places, tuple(outputs), tuple(references), bytes.fromhex(extra))


def _hash(raw: str) -> str:
    return blake3(bytes.fromhex(raw)).hexdigest()


def _of_both_ports(fake: FakeCustody) -> tuple[Custody, Sender]:
    """The types agree."""
    return fake, fake
