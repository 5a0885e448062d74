"""What members have truly sent and received, whatever they were told: whether money came home, and what else left."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.mixin.records import Payment, Snapshot, State
from sandbox.mixin.safe import Safe


@dataclass(frozen=True)
class Sent:
    """An output of a transaction that was signed, for somebody else. receiver: a member; "" where it went to an
    address. withdrawal_hash: "" before the chain has it."""

    sender: str
    receiver: str
    destination: str
    tag: str
    asset_id: str
    units: int
    memo: bytes
    request_id: str
    transaction_hash: str
    state: State
    withdrawal_hash: str
    stuck: bool


def sent(safe: Safe) -> list[Sent]:
    """In the order in which the transactions were registered."""
    with safe.lock:
        return [
            Sent(
                request.user_id,
                receiver=output.receiver if isinstance(output, Payment) else "",
                destination="" if isinstance(output, Payment) else output.destination,
                tag="" if isinstance(output, Payment) else output.tag,
                asset_id=request.terms.asset_id,
                units=output.units,
                memo=request.terms.extra,
                request_id=request.request_id,
                transaction_hash=request.transaction_hash,
                state=request.state,
                withdrawal_hash="" if isinstance(output, Payment) else request.withdrawal_hash,
                stuck=request.stuck and not isinstance(output, Payment),
            )
            for request in safe.requests()
            if request.state is not State.UNSPENT
            for output in request.terms.outputs
            if not (isinstance(output, Payment) and output.receiver == request.user_id)
        ]


def received(safe: Safe, user_id: str) -> list[Snapshot]:
    """What others and chains have sent to a member, in the order in which it came, told to him or not yet."""
    with safe.lock:
        safe.settle()
        return [told for told in safe.timeline.all() if told.user_id == user_id and told.units > 0]
