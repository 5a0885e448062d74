"""Mixin Safe's wire: who may ask, how it answers and refuses, whose signatures it takes."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from email.message import Message
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common.gateways.custody.encoding import Input, KernelTransaction, Payment, Withdrawal, decode, encode
from common.gateways.custody.signing import SpendKey
from sandbox.mixin.assets import BTC, ETHEREUM, RIPPLE, USDT_BEP20, XRP, kernel_asset_id
from sandbox.mixin.desk import DESK
from sandbox.mixin.face import MixinFace
from sandbox.mixin.faults import Fault, Faults
from sandbox.mixin.records import CASHIER
from sandbox.mixin.refusals import Code
from sandbox.mixin.signatures import Member, is_signed, key_of, public_key
from sandbox.serving import Drop, Hang, Request
from tests.sandbox.custody import ANN, BOB, NOON, ONE, US, World, address

SESSION = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(DESK.session_private_key))
SPEND = SpendKey(DESK.spend_private_key)
HINT = "1069fbba-f63e-3029-81ea-4e316180f9b0"


@dataclass(frozen=True)
class Heard:
    status: int
    told: Any
    headers: Mapping[str, str]

    @property
    def data(self) -> Any:
        assert self.status == 200, self.told
        return self.told["data"]

    @property
    def code(self) -> int:
        assert self.status == self.told["error"]["status"] == 202
        return int(self.told["error"]["code"])


class FaceWorld(World):
    def __init__(self) -> None:
        super().__init__()
        self.faults = Faults(lambda: self.at)
        self.face = MixinFace(self.safe, [Member.of(DESK)], self.faults, lambda: self.at)

    def token(self, method: str, target: str, body: bytes, signer: Ed25519PrivateKey = SESSION, **claims: Any) -> str:
        at = int(self.at.timestamp())
        told = {"uid": US, "sid": DESK.session_id, "iat": at, "exp": at + 60, "jti": self.new_id(), "scp": "FULL"}
        told["sig"] = hashlib.sha256(f"{method}{target}".encode() + body).hexdigest()
        signed = b".".join(encoded(part) for part in ({"alg": "EdDSA", "typ": "JWT"}, told | claims))
        return (signed + b"." + encoded(signer.sign(signed))).decode()

    def ask(self, method: str, target: str, asked: object = None, *, token: str | None = None) -> Heard:
        body = b"" if asked is None else asked if isinstance(asked, bytes) else json.dumps(asked).encode()
        headers = Message()
        headers["X-Request-Id"] = HINT
        headers["Authorization"] = f"Bearer {self.token(method, target, body) if token is None else token}"
        split = urlsplit(target)
        path = [part for part in split.path.split("/") if part]
        answer = self.face.decide(Request(method, path, split.query, headers, body, target))
        return Heard(answer.status, json.loads(answer.body), answer.headers)

    def get(self, target: str) -> Heard:
        return self.ask("GET", target)

    def unsigned(self, amount: str = "1", receiver: str = ANN, hint: str = HINT) -> KernelTransaction:
        """The whole of a new BTC to a member."""
        place = self.paid(BTC.asset_id, ONE)
        (key,) = self.ask("POST", "/safe/keys", [{"receivers": [receiver], "index": 0, "hint": hint}]).data
        return KernelTransaction(
            kernel_asset_id(BTC.asset_id),
            (Input(*place),),
            (Payment(Decimal(amount), tuple(key["keys"]), key["mask"]),),
        )

    def register(self, transaction: KernelTransaction, id_: str) -> Heard:
        raw = encode(transaction).hex()
        return self.ask("POST", "/safe/transaction/requests", [{"request_id": id_, "raw": raw}])

    def send_raw(self, raw: bytes, id_: str) -> Heard:
        return self.ask("POST", "/safe/transactions", [{"request_id": id_, "raw": raw.hex()}])


def encoded(part: dict[str, Any] | bytes) -> bytes:
    return base64.urlsafe_b64encode(part if isinstance(part, bytes) else json.dumps(part).encode()).rstrip(b"=")


@pytest.fixture
def world() -> Iterator[FaceWorld]:
    world = FaceWorld()
    yield world
    world.check()


# Who asks


def test_an_answer_bears_the_id_of_its_request_an_error_too(world: FaceWorld) -> None:
    assert world.get("/safe/snapshots").headers["X-Request-Id"] == HINT
    assert world.get("/nowhere").headers["X-Request-Id"] == HINT
    assert world.get("/nowhere").code == Code.NOT_FOUND


STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(32))
WRONG_CLAIMS: dict[str, dict[str, Any]] = {
    "of another request": {"sig": hashlib.sha256(b"GET/safe/outputs").hexdigest()},
    "over": {"exp": int(NOON.timestamp())},
    "of the future": {"iat": int(NOON.timestamp()) + 61},
    "too long": {"exp": int(NOON.timestamp()) + 92 * 86_400},
    "of nobody": {"uid": ANN},
    "of another session": {"sid": ANN},
    "of another scope": {"scp": "PROFILE:READ"},
    "without times": {"iat": None},
    "without an id": {"jti": ""},
}


@pytest.mark.parametrize("wrong", WRONG_CLAIMS)
def test_a_token_that_is_not_of_this_request_is_refused(world: FaceWorld, wrong: str) -> None:
    token = world.token("GET", "/safe/snapshots", b"", **WRONG_CLAIMS[wrong])
    assert world.ask("GET", "/safe/snapshots", token=token).code == Code.UNAUTHORIZED


def test_a_token_is_signed_by_the_session_and_is_used_once(world: FaceWorld) -> None:
    target = "/safe/snapshots?limit=5&order=ASC"
    forged = world.token("GET", target, b"", signer=STRANGER)
    assert world.ask("GET", target, token=forged).code == Code.UNAUTHORIZED
    token = world.token("GET", target, b"")
    assert world.ask("GET", target, token=token).data == []
    assert world.ask("GET", target, token=token).code == Code.UNAUTHORIZED
    for nonsense in ("", "a.b", "a.b.c", token.replace(".", "!"), f"{token}=", "bnVsbA.bnVsbA.AAAA"):
        assert world.ask("GET", target, token=nonsense).code == Code.UNAUTHORIZED


def test_a_token_signs_the_bytes_of_the_body_as_they_are_sent(world: FaceWorld) -> None:
    asked = {"members": [US], "threshold": 1, "chain_id": ETHEREUM.chain_id}
    sent, other = json.dumps(asked).encode(), json.dumps(asked, separators=(",", ":")).encode()
    target = "/safe/deposit/entries"
    assert world.ask("POST", target, other, token=world.token("POST", target, sent)).code == Code.UNAUTHORIZED
    assert world.ask("POST", target, sent, token=world.token("POST", target, sent)).data


def test_assets_and_transactions_are_told_to_everybody(world: FaceWorld) -> None:
    told = world.ask("GET", f"/network/assets/{XRP.asset_id}", token="").data
    assert (told["symbol"], told["precision"], told["withdrawal_memo_possibility"]) == ("XRP", 6, "possible")
    assert (told["chain_id"], told["kernel_asset_id"]) == (RIPPLE.chain_id, kernel_asset_id(XRP.asset_id))
    assert world.ask("GET", f"/safe/transactions/{HINT}", token="").code == Code.NOT_FOUND
    assert world.ask("GET", f"/safe/assets/{XRP.asset_id}", token="").code == Code.UNAUTHORIZED


# Looking


def test_a_snapshot_has_text_for_amounts_and_hex_for_memos(world: FaceWorld) -> None:
    world.paid(BTC.asset_id, ONE // 4, b"memo")
    entry = world.safe.entry(US, RIPPLE.chain_id)
    world.safe.deposit(XRP.asset_id, entry.destination, entry.tag, 5 * ONE, "0xabc", sender="rSomebody")
    paid, deposited = world.get("/safe/snapshots?order=ASC").data
    assert (paid["amount"], paid["memo"], paid["opponent_id"]) == ("0.25", b"memo".hex(), ANN)
    assert paid["created_at"] == "2026-11-28T12:00:00Z"
    assert paid.keys() & {"deposit", "withdrawal"} == set()
    assert (deposited["amount"], deposited["opponent_id"]) == ("5", "")
    assert deposited["created_at"] == "2026-11-28T12:00:00.000000001Z"
    assert deposited["deposit"] == {
        "deposit_hash": "0xabc",
        "deposit_index": 0,
        "sender": "rSomebody",
        "destination": entry.destination,
        "tag": entry.tag,
    }
    assert world.get(f"/safe/snapshots/{paid['snapshot_id']}").data == paid
    assert world.get(f"/safe/snapshots/{HINT}").code == Code.NOT_FOUND


def test_lists_begin_at_their_offset_and_the_newest_come_first(world: FaceWorld) -> None:
    for units in range(1, 5):
        world.paid(BTC.asset_id, units)
    world.safe.pay(BOB, US, BTC.asset_id, 5)

    def amounts(query: str) -> list[int]:
        return [round(float(told["amount"]) * ONE) for told in world.get(query).data]

    assert amounts("/safe/snapshots") == [5, 4, 3, 2, 1]
    assert amounts("/safe/snapshots?order=ASC&offset=2026-11-28T12:00:00.000000002Z&limit=2") == [3, 4]
    assert amounts(f"/safe/snapshots?asset={XRP.asset_id}") == []
    assert amounts("/safe/outputs?order=ASC&offset=3&limit=2&state=unspent") == [3, 4]
    assert amounts(f"/safe/outputs?order=DESC&offset=3&asset={kernel_asset_id(BTC.asset_id)}") == [3, 2, 1]
    assert amounts("/safe/outputs?threshold=2") == []
    for wrong in ("snapshots?offset=now", "snapshots?limit=x", "snapshots?order=UP", "outputs?state=gone"):
        assert world.get(f"/safe/{wrong}").code == Code.INVALID_FIELD
    assert world.get(f"/safe/outputs?members={'ab' * 32}").code == Code.FORBIDDEN


def test_fees_are_told_by_what_they_may_be_paid_with(world: FaceWorld) -> None:
    path = f"/safe/assets/{USDT_BEP20.asset_id}/fees"
    fees = world.get(f"{path}?destination={address(ETHEREUM.chain_id)}").data
    assert {fee["asset_id"] for fee in fees} == {USDT_BEP20.asset_id, USDT_BEP20.chain_id}
    assert {fee["type"] for fee in fees} == {"withdrawal_fee"}
    assert world.get(f"{path}?destination=nowhere").code == Code.INVALID_ADDRESS
    assert world.get(f"/safe/assets/{HINT}/fees?destination=x").code == Code.NOT_FOUND


def test_deposits_arrive_at_one_address_for_each_chain(world: FaceWorld) -> None:
    asked = {"members": [US], "threshold": 1, "chain_id": RIPPLE.chain_id}
    (entry,) = world.ask("POST", "/safe/deposit/entries", asked).data
    assert entry == world.ask("POST", "/safe/deposit/entries", asked).data[0]
    assert (entry["chain_id"], entry["is_primary"], bool(entry["tag"])) == (RIPPLE.chain_id, True, True)
    assert world.ask("POST", "/safe/deposit/entries", asked | {"members": [ANN]}).code == Code.INVALID_FIELD
    assert world.ask("POST", "/safe/deposit/entries", asked | {"chain_id": HINT}).code == Code.NOT_FOUND


# Sending


def test_the_published_signature_is_one_under_the_key_that_is_computed_here() -> None:
    """Of github.com/MixinNetwork/bot-api-nodejs-client @b9024eb, test/mixin/safe.test.ts."""
    view = bytes.fromhex("0164ba23d5aa1953132bc0bf5d12d0af7e66de2ba8773701ef135e015f24bb0b")
    spend = public_key("7fb3893475a82c85e2b3c8a9a9232eddb36651ac32fa98ae83e6c2f33fb1be84")
    message = bytes.fromhex("efef5e4ffda5246694696956685ec62e2b3e81ac4c37f1957c99327fedffa213")
    signature = bytes.fromhex(
        "fde63b999d519394b3ba8a99a9f1d44bc91c2ee73d472d2085fa222925732889"
        "159042b126b4436766d6d3308ee541c50fc1b9b8b83701ac534c68e7f4d0f50c"
    )
    assert is_signed(message, signature, key_of(view, spend))
    assert not is_signed(message[::-1], signature, key_of(view, spend))
    assert not is_signed(message, signature, spend)


def test_what_is_registered_is_signed_by_its_views_and_sent_once(world: FaceWorld) -> None:
    world.safe.set_delays(kernel_seconds=1)
    transaction, id_ = world.unsigned(), world.new_id()
    (registered,) = world.register(transaction, id_).data
    assert (registered["state"], registered["request_id"]) == ("unspent", id_)
    signed = SPEND.signed(transaction, [bytes.fromhex(view) for view in registered["views"]])
    for _ in range(2):
        (sent,) = world.send_raw(signed, id_).data
        assert (sent["state"], sent["transaction_hash"]) == ("signed", registered["transaction_hash"])
    world.later(1)
    told = world.get(f"/safe/transactions/{id_}").data
    assert (told["state"], told["snapshot_at"]) == ("spent", "2026-11-28T12:00:01Z")
    assert world.register(transaction, id_).data[0]["state"] == "spent"
    (receiver,) = told["receivers"]
    assert receiver["members"] == [ANN]


def test_a_signature_that_is_not_ours_is_refused_and_nothing_is_sent(world: FaceWorld) -> None:
    transaction, id_ = world.unsigned(), world.new_id()
    (registered,) = world.register(transaction, id_).data
    views = [bytes.fromhex(view) for view in registered["views"]]
    signed = SPEND.signed(transaction, views)
    other_views = [(1).to_bytes(32, "little")]
    for forged in (
        SpendKey("11" * 32).signed(transaction, views),
        SPEND.signed(transaction, other_views),
        encode(transaction),
        encode(transaction, [bytes(64)]),
    ):
        assert world.send_raw(forged, id_).code == Code.INVALID_SIGNATURE
    other = world.unsigned(receiver=CASHIER)
    assert world.send_raw(SPEND.signed(other, views), id_).code == Code.INVALID_FIELD, "another one"
    assert world.send_raw(signed, world.new_id()).code == Code.NOT_FOUND
    assert world.get(f"/safe/transactions/{id_}").data["state"] == "unspent"


def test_a_key_is_for_one_receiver_one_place_and_one_transaction(world: FaceWorld) -> None:
    asked = [{"receivers": [ANN], "index": 1, "hint": HINT}, {"receivers": [US], "index": 0, "hint": HINT}]
    keys = world.ask("POST", "/safe/keys", asked).data
    assert keys == world.ask("POST", "/safe/keys", asked).data
    transaction = world.unsigned()

    def with_output(*outputs: Payment) -> KernelTransaction:
        return KernelTransaction(transaction.asset, transaction.inputs, outputs)

    at_one, ours = (Payment(Decimal("0.5"), tuple(key["keys"]), key["mask"]) for key in keys)
    whole = Payment(Decimal(1), at_one.keys, at_one.mask)
    assert world.register(with_output(whole), world.new_id()).code == Code.INVALID_OUTPUT_KEY, "another place"
    mixed = Payment(Decimal("0.5"), ours.keys, at_one.mask)
    assert world.register(with_output(ours, mixed), world.new_id()).code == Code.INVALID_OUTPUT_KEY, "another's key"
    unknown = Payment(Decimal(1), ours.keys, "ab" * 32)
    assert world.register(with_output(unknown), world.new_id()).code == Code.INVALID_OUTPUT_KEY
    assert world.register(with_output(ours, at_one), world.new_id()).data
    again = world.unsigned(hint=world.new_id())
    second = KernelTransaction(again.asset, again.inputs, (ours, at_one))
    assert world.register(second, world.new_id()).code == Code.INVALID_OUTPUT_KEY, "another transaction has it"
    unfit: list[dict[str, object]] = [
        {"receivers": []},
        {"receivers": [ANN, BOB]},
        {"index": -1},
        {"index": True},
        {"hint": "x"},
    ]
    for wrong in unfit:
        assert world.ask("POST", "/safe/keys", [asked[0] | wrong]).code == Code.INVALID_FIELD
    nobody = {"receivers": ["00000000-0000-4000-8000-000000000000"]}
    assert world.ask("POST", "/safe/keys", [asked[0] | nobody]).code == Code.USER_UNKNOWN


def test_a_withdrawal_tells_the_hash_of_its_chain_when_it_is_there(world: FaceWorld) -> None:
    world.safe.set_delays(chain_seconds=60)
    place, id_ = world.paid(BTC.asset_id, ONE), world.new_id()
    (key,) = world.ask("POST", "/safe/keys", [{"receivers": [CASHIER], "index": 1, "hint": HINT}]).data
    to = address(BTC.chain_id)
    leaving = Withdrawal(Decimal("0.99998"), to), Payment(Decimal("0.00002"), tuple(key["keys"]), key["mask"])
    transaction = KernelTransaction(kernel_asset_id(BTC.asset_id), (Input(*place),), leaving)
    (registered,) = world.register(transaction, id_).data
    world.send_raw(SPEND.signed(transaction, [bytes.fromhex(view) for view in registered["views"]]), id_)

    def told() -> tuple[str, str, str]:
        receiver = world.get(f"/safe/transactions/{id_}").data["receivers"][0]
        (snapshot,) = [told for told in world.get("/safe/snapshots").data if "withdrawal" in told]
        assert snapshot["withdrawal"]["receiver"] == receiver["destination"] == to
        return snapshot["amount"], snapshot["withdrawal"]["withdrawal_hash"], receiver["withdrawal_hash"]

    assert told() == ("-0.99998", "", "")
    world.later(60)
    (gone,) = world.safe.gone()
    assert told() == ("-0.99998", gone.withdrawal_hash, gone.withdrawal_hash)


def test_what_can_not_be_read_is_refused(world: FaceWorld) -> None:
    raw, id_ = encode(world.unsigned()), world.new_id()
    for body in (b"{", b"{}", b"[]", b"[1]", json.dumps([{"request_id": id_, "raw": "00"}] * 257).encode()):
        assert world.ask("POST", "/safe/transaction/requests", body).code == Code.UNREADABLE
    signed = encode(decode(raw)[0], [bytes(64)])
    for wrong in ("zz", raw[:-1].hex(), signed.hex(), ""):
        asked = [{"request_id": id_, "raw": wrong}]
        assert world.ask("POST", "/safe/transaction/requests", asked).code == Code.INVALID_FIELD
    asked = [{"request_id": "key:tx", "raw": raw.hex()}]
    assert world.ask("POST", "/safe/transaction/requests", asked).code == Code.INVALID_FIELD
    unknown = KernelTransaction("ab" * 32, decode(raw)[0].inputs, decode(raw)[0].outputs)
    assert world.register(unknown, id_).code == Code.INVALID_FIELD


# What goes wrong


def test_each_fault_is_met_once_and_only_what_comes_after_is_done(world: FaceWorld) -> None:
    transaction, id_ = world.unsigned(), world.new_id()

    def known() -> bool:
        return (
            world.get(f"/safe/transactions/{id_}").status == 200
            and "data" in world.get(f"/safe/transactions/{id_}").told
        )

    for fault in (Fault.TIMEOUT_BEFORE, Fault.TIMEOUT_AFTER, Fault.DROP_AFTER):
        world.faults.fail_next(fault, "register")
        with pytest.raises(Drop if fault is Fault.DROP_AFTER else Hang):
            world.register(transaction, id_)
        assert known() is (fault is not Fault.TIMEOUT_BEFORE)
    world.faults.fail_next("429", "outputs")
    heard = world.get("/safe/outputs")
    assert (heard.code, heard.headers["Retry-After"]) == (Code.TOO_MANY_REQUESTS, "10")
    world.faults.fail_next("500")
    assert world.get("/safe/outputs").status == 500
    world.faults.fail_next("stray")
    assert world.get("/safe/outputs").headers["X-Request-Id"] != HINT
    world.faults.fail_next("maintenance", "outputs")
    world.faults.heal()
    assert world.get("/safe/outputs").data


def test_who_is_banned_is_told_how_long_and_who_is_down_answers_nobody(world: FaceWorld) -> None:
    world.faults.ban(30)
    world.later(10)
    heard = world.get("/safe/outputs")
    assert (heard.code, heard.headers["Retry-After"]) == (Code.TOO_MANY_REQUESTS, "20")
    world.later(20)
    assert world.get("/safe/outputs").data == []
    world.faults.down = True
    with pytest.raises(Drop):
        world.get("/safe/outputs")


def test_ids_of_requests_are_uuids_as_they_are_written(world: FaceWorld) -> None:
    transaction = world.unsigned()
    assert world.register(transaction, str(UUID(int=255)).upper()).code == Code.INVALID_FIELD
