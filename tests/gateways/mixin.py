"""What Mixin says, as its documents show it, and the sendings that the tests draft there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from common.gateways.custody import Address, Draft, Output, Sending, User
from common.gateways.custody.encoding import (
    Input,
    KernelTransaction,
    Payment,
    Withdrawal,
    decode,
    encode,
    fee_request_id,
    kernel_asset_id,
    members_hash,
    transaction_hash,
)
from common.gateways.custody.mixin import MixinCustody, MixinSender
from common.money import Quantity
from sandbox.serving import Answer
from tests.gateways.wire import http

APP = "67a87828-18f5-46a1-b6cc-c72a97a77c43"
KEY = {
    "app_id": APP,
    "session_id": "0b4f4c1e-5f3b-4c3e-9d3a-0c6a3a2d7a10",
    "session_private_key": "7fb3893475a82c85e2b3c8a9a9232eddb36651ac32fa98ae83e6c2f33fb1be84",
}
SPEND_KEY = {**KEY, "spend_private_key": "11" * 32}
BTC = "c6d0c728-2624-429b-8e0d-d9d19b6592fa"
ETH = "43d61dcd-e413-450d-80b8-101d5e903357"
USDT = "4d8c508b-91c5-375b-92b0-ee702ed2dac5"  # on Ethereum
OPPONENT = "e9e5b807-fa8b-455a-8dfa-b189d28310ff"
REQUEST = "b0177350-ae29-43ec-a26e-d46f821e416e"
FEE_REQUEST = fee_request_id(REQUEST)
ANSWERED = "5f5c1b0e-7f0f-4a5e-8f2e-3f1f5c6f7a8b"  # the id of every request that `wired` adapters make
SINCE = "2026-01-01T00:00:00Z"
ELSEWHERE = "0x" + "ab" * 20


def data(told: object) -> dict[str, object]:
    return {"data": told}


def no(code: int, description: str = "as it says", **more: object) -> Answer:
    """An error, as it comes: with 202."""
    error = {"status": 202, "code": code, "description": description, **more}
    return Answer(202, json.dumps({"error": error}))


def uuid(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-000000000000"


def hash_(number: int) -> str:
    return f"{number:064x}"


def snapshot(number: int = 1, **told: object) -> dict[str, object]:
    """Money that came in from a member."""
    return {
        "snapshot_id": uuid(number),
        "user_id": APP,
        "opponent_id": OPPONENT,
        "transaction_hash": hash_(number),
        "asset_id": BTC,
        "kernel_asset_id": kernel_asset_id(BTC),
        "amount": "0.5",
        "memo": b"hello".hex(),
        "request_id": REQUEST,
        "created_at": f"2026-01-01T00:00:{number:02}.5Z",
        "inscription_hash": "",
        "deposit": None,
        "withdrawal": None,
    } | told


def output(number: int = 1, **told: object) -> dict[str, object]:
    return {
        "output_id": uuid(number),
        "transaction_hash": hash_(number),
        "output_index": 0,
        "kernel_asset_id": kernel_asset_id(BTC),
        "amount": "0.5",
        "mask": hash_(7),
        "keys": [hash_(8)],
        "receivers_hash": members_hash([APP]),
        "receivers_threshold": 1,
        "receivers": [APP],
        "extra": "",
        "state": "unspent",
        "sequence": number,
    } | told


def asset(**told: object) -> dict[str, object]:
    return {
        "asset_id": USDT,
        "chain_id": ETH,
        "symbol": "USDT",
        "precision": 6,
        "withdrawal_memo_possibility": "negative",
    } | told


def fee(amount: str, asset_id: str = BTC, priority: object = "normal") -> dict[str, object]:
    return {"type": "withdrawal_fee", "asset_id": asset_id, "amount": amount, "priority": priority}


def entry(**told: object) -> dict[str, object]:
    return {
        "entry_id": uuid(1),
        "members": [APP],
        "threshold": 1,
        "chain_id": BTC,
        "destination": "bc1qdesk",
        "tag": "",
        "is_primary": True,
    } | told


def transaction(**told: object) -> dict[str, object]:
    return {"request_id": REQUEST, "transaction_hash": hash_(9), "state": "spent", "receivers": []} | told


def keys(*numbers: int) -> list[dict[str, object]]:
    return [{"mask": hash_(100 + number), "keys": [hash_(200 + number)]} for number in numbers]


def view(number: int) -> str:
    return number.to_bytes(32, "little").hex()


def owned(amount: str, asset_id: str = BTC, number: int = 1) -> Output:
    return Output(uuid(number), Quantity(amount, asset_id), hash_(number), 0, number)


TRANSFER = Sending(REQUEST, Quantity("0.3", BTC), User(OPPONENT), (owned("0.5"),), b"a memo")
WITHDRAWAL = Sending(
    REQUEST,
    Quantity("0.3", BTC),
    Address("bc1qelsewhere", "90210"),
    (owned("0.2"), owned("0.3", number=2)),
    fee=Quantity("0.001", BTC),
)
TWO_ASSETS = Sending(
    REQUEST,
    Quantity("100", USDT),
    Address(ELSEWHERE),
    (owned("150", USDT),),
    extra=b"a memo",
    fee=Quantity("0.002", ETH),
    fee_inputs=(owned("0.002", ETH, 2),),
)


def paid(amount: str, number: int) -> Payment:
    return Payment(Decimal(amount), (hash_(200 + number),), hash_(100 + number))


def _draft(request_id: str, made: KernelTransaction) -> Draft:
    return Draft(request_id, encode(made).hex(), transaction_hash(made))


# What WITHDRAWAL and TWO_ASSETS are drafted as, when the custody tells keys(0, 1).
DRAFTS = [
    _draft(
        REQUEST,
        KernelTransaction(
            asset=kernel_asset_id(BTC),
            inputs=(Input(hash_(1), 0), Input(hash_(2), 0)),
            outputs=(Withdrawal(Decimal("0.3"), "bc1qelsewhere", "90210"), paid("0.001", 0), paid("0.199", 1)),
        ),
    )
]
_FIRST = _draft(
    REQUEST,
    KernelTransaction(
        asset=kernel_asset_id(USDT),
        inputs=(Input(hash_(1), 0),),
        outputs=(Withdrawal(Decimal(100), ELSEWHERE), paid("50", 0)),
        extra=b"a memo",
    ),
)
_SECOND = _draft(
    FEE_REQUEST,
    KernelTransaction(
        asset=kernel_asset_id(ETH),
        inputs=(Input(hash_(2), 0),),
        outputs=(paid("0.002", 1),),
        references=(_FIRST.transaction_hash,),
    ),
)
PAIR = [_FIRST, _SECOND]


def read(draft: Draft) -> KernelTransaction:
    unsigned, signatures = decode(bytes.fromhex(draft.raw))
    assert signatures == ()
    assert draft.transaction_hash == transaction_hash(unsigned)
    return unsigned


def registered(draft: Draft, **told: object) -> dict[str, object]:
    """As the custody tells it when it has looked at it."""
    views = [view(number) for number, _ in enumerate(read(draft).inputs, start=1)]
    known = {"request_id": draft.request_id, "transaction_hash": draft.transaction_hash}
    return transaction(**known, state="unspent", views=views) | told


def done(draft: Draft, **told: object) -> dict[str, object]:
    return registered(draft, state="signed", views=[]) | told


def custody_at(url: str, **options: Any) -> MixinCustody:
    return MixinCustody(url, **KEY, **options)


def sender_at(url: str, **options: Any) -> MixinSender:
    return MixinSender(url, **SPEND_KEY, **options)


def wired(url: str, **options: Any) -> Wired:
    """Both adapters in one. Their requests all have the id that `written` answers."""
    return Wired(
        custody_at(url, request_ids=lambda: ANSWERED, **options),
        sender_at(url, request_ids=lambda: ANSWERED, **options),
    )


@dataclass(frozen=True)
class Wired:
    custody: MixinCustody
    sender: MixinSender


def written(body: bytes | str | object, status: str = "200 OK", *headers: str) -> bytes:
    """A whole answer, which says which request it answers."""
    return http(body, status, f"X-Request-Id: {ANSWERED}", *headers)
