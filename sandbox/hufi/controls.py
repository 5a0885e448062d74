"""HuFi for people and tests: see everything, and make things happen. Amounts are text, never JSON numbers.

GET    /sandbox/state        campaigns with who takes part and how they stand, what was ordered to go wrong
POST   /sandbox/campaigns    {"type": "MARKET_MAKING", "symbol": "BTC/USDT", "days": 10, "fund": "9", "target": "1000"}
                             exchange: binance unless said; token: HMT; decimals: 18; chain_id: 137
PUT    /sandbox/campaigns/{chain_id}-{address}    {"status": "to_cancel"}          or cancelled, completed, active
DELETE /sandbox/logins       every token has ended
       /sandbox/faults, /sandbox/down                                              as of `sandbox.controls`

200 with what is in force then; 400, 404 {"error": "…"} with what to do
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from common.clock import text
from common.money import EXACT, exact, plain
from sandbox.controls import TEXT, WHOLE, NoSuchThing
from sandbox.controls import Controls as FaultControls
from sandbox.hufi.faults import Fault, Faults, IllegalOrder
from sandbox.hufi.hufi import Hufi
from sandbox.hufi.records import Campaign, HufiRefused, Kind, Status
from sandbox.serving import Kinds, Request

_KINDS: Kinds = {
    "type": ((str,), f"text, one of {', '.join(Kind)}"),
    "symbol": ((str,), 'text such as "BTC/USDT"'),
    "exchange": TEXT,
    "token": TEXT,
    "fund": ((str,), 'text such as "1000", in whole units of the token'),
    "target": ((str,), 'text such as "10000": a day\'s volume, the least volume, or what is to be held'),
    "days": ((int,), "a whole number, for which it lasts from now on"),
    "decimals": WHOLE,
    "chain_id": WHOLE,
    "status": ((str,), f"text, one of {', '.join(Status)}"),
}


class Controls(FaultControls[Fault]):
    """`decide` answers requests under /sandbox/. on_change: as of `sandbox.controls`."""

    def __init__(self, hufi: Hufi, faults: Faults, on_change: Callable[[], None] = lambda: None) -> None:
        super().__init__(faults, _KINDS, on_change)
        self._hufi = hufi
        self._faults = faults

    def _decided(self, request: Request) -> Any:
        try:
            return self._asked(request)
        except HufiRefused as refused:
            if refused.status == 404:
                raise NoSuchThing(refused.message) from None
            raise IllegalOrder(refused.message) from None

    def _asked(self, request: Request) -> Any:
        match request.method, request.path[1:]:
            case "GET", ["state"]:
                return self._state()
            case "POST", ["campaigns"]:
                optional = ["exchange", "token", "decimals", "chain_id"]
                needed = ["type", "symbol", "days", "fund", "target"]
                return self._told(launch(self._hufi, **self._given(request, needed, optional)))
            case "PUT", ["campaigns", name]:
                given = self._given(request, ["status"])
                chain_id, _, address = name.partition("-")
                if not chain_id.isdigit():
                    raise HufiRefused(404, "Campaign not found")
                return self._told(self._hufi.end(int(chain_id), address, _one_of(Status, given["status"])))
            case "DELETE", ["logins"]:
                self._hufi.forget_tokens()
                return {}
            case _:
                return super()._decided(request)

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
