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
PUT    /sandbox/ban          {"seconds": 30}                  every call is told to wait
       /sandbox/faults, /sandbox/down                         as of `sandbox.controls`; no faults, no ban

200 with what is in force then; 400, 404 {"error": "…"} with what to do
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import InvalidOperation
from typing import Any
from urllib.parse import parse_qsl

from common.clock import text
from common.money import exact
from sandbox.controls import NUMBER, TEXT, NoSuchThing
from sandbox.controls import Controls as FaultControls
from sandbox.mixin import wire
from sandbox.mixin.assets import ASSETS, shown, units_of
from sandbox.mixin.faults import FAULTS_MAX, Fault, Faults, IllegalOrder
from sandbox.mixin.movements import sent
from sandbox.mixin.records import Gone
from sandbox.mixin.refusals import Code, SafeRefused
from sandbox.mixin.safe import Safe
from sandbox.mixin.timeline import Lie
from sandbox.mixin.times import written
from sandbox.serving import BadRequest, Kinds, Request

MISHAPS = ("refuse", "stuck", "late", "same_time", *Lie)
_KINDS: Kinds = {
    **dict.fromkeys(
        ("sender", "receiver", "asset_id", "memo", "memo_hex", "destination", "tag", "deposit_hash", "request_id"),
        TEXT,
    ),
    "amount": ((str,), 'text such as "1.5"'),
    "costs": ((dict,), 'an object such as {"c6d0c728-2624-429b-8e0d-d9d19b6592fa": "0.00002"}'),
    "kernel_seconds": NUMBER,
    "chain_seconds": NUMBER,
    "seconds": NUMBER,
    "code": ((int,), f"one of {', '.join(str(int(code)) for code in Code)}"),
    "kind": ((str,), f"text, one of {', '.join((*Fault, *MISHAPS))}"),
}


class Controls(FaultControls[Fault]):
    """`decide` answers requests under /sandbox/.

    desk: the member whom payments are for unless they say otherwise. on_change: as of `sandbox.controls`.
    """

    def __init__(self, safe: Safe, faults: Faults, desk: str, on_change: Callable[[], None] = lambda: None) -> None:
        super().__init__(faults, _KINDS, on_change)
        self._safe = safe
        self._faults = faults
        self._desk = desk
        safe.join(desk)

    def _decided(self, request: Request) -> Any:
        try:
            return self._asked(request)
        except SafeRefused as refused:
            if refused.code is Code.NOT_FOUND:
                raise NoSuchThing(refused.description) from None
            raise IllegalOrder(f"{refused.description} ({int(refused.code)})") from None

    def _asked(self, request: Request) -> Any:
        match request.method, request.path[1:]:
            case "GET", ["state"]:
                return self._state()
            case "GET", ["sent"]:
                return {"sent": self._sent()}
            case "GET", ["outbox"]:
                return {"withdrawals": [_gone(gone) for gone in self._safe.gone(_after(request.query))]}
            case "POST", ["payments"]:
                given = self._given(request, ["sender", "asset_id", "amount"], ["receiver", "memo", "memo_hex"])
                return self._pay(given)
            case "POST", ["deposits"]:
                needed = ["asset_id", "destination", "amount", "deposit_hash"]
                return self._deposit(self._given(request, needed, ["tag", "sender"]))
            case "POST", ["confirm"]:
                confirmed = self._safe.confirm(self._given(request, ["request_id"])["request_id"])
                return wire.request(confirmed)
            case _:
                return self._set(request)

    def _set(self, request: Request) -> Any:
        match request.method, request.path[1:]:
            case "PUT", ["delays"]:
                given = self._given(request, [], ["kernel_seconds", "chain_seconds"])
                _legally(lambda: self._safe.set_delays(**given))
                return self._safe.delays
            case "PUT", ["fees"]:
                given = self._given(request, ["asset_id", "costs"])
                costs = {asset_id: _units(cost, "costs") for asset_id, cost in given["costs"].items()}
                _legally(lambda: self._safe.set_fees(given["asset_id"], costs))
                return self._fees()
            case "POST", ["mishaps"]:
                self._order(self._given(request, ["kind"], ["times", "seconds", "code"]))
                return self._safe.ordered()
            case "DELETE", ["mishaps"]:
                self._safe.heal()
                return self._safe.ordered()
            case "PUT", ["ban"]:
                self._faults.ban(self._given(request, ["seconds"])["seconds"])
                return {"banned_seconds": self._faults.banned_seconds}
            case _:
                return super()._decided(request)

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
