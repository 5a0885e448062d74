"""HuFi: its launcher, which lists campaigns for everybody, and its recording oracle, whose participants we are.

    launcher
    GET  /campaigns?status=active&limit=…[&skip=…]       {has_more, results: [campaign]}
    GET  /campaigns/{chain_id}-{address}                 campaign; 404 where there is none
         {chain_id, address, type, exchange_name, symbol ("BTC/USDT"), status: active | to_cancel | cancelled |
          completed, start_date, end_date, fund_amount (in the token's smallest unit), fund_token_symbol,
          fund_token_decimals, details {daily_volume_target | minimum_volume_required | minimum_volume_target}}

    recording oracle
    POST /auth/nonce                  {address}: {nonce}; "signup" for who is new
    POST /auth                        {address, signature of {"nonce":"…"}}: {access_token}; 401
    GET  /exchange-api-keys           [{exchange_name, api_key, is_valid}]
    POST /exchange-api-keys           {exchange_name, api_key, secret_key}: {id}; 422 with details.missing_permissions,
                                      503 where the exchange does not answer
    POST /campaigns/check-join-status {chain_id, address}: {status: already_joined | can_join | join_closed |
                                      not_available}
    POST /campaigns/join              {chain_id, address}: {id}; 422 with a message, also for who has joined already
    GET  /campaigns/{chain_id}-{address}/leaderboard     for everybody: {data: [{address, result (his volume),
                                      estimated_reward}], total (all volume), updated_at}

A token is good for ten minutes, and a nonce for one login. More members than these are ignored.

Source: as `session`'s.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from common.errors import Refusal
from common.gateways.campaigns import (
    CAMPAIGNS_MAX,
    Campaign,
    CampaignsUnavailable,
    CampaignUnknown,
    Joined,
    JoinRefused,
    KeyRefused,
    Kind,
    ReadingKey,
    RegisteredKey,
    Score,
    Status,
    not_believed,
)
from common.gateways.campaigns.session import Entry, Said, Session, garbled, in_our_words, listed, member, number, text
from common.gateways.campaigns.signing import LoginKey
from common.log import log
from common.money import EXACT, Quantity

PAGE = 200
TOKEN_SECONDS = 300  # half of what it is good for
CHAIN_ID_MAX = 2**53
MOST = Decimal(10) ** 18  # of any volume, target or fund, in whole units
DIGITS_MAX = 38  # the table holds no more
LEADERS_MAX = 10_000
LASTS_MAX = timedelta(days=3_660)
ROUNDED = Decimal("1e-6")  # they add up floats: a part may be so much more than the whole

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_EXCHANGE = re.compile(r"[a-z0-9_-]{2,20}")
_SYMBOL = re.compile(r"[A-Z0-9]{1,20}/[A-Z0-9]{1,20}")
_TOKEN_SYMBOL = re.compile(r"[A-Za-z0-9._+-]{1,20}")
_UNITS = re.compile(r"[0-9]{1,60}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z")
_NONCE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,256}")  # what JSON writes as it is
_ACCESS_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_STATUSES = {
    "active": Status.ACTIVE,
    "to_cancel": Status.ENDING,
    "cancelled": Status.OVER,
    "completed": Status.OVER,
}
_JOINED = {
    "already_joined": Joined.JOINED,
    "can_join": Joined.OPEN,
    "join_closed": Joined.CLOSED,
    "not_available": Joined.CLOSED,
}
_ALREADY = "already joined"


class HufiCampaigns:
    """The port `Campaigns`. options: the time-outs and the clock of `Session`. Raises ValueError."""

    name = "hufi"

    def __init__(self, launcher_url: str, oracle_url: str, **options: Any) -> None:
        self._launcher = Session(launcher_url, **options)
        self._oracle = Session(oracle_url, **options)

    def active(self) -> Sequence[Campaign]:
        """See `Campaigns.active`."""
        until, found, seen = self._launcher.until(), dict[str, Campaign](), 0
        while seen < CAMPAIGNS_MAX:
            skip = f"&skip={seen}" if seen else ""
            told = _asked(self._launcher, "GET", f"/campaigns?status=active&limit={PAGE}{skip}", until)
            entries = listed(member(told, "results"), PAGE)
            for entry in entries:
                if campaign := _readable(entry):
                    found.setdefault(campaign.campaign_id, campaign)
            seen += len(entries)
            if member(told, "has_more") is not True or not entries:
                break
        return list(found.values())

    def campaign(self, chain_id: int, address: str) -> Campaign:
        """See `Campaigns.campaign`."""
        try:
            told = self._launcher.ask("GET", f"/campaigns/{chain_id}-{address}", self._launcher.until())
        except Said as said:
            if said.status == 404:
                raise CampaignUnknown("HuFi has no such campaign", campaign=f"{chain_id}-{address}") from said
            raise in_our_words(said) from said
        campaign = _campaign(told)
        if (campaign.chain_id, campaign.address) != (chain_id, address.lower()):
            raise not_believed(f"{campaign.campaign_id} instead of the campaign {chain_id}-{address}")
        return campaign

    def score(self, campaign: Campaign, participant: str) -> Score | None:
        """See `Campaigns.score`."""
        told = _asked(self._oracle, "GET", f"/campaigns/{campaign.campaign_id}/leaderboard", self._oracle.until())
        leaders = listed(member(told, "data"), LEADERS_MAX)
        ours = [each for each in leaders if text(each, "address", _ADDRESS).lower() == participant.lower()]
        if not ours:
            return None
        if len(ours) > 1:
            raise not_believed("a participant is told of twice")
        score = Score(
            volume=number(ours[0], "result", MOST),
            total_volume=number(told, "total", MOST),
            reward=number(ours[0], "estimated_reward", MOST),
            told_at=_time(told, "updated_at"),
        )
        if score.volume > score.total_volume * (1 + ROUNDED):
            raise not_believed("a participant has more volume than all of them")
        if score.reward > campaign.fund.amount * (1 + ROUNDED):
            raise not_believed("a participant is to get more than there is")
        return score


class HufiParticipant:
    """The port `Participant`. login_key: of a chain's address, in hex. options: as above. Raises ValueError."""

    def __init__(self, oracle_url: str, *, login_key: str, **options: Any) -> None:
        self._key = LoginKey(login_key)
        self._oracle = Session(oracle_url, **options)
        self._token: tuple[str, float] | None = None  # with when it was given

    @property
    def address(self) -> str:
        """See `Participant.address`."""
        return self._key.address

    def registered(self) -> Sequence[RegisteredKey]:
        """See `Participant.registered`."""
        told = listed(self._asked("GET", "/exchange-api-keys"), 100)
        keys = [
            RegisteredKey(
                text(each, "exchange_name", _EXCHANGE),
                text(each, "api_key", _KEY),
                member(each, "is_valid") is True,
            )
            for each in told
        ]
        if len({key.exchange for key in keys}) < len(keys):
            raise not_believed("two keys of one exchange")
        return keys

    def register(self, exchange: str, key: ReadingKey) -> None:
        """See `Participant.register`."""
        asked = {"exchange_name": exchange, "api_key": key.api_key, "secret_key": key.secret}
        refused: dict[int, _Means] = {422: _refuses_key, 400: _refuses_key}
        self._asked("POST", "/exchange-api-keys", asked, refused)

    def joined(self, campaign: Campaign) -> Joined:
        """See `Participant.joined`."""
        told = self._asked("POST", "/campaigns/check-join-status", _named(campaign))
        status = member(told, "status")
        if not isinstance(status, str) or status not in _JOINED:
            raise garbled("an unknown status of who joins")
        return _JOINED[status]

    def join(self, campaign: Campaign) -> None:
        """See `Participant.join`. That it is joined already is said by an error, which is none here."""
        with suppress(_AlreadyJoined):
            self._asked("POST", "/campaigns/join", _named(campaign), {422: _refuses_join, 400: _refuses_join})

    def _asked(self, method: str, path: str, body: Entry | None = None, means: dict[int, _Means] | None = None) -> Any:
        """With a token, a new one where it has expired before its time. Raises CampaignsUnavailable, and what an error
        means here."""
        until = self._oracle.until()
        given = self._token is not None
        try:
            try:
                return self._oracle.ask(method, path, until, token=self._logged_in(until), body=body)
            except Said as said:
                if said.status != 401 or not given:
                    raise
                self._token = None
                return self._oracle.ask(method, path, until, token=self._logged_in(until), body=body)
        except Said as said:
            raise (means or {}).get(said.status, in_our_words)(said) from said

    def _logged_in(self, until: float) -> str:
        """A token. Raises Said, CampaignsUnavailable."""
        now = self._oracle.monotonic()
        if self._token is not None and now - self._token[1] < TOKEN_SECONDS:
            return self._token[0]
        told = self._oracle.ask("POST", "/auth/nonce", until, body={"address": self.address})
        signed = self._key.sign(json.dumps({"nonce": text(told, "nonce", _NONCE)}, separators=(",", ":")))
        told = self._oracle.ask("POST", "/auth", until, body={"address": self.address, "signature": signed})
        token = text(told, "access_token", _ACCESS_TOKEN)
        self._token = (token, now)
        return token


_Means = Callable[[Said], Refusal]


class _AlreadyJoined(JoinRefused): ...


def _refuses_key(said: Said) -> Refusal:
    missing = f"; it may not: {', '.join(said.missing)}" if said.missing else ""
    return KeyRefused(f"HuFi does not take the exchange's key: {said}{missing}", missing=list(said.missing))


def _refuses_join(said: Said) -> Refusal:
    words = said.words.lower()
    if _ALREADY in words:
        return _AlreadyJoined("it is joined already")
    if "key" in words:
        return KeyRefused(f"HuFi misses a key of the exchange, or rights of it: {said}")
    return JoinRefused(f"HuFi does not let us join: {said}")


def _asked(session: Session, method: str, path: str, until: float) -> Any:
    """Raises CampaignsUnavailable."""
    try:
        return session.ask(method, path, until)
    except Said as said:
        raise in_our_words(said) from said


def _named(campaign: Campaign) -> Entry:
    return {"chain_id": campaign.chain_id, "address": campaign.address}


def _readable(entry: Any) -> Campaign | None:
    """None for what pays for something else, and for what can not be."""
    if isinstance(entry, dict) and entry.get("type") not in list(Kind):
        return None
    try:
        return _campaign(entry)
    except CampaignsUnavailable as unfit:
        log.warning("campaign left out", extra={"why": unfit.detail})
        return None


def _campaign(entry: Any) -> Campaign:
    """Raises CampaignsUnavailable."""
    kind, status = member(entry, "type"), member(entry, "status")
    if kind not in list(Kind):
        raise not_believed("a campaign of another kind than those for making a market")
    if not isinstance(status, str) or status not in _STATUSES:
        raise garbled("an unknown status of a campaign")
    decimals = int(number(entry, "fund_token_decimals", Decimal(36)))
    units = text(entry, "fund_amount", _UNITS)
    fund = EXACT.scaleb(Decimal(units), -decimals)
    if fund > MOST or len(fund.normalize(EXACT).as_tuple().digits) > DIGITS_MAX:
        raise not_believed("a campaign has more to give than there is of anything")
    chain_id = number(entry, "chain_id", Decimal(CHAIN_ID_MAX))
    if chain_id != int(chain_id) or not chain_id:
        raise garbled("chain_id is no number of a chain")
    starts_at, ends_at = _time(entry, "start_date"), _time(entry, "end_date")
    if not starts_at < ends_at <= starts_at + LASTS_MAX:
        raise not_believed(f"a campaign lasts from {starts_at} to {ends_at}")
    details = member(entry, "details")
    least = {
        Kind.COMPETITIVE_MARKET_MAKING: "minimum_volume_required",
        Kind.THRESHOLD_MARKET_MAKING: "minimum_volume_target",
    }.get(Kind(kind))
    return Campaign(
        chain_id=int(chain_id),
        address=text(entry, "address", _ADDRESS).lower(),
        kind=Kind(kind),
        exchange=text(entry, "exchange_name", _EXCHANGE),
        symbol=text(entry, "symbol", _SYMBOL).replace("/", "-"),
        starts_at=starts_at,
        ends_at=ends_at,
        status=_STATUSES[status],
        fund=Quantity(fund, text(entry, "fund_token_symbol", _TOKEN_SYMBOL)),
        decimals=decimals,
        minimum_volume=None if least is None else number(details, least, MOST),
        daily_target=number(details, "daily_volume_target", MOST) if kind == Kind.MARKET_MAKING else None,
    )


def _time(entry: Any, name: str) -> datetime:
    """Raises CampaignsUnavailable."""
    written = text(entry, name, _TIME)
    try:
        return datetime.fromisoformat(written).astimezone(UTC)
    except ValueError:
        raise garbled(f"{name} is no time") from None
