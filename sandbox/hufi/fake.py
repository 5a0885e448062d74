"""The fake of the ports `Campaigns` and `Participant`: HuFi in the same process, for the tests of what stands on the
ports."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TypeVar

from common import campaigns
from common.gateways.campaigns import (
    Campaign,
    CampaignsUnavailable,
    CampaignUnknown,
    Joined,
    JoinRefused,
    KeyRefused,
    ReadingKey,
    RegisteredKey,
    Score,
)
from common.gateways.campaigns.signing import LoginKey
from common.money import EXACT, Quantity
from sandbox import trouble
from sandbox.hufi import records
from sandbox.hufi.faults import Operation
from sandbox.hufi.hufi import Hufi
from sandbox.hufi.records import HufiRefused, Kind, Status

_T = TypeVar("_T")
_STATUSES = {
    Status.ACTIVE: campaigns.Status.ACTIVE,
    Status.TO_CANCEL: campaigns.Status.ENDING,
    Status.CANCELLED: campaigns.Status.OVER,
    Status.COMPLETED: campaigns.Status.OVER,
}
_JOINED = {"already_joined": Joined.JOINED, "can_join": Joined.OPEN}


class Trouble(trouble.Trouble[Operation]):
    """Of all who ask."""

    def __init__(self) -> None:
        super().__init__("hufi", CampaignsUnavailable)


class FakeCampaigns:
    """See `common.gateways.campaigns.Campaigns`."""

    name = "hufi"

    def __init__(self, hufi: Hufi, trouble: Trouble) -> None:
        self._hufi = hufi
        self._trouble = trouble

    def active(self) -> Sequence[Campaign]:
        """See `Campaigns.active`."""
        paying = [each for each in Kind if each is not Kind.HOLDING]
        return self._trouble.around(
            Operation.LIST,
            lambda: [self._told(each) for each in self._hufi.campaigns("active") if each.kind in paying],
        )

    def campaign(self, chain_id: int, address: str) -> Campaign:
        """See `Campaigns.campaign`."""

        def look() -> Campaign:
            try:
                return self._told(self._hufi.campaign(chain_id, address))
            except HufiRefused as unknown:
                raise CampaignUnknown(unknown.message) from unknown

        return self._trouble.around(Operation.CAMPAIGN, look)

    def score(self, campaign: Campaign, participant: str) -> Score | None:
        """See `Campaigns.score`."""

        def look() -> Score | None:
            outcomes = self._hufi.outcomes(self._hufi.campaign(campaign.chain_id, campaign.address))
            total = sum((outcome.volume for outcome in outcomes), Decimal(0))
            for outcome in outcomes:
                if outcome.address == participant.lower():
                    return Score(_float(outcome.volume), _float(total), _float(outcome.reward), self._hufi.now())
            return None

        return self._trouble.around(Operation.LEADERBOARD, look)

    def _told(self, each: records.Campaign) -> Campaign:
        threshold = each.kind in (Kind.COMPETITIVE_MARKET_MAKING, Kind.THRESHOLD_MARKET_MAKING)
        return Campaign(
            chain_id=each.chain_id,
            address=each.address.lower(),
            kind=campaigns.Kind(each.kind),
            exchange=each.exchange,
            symbol=each.symbol.replace("/", "-"),
            starts_at=each.starts_at,
            ends_at=each.ends_at,
            status=_STATUSES[each.now(self._hufi.now())],
            fund=Quantity(EXACT.scaleb(Decimal(each.fund), -each.decimals), each.token),
            decimals=each.decimals,
            minimum_volume=_float(each.target) if threshold else None,
            daily_target=None if threshold else _float(each.target),
        )


class FakeParticipant:
    """See `common.gateways.campaigns.Participant`."""

    def __init__(self, hufi: Hufi, trouble: Trouble, login_key: str) -> None:
        self._hufi = hufi
        self._trouble = trouble
        self._address = LoginKey(login_key).address

    @property
    def address(self) -> str:
        """See `Participant.address`."""
        return self._address

    def registered(self) -> Sequence[RegisteredKey]:
        """See `Participant.registered`."""
        return self._trouble.around(
            Operation.KEYS,
            lambda: [
                RegisteredKey(key.exchange, key.api_key, not key.missing) for key in self._hufi.keys(self._address)
            ],
        )

    def register(self, exchange: str, key: ReadingKey) -> None:
        """See `Participant.register`."""

        def act() -> None:
            try:
                self._hufi.enroll(self._address, exchange, key.api_key, key.secret)
            except HufiRefused as refused:
                if refused.status == 503:
                    raise CampaignsUnavailable(refused.message, what="error") from refused
                raise KeyRefused(refused.message) from refused

        self._trouble.around(Operation.REGISTER, act)

    def joined(self, campaign: Campaign) -> Joined:
        """See `Participant.joined`."""

        def look() -> Joined:
            status, _ = self._hufi.status(self._address, campaign.chain_id, campaign.address)
            return _JOINED.get(status, Joined.CLOSED)

        return self._trouble.around(Operation.STATUS, look)

    def join(self, campaign: Campaign) -> None:
        """See `Participant.join`."""

        def act() -> None:
            try:
                self._hufi.join(self._address, campaign.chain_id, campaign.address)
            except HufiRefused as refused:
                if "already joined" in refused.message:
                    return
                if refused.status == 503:
                    raise CampaignsUnavailable(refused.message, what="error") from refused
                said = KeyRefused if "key" in refused.message else JoinRefused
                raise said(refused.message) from refused

        self._trouble.around(Operation.JOIN, act)


def _float(number: Decimal) -> Decimal:
    """As their wire tells it."""
    return Decimal(repr(float(number)))
