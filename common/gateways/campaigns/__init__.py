"""Campaigns: who pays market makers for volume, and reads their trades with a key of theirs.

Anybody may see which there are. A participant is an address of a chain; he logs in by its private key, hands over a key
that reads his account at the exchange, and joins. One account is one participant: a campaign that sees the same trades
twice pays nothing for them.

Nothing here moves money. Everything may be asked again: who has joined already is told so, and counts as joined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from common.campaigns import Campaign as Campaign
from common.campaigns import Kind as Kind
from common.campaigns import Score as Score
from common.campaigns import Status as Status
from common.campaigns import campaign_id as campaign_id
from common.errors import Conflict, NotFound, Unavailable

CAMPAIGNS_MAX = 1000  # more are not listed


class CampaignsUnavailable(Unavailable):
    """No answer, or none that can be understood or believed. After `join` and `register` the outcome is unknown; ask
    how it stands, or again."""


class CampaignUnknown(NotFound):
    """There is no such campaign."""


class JoinRefused(Conflict):
    """A definite no, for now: the campaign is over, full, or wants something of who joins."""


class KeyRefused(Conflict):
    """The exchange's key is not taken: it is wrong, or may not do enough. A person has to see to it."""


class NoParticipant(Conflict):
    """There is no key by which a trading account could log in, or none that reads it."""


class Joined(StrEnum):
    """How a participant stands to a campaign."""

    JOINED = "JOINED"
    OPEN = "OPEN"  # he may join
    CLOSED = "CLOSED"  # he may not, or not now


@dataclass(frozen=True)
class RegisteredKey:
    """A key of the exchange that the campaigns read with. A bad one is known, and does not work any more."""

    exchange: str
    api_key: str
    good: bool


@dataclass(frozen=True)
class ReadingKey:
    """What reads an account at an exchange, and can do nothing else."""

    api_key: str
    secret: str = field(repr=False)


class Campaigns(Protocol):
    """What anybody may ask. Every method may raise CampaignsUnavailable, and changes nothing."""

    @property
    def name(self) -> str:
        """`hufi`"""
        ...

    def active(self) -> Sequence[Campaign]:
        """Those that run and pay for making a market, at any exchange; no more than CAMPAIGNS_MAX, each once. Of what
        can not be read or believed of one, it alone is left out: anybody may make a campaign."""
        ...

    def campaign(self, chain_id: int, address: str) -> Campaign:
        """Raises CampaignUnknown."""
        ...

    def score(self, campaign: Campaign, participant: str) -> Score | None:
        """Of a participant, by his address; None where none is told of him, as before the first count."""
        ...


class Participant(Protocol):
    """What a participant may ask. Every method may raise CampaignsUnavailable."""

    @property
    def address(self) -> str:
        """`0x…`, in small letters."""
        ...

    def registered(self) -> Sequence[RegisteredKey]:
        """One of an exchange at most."""
        ...

    def register(self, exchange: str, key: ReadingKey) -> None:
        """Hand over a key, in place of one that was. Raises KeyRefused."""
        ...

    def joined(self, campaign: Campaign) -> Joined: ...

    def join(self, campaign: Campaign) -> None:
        """Joining again does nothing. Raises JoinRefused; KeyRefused, where the exchange's key is what is missing."""
        ...


def not_believed(why: str) -> CampaignsUnavailable:
    """What is told can not be. It is not used."""
    return CampaignsUnavailable(f"what the campaigns tell can not be: {why}", what="not_believed")
