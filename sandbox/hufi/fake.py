"""The fake of the ports `Campaigns` and `Participant`: HuFi in the same process, for the tests of what stands on the
ports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TypeVar

from common import campaigns
from common.errors import Refusal
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
from sandbox.hufi import records
from sandbox.hufi.faults import ANY, Operation
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


class Trouble:
    """What goes wrong with the next calls, of all who ask. calls: how often each was made."""

    def __init__(self) -> None:
        self.down = False
        self.calls: Counter[Operation] = Counter()
        self._failures: list[tuple[str, CampaignsUnavailable]] = []
        self._drops: list[str] = []

    def fail_next(self, on: str = ANY, what: str = "connection", **facts: int) -> None:
        """Nothing is done."""
        self._failures.append((on, CampaignsUnavailable(f"hufi: {what}", what=what, **facts)))

    def drop_answer_next(self, on: str) -> None:
        """It is done, and nobody told."""
        self._drops.append(on)

    def around(self, operation: Operation, act: Callable[[], _T]) -> _T:
        self.calls[operation] += 1
        if self.down:
            raise CampaignsUnavailable("hufi is down", what="connection")
        for failure in self._failures:
            if failure[0] in (operation, ANY):
                self._failures.remove(failure)
                raise failure[1]
        lost = operation in self._drops
        if lost:
            self._drops.remove(operation)
        try:
            answer = act()
        except Refusal:
            if not lost:
                raise
        else:
            if not lost:
                return answer
        raise CampaignsUnavailable("the answer of hufi was lost", what="timeout")


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
