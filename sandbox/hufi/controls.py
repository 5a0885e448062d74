"""HuFi for people and tests: see everything, and make things happen. Amounts are text, never JSON numbers.

GET    /sandbox/state        campaigns with who takes part and how they stand, what was ordered to go wrong
POST   /sandbox/campaigns    {"type": "MARKET_MAKING", "symbol": "BTC/USDT", "days": 10, "fund": "9", "target": "1000"}
                             exchange: binance unless said; token: HMT; decimals: 18; chain_id: 137
PUT    /sandbox/campaigns/{chain_id}-{address}    {"status": "to_cancel"}          or cancelled, completed, active
DELETE /sandbox/logins       every token has ended
POST   /sandbox/faults       {"kind": "timeout_after", "on": "join", "times": 1}   on and times may be left out
DELETE /sandbox/faults       those still to come
PUT    /sandbox/down         {"down": true}                                        no call is answered

200 with what is in force then; 400, 404 {"error": "…"} with what to do
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from functools import partial
from threading import Lock
from typing import Any

from common.clock import text
from common.money import EXACT, exact, plain
from sandbox.hufi.faults import ANY, TARGETS, Fault, Faults, IllegalOrder
from sandbox.hufi.hufi import Hufi
from sandbox.hufi.records import Campaign, HufiRefused, Kind, Status
from sandbox.serving import Answer, Kinds, NoSuchPath, Request, as_json, members, parsed

_KINDS: Kinds = {
    "type": ((str,), f"text, one of {', '.join(Kind)}"),
    "symbol": ((str,), 'text such as "BTC/USDT"'),
    "exchange": ((str,), "text"),
    "token": ((str,), "text"),
    "fund": ((str,), 'text such as "1000", in whole units of the token'),
    "target": ((str,), 'text such as "10000": a day\'s volume, the least volume, or what is to be held'),
    "days": ((int,), "a whole number, for which it lasts from now on"),
    "decimals": ((int,), "a whole number"),
    "chain_id": ((int,), "a whole number"),
    "status": ((str,), f"text, one of {', '.join(Status)}"),
    "kind": ((str,), f"text, one of {', '.join(Fault)}"),
    "on": ((str,), f"text, one of {', '.join(TARGETS)}"),
    "times": ((int,), "a whole number"),
    "down": ((bool,), "true or false"),
}
_fields = partial(members, _KINDS)


class Controls:
    """`decide` answers requests under /sandbox/.

    on_change: called after each control that changed something; what it raises as OSError is told to the caller.
    """

    def __init__(self, hufi: Hufi, faults: Faults, on_change: Callable[[], None] = lambda: None) -> None:
        self._hufi = hufi
        self._faults = faults
        self._on_change = on_change
        self._changing = Lock()  # one control at a time, so that what is kept is the last of them

    def decide(self, request: Request) -> Answer:
        """Raises Refusal."""
        with self._changing:
            try:
                answer = as_json(self._decided(request))
            except HufiRefused as refused:
                if refused.status == 404:
                    return as_json({"error": refused.message}, 404)
                raise IllegalOrder(refused.message) from None
            if request.method != "GET":
                self._on_change()
            return answer

    def _decided(self, request: Request) -> Any:
        match request.method, request.path[1:]:
            case "GET", ["state"]:
                return self._state()
            case "POST", ["campaigns"]:
                optional = ["exchange", "token", "decimals", "chain_id"]
                needed = ["type", "symbol", "days", "fund", "target"]
                return self._told(launch(self._hufi, **_fields(parsed(request.body), needed, optional)))
            case "PUT", ["campaigns", name]:
                given = _fields(parsed(request.body), ["status"])
                chain_id, _, address = name.partition("-")
                if not chain_id.isdigit():
                    raise HufiRefused(404, "Campaign not found")
                return self._told(self._hufi.end(int(chain_id), address, _one_of(Status, given["status"])))
            case "DELETE", ["logins"]:
                self._hufi.forget_tokens()
                return {}
            case "POST", ["faults"]:
                given = _fields(parsed(request.body), ["kind"], ["on", "times"])
                self._faults.fail_next(given["kind"], given.get("on", ANY), given.get("times", 1))
                return {"faults": self._faults.told()}
            case "DELETE", ["faults"]:
                self._faults.heal()
                return {"faults": []}
            case "PUT", ["down"]:
                self._faults.down = _fields(parsed(request.body), ["down"])["down"]
                return {"down": self._faults.down}
            case _:
                raise NoSuchPath(f"nothing answers {request.method} /{'/'.join(request.path)}")

    def _state(self) -> dict[str, Any]:
        return {
            "campaigns": [self._told(campaign) for campaign in self._hufi.campaigns()],
            "faults": self._faults.told(),
            "down": self._faults.down,
        }

    def _told(self, campaign: Campaign) -> dict[str, Any]:
        return {
            "campaign": campaign.name,
            "type": campaign.kind,
            "exchange": campaign.exchange,
            "symbol": campaign.symbol,
            "status": campaign.now(self._hufi.now()),
            "starts_at": text(campaign.starts_at),
            "ends_at": text(campaign.ends_at),
            "fund": f"{plain(EXACT.scaleb(Decimal(campaign.fund), -campaign.decimals))} {campaign.token}",
            "target": plain(campaign.target),
            "participants": [
                {
                    "address": outcome.address,
                    "joined_at": text(campaign.participants[outcome.address]),
                    "volume": plain(outcome.volume),
                    "reward": plain(outcome.reward),
                    "abuse": outcome.abuse,
                }
                for outcome in self._hufi.outcomes(campaign)
            ],
        }


def launch(
    hufi: Hufi,
    type: str,
    symbol: str,
    days: int,
    fund: str,
    target: str,
    exchange: str = "binance",
    token: str = "HMT",
    decimals: int = 18,
    chain_id: int = 137,
) -> Campaign:
    """A campaign that begins now. Raises IllegalOrder, HufiRefused."""
    if not (1 <= days <= 3650 and 0 <= decimals <= 36 and 1 <= chain_id < 2**31):
        raise IllegalOrder("days is from 1 to 3650, decimals from 0 to 36, chain_id a number of a chain")
    try:
        units, least = EXACT.scaleb(exact(fund), decimals), exact(target)
    except (ValueError, InvalidOperation):
        raise IllegalOrder(f"fund is {fund!r}, target {target!r}; both must be numbers") from None
    if units != units.to_integral_value() or min(units, least) < 0:
        raise IllegalOrder(f"fund is {fund!r}; the token has {decimals} decimals")
    at = hufi.now()
    campaign = Campaign(
        chain_id=chain_id,
        address=hufi.draw_address(),
        kind=_one_of(Kind, type),
        exchange=exchange,
        symbol=symbol,
        starts_at=at,
        ends_at=at + timedelta(days=days),
        fund=int(units),
        token=token,
        decimals=decimals,
        target=least,
    )
    return hufi.launch(campaign)


def _one_of(kinds: Any, given: str) -> Any:
    try:
        return kinds(given)
    except ValueError:
        raise IllegalOrder(f"{given!r} is none of {', '.join(kinds)}") from None
