"""Campaigns: each trading account joins, once, what the owners of its orders have chosen, and asks what it pays.

A round is the clock's. It never holds an order up: what fails is tried by the next round, and nothing here moves money.
Whether an account has joined is asked before it joins, so that a lost answer, or another round, costs nothing. A
campaign reads an account's trades with a key that can only read; with the same trades, a second participant would be
worth nothing to either, so an account that would be one is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from common.errors import Refusal
from common.gateways.campaigns import (
    Campaign,
    Campaigns,
    CampaignsUnavailable,
    CampaignUnknown,
    Joined,
    Participant,
    ReadingKey,
    RegisteredKey,
    Status,
    not_believed,
)
from common.log import count, log
from common.table.table import Table
from functions.market_making import campaign_store as store
from functions.market_making.campaign_store import AlreadyJoined, AlreadyMember
from functions.market_making.campaigns import (
    LOOKED_AFTER,
    CampaignNotJoined,
    Day,
    Expected,
    JoinedByAnother,
    Member,
    Seeker,
    Taking,
    Told,
    expected,
    period,
    shares,
)
from functions.market_making.model import Order
from functions.market_making.model import Status as OrderStatus
from functions.market_making.service.quoting import OVER
from functions.market_making.store import find

ENDED = OVER | {OrderStatus.FAILED, OrderStatus.REFUNDED}


@dataclass(frozen=True)
class Share:
    """An order's part of a period: what it has made as a maker, in the quote asset, and its reward, in the token."""

    order_id: str
    maker_volume: Decimal
    reward: Decimal


@dataclass(frozen=True)
class Period:
    told: Told
    shares: Sequence[Share]


@dataclass(frozen=True)
class Campaigning:
    """`participant` and `reading_key` are those of a trading account, by its id; they raise NoParticipant. `days` are
    an order's."""

    table: Table
    campaigns: Callable[[], Campaigns]
    participant: Callable[[str], Participant]
    reading_key: Callable[[str], ReadingKey]
    days: Callable[[str], Iterable[Day]]
    now: Callable[[], datetime]

    # What the clock asks

    def round(self, more_time: Callable[[], bool]) -> int:
        """Join what is sought and can be joined, give new orders their part, and ask what is paid. Returns how many
        were joined. Any round may be cut short; the next one does the rest."""
        seekers, taken = self._seekers(more_time), store.joined(self.table)
        known = {(taking.account_id, taking.campaign.campaign_id): taking for taking in taken}
        joined = 0
        for campaign in self._active(seekers):
            for account_id, of_account in _by_account(seekers, campaign).items():
                if not more_time():
                    return joined
                wanting = [seeker for seeker in of_account if seeker.wants(campaign)]
                if (account_id, campaign.campaign_id) not in known and wanting:
                    taking = self._join(account_id, campaign, wanting, known.values())
                    if taking is not None:
                        known[account_id, campaign.campaign_id] = taking
                        joined += 1
        for taking in known.values():
            if taking.runs:
                self._take_part(taking, seekers)
        for taking in known.values():
            if not more_time():
                break
            if taking.due(self.now()):
                self._look(taking)
        return joined

    def _seekers(self, more_time: Callable[[], bool]) -> list[Seeker]:
        """Those whose orders are not over; the others seek no more."""
        living = []
        for seeker in store.seekers(self.table):
            if not more_time():
                break
            order = find(self.table, seeker.order_id)
            if order is None or order.status in ENDED:
                self.table.write(store.seek_no_more(seeker.order_id))
            else:
                living.append(seeker)
        return living

    def _active(self, seekers: Sequence[Seeker]) -> Sequence[Campaign]:
        """Those that may be joined. Nobody is asked while nobody seeks."""
        if not any(seeker.choice.anything for seeker in seekers):
            return []
        try:
            return [campaign for campaign in self.campaigns().active() if campaign.runs(self.now())]
        except CampaignsUnavailable as silent:
            log.warning("hufi join failed", extra={"why": silent.detail, "what": silent.facts.get("what")})
            count("CampaignJoinsFailed")
            return []

    def _join(
        self, account_id: str, campaign: Campaign, wanting: Sequence[Seeker], known: Iterable[Taking]
    ) -> Taking | None:
        """None where it is not joined now."""
        for seeker in wanting:
            log.info("hufi campaign found", extra=_named(seeker, campaign))
        try:
            taking = self._joined(account_id, campaign, known)
        except Refusal as no:
            for seeker in wanting:
                log.warning("hufi join failed", extra={**_named(seeker, campaign), "why": no.detail})
            count("CampaignJoinsFailed")
            return None
        if taking is None:
            for seeker in wanting:
                log.info("hufi campaign closed", extra=_named(seeker, campaign))
            return None
        try:
            self.table.write(store.insert(taking))
            count("CampaignsJoined")
        except AlreadyJoined:
            log.info("joined meanwhile", extra={"account_id": account_id, "campaign": campaign.campaign_id})
        return taking

    def _joined(self, account_id: str, campaign: Campaign, known: Iterable[Taking]) -> Taking | None:
        """None where the campaign lets nobody join. Raises CampaignsUnavailable, JoinRefused, KeyRefused,
        NoParticipant, JoinedByAnother."""
        participant, key = self.participant(account_id), self.reading_key(account_id)
        taking = Taking(account_id, campaign, participant.address, _stands_for(key), self.now())
        for other in known:
            if other.account_id != account_id and _are_one(other, taking):
                raise JoinedByAnother(f"{account_id} has the login key or the reading key of {other.account_id}")
        standing = participant.joined(campaign)
        if standing is Joined.CLOSED:
            return None
        if standing is Joined.OPEN:
            _hand_over(participant, campaign.exchange, key)
            participant.join(campaign)
        return taking

    def _take_part(self, taking: Taking, seekers: Sequence[Seeker]) -> None:
        """Every order of the account that trades the campaign's pair has its part, whoever has chosen it."""
        there = {member.order_id for member in store.members(self.table, taking)}
        for seeker in seekers:
            if (
                seeker.order_id not in there
                and seeker.account_id == taking.account_id
                and seeker.trades(taking.campaign)
            ):
                try:
                    self.table.write(*store.take_part(taking, seeker, self.now()))
                except AlreadyMember:
                    log.info("takes part already", extra=_named(seeker, taking.campaign))

    def _look(self, taking: Taking) -> None:
        """Ask what it pays, and see that its trades can be read."""
        at = self.now()
        try:
            campaign = self._as_joined(taking)
            score = self.campaigns().score(campaign, taking.participant)
            if campaign.runs(at):
                participant, key = self.participant(taking.account_id), self.reading_key(taking.account_id)
                _hand_over(participant, campaign.exchange, key)
        except Refusal as no:
            log.warning("hufi not asked", extra={**_facts(taking), "why": no.detail})
            count("CampaignJoinsFailed")
            return
        told = []
        if score is not None:
            first, last = period(campaign, score.told_at)
            told.append(store.count(taking, Told(first, last, score), at))
        self.table.write(store.asked(taking, campaign.status, score, at), *told)

    def _as_joined(self, taking: Taking) -> Campaign:
        """The campaign as it is now, on the terms that it was joined on. Raises CampaignsUnavailable."""
        joined = taking.campaign
        try:
            now = self.campaigns().campaign(joined.chain_id, joined.address)
        except CampaignUnknown:
            now = joined
        if _terms(now) != _terms(joined):
            raise not_believed(f"{joined.campaign_id} has other terms than it was joined on")
        over = self.now() >= joined.ends_at + LOOKED_AFTER
        return replace(joined, status=Status.OVER if over else now.status, fund=now.fund)

    # What owners look at

    def expected(self, order: Order, price: Decimal) -> list[Expected]:
        """What an order is to expect of each campaign that runs and that it has its part of; `price` is its base's.
        What a token is worth is known where it is its base or its quote."""
        worth = {order.coins[0]: price, order.coins[1]: Decimal(1)}
        found = []
        for campaign_id in store.of_order(self.table, order.order_id):
            try:
                taking = store.taking(self.table, order.account_id, campaign_id)
            except CampaignNotJoined:  # a name under which we count it, and nobody else does
                continue
            if taking.runs:
                members = store.members(self.table, taking)
                days = {member.order_id: list(self.days(member.order_id)) for member in members}
                token = worth.get(taking.campaign.token)
                found.append(expected(taking, order.order_id, members, days, self.now(), token))
        return found

    # What operators look at

    def takings(self) -> list[Taking]:
        """All that the trading accounts have joined."""
        return store.joined(self.table)

    def periods(self, account_id: str, campaign_id: str) -> tuple[Taking, Sequence[Period]]:
        """What was told of each period, and whose it is. Raises CampaignNotJoined."""
        taking = store.taking(self.table, account_id, campaign_id)
        members = store.members(self.table, taking)
        days = {member.order_id: list(self.days(member.order_id)) for member in members}
        return taking, [self._period(taking, told, members, days) for told in store.told(self.table, taking)]

    def _period(
        self, taking: Taking, told: Told, members: Sequence[Member], days: Mapping[str, Sequence[Day]]
    ) -> Period:
        volumes, parts = shares(told, taking.campaign.decimals, members, days)
        return Period(
            told, [Share(order_id, volume, parts.get(order_id, Decimal(0))) for order_id, volume in volumes.items()]
        )


def _terms(campaign: Campaign) -> tuple[object, ...]:
    """What never changes of a campaign; its fund may grow, and its end come early."""
    what = (campaign.kind, campaign.exchange, campaign.symbol, campaign.starts_at)
    return *what, campaign.token, campaign.decimals, campaign.minimum_volume, campaign.daily_target


def _by_account(seekers: Iterable[Seeker], campaign: Campaign) -> dict[str, list[Seeker]]:
    found: dict[str, list[Seeker]] = {}
    for seeker in seekers:
        if seeker.trades(campaign):
            found.setdefault(seeker.account_id, []).append(seeker)
    return found


def _hand_over(participant: Participant, exchange: str, key: ReadingKey) -> None:
    """The key that the account's trades are read with, unless it is there and good. Raises CampaignsUnavailable,
    KeyRefused."""
    if RegisteredKey(exchange, key.api_key, good=True) not in participant.registered():
        participant.register(exchange, key)


def _are_one(other: Taking, taking: Taking) -> bool:
    """Two accounts that a campaign would take for one, or whose keys would take each other's place."""
    same_exchange = other.campaign.exchange == taking.campaign.exchange
    return (
        other.runs
        and same_exchange
        and (other.participant == taking.participant or other.reads_with == taking.reads_with)
    )


def _stands_for(key: ReadingKey) -> str:
    return hashlib.sha256(key.api_key.encode()).hexdigest()[:16]


def _named(seeker: Seeker, campaign: Campaign) -> dict[str, str]:
    return {"order_id": seeker.order_id, "account_id": seeker.account_id, "campaign": campaign.campaign_id}


def _facts(taking: Taking) -> dict[str, str]:
    return {"account_id": taking.account_id, "campaign": taking.campaign.campaign_id}
