"""Our money at Mixin Safe: what it keeps for us, and the transactions that spend it.

    GET  /safe/snapshots?offset=…&limit=500&order=ASC[&asset=…], /safe/snapshots/{id}
         {snapshot_id, user_id, opponent_id, transaction_hash, asset_id, amount ("-0.5": it went out), memo (hex),
          request_id, created_at, deposit {deposit_hash}, withdrawal {withdrawal_hash}}
    GET  /safe/outputs?members=…&threshold=1&asset=…&state=unspent&offset=…&limit=500&order=ASC
         {output_id, transaction_hash, output_index, kernel_asset_id, amount, state, sequence, receivers_hash,
          receivers_threshold}; `offset` is a sequence
    GET  /network/assets/{id}
         {asset_id, chain_id, symbol, precision, withdrawal_memo_possibility: positive | possible | negative}
    GET  /safe/assets/{id}/fees?destination=…
         [{asset_id, amount, priority}, …]
    POST /safe/deposit/entries       {members, threshold, chain_id}
         [{members, threshold, chain_id, destination, tag, is_primary}, …]
    GET  /safe/transactions/{request_id}
         {request_id, transaction_hash, state: unspent | signed | spent, receivers [{withdrawal_hash}]}
    POST /safe/keys                  [{receivers, index, hint}, …]: [{mask, keys}, …]
    POST /safe/transaction/requests  [{request_id, raw}, …]: transactions with `views`, one for each input to be signed
    POST /safe/transactions          [{request_id, raw (signed)}, …]: transactions

Amounts are text. More members than these are ignored.

A withdrawal's first output is what leaves; its fee is paid to the cashier, an account of Mixin's, from the same
transaction or, in another asset, by a second one that refers to the first. Nothing moves until a transaction is signed:
that it is asked about before changes nothing, and it is known by its request id ever after.

Source of the wire format: github.com/MixinNetwork/developers.mixin.one @99a7514; for what its pages contradict
themselves in, github.com/MixinNetwork/bot-api-go-client @5161559 and bot-api-nodejs-client @b9024eb.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import reduce
from itertools import pairwise, repeat
from types import MappingProxyType
from typing import Any, NoReturn

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
from common.gateways.custody.encoding import (
    Input,
    KernelTransaction,
    Payment,
    Withdrawal,
    decode,
    encode,
    fee_request_id,
    ghost_hint,
    kernel_asset_id,
    members_hash,
    parts,
    transaction_hash,
)
from common.gateways.custody.session import Refusals, Said, Session
from common.gateways.custody.signing import SessionKey, SpendKey, is_view
from common.money import Quantity

CASHIER = User("674d6776-d600-4346-af46-58e77d8df185")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HEX32 = re.compile(r"[0-9a-f]{64}")
_HEX = re.compile(r"([0-9a-f]{2})*")
# Anybody may make an asset and send us any amount of it. A page of snapshots is readable all the same.
_AMOUNT = re.compile(r"-?(0|[1-9][0-9]{0,99})(\.[0-9]{1,8})?")
_VISIBLE = re.compile(r"[\x21-\x7e]{1,256}")
_WORDS = re.compile(r"[^\x00-\x1f\x7f]{1,64}")
_TAG = re.compile(r"([\x20-\x7e]{1,256})?")
_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?Z")
_TAKES_TAG = {"positive": True, "possible": True, "negative": False, "none": False}
_STATES = {"signed": State.SIGNED, "spent": State.SPENT}
_REGISTERED = "unspent"

Entry = Mapping[str, Any]  # a JSON object
Key = tuple[str, str]  # a one-time key and the mask that belongs to it
_NO_KEY: Key = ("00" * 32, "00" * 32)


def _refuses_this(said: Said) -> Refusal:
    return CustodyRefused(f"the custody refuses: {said}", ours=False, custody_said=str(said))


def _refuses_us(said: Said) -> Refusal:
    return CustodyRefused(f"the custody refuses: {said}", ours=True, custody_said=str(said))


# The custody has looked at what we sent, and does not want it. Every other error leaves the question open.
_DEFINITE: Refusals = {
    # the sending's: its receiver or address, an amount, a fee that has risen, an output that is gone
    **dict.fromkeys((10105, 10404, 20120, 20124, 20127, 20131, 20134, 20135, 20150, 30102, 2000002), _refuses_this),
    # ours: the form of what we send, our books, our keys
    **dict.fromkeys((400, 10002, 20117, 2000001, 2000003), _refuses_us),
}
_NO_ADDRESS: Refusals = dict.fromkeys((10002, 30102), _refuses_this)


def _session(base_url: str, app_id: str, session_id: str, session_private_key: str, options: Any) -> Session:
    """Raises ValueError."""
    for name, value in (("app_id", app_id), ("session_id", session_id)):
        if not _UUID.fullmatch(value):
            raise ValueError(f"the custody's {name} is not a UUID in small letters with its dashes")
    return Session(base_url, SessionKey(app_id, session_id, session_private_key), **options)


class MixinCustody:
    """The port `Custody`, kept by Mixin Safe.

    app_id, session_id, session_private_key: from the app's keystore; they may read, and not spend.
    options: the time-outs and clocks of `Session`.

    Raises ValueError for a base_url, key or time-out that can not be one.
    """

    name = "mixin"

    def __init__(
        self, base_url: str, *, app_id: str, session_id: str, session_private_key: str, **options: Any
    ) -> None:
        self._session = _session(base_url, app_id, session_id, session_private_key, options)
        self._members = members_hash([app_id])

    @property
    def user_id(self) -> str:
        """See `Custody.user_id`."""
        return self._session.app_id

    def snapshots(self, since: str, asset_id: str | None = None) -> Sequence[Snapshot]:
        """See `Custody.snapshots`. Raises ValueError for a `since` that is no time as a snapshot has it."""
        begins = _instant(since)
        if begins is None:
            raise ValueError(f"{since!r} is not a time such as 2026-11-21T09:30:00.123456789Z")
        query = {"offset": since, "limit": PAGE_MAX, "order": "ASC"} | ({"asset": asset_id} if asset_id else {})
        told = _page(self._session.get("/safe/snapshots", self._session.until(), query))
        snapshots = [_snapshot(entry, self._session.app_id) for entry in told]
        _once("a snapshot", [snapshot.snapshot_id for snapshot in snapshots])
        if any(asset_id not in (None, snapshot.quantity.asset_id) for snapshot in snapshots):
            raise not_believed("a snapshot of another asset than was asked for")
        _ascending("snapshots", [begins, *(snapshot.created_at for snapshot in snapshots)])
        return snapshots

    def snapshot(self, snapshot_id: str) -> Snapshot:
        """See `Custody.snapshot`."""
        unknown = SnapshotUnknown("the custody has no such snapshot of ours", snapshot_id=snapshot_id)
        if not _UUID.fullmatch(snapshot_id):
            raise unknown
        path = f"/safe/snapshots/{snapshot_id}"
        entry = _object(self._session.get(path, self._session.until(), refusals={404: lambda _: unknown}))
        _same(entry, "snapshot_id", snapshot_id)
        return _snapshot(entry, self._session.app_id)

    def outputs(self, asset_id: str, after: int = 0) -> Sequence[Output]:
        """See `Custody.outputs`. Whether the custody tells the output at the offset itself is documented nowhere: it
        is asked for, and left out."""
        query = {
            "members": self._members,
            "threshold": 1,
            "asset": asset_id,
            "state": "unspent",
            "offset": after,
            "limit": PAGE_MAX,
            "order": "ASC",
        }
        told = _page(self._session.get("/safe/outputs", self._session.until(), query))
        outputs = [_output(entry, asset_id, self._members) for entry in told]
        _once("an output", [output.output_id for output in outputs])
        _once("an output", [(output.transaction_hash, output.index) for output in outputs])
        _once("an output's sequence", [output.sequence for output in outputs])
        _ascending("outputs", [after, *(output.sequence for output in outputs)])
        return [output for output in outputs if output.sequence > after]

    def asset(self, asset_id: str) -> CustodyAsset:
        """See `Custody.asset`."""
        return self._asset(asset_id, self._session.until())

    def withdrawal_fee(self, asset_id: str, destination: str) -> Quantity:
        """See `Custody.withdrawal_fee`. Of several fees in one asset, which are for how fast it goes, the highest: the
        custody refuses a withdrawal with a fee that is too low by the time it comes."""
        until = self._session.until()
        told = self._of_asset("/safe/assets/{}/fees", asset_id, until, {"destination": destination}, _NO_ADDRESS)
        fees = [_told_quantity(entry) for entry in _objects(told)]
        if all(fee.asset_id != asset_id for fee in fees):
            asset_id = self._asset(asset_id, until).chain_id
        amounts = [fee.amount for fee in fees if fee.asset_id == asset_id]
        if not amounts or min(amounts) <= 0:
            raise not_believed("a withdrawal has no fee, neither in its asset nor in its chain's")
        return Quantity(max(amounts), asset_id)

    def deposit_address(self, chain_id: str) -> Address:
        """See `Custody.deposit_address`."""
        unknown = CustodyAssetUnknown("the custody has no such chain", chain_id=chain_id)
        if not _UUID.fullmatch(chain_id):
            raise unknown
        asked = {"members": [self._session.app_id], "threshold": 1, "chain_id": chain_id}
        told = self._session.post(
            "/safe/deposit/entries", self._session.until(), asked, refusals={404: lambda _: unknown}
        )
        entries = _objects([told] if isinstance(told, dict) else told)
        for entry in entries:
            for name, value in asked.items():
                _same(entry, name, value)
        primary = [entry for entry in entries if entry.get("is_primary") is True] or entries
        addresses = {Address(_text(e, "destination", _VISIBLE), _text(e, "tag", _TAG)) for e in primary}
        if len(addresses) != 1:
            raise not_believed(f"{len(addresses)} addresses for one chain")
        return addresses.pop()

    def transaction(self, request_id: str) -> Transaction:
        """See `Custody.transaction`."""
        return _transaction(self._session, request_id, self._session.until())

    def _asset(self, asset_id: str, until: float) -> CustodyAsset:
        entry = _object(self._of_asset("/network/assets/{}", asset_id, until))
        _same(entry, "asset_id", asset_id)
        takes_tag = entry.get("withdrawal_memo_possibility")
        if not isinstance(takes_tag, str) or takes_tag not in _TAKES_TAG:
            raise not_believed(f"withdrawal_memo_possibility is not one of {', '.join(_TAKES_TAG)}")
        return CustodyAsset(
            asset_id=asset_id,
            chain_id=_text(entry, "chain_id", _UUID),
            symbol=_text(entry, "symbol", _WORDS),
            decimals=_count(entry, "precision"),
            takes_tag=_TAKES_TAG[takes_tag],
        )

    def _of_asset(
        self,
        path: str,
        asset_id: str,
        until: float,
        query: Mapping[str, object] | None = None,
        refusals: Refusals = MappingProxyType({}),
    ) -> Any:
        """Raises CustodyAssetUnknown, and as `Session.get`."""
        unknown = CustodyAssetUnknown("the custody has no such asset", asset_id=asset_id)
        if not _UUID.fullmatch(asset_id):
            raise unknown
        return self._session.get(path.format(asset_id), until, query, refusals={404: lambda _: unknown, **refusals})


@dataclass(frozen=True)
class _Plan:
    """A transaction before its receivers' one-time keys are known."""

    request_id: str
    inputs: tuple[Output, ...]
    outputs: tuple[tuple[Quantity, User | Address], ...]
    extra: bytes = b""

    @property
    def paid(self) -> Iterator[tuple[int, User]]:
        """Who needs keys, and for which of the outputs."""
        return ((index, to) for index, (_, to) in enumerate(self.outputs) if isinstance(to, User))


class MixinSender:
    """The port `Sender`, kept by Mixin Safe. As `MixinCustody`; the spend private key spends."""

    def __init__(
        self,
        base_url: str,
        *,
        app_id: str,
        session_id: str,
        session_private_key: str,
        spend_private_key: str,
        **options: Any,
    ) -> None:
        self._session = _session(base_url, app_id, session_id, session_private_key, options)
        self._spend = SpendKey(spend_private_key)

    def draft(self, sending: Sending) -> Sequence[Draft]:
        """See `Sender.draft`. What can not be a transaction is a ValueError before anybody is asked."""
        plans = _plans(sending, User(self._session.app_id))
        places = [(plan, index, to) for plan in plans for index, to in plan.paid]
        _transactions(plans, repeat(_NO_KEY))  # what can not be one is no question
        asked = [
            {"receivers": [to.user_id], "index": index, "hint": ghost_hint(plan.request_id, index)}
            for plan, index, to in places
        ]
        told = _objects(self._session.post("/safe/keys", self._session.until(), asked, refusals=_DEFINITE))
        keys = [(_only_key(entry), _text(entry, "mask", _HEX32)) for entry in told]
        if len(keys) != len(places):
            raise not_believed(f"keys for {len(keys)} outputs, asked for {len(places)}")
        _once("a key", [key for pair in keys for key in pair])
        return [
            Draft(plan.request_id, encode(transaction).hex(), transaction_hash(transaction))
            for plan, transaction in zip(plans, _transactions(plans, iter(keys)), strict=True)
        ]

    def send(self, drafts: Sequence[Draft]) -> Sequence[Transaction]:
        """See `Sender.send`. Raises ValueError for drafts that `draft` did not make."""
        until = self._session.until()
        unsigned = {draft.request_id: _unsigned(draft) for draft in drafts}
        if not drafts or len(unsigned) < len(drafts):
            raise ValueError("there are no drafts, or two under one request id")
        try:
            return self._sign_and_send(drafts, unsigned, until)
        except CustodyRefused as no:
            return self._sent_before(drafts, no, until)

    def _sign_and_send(
        self, drafts: Sequence[Draft], unsigned: Mapping[str, KernelTransaction], until: float
    ) -> list[Transaction]:
        raws = [{"request_id": draft.request_id, "raw": draft.raw} for draft in drafts]
        told = self._ask("/safe/transaction/requests", raws, drafts, until)
        left = [draft for draft in drafts if told[draft.request_id].get("state") == _REGISTERED]
        if left:
            raws = [
                {"request_id": at, "raw": self._spend.signed(unsigned[at], _views(told[at], unsigned[at])).hex()}
                for at in (draft.request_id for draft in left)
            ]
            told |= self._ask("/safe/transactions", raws, left, until)
        return [_told_transaction(told[draft.request_id], draft.request_id) for draft in drafts]

    def _ask(self, path: str, raws: object, drafts: Sequence[Draft], until: float) -> dict[str, Entry]:
        return _by_request(self._session.post(path, until, raws, refusals=_DEFINITE), drafts)

    def _sent_before(self, drafts: Sequence[Draft], no: CustodyRefused, until: float) -> list[Transaction]:
        """What came of drafts that the custody refuses now. Outputs that it calls spent may have been spent by these
        very drafts, when they were sent before. Raises the refusal when it has none of them."""
        found: list[Transaction] = []
        for draft in drafts:
            try:
                transaction = _transaction(self._session, draft.request_id, until)
            except TransactionUnknown:
                continue
            if transaction.transaction_hash != draft.transaction_hash:
                raise not_believed(f"another transaction under the request id {draft.request_id}")
            found.append(transaction)
        if not found:
            raise no
        if len(found) < len(drafts):
            raise CustodyUnavailable("the custody has sent a part of this, and refuses the rest", what="custody_error")
        return found


# Drafting


def _plans(sending: Sending, us: User) -> list[_Plan]:
    """Raises ValueError."""
    fee, leaving = sending.fee, [(sending.quantity, sending.to)]
    spent = [*sending.inputs, *sending.fee_inputs]
    for quantity in (sending.quantity, *(output.quantity for output in spent), *([fee] if fee else [])):
        parts(quantity.amount)
    if isinstance(sending.to, Address) != (fee is not None):
        raise ValueError("a withdrawal costs a fee, and a transfer none")
    if fee is not None and fee.asset_id == sending.quantity.asset_id:
        leaving.append((fee, CASHIER))
        fee = None
    if (fee is not None) != bool(sending.fee_inputs):
        raise ValueError("fee_inputs are for a fee in another asset")
    if len({(output.transaction_hash, output.index) for output in spent}) < len(spent):
        raise ValueError("an output is to be spent twice")
    plans = [_Plan(sending.request_id, sending.inputs, _with_change(leaving, sending.inputs, us), sending.extra)]
    if fee is not None:
        request_id = fee_request_id(sending.request_id)
        plans.append(_Plan(request_id, sending.fee_inputs, _with_change([(fee, CASHIER)], sending.fee_inputs, us)))
    return plans


def _with_change(
    leaving: Sequence[tuple[Quantity, User | Address]], inputs: Sequence[Output], us: User
) -> tuple[tuple[Quantity, User | Address], ...]:
    """Raises ValueError."""
    wanted = _total(quantity for quantity, _ in leaving)
    if any(output.quantity.asset_id != wanted.asset_id for output in inputs):
        raise ValueError(f"the inputs are not all in {wanted.asset_id}")
    left = _total([Quantity(0, wanted.asset_id), *(output.quantity for output in inputs)]) - wanted
    if left.amount < 0:
        raise ValueError(f"the inputs do not cover {wanted}")
    return (*leaving, (left, us)) if left.amount else tuple(leaving)


def _total(quantities: Iterable[Quantity]) -> Quantity:
    return reduce(Quantity.__add__, quantities)


def _transactions(plans: Iterable[_Plan], keys: Iterator[Key]) -> list[KernelTransaction]:
    """With the one-time keys in the places of their receivers. Raises ValueError."""
    made: list[KernelTransaction] = []
    for plan in plans:
        transaction = KernelTransaction(
            asset=kernel_asset_id(plan.outputs[0][0].asset_id),
            inputs=tuple(Input(output.transaction_hash, output.index) for output in plan.inputs),
            outputs=tuple(_leaving(quantity.amount, to, keys) for quantity, to in plan.outputs),
            references=tuple(map(transaction_hash, made)),
            extra=plan.extra,
        )
        encode(transaction)
        made.append(transaction)
    return made


def _leaving(amount: Decimal, to: User | Address, keys: Iterator[Key]) -> Payment | Withdrawal:
    if isinstance(to, Address):
        return Withdrawal(amount, to.destination, to.tag)
    key, mask = next(keys)
    return Payment(amount, (key,), mask)


def _unsigned(draft: Draft) -> KernelTransaction:
    """Raises ValueError."""
    transaction, signatures = decode(bytes.fromhex(draft.raw))
    if signatures or transaction_hash(transaction) != draft.transaction_hash:
        raise ValueError("a draft is not signed, and has the hash of its bytes")
    return transaction


# What the custody tells


def _transaction(session: Session, request_id: str, until: float) -> Transaction:
    """Raises TransactionUnknown, CustodyUnavailable."""
    unknown = TransactionUnknown("the custody knows nothing under this request id", request_id=request_id)
    if not _UUID.fullmatch(request_id):
        raise unknown
    entry = _object(session.get(f"/safe/transactions/{request_id}", until, refusals={404: lambda _: unknown}))
    if entry.get("state") == _REGISTERED and entry.get("request_id") == request_id:
        raise unknown
    return _told_transaction(entry, request_id)


def _told_transaction(entry: Entry, request_id: str) -> Transaction:
    _same(entry, "request_id", request_id)
    state = entry.get("state")
    if not isinstance(state, str) or state not in _STATES:
        raise not_believed(f"a transaction is not one of {', '.join(_STATES)}")
    receivers = _objects([] if entry.get("receivers") is None else entry["receivers"])
    hashes = {_optional(receiver, "withdrawal_hash", _VISIBLE) for receiver in receivers} - {None}
    if len(hashes) > 1:
        raise not_believed("a transaction with several withdrawals")
    return Transaction(
        request_id, _text(entry, "transaction_hash", _HEX32), _STATES[state], hashes.pop() if hashes else None
    )


def _by_request(told: Any, drafts: Sequence[Draft]) -> dict[str, Entry]:
    """What is told of each draft, under its request id."""
    entries = {_text(entry, "request_id", _UUID): entry for entry in _objects(told)}
    if len(entries) < len(told) or entries.keys() != {draft.request_id for draft in drafts}:
        raise not_believed("other transactions than were asked about")
    for draft in drafts:
        _same(entries[draft.request_id], "transaction_hash", draft.transaction_hash)
    return entries


def _views(entry: Entry, transaction: KernelTransaction) -> list[bytes]:
    told = entry.get("views")
    if not isinstance(told, list) or len(told) != len(transaction.inputs):
        raise not_believed("not one view for each input")
    if not all(isinstance(view, str) and _HEX32.fullmatch(view) and is_view(bytes.fromhex(view)) for view in told):
        raise not_believed("a view that can not be one")
    return [bytes.fromhex(view) for view in told]


def _snapshot(entry: Entry, app_id: str) -> Snapshot:
    _same(entry, "user_id", app_id)
    quantity = _told_quantity(entry)
    if not quantity.amount:
        raise not_believed("a snapshot of nothing")
    opponent_id = entry.get("opponent_id")
    return Snapshot(
        snapshot_id=_text(entry, "snapshot_id", _UUID),
        quantity=quantity,
        created_at=_instant(entry.get("created_at")) or _wrong("created_at", entry),
        transaction_hash=_text(entry, "transaction_hash", _HEX32),
        opponent_id=opponent_id if isinstance(opponent_id, str) and _UUID.fullmatch(opponent_id) else None,
        memo=bytes.fromhex(_optional(entry, "memo", _HEX) or ""),
        request_id=_optional(entry, "request_id", _UUID) if quantity.amount < 0 else None,
        deposit_hash=_optional(_part(entry, "deposit"), "deposit_hash", _VISIBLE),
        withdrawal_hash=_optional(_part(entry, "withdrawal"), "withdrawal_hash", _VISIBLE),
    )


def _output(entry: Entry, asset_id: str, members: str) -> Output:
    expected = {"state": "unspent", "kernel_asset_id": kernel_asset_id(asset_id), "receivers_hash": members}
    for name, value in expected.items() | {"receivers_threshold": 1}.items():
        _same(entry, name, value)
    amount = _amount(entry)
    if amount <= 0:
        raise not_believed("an output of nothing")
    return Output(
        output_id=_text(entry, "output_id", _UUID),
        quantity=Quantity(amount, asset_id),
        transaction_hash=_text(entry, "transaction_hash", _HEX32),
        index=_count(entry, "output_index"),
        sequence=_count(entry, "sequence"),
    )


def _only_key(entry: Entry) -> str:
    keys = entry.get("keys")
    if not isinstance(keys, list) or len(keys) != 1:
        raise not_believed("not one key for one receiver")
    return _text({"key": keys[0]}, "key", _HEX32)


def _told_quantity(entry: Entry) -> Quantity:
    asset_id = _text(entry, "asset_id", _UUID)
    if entry.get("kernel_asset_id", kernel_asset_id(asset_id)) != kernel_asset_id(asset_id):
        raise not_believed("an asset with the kernel's id of another")
    return Quantity(_amount(entry), asset_id)


def _amount(entry: Entry) -> Decimal:
    return Decimal(_text(entry, "amount", _AMOUNT))


def _instant(told: object) -> str | None:
    """With nine digits after the second, so that times sort as texts; None for what is no time."""
    found = _TIME.fullmatch(told) if isinstance(told, str) else None
    if found is None:
        return None
    seconds, fraction = found.groups()
    try:
        datetime.fromisoformat(seconds)
    except ValueError:
        return None
    return f"{seconds}.{(fraction or '').ljust(9, '0')}Z"


def _object(told: Any) -> Entry:
    if not isinstance(told, dict):
        raise not_believed("not an object")
    return told


def _part(entry: Entry, name: str) -> Entry:
    return _object({} if entry.get(name) is None else entry[name])


def _objects(told: Any) -> list[Entry]:
    if not isinstance(told, list):
        raise not_believed("not a list")
    return [_object(entry) for entry in told]


def _page(told: Any) -> list[Entry]:
    entries = _objects(told)
    if len(entries) > PAGE_MAX:
        raise not_believed(f"{len(entries)} on a page, asked for {PAGE_MAX}")
    return entries


def _wrong(name: str, entry: Entry) -> NoReturn:
    raise not_believed(f"{name} is {str(entry.get(name))[:80]!r}")


def _text(entry: Entry, name: str, kind: re.Pattern[str]) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) and kind.fullmatch(value) else _wrong(name, entry)


def _optional(entry: Entry, name: str, kind: re.Pattern[str]) -> str | None:
    return None if entry.get(name) in (None, "") else _text(entry, name, kind)


def _count(entry: Entry, name: str) -> int:
    value = entry.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else _wrong(name, entry)


def _same(entry: Entry, name: str, expected: object) -> None:
    value = entry.get(name)
    if type(value) is not type(expected) or value != expected:
        raise not_believed(f"{name} is {str(value)[:80]!r} and not {expected!r}")


def _once(what: str, told: Sequence[Hashable]) -> None:
    if len(set(told)) < len(told):
        raise not_believed(f"{what} twice")


def _ascending(what: str, told: Sequence[Any]) -> None:
    if any(earlier > later for earlier, later in pairwise(told)):
        raise not_believed(f"{what} that are not in their order, or before what was asked for")
