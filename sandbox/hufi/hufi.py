"""HuFi's rules: who may join what, and what it pays.

Trades are read with each participant's own key, when somebody looks. The same trade brought by a second participant
makes him an abuser: he gets nothing for the period. A threshold campaign pays all who have reached its target the same,
and others nothing; a competitive one by rank; the others by share of the volume, in full from the day's target on.

Not told by HuFi's documents, so our own reading: that of several participants with the same trades the first to join
keeps his score; that taking trades count as making ones do; that `binance` is among the exchanges, which today's HuFi
does not have: here it is, so that our own exchange's trades can be counted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from threading import RLock
from typing import Any

from common.clock import instant, text
from common.gateways.campaigns.signing import signer
from sandbox.hufi.exchanges import Exchange, KeyWrong, NotReached
from sandbox.hufi.records import Campaign, HufiRefused, Key, Kind, Outcome, Status

TOKEN_LIFE = timedelta(seconds=600)
NEW = "signup"


class Hufi:
    """exchanges: by the names that campaigns use. clock: aware. Safe to use from several threads."""

    def __init__(self, clock: Callable[[], datetime], exchanges: Mapping[str, Exchange], seed: int = 7) -> None:
        self.lock = RLock()
        self.now = clock
        self._exchanges = exchanges
        self._seed = seed
        self._drawn = 0
        self._campaigns: dict[str, Campaign] = {}
        self._nonces: dict[str, str] = {}
        self._tokens: dict[str, tuple[str, datetime]] = {}
        self._keys: dict[tuple[str, str], Key] = {}

    # The launcher: campaigns

    def launch(self, campaign: Campaign) -> Campaign:
        """Raises HufiRefused for one that is there, or of an exchange that is not."""
        with self.lock:
            if campaign.exchange not in self._exchanges:
                raise HufiRefused(400, f"exchange must be one of {', '.join(sorted(self._exchanges))}")
            if campaign.name in self._campaigns:
                raise HufiRefused(409, "Campaign exists")
            self._campaigns[campaign.name] = campaign
            return campaign

    def campaigns(self, status: str | None = None) -> list[Campaign]:
        """The newest first."""
        with self.lock:
            found = [each for each in self._campaigns.values() if status in (None, each.now(self.now()))]
            return sorted(found, key=lambda each: each.starts_at, reverse=True)

    def campaign(self, chain_id: int, address: str) -> Campaign:
        """Raises HufiRefused."""
        with self.lock:
            found = self._campaigns.get(f"{chain_id}-{address.lower()}")
            if found is None:
                raise HufiRefused(404, "Campaign not found")
            return found

    def end(self, chain_id: int, address: str, status: Status) -> Campaign:
        """It is cancelled, or completed before its time. Raises HufiRefused."""
        with self.lock:
            found = self.campaign(chain_id, address)
            found.status = status
            return found

    # The recording oracle: who is who

    def nonce(self, address: str) -> str:
        with self.lock:
            return self._nonces.get(address.lower(), NEW)

    def log_in(self, address: str, signature: str) -> str:
        """A token, against the signature of the nonce, which is good once. Raises HufiRefused."""
        with self.lock:
            nonce = self.nonce(address)
            try:
                who = signer(f'{{"nonce":"{nonce}"}}', signature)
            except ValueError:
                who = ""
            if who != address.lower():
                raise HufiRefused(401, "Invalid signature")
            self._nonces[who] = self._draw("nonce")
            token = self._draw("token")
            self._tokens[token] = (who, self.now() + TOKEN_LIFE)
            return token

    def who(self, token: str) -> str:
        """Raises HufiRefused."""
        with self.lock:
            address, until = self._tokens.get(token, ("", self.now()))
            if not address or until <= self.now():
                raise HufiRefused(401, "Unauthorized")
            return address

    def forget_tokens(self) -> None:
        """All have to log in again."""
        with self.lock:
            self._tokens.clear()

    # Keys of exchanges

    def enroll(self, who: str, exchange: str, api_key: str, secret: str) -> str:
        """In place of one that was. Raises HufiRefused."""
        with self.lock:
            self._check(exchange, api_key, secret)
            self._keys[who, exchange] = Key(exchange, api_key, secret)
            return self._draw("key")

    def keys(self, who: str) -> list[Key]:
        """As they are now."""
        with self.lock:
            found = [key for (owner, _), key in self._keys.items() if owner == who]
            for key in found:
                try:
                    key.missing = tuple(self._exchanges[key.exchange].missing(key.api_key, key.secret))
                except NotReached:
                    continue
            return found

    def _check(self, exchange: str, api_key: str, secret: str) -> None:
        if exchange not in self._exchanges:
            raise HufiRefused(400, "exchangeName must be supported CEX name")
        try:
            missing = list(self._exchanges[exchange].missing(api_key, secret))
        except NotReached as trouble:
            raise HufiRefused(503, str(trouble)) from trouble
        if missing:
            raise HufiRefused(422, "Provided API key can't authorize", {"missing_permissions": missing})

    # Joining

    def status(self, who: str, chain_id: int, address: str) -> tuple[str, str]:
        """With the reason, or since when."""
        with self.lock:
            try:
                campaign = self.campaign(chain_id, address)
            except HufiRefused:
                return "not_available", "Campaign not found"
            if who in campaign.participants:
                return "already_joined", text(campaign.participants[who])
            closed = self._closed(campaign)
            return ("join_closed", closed) if closed else ("can_join", "")

    def join(self, who: str, chain_id: int, address: str) -> str:
        """Raises HufiRefused."""
        with self.lock:
            try:
                campaign = self.campaign(chain_id, address)
            except HufiRefused as unknown:
                raise HufiRefused(422, unknown.message) from unknown
            if who in campaign.participants:
                raise HufiRefused(422, "User has already joined the campaign")
            if closed := self._closed(campaign):
                raise HufiRefused(422, closed)
            key = self._keys.get((who, campaign.exchange))
            if key is None:
                raise HufiRefused(422, "Exchange API key not found")
            self._check(key.exchange, key.api_key, key.secret)
            campaign.participants[who] = self.now()
            return self._draw("participation")

    def _closed(self, campaign: Campaign) -> str:
        """Why nobody may join; "" where he may."""
        status = campaign.now(self.now())
        if status is Status.COMPLETED:
            return "Campaign already finished"
        if status is not Status.ACTIVE:
            return "Campaign cancelled"
        if campaign.participants_max is not None and len(campaign.participants) >= campaign.participants_max:
            return f"Maximum number of participants reached. Total: {len(campaign.participants)}"
        return ""

    # What it pays

    def outcomes(self, campaign: Campaign) -> Sequence[Outcome]:
        """Of the period that runs, or ran last; the best first."""
        with self.lock:
            volumes, abusers = self._counted(campaign)
            scores = {who: _score(campaign, volume) for who, volume in volumes.items()}
            scores |= dict.fromkeys(abusers, Decimal(0))
            rewards = _rewards(campaign, volumes, scores)
            found = [
                Outcome(who, volumes[who], scores[who], rewards.get(who, Decimal(0)), who in abusers) for who in volumes
            ]
            return sorted(found, key=lambda outcome: outcome.score, reverse=True)

    def _counted(self, campaign: Campaign) -> tuple[dict[str, Decimal], set[str]]:
        begins, ends = campaign.period(self.now())
        brought: set[str] = set()
        volumes: dict[str, Decimal] = {}
        abusers: set[str] = set()
        for who, since in campaign.participants.items():
            key = self._keys.get((who, campaign.exchange))
            volumes[who] = Decimal(0)
            if key is None:
                continue
            reader = self._exchanges[campaign.exchange]
            try:
                trades = reader.trades(key.api_key, key.secret, campaign.symbol, max(begins, since), ends)
            except (NotReached, KeyWrong):
                continue
            ids = {trade.trade_id for trade in trades}
            if ids & brought:
                abusers.add(who)
            brought |= ids
            volumes[who] = sum((trade.volume for trade in trades), Decimal(0))
        return volumes, abusers

    def draw_address(self) -> str:
        """Of a contract that is new."""
        with self.lock:
            return f"0x{self._draw('contract')}"

    def _draw(self, what: str) -> str:
        self._drawn += 1
        return hashlib.sha256(f"{self._seed}/{what}/{self._drawn}".encode()).hexdigest()[:40]

    # For a restart

    def state(self) -> dict[str, Any]:
        """In what JSON can hold. Tokens are not kept: all log in again."""
        with self.lock:
            return {
                "drawn": self._drawn,
                "nonces": dict(self._nonces),
                "keys": [[who, asdict(key)] for (who, _), key in self._keys.items()],
                "campaigns": [_written(campaign) for campaign in self._campaigns.values()],
            }

    def restore(self, told: Mapping[str, Any]) -> None:
        """Raises LookupError, TypeError, ValueError, decimal.InvalidOperation."""
        with self.lock:
            self._drawn = int(told["drawn"])
            self._nonces = {str(who): str(nonce) for who, nonce in told["nonces"].items()}
            for who, key in told["keys"]:
                self._keys[who, key["exchange"]] = Key(**{**key, "missing": tuple(key["missing"])})
            self._campaigns = {each.name: each for each in map(_read, told["campaigns"])}


def _score(campaign: Campaign, volume: Decimal) -> Decimal:
    """A threshold is reached or not; who has less than a competition's minimum is not ranked."""
    if campaign.kind is Kind.THRESHOLD_MARKET_MAKING:
        return Decimal(volume >= campaign.target)
    if campaign.kind is Kind.COMPETITIVE_MARKET_MAKING and volume < campaign.target:
        return Decimal(0)
    return volume


def _rewards(campaign: Campaign, volumes: Mapping[str, Decimal], scores: Mapping[str, Decimal]) -> dict[str, Decimal]:
    together, pool = sum(scores.values(), Decimal(0)), campaign.pool()
    if not together:
        return {}
    if campaign.kind is Kind.COMPETITIVE_MARKET_MAKING:
        ranked = sorted((who for who in scores if scores[who]), key=lambda who: -scores[who])
        parts = zip(ranked, campaign.distribution, strict=False)
        return {who: pool * percent / 100 for who, percent in parts}
    if campaign.kind is Kind.MARKET_MAKING and campaign.target:
        pool *= min(Decimal(1), sum(volumes.values(), Decimal(0)) / campaign.target)
    return {who: pool * score / together for who, score in scores.items()}


def _written(campaign: Campaign) -> dict[str, Any]:
    return {
        **asdict(campaign),
        "starts_at": text(campaign.starts_at),
        "ends_at": text(campaign.ends_at),
        "target": str(campaign.target),
        "participants": {who: text(since) for who, since in campaign.participants.items()},
    }


def _read(told: Mapping[str, Any]) -> Campaign:
    return Campaign(
        **{
            **told,
            "kind": Kind(told["kind"]),
            "status": Status(told["status"]),
            "starts_at": instant(told["starts_at"]),
            "ends_at": instant(told["ends_at"]),
            "target": Decimal(told["target"]),
            "distribution": tuple(told["distribution"]),
            "participants": {who: instant(since) for who, since in told["participants"].items()},
        }
    )
