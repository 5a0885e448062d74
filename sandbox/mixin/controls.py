"""The custody for people and tests: see everything, and make things happen. Amounts are text, never JSON numbers.

GET    /sandbox/state        members, what they have, delays, fees, what was ordered to go wrong
POST   /sandbox/payments     {"sender": "…", "asset_id": "…", "amount": "1.5", "memo": "…"}    a member pays the desk
                             receiver: another than the desk; memo_hex: instead of memo, its bytes
POST   /sandbox/deposits     {"asset_id": "…", "destination": "…", "tag": "", "amount": "1.5", "deposit_hash": "…"}
                             a chain brings it; the same again does nothing; sender and tag may be left out
GET    /sandbox/sent         what was sent to members and to addresses
GET    /sandbox/outbox       withdrawals that are on their chains; ?after=7 those behind number 7
POST   /sandbox/confirm      {"request_id": "…"}              a withdrawal is on its chain now, also one that is stuck
PUT    /sandbox/delays       {"kernel_seconds": 1, "chain_seconds": 5}          either may be left out
PUT    /sandbox/fees         {"asset_id": "…", "costs": {"asset id": "0.001"}}  by what it may be paid with
POST   /sandbox/mishaps      {"kind": "stuck", "times": 1}    in the custody itself; times may be left out
                             refuse (with "code": 20120): the next sendings; stuck: the next withdrawals;
                             late (with "seconds": 30), same_time: the next snapshots; wrong_amount, other_opponent,
                             twice, another: what the next looks at snapshots are told
DELETE /sandbox/mishaps      those still to come
POST   /sandbox/faults       {"kind": "timeout_after", "on": "send", "times": 1}        on and times may be left out
DELETE /sandbox/faults       those still to come, and the ban
PUT    /sandbox/ban          {"seconds": 30}                  every call is told to wait
PUT    /sandbox/down         {"down": true}                   no call is answered

200 with what is in force then; 400, 404 {"error": "…"} with what to do
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import InvalidOperation
from functools import partial
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl

from common.clock import text
from common.money import exact
from sandbox.mixin import wire
from sandbox.mixin.assets import ASSETS, shown, units_of
from sandbox.mixin.faults import ANY, FAULTS_MAX, TARGETS, Fault, Faults, IllegalOrder
from sandbox.mixin.movements import sent
from sandbox.mixin.records import Gone
from sandbox.mixin.refusals import Code, SafeRefused
from sandbox.mixin.safe import Safe
from sandbox.mixin.timeline import Lie
from sandbox.mixin.times import written
from sandbox.serving import Answer, BadRequest, Kinds, NoSuchPath, Request, as_json, members, parsed

MISHAPS = ("refuse", "stuck", "late", "same_time", *Lie)
_TEXT: tuple[tuple[type, ...], str] = ((str,), "text")
_NUMBER: tuple[tuple[type, ...], str] = ((int, float), "a number")
_KINDS: Kinds = {
    **dict.fromkeys(
        ("sender", "receiver", "asset_id", "memo", "memo_hex", "destination", "tag", "deposit_hash", "request_id"),
        _TEXT,
    ),
    "amount": ((str,), 'text such as "1.5"'),
    "costs": ((dict,), 'an object such as {"c6d0c728-2624-429b-8e0d-d9d19b6592fa": "0.00002"}'),
    "kernel_seconds": _NUMBER,
    "chain_seconds": _NUMBER,
    "seconds": _NUMBER,
    "times": ((int,), "a whole number"),
    "code": ((int,), f"one of {', '.join(str(int(code)) for code in Code)}"),
    "kind": ((str,), f"text, one of {', '.join((*Fault, *MISHAPS))}"),
    "on": ((str,), f"text, one of {', '.join(TARGETS)}"),
    "down": ((bool,), "true or false"),
}
_fields = partial(members, _KINDS)


class Controls:
    """`decide` answers requests under /sandbox/.

    desk: the member whom payments are for unless they say otherwise.
    on_change: called after each control that changed something; what it raises as OSError is told to the caller.
    """

    def __init__(self, safe: Safe, faults: Faults, desk: str, on_change: Callable[[], None] = lambda: None) -> None:
        self._safe = safe
        self._faults = faults
        self._desk = desk
        self._on_change = on_change
        self._changing = Lock()  # one control at a time, so that what is kept is the last of them
        safe.join(desk)

    def decide(self, request: Request) -> Answer:
        """Raises Refusal."""
        with self._changing:
            try:
                answer = self._decided(request)
            except SafeRefused as refused:
                if refused.code is Code.NOT_FOUND:
                    return as_json({"error": refused.description}, 404)
                raise IllegalOrder(f"{refused.description} ({int(refused.code)})") from None
            if request.method != "GET":
                self._on_change()
            return answer

    def _decided(self, request: Request) -> Answer:
        match request.method, request.path[1:]:
            case "GET", ["state"]:
                return as_json(self._state())
            case "GET", ["sent"]:
                return as_json({"sent": self._sent()})
            case "GET", ["outbox"]:
                return as_json({"withdrawals": [_gone(gone) for gone in self._safe.gone(_after(request.query))]})
            case "POST", ["payments"]:
                given = _fields(
                    parsed(request.body), ["sender", "asset_id", "amount"], ["receiver", "memo", "memo_hex"]
                )
                return as_json(self._pay(given))
            case "POST", ["deposits"]:
                needed = ["asset_id", "destination", "amount", "deposit_hash"]
                return as_json(self._deposit(_fields(parsed(request.body), needed, ["tag", "sender"])))
            case "POST", ["confirm"]:
                confirmed = self._safe.confirm(_fields(parsed(request.body), ["request_id"])["request_id"])
                return as_json(wire.request(confirmed))
            case _:
                return self._set(request)

    def _set(self, request: Request) -> Answer:
        match request.method, request.path[1:]:
            case "PUT", ["delays"]:
                given = _fields(parsed(request.body), [], ["kernel_seconds", "chain_seconds"])
                _legally(lambda: self._safe.set_delays(**given))
                return as_json(self._safe.delays)
            case "PUT", ["fees"]:
                given = _fields(parsed(request.body), ["asset_id", "costs"])
                costs = {asset_id: _units(cost, "costs") for asset_id, cost in given["costs"].items()}
                _legally(lambda: self._safe.set_fees(given["asset_id"], costs))
                return as_json(self._fees())
            case "POST", ["mishaps"]:
                self._order(_fields(parsed(request.body), ["kind"], ["times", "seconds", "code"]))
                return as_json(self._safe.ordered())
            case "DELETE", ["mishaps"]:
                self._safe.heal()
                return as_json(self._safe.ordered())
            case "POST", ["faults"]:
                given = _fields(parsed(request.body), ["kind"], ["on", "times"])
                self._faults.fail_next(given["kind"], given.get("on", ANY), given.get("times", 1))
                return as_json({"faults": self._faults.told()})
            case "DELETE", ["faults"]:
                self._faults.heal()
                return as_json({"faults": self._faults.told()})
            case "PUT", ["ban"]:
                self._faults.ban(_fields(parsed(request.body), ["seconds"])["seconds"])
                return as_json({"banned_seconds": self._faults.banned_seconds})
            case "PUT", ["down"]:
                self._faults.down = _fields(parsed(request.body), ["down"])["down"]
                return as_json({"down": self._faults.down})
            case _:
                raise NoSuchPath(
                    f"nothing answers {request.method} /{'/'.join(request.path)}; there are, each under /sandbox, GET "
                    "state, sent and outbox, POST payments, deposits and confirm, PUT delays, fees, ban and down, POST "
                    "and DELETE mishaps and faults"
                )

    def _pay(self, given: Mapping[str, Any]) -> dict[str, Any]:
        if "memo" in given and "memo_hex" in given:
            raise BadRequest("there may be memo or memo_hex, not both")
        try:
            memo = bytes.fromhex(given.get("memo_hex", "")) or given.get("memo", "").encode()
        except ValueError:
            raise BadRequest("memo_hex must be hex digits") from None
        units = _units(given["amount"], "amount")
        with self._safe.lock:
            receiver = given.get("receiver", self._desk)
            return wire.snapshot(self._safe.pay(given["sender"], receiver, given["asset_id"], units, memo))

    def _deposit(self, given: Mapping[str, Any]) -> dict[str, Any]:
        with self._safe.lock:
            return wire.snapshot(
                self._safe.deposit(
                    given["asset_id"],
                    given["destination"],
                    given.get("tag", ""),
                    _units(given["amount"], "amount"),
                    given["deposit_hash"],
                    sender=given.get("sender", ""),
                )
            )

    def _order(self, given: Mapping[str, Any]) -> None:
        kind, times, seconds = given["kind"], given.get("times", 1), given.get("seconds", 30)
        if not 1 <= times <= FAULTS_MAX:
            raise IllegalOrder(f"times is {times}; it must be from 1 to {FAULTS_MAX}")
        if not 0 <= seconds <= 86_400:
            raise IllegalOrder(f"seconds is {seconds}; it must be from 0 to 86400")
        with self._safe.lock:
            match kind:
                case "refuse":
                    _legally(lambda: self._safe.refuse_next(Code(given.get("code", Code.AMOUNT_TOO_SMALL)), times))
                case "stuck":
                    self._safe.stick_next(times)
                case "late":
                    self._safe.timeline.late_next(seconds, times)
                case "same_time":
                    self._safe.timeline.same_next(times)
                case _ if kind in list(Lie):
                    self._safe.timeline.lie_next(Lie(kind), times)
                case _:
                    raise IllegalOrder(f"kind is {kind!r}; there are {', '.join(MISHAPS)}")

    def _state(self) -> dict[str, Any]:
        safe = self._safe
        with safe.lock:
            return {
                "now": text(safe.now()),
                "desk": self._desk,
                "assets": {
                    asset.asset_id: {"symbol": asset.symbol, "chain_id": asset.chain_id, "decimals": asset.decimals}
                    for asset in ASSETS.values()
                },
                "balances": {
                    member: {asset_id: shown(units) for asset_id, units in safe.balances(member).items()}
                    for member in safe.members
                },
                "sent": self._sent(),
                "delays": safe.delays,
                "fees": self._fees(),
                "mishaps": safe.ordered(),
                "down": self._faults.down,
                "banned_seconds": self._faults.banned_seconds,
                "faults": self._faults.told(),
            }

    def _sent(self) -> list[dict[str, Any]]:
        return [
            {
                "sender": one.sender,
                "receiver": one.receiver,
                "destination": one.destination,
                "tag": one.tag,
                "asset_id": one.asset_id,
                "amount": shown(one.units),
                "memo_hex": one.memo.hex(),
                "request_id": one.request_id,
                "transaction_hash": one.transaction_hash,
                "state": str(one.state),
                "withdrawal_hash": one.withdrawal_hash,
                "stuck": one.stuck,
            }
            for one in sent(self._safe)
        ]

    def _fees(self) -> dict[str, dict[str, str]]:
        return {
            asset_id: {paid_with: shown(units) for paid_with, units in self._safe.costs(asset_id).items()}
            for asset_id in ASSETS
        }


def _gone(gone: Gone) -> dict[str, Any]:
    return {
        "number": gone.number,
        "request_id": gone.request_id,
        "withdrawal_hash": gone.withdrawal_hash,
        "asset_id": gone.asset_id,
        "amount": shown(gone.units),
        "destination": gone.destination,
        "tag": gone.tag,
        "at": written(gone.at_ns),
    }


def _after(query: str) -> int:
    given = dict(parse_qsl(query)).get("after", "0")
    if not (given.isascii() and given.isdigit() and len(given) < 10):
        raise BadRequest(f"after is {given!r}; it must be a number of the outbox")
    return int(given)


def _legally(act: Callable[[], None]) -> None:
    try:
        act()
    except ValueError as wrong:
        raise IllegalOrder(str(wrong)) from None


def _units(amount: Any, name: str) -> int:
    try:
        if not isinstance(amount, str):
            raise TypeError
        return units_of(exact(amount))
    except (ValueError, TypeError, InvalidOperation):
        raise IllegalOrder(f"{name} is {amount!r}; it must be a decimal number in a text") from None
