"""Mixin Safe's wire in front of a safe.

    GET  /safe/snapshots?asset=…&offset=…&limit=…&order=ASC|DESC     from a time on, inclusive
    GET  /safe/snapshots/{id}
    GET  /safe/outputs?members=…&threshold=1&asset=…&state=…&offset=…&limit=…&order=…     from a sequence on, inclusive
    POST /safe/keys                   [{"receivers": ["…"], "index": 0, "hint": "…"}]
    POST /safe/transaction/requests   [{"request_id": "…", "raw": "…"}]              registers them
    POST /safe/transactions           [{"request_id": "…", "raw": "… signed"}]       sends them
    GET  /safe/transactions/{request id or hash}                                     for everybody
    GET  /network/assets/{id}                                                        for everybody
    GET  /safe/assets/{id}, /safe/assets/{id}/fees?destination=…
    POST /safe/deposit/entries        {"members": ["…"], "threshold": 1, "chain_id": "…"}

    Authorization: Bearer …           a token of this one request
    X-Request-Id: …                   comes back

    200 {"data": …}        202 {"error": {"status": 202, "code": 10002, "description": "…"}}        500

Not told by Mixin's documents, so our own reading: that `offset` is inclusive in both lists; what is checked first (the
token, faults, the rest); that a ban has Retry-After; that the receiver's snapshot bears the sender's request id. Not
here: more members than one to an output, inscriptions, and what the desk does not ask for.

Sources: developers.mixin.one @99a7514, api; github.com/MixinNetwork/bot-api-go-client @5161559.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from blake3 import blake3

from common.gateways.custody import encoding
from sandbox.mixin import wire
from sandbox.mixin.assets import ASSETS, kernel_asset_id, units_of
from sandbox.mixin.faults import RETRY_AFTER_SECONDS, Fault, Faults, Operation
from sandbox.mixin.records import Draft, Payment, Request, State, Terms, Withdrawal
from sandbox.mixin.refusals import Code, SafeRefused, invalid
from sandbox.mixin.rules import asset_of
from sandbox.mixin.safe import Safe
from sandbox.mixin.signatures import Member, Tokens, is_signed, one_time_key, spend_key_of_a_stranger, view
from sandbox.mixin.times import read
from sandbox.serving import Answer, BadRequest, Drop, parsed
from sandbox.serving import Request as Asked

PAGE_MAX = 500
SEQUENCE_MAX = 2**63
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_KERNEL_ASSETS = {kernel_asset_id(asset_id): asset_id for asset_id in ASSETS}
_Carry = Callable[[], Any]
_STRAY_ID = "0d1ce0f0-0000-4000-8000-000000000bad"


class MixinFace:
    """`decide` answers requests under /safe/ and /network/; it raises Hang, Drop, when a fault says so. What it does is
    done under the lock of the safe.

    members: who may ask, and for himself only.
    """

    def __init__(self, safe: Safe, members: Iterable[Member], faults: Faults, clock: Callable[[], datetime]) -> None:
        self._safe = safe
        self._faults = faults
        self._members = {member.user_id: member for member in members}
        self._tokens = Tokens(self._members.values(), clock)
        safe.join(*self._members)

    def decide(self, asked: Asked) -> Answer:
        if self._faults.down:
            raise Drop
        answer = self._answer(asked)
        echo = asked.headers.get("X-Request-Id")
        headers = {"X-Request-Id": echo, **answer.headers} if echo else answer.headers
        return Answer(answer.status, answer.body, headers, answer.content_type)

    def _answer(self, asked: Asked) -> Answer:
        if seconds := self._faults.banned_seconds:
            return _too_many_requests(seconds)
        try:
            with self._safe.lock:
                operation, carry_out = self._route(asked)
        except SafeRefused as refused:
            return wire.error(refused)

        def tell(fault: Fault) -> Answer:
            if fault is not Fault.STRAY:
                return _failed(fault)
            answer = self._carried_out(carry_out)
            return Answer(answer.status, answer.body, {"X-Request-Id": _STRAY_ID})

        return self._faults.around(operation, lambda: self._carried_out(carry_out), tell)

    def _route(self, asked: Asked) -> tuple[Operation, _Carry]:
        """What is asked for, and how it is done. Raises SafeRefused."""
        match asked.method, asked.path:
            case "GET", ["safe", "transactions", named]:
                return Operation.TRANSACTION, lambda: wire.request(self._safe.request(named))
            case "GET", ["network", "assets", asset_id]:
                return Operation.OTHER, lambda: wire.asset(asset_of(asset_id).asset_id, kind="asset")
        who = self._tokens.member(asked.headers.get("Authorization", ""), asked.method, asked.target, asked.body)
        match asked.method, asked.path:
            case "GET", ["safe", "snapshots"]:
                return Operation.SNAPSHOTS, lambda: self._snapshots(who, _Query(asked))
            case "GET", ["safe", "snapshots", snapshot_id]:
                return Operation.SNAPSHOTS, lambda: self._snapshot(who, snapshot_id)
            case "GET", ["safe", "outputs"]:
                return Operation.OUTPUTS, lambda: self._outputs(who, _Query(asked))
            case "GET", ["safe", "assets", asset_id]:
                return Operation.OTHER, lambda: wire.asset(asset_of(asset_id).asset_id, kind="safe_asset")
            case "GET", ["safe", "assets", asset_id, "fees"]:
                return Operation.OTHER, lambda: self._fees(asset_id, _Query(asked))
            case "POST", ["safe", "keys"]:
                return Operation.KEYS, lambda: self._keys(_listed(asked))
            case "POST", ["safe", "transaction", "requests"]:
                return Operation.REGISTER, lambda: self._register(who, _listed(asked))
            case "POST", ["safe", "transactions"]:
                return Operation.SEND, lambda: self._send(who, _listed(asked))
            case "POST", ["safe", "deposit", "entries"]:
                return Operation.OTHER, lambda: self._entries(who, _body(asked))
        raise SafeRefused(Code.NOT_FOUND, f"nothing answers {asked.method} /{'/'.join(asked.path)}")

    def _carried_out(self, carry_out: _Carry) -> Answer:
        try:
            with self._safe.lock:
                return wire.data(carry_out())
        except SafeRefused as refused:  # here, so that a fault may swallow the answer
            return wire.error(refused)

    # Looking

    def _snapshots(self, who: Member, query: _Query) -> Any:
        ascending, offset = query.ascending, query.text("offset")
        try:
            offset_ns = None if offset is None else read(offset)
        except ValueError as wrong:
            raise invalid("offset", str(wrong)) from None
        page = self._safe.snapshots(who.user_id, query.text("asset"), offset_ns, query.limit, ascending=ascending)
        return [wire.snapshot(told) for told in page]

    def _snapshot(self, who: Member, snapshot_id: str) -> Any:
        return wire.snapshot(self._safe.snapshot(who.user_id, snapshot_id))

    def _outputs(self, who: Member, query: _Query) -> Any:
        if query.text("members") not in (None, wire.members_hash(who.user_id)):
            raise SafeRefused(Code.FORBIDDEN, "those are the outputs of others", "members")
        if query.text("threshold") not in (None, str(wire.THRESHOLD)):
            return []
        ascending = query.ascending
        offset = query.whole("offset", 0 if ascending else SEQUENCE_MAX)
        asset_id = query.text("asset")
        state = query.text("state")
        if state is not None and state not in list(State):
            raise invalid("state", f"there are {', '.join(State)}")
        page = self._safe.outputs(
            who.user_id,
            _KERNEL_ASSETS.get(asset_id or "", asset_id),
            None if state is None else State(state),
            offset,
            query.limit,
            ascending=ascending,
        )
        return [wire.output(told, one_time_key(told.mask, self._spend_key(told.owner))) for told in page]

    def _fees(self, asset_id: str, query: _Query) -> Any:
        costs = self._safe.fees(asset_id, query.text("destination") or "")
        return [wire.fee(paid_with, units) for paid_with, units in costs.items()]

    def _entries(self, who: Member, given: Any) -> Any:
        members = given.get("members") if isinstance(given, dict) else None
        if members != [who.user_id] or given.get("threshold") != wire.THRESHOLD:
            raise invalid("members", "there must be you alone, and a threshold of 1")
        return [wire.entry(self._safe.entry(who.user_id, _text(given, "chain_id")))]

    # Sending

    def _keys(self, asked: Sequence[Any]) -> Any:
        made = []
        for each in asked:
            receivers, index = each.get("receivers"), each.get("index")
            if not (isinstance(receivers, list) and len(receivers) == 1 and isinstance(receivers[0], str)):
                raise invalid("receivers", "there must be one member")
            if type(index) is not int or not 0 <= index < 256:
                raise invalid("index", "there must be a place from 0 to 255")
            mask = self._safe.make_key(receivers[0], index, _uuid(each, "hint"))
            key = one_time_key(mask, self._spend_key(receivers[0]))
            made.append({"type": "ghost_key", "mask": mask, "keys": [key.hex()]})
        return made

    def _register(self, who: Member, asked: Sequence[Any]) -> Any:
        drafts = [self._draft(_uuid(each, "request_id"), _text(each, "raw")) for each in asked]
        return [wire.request(told, self._views) for told in self._safe.register(who.user_id, drafts)]

    def _send(self, who: Member, asked: Sequence[Any]) -> Any:
        for each in asked:
            request = self._safe.request(_uuid(each, "request_id"))
            if request.state is State.UNSPENT:
                self._check_signatures(request, who, _text(each, "raw"))
        ids = [each["request_id"] for each in asked]
        return [wire.request(told) for told in self._safe.send(who.user_id, ids)]

    def _draft(self, request_id: str, raw: str) -> Draft:
        """Raises SafeRefused."""
        transaction, signatures = _decoded(raw)
        if signatures:
            raise invalid("raw", "what is registered is not signed yet")
        asset_id = _KERNEL_ASSETS.get(transaction.asset)
        if asset_id is None:
            raise invalid("asset", f"there is no asset {transaction.asset}")
        terms = Terms(
            asset_id,
            tuple((spent.transaction_hash, spent.index) for spent in transaction.inputs),
            tuple(self._leaving(index, output) for index, output in enumerate(transaction.outputs)),
            transaction.references,
            transaction.extra,
        )
        return Draft(request_id, raw, blake3(bytes.fromhex(raw)).hexdigest(), terms)

    def _leaving(self, index: int, output: encoding.Payment | encoding.Withdrawal) -> Payment | Withdrawal:
        units = units_of(output.amount)
        if isinstance(output, encoding.Withdrawal):
            return Withdrawal(units, output.destination, output.tag)
        receiver = self._safe.receiver_of(output.mask, index)
        key = one_time_key(output.mask, self._spend_key(receiver)).hex()
        if (output.keys, output.threshold) != ((key,), wire.THRESHOLD):
            raise SafeRefused(Code.INVALID_OUTPUT_KEY, f"the key of output {index} is not its mask's", "keys")
        return Payment(receiver, units, output.mask)

    def _check_signatures(self, request: Request, who: Member, raw: str) -> None:
        """Raises SafeRefused."""
        _, signatures = _decoded(raw)
        if not raw.startswith(request.raw[:-4]):  # all but the number of signatures, which is 0 there
            raise invalid("raw", "it is not what was registered")
        keys = [one_time_key(mask, who.spend_public_key) for mask in self._masks(request)]
        message = bytes.fromhex(request.transaction_hash)
        if len(signatures) != len(keys) or not all(
            is_signed(message, signature, key) for signature, key in zip(signatures, keys, strict=True)
        ):
            raise SafeRefused(Code.INVALID_SIGNATURE, "a signature is missing, or is not yours")

    def _masks(self, request: Request) -> list[str]:
        spent = [self._safe.output(place) for place in request.terms.inputs]
        return [output.mask for output in spent if output is not None]

    def _views(self, request: Request) -> list[str]:
        return [view(mask).hex() for mask in self._masks(request)]

    def _spend_key(self, user_id: str) -> bytes:
        member = self._members.get(user_id)
        return spend_key_of_a_stranger(user_id) if member is None else member.spend_public_key


class _Query:
    """The parameters of a list. Raises SafeRefused for those that are none."""

    def __init__(self, asked: Asked) -> None:
        self._values = dict(parse_qsl(asked.query))

    def text(self, name: str) -> str | None:
        return self._values.get(name)

    def whole(self, name: str, default: int) -> int:
        value = self._values.get(name, str(default))
        if not (value.isascii() and value.isdigit() and len(value) < 20):
            raise invalid(name, f"{value!r} is no whole number")
        return int(value)

    @property
    def limit(self) -> int:
        return max(1, min(self.whole("limit", PAGE_MAX), PAGE_MAX))

    @property
    def ascending(self) -> bool:
        """The newest come first unless something else is asked for."""
        order = self._values.get("order", "DESC").upper()
        if order not in ("ASC", "DESC"):
            raise invalid("order", "there are ASC and DESC")
        return order == "ASC"


def _failed(fault: Fault) -> Answer:
    match fault:
        case Fault.RATE_LIMIT:
            return _too_many_requests(RETRY_AFTER_SECONDS)
        case Fault.MAINTENANCE:
            page = "<!doctype html><title>Back soon</title><p>We are improving our services for you.</p>"
            return Answer(503, page, {}, "text/html; charset=utf-8")
        case _:
            return wire.error(SafeRefused(Code.SERVER_ERROR, "Internal Server Error"))


def _too_many_requests(seconds: int) -> Answer:
    answer = wire.error(SafeRefused(Code.TOO_MANY_REQUESTS, "Too Many Requests"))
    return Answer(answer.status, answer.body, {"Retry-After": str(seconds)})


def _body(asked: Asked) -> Any:
    try:
        return parsed(asked.body)
    except BadRequest as unreadable:
        raise SafeRefused(Code.UNREADABLE, unreadable.detail) from None


def _listed(asked: Asked) -> Sequence[Any]:
    given = _body(asked)
    if not (isinstance(given, list) and 1 <= len(given) <= 256 and all(isinstance(each, dict) for each in given)):
        raise SafeRefused(Code.UNREADABLE, "there must be a list of JSON objects")
    return given


def _text(given: Any, name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str):
        raise invalid(name, "it must be text")
    return value


def _uuid(given: Any, name: str) -> str:
    value = _text(given, name)
    if not _UUID.fullmatch(value):
        raise invalid(name, f"{value!r} is no uuid")
    return value


def _decoded(raw: str) -> tuple[encoding.KernelTransaction, tuple[bytes, ...]]:
    try:
        return encoding.decode(bytes.fromhex(raw))
    except ValueError as unreadable:
        raise invalid("raw", str(unreadable)) from None
