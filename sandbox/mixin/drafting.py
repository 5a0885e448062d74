"""What the fake drafts: the transactions of a sending, written as JSON in hex and not in the custody's own encoding."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from blake3 import blake3

from common.gateways.custody import Draft, Output, Sending, User
from common.gateways.custody.encoding import EXTRA_BYTES_MAX, INPUTS_MAX, fee_request_id
from common.money import Quantity
from sandbox.mixin import records
from sandbox.mixin.assets import amount_of, units_of
from sandbox.mixin.records import CASHIER, Payment, Terms, Withdrawal


def drafts_of(sending: Sending, user_id: str) -> list[Draft]:
    """Raises ValueError for inputs that do not cover it, and for what no transaction can be."""
    for_the_fee = fee_request_id(sending.request_id)
    drafts = [_written(sending.request_id, _terms_of(sending, user_id))]
    if sending.fee is not None and sending.fee_inputs:
        fee = _fee_terms(sending.fee, sending.fee_inputs, drafts[0].transaction_hash, user_id)
        drafts.append(_written(for_the_fee, fee))
    spent = [(output.transaction_hash, output.index) for output in (*sending.inputs, *sending.fee_inputs)]
    if len(set(spent)) < len(spent):
        raise ValueError("an output is to be spent twice")
    return drafts


def read_draft(draft: Draft) -> records.Draft:
    """Raises ValueError for what `drafts_of` did not make."""
    if draft.transaction_hash != _hash(draft.raw):
        raise ValueError("a draft has the hash of its bytes")
    return records.Draft(draft.request_id, draft.raw, draft.transaction_hash, _read(draft.raw))


def _terms_of(sending: Sending, user_id: str) -> Terms:
    """Without a fee that is paid in another asset. Raises ValueError."""
    if len(sending.extra) > EXTRA_BYTES_MAX:
        raise ValueError(f"extra has {len(sending.extra)} bytes; at most {EXTRA_BYTES_MAX}")
    asset_id, fee = sending.quantity.asset_id, sending.fee
    leaving: list[Payment | Withdrawal] = []
    if isinstance(sending.to, User):
        if fee is not None or sending.fee_inputs:
            raise ValueError("a transfer costs no fee")
        leaving.append(Payment(sending.to.user_id, _units(sending.quantity)))
    else:
        if fee is None or bool(sending.fee_inputs) == (fee.asset_id == asset_id):
            raise ValueError("a withdrawal costs a fee: of its own asset from its inputs, of another from fee_inputs")
        leaving.append(Withdrawal(_units(sending.quantity), sending.to.destination, sending.to.tag))
        if fee.asset_id == asset_id:
            leaving.append(Payment(CASHIER, _units(fee)))
    return _with_change(asset_id, sending.inputs, leaving, (), sending.extra, user_id)


def _fee_terms(fee: Quantity, inputs: Sequence[Output], paid_for: str, user_id: str) -> Terms:
    return _with_change(fee.asset_id, inputs, [Payment(CASHIER, _units(fee))], (paid_for,), b"", user_id)


def _with_change(
    asset_id: str,
    inputs: Sequence[Output],
    leaving: list[Payment | Withdrawal],
    references: tuple[str, ...],
    extra: bytes,
    user_id: str,
) -> Terms:
    """Raises ValueError for inputs that do not cover it or are of another asset."""
    if not 1 <= len(inputs) <= INPUTS_MAX or any(output.quantity.asset_id != asset_id for output in inputs):
        raise ValueError(f"there must be 1 to {INPUTS_MAX} inputs, all of {asset_id}")
    change = sum(_units(output.quantity) for output in inputs) - sum(output.units for output in leaving)
    if change < 0:
        raise ValueError(f"the inputs lack {amount_of(-change)} {asset_id}")
    if change:
        leaving.append(Payment(user_id, change))
    places = tuple((output.transaction_hash, output.index) for output in inputs)
    return Terms(asset_id, places, tuple(leaving), references, extra)


def _units(quantity: Quantity) -> int:
    """Raises ValueError for what can not be sent."""
    units = units_of(quantity.amount)
    if units <= 0:
        raise ValueError(f"{quantity} can not be sent")
    return units


# How the fake writes a transaction


def _written(request_id: str, terms: Terms) -> Draft:
    leaving = [
        ["pay", o.receiver, o.units] if isinstance(o, Payment) else ["withdraw", o.destination, o.tag, o.units]
        for o in terms.outputs
    ]
    # The request's id stands for its one-time keys: two requests never write the same.
    members: list[Any] = [terms.asset_id, terms.inputs, leaving, terms.references, terms.extra.hex(), request_id]
    raw = json.dumps(members, separators=(",", ":")).encode().hex()
    return Draft(request_id, raw, _hash(raw))


def _read(raw: str) -> Terms:
    asset_id, inputs, leaving, references, extra, _ = json.loads(bytes.fromhex(raw))
    outputs = [Payment(*rest) if kind == "pay" else Withdrawal(rest[2], rest[0], rest[1]) for kind, *rest in leaving]
    places = tuple((hash_, index) for hash_, index in inputs)
    return Terms(asset_id, places, tuple(outputs), tuple(references), bytes.fromhex(extra))


def _hash(raw: str) -> str:
    return blake3(bytes.fromhex(raw)).hexdigest()
