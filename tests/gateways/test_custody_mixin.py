"""The Mixin adapters: what they send, what they make of each answer, and that they take no answer for another."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from nacl import bindings

from common.gateways.custody import (
    PAGE_MAX,
    Address,
    CustodyAsset,
    CustodyAssetUnknown,
    CustodyRefused,
    CustodyUnavailable,
    Draft,
    Output,
    Sending,
    Snapshot,
    SnapshotUnknown,
    State,
    Transaction,
    TransactionUnknown,
    User,
)
from common.gateways.custody.encoding import (
    Input,
    KernelTransaction,
    decode,
    encode,
    ghost_hint,
    kernel_asset_id,
    members_hash,
)
from common.gateways.custody.mixin import CASHIER, MixinCustody, MixinSender
from common.gateways.custody.session import OPERATION_SECONDS_MAX, RATE_LIMIT_SECONDS
from common.money import Quantity
from sandbox.serving import Answer, Drop, Request, serve
from tests.gateways.mixin import (
    APP,
    BTC,
    DRAFTS,
    ELSEWHERE,
    ETH,
    FEE_REQUEST,
    KEY,
    OPPONENT,
    PAIR,
    REQUEST,
    SINCE,
    SPEND_KEY,
    TRANSFER,
    TWO_ASSETS,
    USDT,
    WITHDRAWAL,
    asset,
    custody_at,
    data,
    done,
    entry,
    fee,
    hash_,
    keys,
    no,
    output,
    owned,
    paid,
    read,
    registered,
    sender_at,
    snapshot,
    transaction,
    uuid,
    view,
)
from tests.gateways.wire import Wire, http

NOW = datetime(2026, 1, 1, tzinfo=UTC)
REGISTER, SEND, KEYS = "/safe/transaction/requests", "/safe/transactions", "/safe/keys"
LOOK, LOOK_FEE = f"{SEND}/{REQUEST}", f"{SEND}/{FEE_REQUEST}"

Scripted = object  # what stands in `data`, a whole Answer, or an exception
Answers = Mapping[str, Scripted | list[Scripted]]


class Asked:
    """One request as it came."""

    def __init__(self, request: Request) -> None:
        self.method = request.method
        self.path = "/" + "/".join(request.path)
        self.target = self.path + (f"?{request.query}" if request.query else "")
        self.query = dict(parse_qsl(request.query))
        self.headers = request.headers
        self.body = request.body
        self.json: Any = json.loads(request.body) if request.body else None


class Script:
    """A custody that answers each path by a script, one answer after another, and says which request it answers."""

    def __init__(self, answers: Answers) -> None:
        self.asked: list[Asked] = []
        self._answers = {path: [*told] if isinstance(told, tuple) else [told] for path, told in answers.items()}

    def decide(self, request: Request) -> Answer:
        asked = Asked(request)
        self.asked.append(asked)
        left = self._answers.get(asked.path, [Answer(500, "not in the script")])
        told = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(told, type) and issubclass(told, Exception):
            raise told
        answer = told if isinstance(told, Answer) else Answer(200, json.dumps(data(told)))
        return replace(answer, headers={"X-Request-Id": request.headers["X-Request-Id"], **answer.headers})

    @property
    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]


@contextmanager
def reading(answers: Answers, **options: Any) -> Iterator[tuple[MixinCustody, Script]]:
    script = Script(answers)
    with serve(script.decide, name="scripted") as running:
        yield custody_at(running.url, **options), script


@contextmanager
def sending(answers: Answers, **options: Any) -> Iterator[tuple[MixinSender, Script]]:
    script = Script(answers)
    with serve(script.decide, name="scripted") as running:
        yield sender_at(running.url, **options), script


def claims(asked: Asked) -> dict[str, Any]:
    """Of the request's token, once the session's public key has verified it."""
    token = asked.headers["Authorization"].removeprefix("Bearer ")
    signed, _, signature = token.rpartition(".")
    seed = bytes.fromhex(KEY["session_private_key"])
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    public.verify(base64.urlsafe_b64decode(signature + "=="), signed.encode())
    told: dict[str, Any] = json.loads(base64.urlsafe_b64decode(signed.partition(".")[2] + "=="))
    return told


def not_believed(ask: Callable[[Any], object], answers: Answers) -> Script:
    """The custody is not believed; what it was asked."""
    made = sending if ask in (drafted, sent) else reading
    with made(answers) as (custody, script), pytest.raises(CustodyUnavailable) as refusal:
        ask(custody)
    assert refusal.value.facts == {"what": "not_believed"}
    assert refusal.value.alarm == "CustodyNotBelieved"
    return script


# A request


def test_each_request_is_signed_as_it_is_sent_and_bears_its_own_id() -> None:
    answers = {"/safe/outputs": [], "/safe/deposit/entries": [entry()]}
    with reading(answers, clock=lambda: NOW) as (custody, script):
        custody.outputs(BTC)
        custody.deposit_address(BTC)
    for asked in script.asked:
        signed = f"{asked.method}{asked.target}".encode() + asked.body
        told = claims(asked)
        assert told["sig"] == hashlib.sha256(signed).hexdigest()
        assert (told["uid"], told["sid"], told["scp"]) == (APP, KEY["session_id"], "FULL")
        assert (told["iat"], told["exp"]) == (1767225600, 1767225660)
        assert told["jti"] == asked.headers["X-Request-Id"]
        assert asked.headers["Content-Type"] == "application/json"
    assert script.asked[0].headers["X-Request-Id"] != script.asked[1].headers["X-Request-Id"]


def test_the_path_of_the_address_is_asked_and_signed() -> None:
    script = Script({"/proxy/mixin/safe/outputs": []})
    with serve(script.decide, name="scripted") as running:
        custody_at(f"{running.url}/proxy/mixin/").outputs(BTC)
    (asked,) = script.asked
    assert claims(asked)["sig"] == hashlib.sha256(f"GET{asked.target}".encode()).hexdigest()


def test_an_answer_to_another_request_is_not_believed() -> None:
    other = Answer(200, json.dumps(data([])), {"X-Request-Id": uuid(1)})
    not_believed(lambda custody: custody.outputs(BTC), {"/safe/outputs": other})


def test_an_answer_that_does_not_say_to_what_can_not_be_read() -> None:
    with Wire(http(data([]))) as wire, pytest.raises(CustodyUnavailable) as refusal:
        custody_at(wire.url).outputs(BTC)
    assert refusal.value.facts == {"what": "garbage"}


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        '{"data": [], "error": {"code": 404}}',
        '{"error": null}',
        '{"error": {"description": "why"}}',
        '{"error": {"code": "404"}}',
        '{"data": [}',
        "[]",
    ],
)
@pytest.mark.parametrize("status", [200, 201, 202])
def test_what_is_neither_an_answer_nor_an_error_can_not_be_read(status: int, body: str) -> None:
    with reading({LOOK: Answer(status, body)}) as (custody, _), pytest.raises(CustodyUnavailable) as refusal:
        custody.transaction(REQUEST)
    assert refusal.value.facts == {"what": "garbage"}


@pytest.mark.parametrize(
    ("code", "what", "alarm"),
    [
        (401, "refused", "DeskRefused"),
        (403, "refused", "DeskRefused"),
        (500, "custody_error", None),
        (7000, "custody_error", None),
        (10104, "custody_error", None),
        (20125, "conflict", None),
        (999999, "custody_error", None),
    ],
)
def test_an_error_that_decides_nothing_leaves_all_open(code: int, what: str, alarm: str | None) -> None:
    answers = {path: no(code) for path in ("/safe/outputs", LOOK, KEYS, REGISTER)}
    with reading(answers) as (custody, _), sending(answers) as (sender, script):
        calls: list[Callable[[], object]] = [
            lambda: custody.outputs(BTC),
            lambda: custody.transaction(REQUEST),
            lambda: sender.draft(TRANSFER),
            lambda: sender.send(DRAFTS),
        ]
        for call in calls:
            with pytest.raises(CustodyUnavailable) as refusal:
                call()
            assert refusal.value.facts == {"what": what}
            assert refusal.value.alarm == alarm
            assert "as it says" in refusal.value.detail
    assert script.paths == [KEYS, REGISTER], "asked once, and nothing after it"


@pytest.mark.parametrize(("said", "seconds"), [({"Retry-After": "119"}, 119), ({}, RATE_LIMIT_SECONDS)])
def test_who_asks_too_often_is_told_to_wait(said: dict[str, str], seconds: int) -> None:
    often = replace(no(429), headers=said)
    with reading({"/safe/outputs": often}) as (custody, _), pytest.raises(CustodyUnavailable) as refusal:
        custody.outputs(BTC)
    assert refusal.value.facts == {"what": "rate_limit", "retry_after_seconds": seconds}


def test_what_the_custody_says_is_shortened_and_printable() -> None:
    long = no(500, "a\x00\n" + "b" * 1000)
    with reading({"/safe/outputs": long}) as (custody, _), pytest.raises(CustodyUnavailable) as refusal:
        custody.outputs(BTC)
    assert f"a{'b' * 199} (500)" in refusal.value.detail
    assert "b" * 200 not in refusal.value.detail


def test_an_error_of_one_call_does_not_decide_another() -> None:
    """404 is "unknown" only where something was asked for by its id."""
    answers = {path: no(404) for path in ("/safe/outputs", "/safe/snapshots", KEYS, REGISTER)}
    with reading(answers) as (custody, _), sending(answers) as (sender, _):
        calls: list[Callable[[], object]] = [
            lambda: custody.outputs(BTC),
            lambda: custody.snapshots(SINCE),
            lambda: sender.draft(TRANSFER),
            lambda: sender.send(DRAFTS),
        ]
        for call in calls:
            with pytest.raises(CustodyUnavailable) as refusal:
                call()
            assert refusal.value.facts == {"what": "custody_error"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("app_id", "hush"),
        ("app_id", APP.upper()),
        ("session_id", "hush"),
        ("session_private_key", "hush"),
        ("spend_private_key", "hush"),
    ],
)
def test_a_key_that_can_not_be_one_is_refused_and_not_shown(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"custody's|private key") as refusal:
        MixinSender("https://x.example", **{**SPEND_KEY, name: value})
    assert value not in str(refusal.value)


# Snapshots


def test_snapshots_are_asked_for_from_a_time_on_the_oldest_first() -> None:
    with reading({"/safe/snapshots": []}) as (custody, script):
        assert custody.snapshots(SINCE) == []
        assert custody.snapshots(SINCE, BTC) == []
    asked = {"offset": SINCE, "limit": "500", "order": "ASC"}
    assert [(asked.method, asked.query) for asked in script.asked] == [("GET", asked), ("GET", asked | {"asset": BTC})]


def test_money_that_came_in_is_told_with_its_sender_and_memo() -> None:
    with reading({"/safe/snapshots": [snapshot()]}) as (custody, _):
        (told,) = custody.snapshots(SINCE)
    assert told == Snapshot(
        snapshot_id=uuid(1),
        quantity=Quantity("0.5", BTC),
        created_at="2026-01-01T00:00:01.500000000Z",
        transaction_hash=hash_(1),
        opponent_id=OPPONENT,
        memo=b"hello",
    )


def test_the_request_id_of_a_stranger_is_never_taken_for_ours() -> None:
    """Who sends to us chooses his own."""
    with reading({"/safe/snapshots": [snapshot(1), snapshot(2, amount="-0.5")]}) as (custody, _):
        assert [told.request_id for told in custody.snapshots(SINCE)] == [None, REQUEST]


@pytest.mark.parametrize("nobody", ["", None, "a group of people"])
def test_a_deposit_has_the_chains_hash_and_no_opponent(nobody: str | None) -> None:
    told = snapshot(opponent_id=nobody, memo="", deposit={"deposit_hash": "0xab", "deposit_index": 1})
    with reading({"/safe/snapshots": [told]}) as (custody, _):
        (found,) = custody.snapshots(SINCE)
    assert (found.opponent_id, found.deposit_hash, found.memo, found.withdrawal_hash) == (None, "0xab", b"", None)


@pytest.mark.parametrize(("told", "found"), [("", None), (None, None), ("0xcd", "0xcd")])
def test_a_withdrawal_has_the_chains_hash_once_the_chain_has_it(told: str | None, found: str | None) -> None:
    gone = snapshot(amount="-0.5", withdrawal={"withdrawal_hash": told, "receiver": ELSEWHERE})
    with reading({f"/safe/snapshots/{uuid(1)}": gone}) as (custody, _):
        assert custody.snapshot(uuid(1)).withdrawal_hash == found


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ("2026-01-01T00:00:01Z", "2026-01-01T00:00:01.000000000Z"),
        ("2026-01-01T00:00:01.000000001Z", "2026-01-01T00:00:01.000000001Z"),
        ("2026-01-01T00:00:01.12Z", "2026-01-01T00:00:01.120000000Z"),
    ],
)
def test_times_have_nine_digits_so_that_they_sort_as_texts(told: str, text: str) -> None:
    with reading({"/safe/snapshots": [snapshot(created_at=told)]}) as (custody, _):
        assert custody.snapshots(SINCE)[0].created_at == text


@pytest.mark.parametrize("amount", ["0.00000001", "-0.5", "10.50000000", "9" * 78])
def test_any_amount_of_any_asset_can_be_told(amount: str) -> None:
    """Anybody may make an asset and send it: that must not hide what came with it."""
    with reading({"/safe/snapshots": [snapshot(amount=amount)]}) as (custody, _):
        assert custody.snapshots(SINCE)[0].quantity.amount == Decimal(amount)


@pytest.mark.parametrize(
    "told",
    [
        [snapshot(user_id=OPPONENT)],
        [snapshot(asset_id=USDT, kernel_asset_id=kernel_asset_id(USDT))],
        [snapshot(kernel_asset_id=kernel_asset_id(USDT))],
        [snapshot(1), snapshot(1, created_at="2026-01-01T00:00:02Z")],
        [snapshot(2), snapshot(1)],
        [snapshot(created_at="2025-12-31T23:59:59.999999999Z")],
        [snapshot(created_at="2026-13-01T00:00:00Z")],
        [snapshot(created_at="2026-01-01 00:00:00Z")],
        [snapshot(created_at=1767225600)],
        *([snapshot(amount=wrong)] for wrong in ("0", "0.000000001", "1e3", "+1", "", 0.5, None, "1,5", "NaN", "½")),
        [snapshot(memo="hello")],
        [snapshot(memo="abc")],
        [snapshot(snapshot_id="one")],
        [snapshot(transaction_hash="")],
        [snapshot(deposit=[])],
        [snapshot(deposit="0xab")],
        [snapshot(withdrawal={"withdrawal_hash": 7})],
        [None],
        snapshot(),
        "none",
        None,
        [snapshot(number % 60, snapshot_id=uuid(number)) for number in range(501)],
    ],
)
def test_snapshots_that_can_not_be_are_not_believed(told: object) -> None:
    not_believed(lambda custody: custody.snapshots(SINCE, BTC), {"/safe/snapshots": told})


def test_a_page_of_snapshots_is_taken_whole() -> None:
    told = [snapshot(n, created_at=f"2026-01-01T00:00:00.{n:03}Z") for n in range(PAGE_MAX)]
    with reading({"/safe/snapshots": told}) as (custody, _):
        assert len(custody.snapshots(SINCE)) == PAGE_MAX


@pytest.mark.parametrize("since", ["", "yesterday", "2026-01-01", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00+00:00"])
def test_snapshots_since_no_time_are_not_asked_for(since: str) -> None:
    with reading({}) as (custody, script), pytest.raises(ValueError, match="is not a time"):
        custody.snapshots(since)
    assert script.asked == []


def test_a_snapshot_is_asked_for_by_its_id() -> None:
    with reading({f"/safe/snapshots/{uuid(1)}": snapshot()}) as (custody, _):
        assert custody.snapshot(uuid(1)).memo == b"hello"
    not_believed(lambda custody: custody.snapshot(uuid(2)), {f"/safe/snapshots/{uuid(2)}": snapshot(1)})


def test_a_snapshot_that_the_custody_does_not_have_is_unknown() -> None:
    with reading({f"/safe/snapshots/{uuid(1)}": no(404)}) as (custody, script):
        for snapshot_id in (uuid(1), "one", "../me", ""):
            with pytest.raises(SnapshotUnknown):
                custody.snapshot(snapshot_id)
    assert script.paths == [f"/safe/snapshots/{uuid(1)}"]


# Outputs


def test_outputs_are_asked_for_that_are_ours_alone_and_unspent() -> None:
    with reading({"/safe/outputs": [output(3), output(7)]}) as (custody, script):
        found = custody.outputs(BTC, 2)
    assert found == [Output(uuid(n), Quantity("0.5", BTC), hash_(n), 0, n) for n in (3, 7)]
    assert script.asked[0].query == {
        "members": members_hash([APP]),
        "threshold": "1",
        "asset": BTC,
        "state": "unspent",
        "offset": "2",
        "limit": "500",
        "order": "ASC",
    }


def test_the_output_at_the_offset_is_left_out_when_it_is_told() -> None:
    with reading({"/safe/outputs": [output(2), output(3)]}) as (custody, _):
        assert [found.sequence for found in custody.outputs(BTC, 2)] == [3]


@pytest.mark.parametrize(
    "told",
    [
        [output(state="spent")],
        [output(state="signed")],
        [output(state=None)],
        [output(kernel_asset_id=kernel_asset_id(USDT))],
        [output(receivers_hash=members_hash([OPPONENT]))],
        [output(receivers_threshold=2)],
        [output(receivers_threshold=True)],
        [output(amount="0")],
        [output(amount="-1")],
        [output(amount="0.000000001")],
        [output(amount=1)],
        [output(1), output(2, output_id=uuid(1))],
        [output(1), output(2, transaction_hash=hash_(1))],
        [output(1), output(2, sequence=1)],
        [output(2), output(1)],
        [output(0)],
        [output(sequence="1")],
        [output(sequence=True)],
        [output(output_index=-1)],
        [output(output_index="0")],
        [output(transaction_hash="0x" + "0" * 62)],
        [output(output_id="")],
        [output(number) for number in range(1, 502)],
        {},
    ],
)
def test_outputs_that_can_not_be_spent_as_told_are_not_believed(told: object) -> None:
    not_believed(lambda custody: custody.outputs(BTC, 1), {"/safe/outputs": told})


# Assets, fees, addresses


@pytest.mark.parametrize(
    ("possibility", "takes_tag"), [("positive", True), ("possible", True), ("negative", False), ("none", False)]
)
def test_an_asset_has_its_chain_its_precision_and_perhaps_tags(possibility: str, takes_tag: bool) -> None:
    path = f"/network/assets/{USDT}"
    with reading({path: asset(withdrawal_memo_possibility=possibility)}) as (custody, _):
        assert custody.asset(USDT) == CustodyAsset(USDT, ETH, "USDT", 6, takes_tag)


@pytest.mark.parametrize(
    "told",
    [
        {"asset_id": ETH},
        {"chain_id": ""},
        {"precision": None},
        {"precision": -1},
        {"symbol": ""},
        {"symbol": 7},
        {"withdrawal_memo_possibility": "perhaps"},
        {"withdrawal_memo_possibility": None},
        {"withdrawal_memo_possibility": []},
    ],
)
def test_an_asset_that_can_not_be_is_not_believed(told: dict[str, object]) -> None:
    not_believed(lambda custody: custody.asset(USDT), {f"/network/assets/{USDT}": asset(**told)})


FEES = f"/safe/assets/{USDT}/fees"
ASSET = f"/network/assets/{USDT}"


def test_a_fee_in_the_asset_itself_is_preferred() -> None:
    with reading({FEES: [fee("0.002", ETH), fee("3.5", USDT)]}) as (custody, script):
        assert custody.withdrawal_fee(USDT, ELSEWHERE) == Quantity("3.5", USDT)
    assert [(asked.path, asked.query) for asked in script.asked] == [(FEES, {"destination": ELSEWHERE})]


def test_else_the_fee_is_in_the_asset_of_its_chain() -> None:
    with reading({FEES: [fee("9", BTC), fee("0.002", ETH)], ASSET: asset()}) as (custody, _):
        assert custody.withdrawal_fee(USDT, ELSEWHERE) == Quantity("0.002", ETH)


@pytest.mark.parametrize("order", [1, -1])
def test_of_several_fees_the_highest_is_taken_in_whatever_order(order: int) -> None:
    """It is the one that is not too low by the time the withdrawal comes. Priorities are texts or numbers."""
    fees = [fee("1", USDT, "slow"), fee("10", USDT, 3), fee("2", USDT, None)][::order]
    with reading({FEES: fees}) as (custody, _):
        assert custody.withdrawal_fee(USDT, ELSEWHERE) == Quantity("10", USDT)


@pytest.mark.parametrize(
    "told", [[], [fee("9", BTC)], [fee("0", ETH)], [fee("-1", ETH), fee("1", ETH)], [fee("x", ETH)], [{}], {}]
)
def test_a_fee_that_can_not_be_is_not_believed(told: object) -> None:
    not_believed(lambda custody: custody.withdrawal_fee(USDT, ELSEWHERE), {FEES: told, ASSET: asset()})


@pytest.mark.parametrize("code", [10002, 30102])
def test_an_address_that_can_not_be_one_is_refused(code: int) -> None:
    with reading({FEES: no(code, "no such address")}) as (custody, script), pytest.raises(CustodyRefused) as refusal:
        custody.withdrawal_fee(USDT, "a b&c=d")
    assert (refusal.value.ours, refusal.value.alarm) == (False, None)
    assert refusal.value.facts == {"custody_said": f"no such address ({code})"}
    assert script.asked[0].query == {"destination": "a b&c=d"}


def test_an_asset_that_the_custody_does_not_have_is_unknown() -> None:
    answers = {path: no(404) for path in (FEES, ASSET, "/safe/deposit/entries")}
    with reading(answers) as (custody, script):
        for asset_id in (USDT, "USDT", "../me", ""):
            for ask in (custody.asset, custody.deposit_address, lambda one: custody.withdrawal_fee(one, ELSEWHERE)):
                with pytest.raises(CustodyAssetUnknown):
                    ask(asset_id)
    assert script.paths == [ASSET, "/safe/deposit/entries", FEES]


def test_money_is_sent_to_our_own_address_on_a_chain() -> None:
    with reading({"/safe/deposit/entries": [entry(tag="90210")]}) as (custody, script):
        assert custody.deposit_address(BTC) == Address("bc1qdesk", "90210")
    (asked,) = script.asked
    assert (asked.method, asked.json) == ("POST", {"members": [APP], "threshold": 1, "chain_id": BTC})


@pytest.mark.parametrize(
    "told",
    [entry(), [entry(), entry()], [entry(is_primary=None)], [entry(is_primary=False, destination="old"), entry()]],
)
def test_of_several_addresses_the_primary_one_is_taken(told: object) -> None:
    with reading({"/safe/deposit/entries": told}) as (custody, _):
        assert custody.deposit_address(BTC) == Address("bc1qdesk")


@pytest.mark.parametrize(
    "told",
    [
        [],
        None,
        [entry(destination="")],
        [entry(destination="bc1 q")],
        [entry(destination=None)],
        [entry(tag=None)],
        [entry(tag=90210)],
        [entry(chain_id=ETH)],
        [entry(members=[OPPONENT])],
        [entry(members=[APP, OPPONENT])],
        [entry(threshold=2)],
        [entry(), entry(destination="bc1qother")],
        [entry(is_primary=False), entry(is_primary=False, destination="bc1qother")],
        [entry(), entry(is_primary=False, members=[OPPONENT])],
    ],
)
def test_an_address_that_may_not_be_ours_is_not_believed(told: object) -> None:
    not_believed(lambda custody: custody.deposit_address(BTC), {"/safe/deposit/entries": told})


# A transaction that was sent


@pytest.mark.parametrize(("told", "state"), [("signed", State.SIGNED), ("spent", State.SPENT)])
def test_a_transaction_is_found_by_its_request_id(told: str, state: State) -> None:
    with reading({LOOK: transaction(state=told)}) as (custody, _):
        assert custody.transaction(REQUEST) == Transaction(REQUEST, hash_(9), state)


@pytest.mark.parametrize(("hashes", "found"), [(["", None], None), (["", "0xcd"], "0xcd"), (["0xcd", "0xcd"], "0xcd")])
def test_a_transaction_has_the_chains_hash_once_it_is_there(hashes: list[str | None], found: str | None) -> None:
    receivers = [{"members": [APP]}, *({"withdrawal_hash": told} for told in hashes)]
    with reading({LOOK: transaction(receivers=receivers)}) as (custody, _):
        assert custody.transaction(REQUEST).withdrawal_hash == found


def test_what_is_registered_and_not_signed_is_unknown() -> None:
    with reading({LOOK: transaction(state="unspent")}) as (custody, _), pytest.raises(TransactionUnknown):
        custody.transaction(REQUEST)


def test_what_nobody_sent_is_unknown() -> None:
    with reading({LOOK: no(404)}) as (custody, script):
        for request_id in (REQUEST, "one", "../me", ""):
            with pytest.raises(TransactionUnknown):
                custody.transaction(request_id)
    assert script.paths == [LOOK]


@pytest.mark.parametrize(
    "told",
    [
        {"request_id": FEE_REQUEST},
        {"request_id": FEE_REQUEST, "state": "unspent"},
        {"state": "lost"},
        {"state": None},
        {"state": []},
        {"transaction_hash": None},
        {"receivers": [{"withdrawal_hash": "0xab"}, {"withdrawal_hash": "0xcd"}]},
        {"receivers": [{"withdrawal_hash": 7}]},
        {"receivers": "nobody"},
    ],
)
def test_a_transaction_that_can_not_be_is_not_believed(told: dict[str, object]) -> None:
    not_believed(lambda custody: custody.transaction(REQUEST), {LOOK: transaction(**told)})


# Drafting


def drafted(sender: MixinSender, sending: Sending = TRANSFER) -> list[Draft]:
    return list(sender.draft(sending))


def test_a_transfer_pays_its_receiver_and_us_what_is_left() -> None:
    with sending({KEYS: keys(0, 1)}) as (sender, script):
        (draft,) = drafted(sender)
    assert draft.request_id == REQUEST
    assert read(draft) == KernelTransaction(
        asset=kernel_asset_id(BTC),
        inputs=(Input(hash_(1), 0),),
        outputs=(paid("0.3", 0), paid("0.2", 1)),
        extra=b"a memo",
    )
    assert script.paths == [KEYS]
    assert script.asked[0].json == [
        {"receivers": [OPPONENT], "index": 0, "hint": ghost_hint(REQUEST, 0)},
        {"receivers": [APP], "index": 1, "hint": ghost_hint(REQUEST, 1)},
    ]


def test_inputs_that_are_just_enough_leave_nothing_to_come_back() -> None:
    with sending({KEYS: keys(0)}) as (sender, _):
        (draft,) = drafted(sender, replace(TRANSFER, inputs=(owned("0.1"), owned("0.2", number=2))))
    assert read(draft).outputs == (paid("0.3", 0),)


def test_a_withdrawal_pays_its_fee_to_the_cashier_from_the_same_inputs() -> None:
    """The tag is the output's: what stands in extra is nothing that an exchange reads."""
    with sending({KEYS: keys(0, 1)}) as (sender, script):
        assert drafted(sender, WITHDRAWAL) == DRAFTS
    assert script.asked[0].json == [
        {"receivers": [CASHIER.user_id], "index": 1, "hint": ghost_hint(REQUEST, 1)},
        {"receivers": [APP], "index": 2, "hint": ghost_hint(REQUEST, 2)},
    ]


def test_a_fee_in_another_asset_is_a_second_transaction_that_names_the_first() -> None:
    with sending({KEYS: keys(0, 1)}) as (sender, script):
        assert drafted(sender, TWO_ASSETS) == PAIR
    assert read(PAIR[1]).references == (PAIR[0].transaction_hash,)
    assert script.asked[0].json == [
        {"receivers": [APP], "index": 1, "hint": ghost_hint(REQUEST, 1)},
        {"receivers": [CASHIER.user_id], "index": 0, "hint": ghost_hint(FEE_REQUEST, 0)},
    ]


def test_the_same_sending_asks_for_the_same_keys() -> None:
    with sending({KEYS: keys(0, 1)}) as (sender, script):
        assert drafted(sender, WITHDRAWAL) == drafted(sender, WITHDRAWAL)
    first, second = script.asked
    assert first.body == second.body


SMALL = Quantity("0.000000001", BTC)


@pytest.mark.parametrize(
    ("unsendable", "why"),
    [
        (replace(TRANSFER, quantity=Quantity("0.50000001", BTC)), "do not cover"),
        (replace(TRANSFER, inputs=()), "do not cover"),
        (replace(TRANSFER, inputs=(owned("0.5", USDT),)), "not all in"),
        (replace(TRANSFER, inputs=(owned("0.5"), owned("0.5"))), "spent twice"),
        (replace(TRANSFER, quantity=Quantity(0, BTC)), "not above zero"),
        (replace(TRANSFER, quantity=Quantity("-0.1", BTC)), "not above zero"),
        (replace(TRANSFER, quantity=SMALL), "no amount"),
        (replace(TRANSFER, quantity=Quantity("1E+999", BTC)), "no amount"),
        (replace(TRANSFER, inputs=(owned("0.5"), owned("1E+999", number=2))), "no amount"),
        (replace(TRANSFER, inputs=(owned("0.500000001"),)), "not above zero"),
        (replace(WITHDRAWAL, fee=Quantity("1E+999", BTC)), "no amount"),
        (replace(TRANSFER, quantity=Quantity("0.100000001", BTC)), "not above zero"),
        (replace(TRANSFER, quantity=Quantity("0.5", "BTC")), "not all in"),
        (replace(TRANSFER, extra=bytes(257)), "bytes of extra"),
        (replace(TRANSFER, fee=Quantity("0.1", BTC)), "a transfer none"),
        (replace(TRANSFER, fee_inputs=(owned("1", ETH, 2),)), "another asset"),
        (replace(TRANSFER, request_id="one"), "UUID"),
        (replace(TRANSFER, inputs=tuple(owned("1", number=n) for n in range(257))), "256 inputs"),
        (replace(WITHDRAWAL, fee=None), "a withdrawal costs a fee"),
        (replace(WITHDRAWAL, fee=Quantity("0.20000001", BTC)), "do not cover"),
        (replace(WITHDRAWAL, fee=Quantity(0, BTC)), "not above zero|no amount"),
        (replace(WITHDRAWAL, to=Address("")), "no destination"),
        (replace(WITHDRAWAL, fee_inputs=(owned("1", number=3),)), "another asset"),
        (replace(TWO_ASSETS, fee_inputs=()), "another asset"),
        (replace(TWO_ASSETS, fee_inputs=(owned("0.00199999", ETH, 2),)), "do not cover"),
        (replace(TWO_ASSETS, fee_inputs=(owned("9", USDT, 2),)), "not all in"),
        (replace(TWO_ASSETS, fee_inputs=(owned("0.002", ETH, 1),)), "spent twice"),
    ],
)
def test_what_can_not_be_a_transaction_is_refused_before_anybody_is_asked(unsendable: Sending, why: str) -> None:
    with sending({KEYS: keys(0, 1)}) as (sender, script), pytest.raises(ValueError, match=why):
        sender.draft(unsendable)
    assert script.asked == []


@pytest.mark.parametrize(
    "told",
    [
        keys(0),
        keys(0, 1, 2),
        keys(0, 0),
        [keys(0)[0], {**keys(1)[0], "keys": keys(0)[0]["keys"]}],
        [keys(0)[0], {**keys(1)[0], "mask": keys(0)[0]["mask"]}],
        [keys(0)[0], {**keys(1)[0], "keys": []}],
        [keys(0)[0], {**keys(1)[0], "keys": [hash_(1), hash_(2)]}],
        [keys(0)[0], {**keys(1)[0], "keys": ["one"]}],
        [keys(0)[0], {**keys(1)[0], "mask": ""}],
        {},
        None,
    ],
)
def test_keys_that_can_not_be_are_not_believed(told: object) -> None:
    not_believed(drafted, {KEYS: told})


@pytest.mark.parametrize(("code", "ours"), [(10404, False), (20150, False), (10002, True), (400, True)])
def test_a_user_who_can_not_be_paid_is_refused(code: int, ours: bool) -> None:
    with sending({KEYS: no(code)}) as (sender, _), pytest.raises(CustodyRefused) as refusal:
        drafted(sender)
    assert refusal.value.ours is ours


# Sending


def sent(sender: MixinSender, drafts: list[Draft] = DRAFTS) -> list[Transaction]:
    return list(sender.send(drafts))


def test_what_is_sent_is_the_draft_signed_for_each_of_its_inputs() -> None:
    (draft,) = DRAFTS
    with sending({REGISTER: [registered(draft)], SEND: [done(draft)]}) as (sender, script):
        assert sent(sender) == [Transaction(REQUEST, draft.transaction_hash, State.SIGNED)]
    asked, signed = script.asked
    assert (asked.method, asked.path) == ("POST", REGISTER)
    assert asked.json == [{"request_id": REQUEST, "raw": draft.raw}]
    assert (signed.method, signed.path) == ("POST", SEND)
    assert signed.json[0]["request_id"] == REQUEST
    unsigned, signatures = decode(bytes.fromhex(signed.json[0]["raw"]))
    assert unsigned == read(draft)
    for number, signature in enumerate(signatures, start=1):
        owner(number).verify(signature, bytes.fromhex(draft.transaction_hash))
    assert len(signatures) == 2


def owner(number: int) -> Ed25519PublicKey:
    """Whose signature spends an output of ours that has the view `number`."""
    spend = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(SPEND_KEY["spend_private_key"])).public_key()
    point = bindings.crypto_scalarmult_ed25519_base_noclamp(bytes.fromhex(view(number)))
    return Ed25519PublicKey.from_public_bytes(bindings.crypto_core_ed25519_add(point, spend.public_bytes_raw()))


@pytest.mark.parametrize("order", [1, -1])
def test_a_withdrawal_and_its_fee_are_sent_together_and_answered_in_order(order: int) -> None:
    answers = {REGISTER: [registered(d) for d in PAIR][::order], SEND: [done(d) for d in PAIR][::-order]}
    with sending(answers) as (sender, script):
        assert [transaction.request_id for transaction in sent(sender, PAIR)] == [REQUEST, FEE_REQUEST]
    assert script.paths == [REGISTER, SEND]
    for asked in script.asked:
        assert [each["request_id"] for each in asked.json] == [REQUEST, FEE_REQUEST]


@pytest.mark.parametrize("state", ["signed", "spent"])
def test_what_was_sent_before_is_not_signed_again(state: str) -> None:
    told = [done(DRAFTS[0], state=state, receivers=[{"withdrawal_hash": "0xcd"}])]
    with sending({REGISTER: told}) as (sender, script):
        (answer,) = sent(sender)
    assert answer == Transaction(REQUEST, DRAFTS[0].transaction_hash, State(state.upper()), "0xcd")
    assert script.paths == [REGISTER]


def test_of_two_drafts_only_the_one_that_was_not_sent_is_sent() -> None:
    answers = {REGISTER: [done(PAIR[0]), registered(PAIR[1])], SEND: [done(PAIR[1])]}
    with sending(answers) as (sender, script):
        assert [transaction.state for transaction in sent(sender, PAIR)] == [State.SIGNED] * 2
    assert [each["request_id"] for each in script.asked[1].json] == [FEE_REQUEST]


SIGNED = encode(read(DRAFTS[0]), [bytes(64)] * 2).hex()


@pytest.mark.parametrize(
    "drafts",
    [
        [],
        [DRAFTS[0], DRAFTS[0]],
        [replace(DRAFTS[0], raw=DRAFTS[0].raw[:-2])],
        [replace(DRAFTS[0], raw="no hex")],
        [replace(DRAFTS[0], raw=SIGNED)],
        [replace(DRAFTS[0], transaction_hash=hash_(1))],
    ],
)
def test_drafts_that_are_none_are_not_sent(drafts: list[Draft]) -> None:
    with sending({}) as (sender, script), pytest.raises(ValueError, match=r"draft|transaction|hexadecimal"):
        sender.send(drafts)
    assert script.asked == []


ANOTHER = {"transaction_hash": hash_(1)}


@pytest.mark.parametrize(
    "told",
    [
        [],
        None,
        [registered(DRAFTS[0]), registered(DRAFTS[0])],
        [registered(DRAFTS[0], request_id=FEE_REQUEST)],
        [registered(DRAFTS[0]), registered(DRAFTS[0], request_id=FEE_REQUEST)],
        [registered(DRAFTS[0], **ANOTHER)],
        [done(DRAFTS[0], **ANOTHER)],
        [registered(DRAFTS[0], state="lost")],
        [registered(DRAFTS[0], views=None)],
        [registered(DRAFTS[0], views=[view(1)])],
        [registered(DRAFTS[0], views=[view(1)] * 3)],
        [registered(DRAFTS[0], views=[view(1), view(0)])],
        [registered(DRAFTS[0], views=[view(1), "ff" * 32])],
        [registered(DRAFTS[0], views=[view(1), "one"])],
        [registered(DRAFTS[0], views=[view(1), {"destination": ""}])],
    ],
)
def test_nothing_is_signed_for_a_custody_that_is_not_believed(told: object) -> None:
    script = not_believed(sent, {REGISTER: told})
    assert script.paths == [REGISTER]


@pytest.mark.parametrize(
    "told",
    [
        [],
        [done(DRAFTS[0], request_id=FEE_REQUEST)],
        [done(DRAFTS[0], **ANOTHER)],
        [done(DRAFTS[0], state="unspent")],
        [done(DRAFTS[0]), done(DRAFTS[0])],
    ],
)
def test_what_was_sent_is_not_believed_to_be_something_else(told: object) -> None:
    not_believed(sent, {REGISTER: [registered(DRAFTS[0])], SEND: told})


# The definite no

REFUSALS = {
    **dict.fromkeys([10105, 10404, 20120, 20124, 20127, 20131, 20134, 20135, 20150, 30102, 2000002], False),
    **dict.fromkeys([400, 10002, 20117, 2000001, 2000003], True),
}


@pytest.mark.parametrize("refuses", [REGISTER, SEND])
@pytest.mark.parametrize("code", REFUSALS)
def test_a_definite_no_is_told_apart_from_a_fault_of_ours(code: int, refuses: str) -> None:
    answers = {REGISTER: [registered(DRAFTS[0])], LOOK: no(404), refuses: no(code)}
    with sending(answers) as (sender, script), pytest.raises(CustodyRefused) as refusal:
        sent(sender)
    assert refusal.value.ours is REFUSALS[code]
    assert refusal.value.facts == {"custody_said": f"as it says ({code})"}
    assert script.paths[-2:] == [refuses, LOOK]


@pytest.mark.parametrize("refuses", [REGISTER, SEND])
def test_a_no_to_what_was_sent_before_is_no_refusal(refuses: str) -> None:
    """The output that the custody calls locked is locked by the very same transaction."""
    answers = {
        REGISTER: [registered(d) for d in PAIR],
        LOOK: done(PAIR[0]),
        LOOK_FEE: done(PAIR[1]),
        refuses: no(10105),
    }
    with sending(answers) as (sender, _):
        assert [transaction.request_id for transaction in sent(sender, PAIR)] == [REQUEST, FEE_REQUEST]


def test_a_no_whose_look_up_fails_decides_nothing() -> None:
    answers: Answers
    for look in (no(500), Drop, Answer(500, ""), no(429)):
        answers = {REGISTER: no(10105), LOOK: look}
        with sending(answers) as (sender, _), pytest.raises(CustodyUnavailable):
            sent(sender)


def test_a_no_to_a_half_of_what_was_sent_decides_nothing() -> None:
    answers = {REGISTER: no(10105), LOOK: done(PAIR[0]), LOOK_FEE: no(404)}
    with sending(answers) as (sender, _), pytest.raises(CustodyUnavailable) as refusal:
        sent(sender, PAIR)
    assert refusal.value.facts == {"what": "custody_error"}


def test_another_transaction_under_our_request_id_is_not_believed() -> None:
    not_believed(sent, {REGISTER: no(10105), LOOK: done(DRAFTS[0], **ANOTHER)})


# Faults


@pytest.mark.parametrize("lost", [REGISTER, SEND])
@pytest.mark.parametrize("how", [Drop, Answer(500, ""), no(500), no(429), Answer(200, "{")])
def test_nothing_is_sent_twice_unbidden(lost: str, how: object) -> None:
    answers = {REGISTER: [registered(DRAFTS[0])], lost: how}
    with sending(answers) as (sender, script), pytest.raises(CustodyUnavailable):
        sent(sender)
    assert script.paths == ([REGISTER] if lost == REGISTER else [REGISTER, SEND])


def test_sent_again_after_a_lost_answer_it_is_the_same_bytes() -> None:
    answers = {REGISTER: [registered(DRAFTS[0])], SEND: (Drop, [done(DRAFTS[0])])}
    with sending(answers) as (sender, script):
        with pytest.raises(CustodyUnavailable):
            sent(sender)
        assert sent(sender)[0].state is State.SIGNED
    first, again = (asked for asked in script.asked if asked.path == SEND)
    assert first.body == again.body


def test_what_an_operation_asks_ends_within_its_time() -> None:
    """The look-up after a no has what is left of it."""
    seconds = [0.0, 0.0, OPERATION_SECONDS_MAX]
    slow = sending({REGISTER: no(10105), LOOK: no(404)}, monotonic=lambda: seconds.pop(0))
    with slow as (sender, script), pytest.raises(CustodyUnavailable) as refusal:
        sent(sender)
    assert refusal.value.facts == {"what": "timeout"}
    assert script.paths == [REGISTER]


def test_to_ourselves_money_may_be_sent_too() -> None:
    """Many small outputs become a large one."""
    with sending({KEYS: keys(0)}) as (sender, _):
        (draft,) = drafted(sender, replace(TRANSFER, quantity=Quantity("0.5", BTC), to=User(APP)))
    assert read(draft).outputs == (paid("0.5", 0),)
