"""What the custody writes down: outputs, snapshots, requests. Times are nanoseconds, amounts whole units of 10⁻⁸."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from enum import StrEnum

CASHIER = "674d6776-d600-4346-af46-58e77d8df185"  # the member who takes the fees of withdrawals


class State(StrEnum):
    """Of an output and of a request, in the custody's words. A request that is UNSPENT is registered, not signed."""

    UNSPENT = "unspent"
    SIGNED = "signed"
    SPENT = "spent"


@dataclass(frozen=True, slots=True)
class Payment:
    """An output for a member. `mask` is of the key that was made for it; "" where nobody asked for one."""

    receiver: str
    units: int
    mask: str = ""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """An output that leaves for an address of the asset's chain."""

    units: int
    destination: str
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a transaction says. An input is the hash of the transaction that made it, and which of its outputs."""

    asset_id: str
    inputs: tuple[tuple[str, int], ...]
    outputs: tuple[Payment | Withdrawal, ...]
    references: tuple[str, ...] = ()
    extra: bytes = b""

    @property
    def withdrawal(self) -> Withdrawal | None:
        return next((output for output in self.outputs if isinstance(output, Withdrawal)), None)


@dataclass(frozen=True, slots=True)
class Draft:
    """A transaction that is to be registered: `raw` is how it was written, `transaction_hash` is of that."""

    request_id: str
    raw: str
    transaction_hash: str
    terms: Terms


@dataclass(slots=True)
class Request:
    """A transaction that is registered under a request id, and what became of it.

    due_ns: when the next thing happens to it: it is spent, or, where it is a withdrawal, it is on its chain. None where
        nothing does, or not by itself.
    withdrawal_hash: of the chain's transaction; "" before it is there.
    """

    request_id: str
    user_id: str
    raw: str
    transaction_hash: str
    terms: Terms
    created_ns: int
    state: State = State.UNSPENT
    signed_ns: int = 0
    spent_ns: int = 0
    due_ns: int | None = None
    stuck: bool = False
    withdrawal_hash: str = ""


@dataclass(slots=True)
class Output:
    """Money of a member that is spent whole. `sequence` ascends over all members. `signed_by` is the hash of the
    transaction that spends it."""

    output_id: str
    owner: str
    asset_id: str
    units: int
    transaction_hash: str
    index: int
    sequence: int
    mask: str
    sender: str
    request_id: str
    extra: str
    created_ns: int
    state: State = State.UNSPENT
    signed_by: str = ""
    updated_ns: int = 0

    @property
    def place(self) -> tuple[str, int]:
        return self.transaction_hash, self.index


@dataclass(slots=True)
class Snapshot:
    """One movement of a member's money. `units` are below zero for what went out. `created_ns` is when it happened,
    `visible_ns` from when on it is told: later where the custody is behind."""

    snapshot_id: str
    user_id: str
    asset_id: str
    units: int
    created_ns: int
    visible_ns: int
    transaction_hash: str
    index: int
    request_id: str
    opponent: str = ""
    memo: str = ""  # hex
    deposit_hash: str = ""
    deposit_index: int = 0
    sender: str = ""  # of a deposit: the address that it came from
    destination: str = ""  # of a deposit ours, of a withdrawal theirs
    tag: str = ""
    withdrawal_hash: str = ""  # "" also before the chain has it

    @property
    def withdraws(self) -> bool:
        return self.units < 0 and self.destination != ""


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a member's deposits from a chain arrive."""

    user_id: str
    chain_id: str
    destination: str
    tag: str


@dataclass(frozen=True, slots=True)
class Gone:
    """A withdrawal that its chain has: `number` counts them from 1."""

    number: int
    request_id: str
    withdrawal_hash: str
    asset_id: str
    units: int
    destination: str
    tag: str
    at_ns: int


def uuid_of(*what: str | int) -> str:
    """The same for the same, in the form of a random uuid."""
    drawn = bytearray(hashlib.sha256("/".join(map(str, what)).encode()).digest()[:16])
    drawn[6] = drawn[6] & 0x0F | 0x40
    drawn[8] = drawn[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(drawn)))


def hash_of(*what: str | int) -> str:
    return hashlib.sha3_256("/".join(map(str, what)).encode()).hexdigest()
