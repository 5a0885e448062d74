"""How the custody writes what it knows. Amounts are text, times RFC3339Nano, extras and memos hex."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from sandbox.mixin.assets import ASSETS, CHAINS, FEES, kernel_asset_id, shown
from sandbox.mixin.records import Entry, Output, Payment, Request, Snapshot, State
from sandbox.mixin.refusals import Code, SafeRefused
from sandbox.mixin.times import written
from sandbox.serving import Answer, as_json

THRESHOLD = 1  # of every output: each belongs to one member


def data(value: Any) -> Answer:
    return as_json({"data": value})


def error(refused: SafeRefused) -> Answer:
    """An error looks like success: 202, or 500 where it is the custody's fault."""
    status = 500 if refused.code is Code.SERVER_ERROR else 202
    told: dict[str, Any] = {"status": status, "code": int(refused.code), "description": refused.description}
    if refused.field:
        told["extra"] = {"field": refused.field, "reason": refused.description}
    return Answer(status, json.dumps({"error": told}))


def members_hash(user_id: str) -> str:
    return hashlib.sha3_256(user_id.encode()).hexdigest()


def snapshot(told: Snapshot) -> dict[str, Any]:
    more: dict[str, Any] = {}
    if told.deposit_hash:
        more["deposit"] = {
            "deposit_hash": told.deposit_hash,
            "deposit_index": told.deposit_index,
            "sender": told.sender,
            "destination": told.destination,
            "tag": told.tag,
        }
    if told.withdraws:
        more["withdrawal"] = {"withdrawal_hash": told.withdrawal_hash, "receiver": told.destination}
    return {
        "type": "snapshot",
        "snapshot_id": told.snapshot_id,
        "user_id": told.user_id,
        "opponent_id": told.opponent,
        "transaction_hash": told.transaction_hash,
        "asset_id": told.asset_id,
        "kernel_asset_id": kernel_asset_id(told.asset_id),
        "amount": ("-" if told.units < 0 else "") + shown(abs(told.units)),
        "memo": told.memo,
        "request_id": told.request_id,
        "created_at": written(told.created_ns),
        "level": 11,
        **more,
    }


def output(told: Output, key: bytes) -> dict[str, Any]:
    return {
        "type": "output",
        "output_id": told.output_id,
        "request_id": told.request_id,
        "transaction_hash": told.transaction_hash,
        "output_index": told.index,
        "asset_id": told.asset_id,
        "kernel_asset_id": kernel_asset_id(told.asset_id),
        "amount": shown(told.units),
        "mask": told.mask,
        "keys": [key.hex()],
        "senders_hash": members_hash(told.sender) if told.sender else "",
        "senders_threshold": THRESHOLD if told.sender else 0,
        "senders": [told.sender] if told.sender else [],
        "receivers": [told.owner],
        "receivers_hash": members_hash(told.owner),
        "receivers_threshold": THRESHOLD,
        "extra": told.extra,
        "state": str(told.state),
        "sequence": told.sequence,
        "created_at": written(told.created_ns),
        "updated_at": written(told.updated_ns),
        "signers": [] if told.state is State.UNSPENT else [told.owner],
        "signed_by": told.signed_by,
    }


def request(told: Request, views: Callable[[Request], list[str]] | None = None) -> dict[str, Any]:
    """views: of its inputs; they are told to whoever registers it."""
    terms = told.terms
    updated_ns = told.spent_ns or told.signed_ns or told.created_ns
    return {
        "type": "transaction_request",
        "request_id": told.request_id,
        "transaction_hash": told.transaction_hash,
        "user_id": told.user_id,
        "asset_id": terms.asset_id,
        "kernel_asset_id": kernel_asset_id(terms.asset_id),
        "amount": shown(terms.outputs[0].units),
        "senders": [told.user_id],
        "senders_hash": members_hash(told.user_id),
        "senders_threshold": THRESHOLD,
        "signers": [] if told.state is State.UNSPENT else [told.user_id],
        "extra": terms.extra.hex(),
        "state": str(told.state),
        "raw_transaction": told.raw,
        "receivers": [
            {
                "members": [o.receiver],
                "members_hash": members_hash(o.receiver),
                "threshold": THRESHOLD,
                "destination": "",
                "tag": "",
                "withdrawal_hash": "",
            }
            if isinstance(o, Payment)
            else {
                "members": [],
                "members_hash": "",
                "threshold": 0,
                "destination": o.destination,
                "tag": o.tag,
                "withdrawal_hash": told.withdrawal_hash,
            }
            for o in terms.outputs
        ],
        "references": list(terms.references),
        "views": [] if views is None else views(told),
        "created_at": written(told.created_ns),
        "updated_at": written(updated_ns),
        "snapshot_hash": told.transaction_hash if told.state is State.SPENT else "",
        "snapshot_at": written(told.spent_ns) if told.state is State.SPENT else "",
    }


def asset(asset_id: str, *, kind: str) -> dict[str, Any]:
    """Raises KeyError."""
    told = ASSETS[asset_id]
    chain = CHAINS[told.chain_id]
    return {
        "type": kind,
        "asset_id": told.asset_id,
        "chain_id": told.chain_id,
        "fee_asset_id": next(iter(FEES[asset_id])),
        "kernel_asset_id": kernel_asset_id(asset_id),
        "symbol": told.symbol,
        "display_symbol": told.symbol,
        "name": told.name,
        "precision": told.decimals,
        "dust": shown(told.dust),
        "confirmations": chain.confirmations,
        "withdrawal_memo_possibility": str(chain.tags),
        "level": 11,
    }


def fee(asset_id: str, units: int) -> dict[str, Any]:
    return {"type": "withdrawal_fee", "asset_id": asset_id, "amount": shown(units), "priority": "normal"}


def entry(told: Entry) -> dict[str, Any]:
    return {
        "type": "deposit_entry",
        "entry_id": hashlib.sha256(f"{told.user_id}/{told.chain_id}".encode()).hexdigest()[:32],
        "chain_id": told.chain_id,
        "members": [told.user_id],
        "threshold": THRESHOLD,
        "destination": told.destination,
        "tag": told.tag,
        "signature": "",
        "is_primary": True,
    }
