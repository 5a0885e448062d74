"""Money at a custody, as its port and the desk's own domain both speak of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from common.money import Quantity


@dataclass(frozen=True)
class User:
    """Somebody who has an account at the custody."""

    user_id: str


@dataclass(frozen=True)
class Address:
    """An address of a chain. `tag` tells owners of one address apart, and is "" where the chain or the owner has
    none. Money that is sent without the tag that its owner asked for is lost."""

    destination: str
    tag: str = ""


@dataclass(frozen=True)
class Snapshot:
    """One movement of our money, as the custody has written it down.

    `quantity` is above zero for what came in and below for what went out; anybody may send us any amount of any asset,
    also of one that we know nothing about. `created_at` is by the custody's clock, in UTC with nine digits after the
    second (`2026-11-28T17:00:00.000000001Z`), so that text order is time order; many may have the same. `opponent_id`
    is who sent it, or got it; None where the custody does not know: a deposit from a chain, for one. `memo` is what the
    sender wrote, as bytes. `request_id` is the sending's, where it is ours. `deposit_hash` is the chain's transaction
    that brought it, and `withdrawal_hash` the one that took it away; None before the chain has it.
    """

    snapshot_id: str
    quantity: Quantity
    created_at: str
    transaction_hash: str
    opponent_id: str | None = None
    memo: bytes = b""
    request_id: str | None = None
    deposit_hash: str | None = None
    withdrawal_hash: str | None = None


@dataclass(frozen=True)
class Output:
    """Money of ours that can be spent whole. `sequence` is the custody's own number, in the order of which outputs
    come."""

    output_id: str
    quantity: Quantity
    transaction_hash: str
    index: int
    sequence: int


@dataclass(frozen=True)
class Draft:
    """A transaction as it will be sent, in the custody's own encoding, not yet signed. To be stored before it is sent.
    `transaction_hash` is of the raw bytes: what the custody calls it, too."""

    request_id: str
    raw: str
    transaction_hash: str
