"""HuFi's wire: its launcher under /launcher, its recording oracle under /oracle.

    GET  /launcher/campaigns?status=…&exchange=…&type=…&limit=10&skip=…
    GET  /launcher/campaigns/{chain_id}-{address}
    POST /oracle/auth/nonce, /oracle/auth
    GET  /oracle/exchange-api-keys             POST /oracle/exchange-api-keys
    POST /oracle/campaigns/check-join-status   POST /oracle/campaigns/join
    GET  /oracle/campaigns/{chain_id}-{address}/leaderboard

    Authorization: Bearer …           but for what anybody may ask

    4xx {"message": "…", "timestamp": "…", "path": "…"[, "details": {…}]}

They are two services with a host each; here they share one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from common.clock import text
from sandbox.hufi.faults import Faults, Operation
from sandbox.hufi.hufi import Hufi
from sandbox.hufi.records import Campaign, HufiRefused, Kind, Outcome
from sandbox.serving import Answer, BadRequest, NoSuchPath, Request, as_json, parsed

LIMIT_DEFAULT, LIMIT_MAX, SKIP_MAX = 10, 1000, 1000
_NAMED = re.compile(r"([0-9]{1,10})-(0x[0-9a-fA-F]{40})")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_DETAILS = {
    Kind.MARKET_MAKING: "daily_volume_target",
    Kind.COMPETITIVE_MARKET_MAKING: "minimum_volume_required",
    Kind.THRESHOLD_MARKET_MAKING: "minimum_volume_target",
    Kind.HOLDING: "daily_balance_target",
}


class HufiFace:
    def __init__(self, hufi: Hufi, faults: Faults) -> None:
        self._hufi = hufi
        self._faults = faults

    def decide(self, request: Request) -> Answer:
        """Raises NoSuchPath, Hang, Drop."""
        operation, carry_out = self._found(request)

        def carried_out() -> Answer:
            try:
                return as_json(carry_out())
            except HufiRefused as refused:
                said = {
                    "message": refused.message,
                    "timestamp": text(self._hufi.now()),
                    "path": request.target,
                }
                return as_json(
                    said if refused.details is None else {**said, "details": refused.details}, refused.status
                )

        return self._faults.meet(operation, carried_out)

    def _found(self, request: Request) -> tuple[Operation, Callable[[], Any]]:
        match request.method, request.path:
            case "GET", ["launcher", "campaigns"]:
                return Operation.LIST, lambda: self._list(dict(parse_qsl(request.query)))
            case "GET", ["launcher", "campaigns", name]:
                return Operation.CAMPAIGN, lambda: self._told(self._hufi.campaign(*_named(name)))
            case "POST", ["oracle", "auth", "nonce"]:
                return Operation.LOGIN, lambda: {"nonce": self._hufi.nonce(_address(_body(request)))}
            case "POST", ["oracle", "auth"]:
                return Operation.LOGIN, lambda: self._log_in(_body(request))
            case "GET", ["oracle", "exchange-api-keys"]:
                return Operation.KEYS, lambda: self._keys(self._who(request))
            case "POST", ["oracle", "exchange-api-keys"]:
                return Operation.REGISTER, lambda: self._enroll(self._who(request), _body(request))
            case "POST", ["oracle", "campaigns", "check-join-status"]:
                return Operation.STATUS, lambda: self._status(self._who(request), _body(request))
            case "POST", ["oracle", "campaigns", "join"]:
                return Operation.JOIN, lambda: self._join(self._who(request), _body(request))
            case "GET", ["oracle", "campaigns", name, "leaderboard"]:
                return Operation.LEADERBOARD, lambda: self._leaderboard(self._hufi.campaign(*_named(name)))
            case _:
                raise NoSuchPath(f"nothing answers {request.method} /{'/'.join(request.path)}")

    # The launcher

    def _list(self, asked: Mapping[str, str]) -> Any:
        limit, skip = _whole(asked, "limit", LIMIT_DEFAULT, LIMIT_MAX), _whole(asked, "skip", 0, SKIP_MAX)
        if "skip" in asked and not skip:
            raise HufiRefused(400, "skip must be a positive number")
        found = [
            campaign
            for campaign in self._hufi.campaigns(asked.get("status"))
            if asked.get("exchange") in (None, campaign.exchange) and asked.get("type") in (None, campaign.kind)
        ]
        page = found[skip : skip + limit]
        return {"has_more": len(found) > skip + limit, "results": [self._told(campaign) for campaign in page]}

    def _told(self, campaign: Campaign) -> dict[str, Any]:
        return {
            "chain_id": campaign.chain_id,
            "address": campaign.address,
            "type": campaign.kind,
            "exchange_name": campaign.exchange,
            "symbol": campaign.symbol,
            "details": {_DETAILS[campaign.kind]: float(campaign.target)},
            "start_date": text(campaign.starts_at),
            "end_date": text(campaign.ends_at),
            "fund_amount": str(campaign.fund),
            "fund_token": f"0x{campaign.token.encode().hex():0>40}",
            "fund_token_symbol": campaign.token,
            "fund_token_decimals": campaign.decimals,
            "status": campaign.now(self._hufi.now()),
            "balance": str(campaign.fund),
            "amount_paid": "0",
            "intermediate_results_url": None,
            "final_results_url": None,
            "created_at": int(campaign.starts_at.timestamp()),
        }

    # The recording oracle

    def _log_in(self, body: Mapping[str, Any]) -> Any:
        token = self._hufi.log_in(_address(body), str(body.get("signature")))
        return {"access_token": token, "refresh_token": f"refresh-{token}"}

    def _who(self, request: Request) -> str:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return self._hufi.who(token if scheme == "Bearer" else "")

    def _keys(self, who: str) -> Any:
        return [
            {
                "exchange_name": key.exchange,
                "api_key": key.api_key,
                "is_valid": not key.missing,
                "missing_permissions": list(key.missing),
            }
            for key in self._hufi.keys(who)
        ]

    def _enroll(self, who: str, body: Mapping[str, Any]) -> Any:
        given = [body.get(name) for name in ("exchange_name", "api_key", "secret_key")]
        if not all(isinstance(each, str) and each for each in given):
            raise HufiRefused(400, "exchange_name, api_key and secret_key must be strings")
        return {"id": self._hufi.enroll(who, *map(str, given))}

    def _status(self, who: str, body: Mapping[str, Any]) -> Any:
        status, why = self._hufi.status(who, *_given(body))
        if status == "already_joined":
            return {"status": status, "joined_at": why}
        return {"status": status} | ({"reason": why} if why else {})

    def _join(self, who: str, body: Mapping[str, Any]) -> Any:
        return {"id": self._hufi.join(who, *_given(body))}

    def _leaderboard(self, campaign: Campaign) -> Any:
        outcomes = self._hufi.outcomes(campaign)
        return {
            "data": [_entry(outcome) for outcome in outcomes],
            "total": float(sum(outcome.volume for outcome in outcomes)),
            "updated_at": text(self._hufi.now()),
        }


def _entry(outcome: Outcome) -> dict[str, Any]:
    return {
        "address": outcome.address,
        "score": float(outcome.score),
        "result": float(outcome.volume),
        "estimated_reward": float(outcome.reward),
        "estimated_reward_gross": float(outcome.reward),
    }


def _body(request: Request) -> Mapping[str, Any]:
    """Raises HufiRefused."""
    try:
        body = parsed(request.body)
    except BadRequest as unreadable:
        raise HufiRefused(400, unreadable.detail) from None
    if not isinstance(body, dict):
        raise HufiRefused(400, "there must be a JSON object")
    return body


def _address(body: Mapping[str, Any]) -> str:
    address = body.get("address")
    if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
        raise HufiRefused(400, "address must be an Ethereum address")
    return address


def _given(body: Mapping[str, Any]) -> tuple[int, str]:
    chain_id = body.get("chain_id")
    if type(chain_id) is not int:
        raise HufiRefused(400, "chain_id must be one of the supported chains")
    return chain_id, _address(body)


def _named(name: str) -> tuple[int, str]:
    found = _NAMED.fullmatch(name)
    if found is None:
        raise HufiRefused(400, "campaign_address must be an Ethereum address")
    return int(found[1]), found[2]


def _whole(asked: Mapping[str, str], name: str, default: int, most: int) -> int:
    written = asked.get(name, str(default))
    if not written.isdigit() or int(written) > most:
        raise HufiRefused(400, f"{name} must not be greater than {most}")
    return int(written)
