"""The bank's webhook: no token, but a signature over every byte. What is not the bank's is refused before it is read;
what is the bank's is taken once, and never asked for again.

How a signature is read, and which events are understood, is for `tests/gateways/test_bank_events.py`.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from common.http import SIGNED_BYTES_MAX
from tests import openapi
from tests.calls import APART, WEBHOOK, World
from tests.doors import ROUTES, WEBHOOK_SECRETS, Answer, Doors, Token, event, handled, opened

NO_OBJECTS = (b"", b"[]", b'"adjustment.completed"', b"not JSON", b"\x00", b"[" * 8_000, "é".encode() * 8_000)
STRANGER = "whsec_" + base64.b64encode(b"a secret of somebody else's").decode()


@pytest.fixture
def world() -> Iterator[World]:
    world = World.kept()
    yield world
    world.desk.check()


@pytest.fixture
def doors(world: World) -> Iterator[Doors]:
    with opened(world.desk, openapi.check) as doors:
        yield doors


@pytest.fixture(scope="module")
def untouched() -> Iterator[World]:
    """Of all tests that change nothing."""
    world = World.made()
    before = world.desk.dynamo.items()
    yield world
    assert world.desk.dynamo.items() == before


@pytest.fixture
def refusing(untouched: World) -> Iterator[Doors]:
    with opened(untouched.desk, openapi.check) as doors:
        yield doors


def withdrawal(doors: Doors, world: World) -> str:
    told: str = doors.customer().get(f"/balance/withdrawals/{world.paying}").json["status"]
    return told


def refused(answer: Answer) -> bool:
    return (answer.status, answer.problem) == (403, "SignatureRefused")


def changed(world: World, **data: Any) -> bytes:
    """What the bank has told, with other members of its adjustment; one that is None is gone."""
    told = json.loads(world.told)
    told["data"] = {name: value for name, value in (told["data"] | data).items() if value is not None}
    return json.dumps(told).encode()


@APART
class TestWhatTheBankTells:
    def test_is_believed_without_a_token_and_applied_once(self, doors: Doors, world: World) -> None:
        assert withdrawal(doors, world) == "PENDING"
        taken = [doors.bank(world.told).json for _ in range(2)]
        assert taken == [{"taken": "APPLIED"}, {"taken": "REPEATED"}]
        assert withdrawal(doors, world) == "COMPLETED"

    def test_is_heard_for_five_minutes_however_often_it_is_played(self, doors: Doors, world: World) -> None:
        taken = [doors.bank(world.told, late=timedelta(seconds=late)).json for late in (0, 299)]
        assert taken == [{"taken": "APPLIED"}, {"taken": "REPEATED"}]
        before = world.desk.dynamo.items()
        assert refused(doors.bank(world.told, late=timedelta(seconds=301)))
        assert world.desk.dynamo.items() == before

    @pytest.mark.parametrize("secret", WEBHOOK_SECRETS)
    def test_is_signed_with_either_secret_while_it_is_replaced(self, doors: Doors, world: World, secret: str) -> None:
        assert doors.bank(world.told, secret=secret).json == {"taken": "APPLIED"}

    def test_may_come_as_base64_as_api_gateway_sends_any_body_it_likes(self, doors: Doors, world: World) -> None:
        assert as_base64(doors, world, world.told).json == {"taken": "APPLIED"}

    def test_may_come_with_somebodys_token_which_says_nothing(self, doors: Doors, world: World) -> None:
        signed = doors.signed(world.told)
        token = Token("eve", "sub-eve")
        answer = doors.ask("POST", "/webhooks/baas", token=token, headers=signed, body=world.told)
        assert answer.json == {"taken": "APPLIED"}

    @pytest.mark.parametrize(
        "kind", ["application/json; charset=utf-8", "application/vnd.bank+json", "text/json", "text/plain", ""]
    )
    def test_may_come_under_any_content_type(self, doors: Doors, world: World, kind: str) -> None:
        headers = {**doors.signed(world.told), "content-type": kind}
        told = doors.ask("POST", "/webhooks/baas", headers=headers, body=world.told)
        assert told.json == {"taken": "APPLIED"}

    @pytest.mark.parametrize("bytes_", [17_000, 64 * 1024])
    def test_may_be_as_long_as_what_is_read_of_the_banks_answers(self, doors: Doors, world: World, bytes_: int) -> None:
        assert doors.bank(world.told.ljust(bytes_)).json == {"taken": "APPLIED"}

    def test_may_come_with_a_byte_order_mark_and_a_signature_sent_twice(self, doors: Doors, world: World) -> None:
        told = b"\xef\xbb\xbf" + world.told
        headers = doors.signed(told)
        twice = f"{headers['webhook-signature']},{headers['webhook-signature']}"  # as API Gateway joins them
        answer = doors.ask("POST", "/webhooks/baas", headers={**headers, "webhook-signature": twice}, body=told)
        assert answer.json == {"taken": "APPLIED"}

    @pytest.mark.parametrize("amount", ["20.0000", "20", 20, 20.0, "020.00", "2e1"])
    def test_is_believed_however_the_same_amount_is_written(self, doors: Doors, world: World, amount: object) -> None:
        assert json.loads(world.told)["data"]["amount"] == "20.00"
        assert doors.bank(changed(world, amount=amount)).json == {"taken": "APPLIED"}

    @pytest.mark.parametrize(
        "no_news",
        [
            b'{"type": "ping", "timestamp": "2026-11-21T12:00:05Z", "data": {}}',
            b'{"type": "adjustment.created", "data": {"reference_id": "x", "status": "PENDING"}}',
            b'{"type": "adjustment.pending", "data": {"reference_id": "x", "status": "processing"}}',
            b'{"type": "account.updated", "data": {"id": "acc_1", "status": "ACTIVE"}}',
            b'{"type": "card.created"}',
        ],
        ids=lambda raw: str(json.loads(raw)["type"]),
    )
    def test_and_needs_nothing_wakes_nobody(
        self, doors: Doors, world: World, no_news: bytes, counted: Counter[str]
    ) -> None:
        before = world.desk.dynamo.items()
        assert doors.bank(no_news).json == {"taken": "IGNORED"}
        assert (world.desk.dynamo.items(), counted["EventsParked"]) == (before, 0)

    @pytest.mark.parametrize(
        "decided",
        [
            b'{"type": "adjustment.returned", "data": {"reference_id": "x", "status": "RETURNED"}}',
            b'{"type": "adjustment.reversed", "data": {"reference_id": "x", "status": "PENDING"}}',
            b'{"type": "adjustment.updated", "data": {"reference_id": "x", "status": "SETTLED"}}',
            b'{"type": "adjustment.updated", "data": {"reference_id": "x", "status": "HELD"}}',
            b'{"type": "transfer.updated", "data": {"id": "x", "status": "returned"}}',
            b'{"type": "account.closed", "data": {"id": "acc_1", "status": "CANCELED"}}',
        ],
    )
    def test_and_may_be_of_money_that_moved_wakes_a_person(self, doors: Doors, decided: bytes) -> None:
        assert doors.bank(decided).json == {"taken": "PARKED"}

    @pytest.mark.parametrize(
        ("strange", "kept"),
        [
            *((raw, f"{len(raw)} bytes that are no JSON object") for raw in NO_OBJECTS),
            (b"{}", "{}"),
            (b'{"type": "adjustment.reversed", "data": {}}', '{"type": "adjustment.reversed", "data": {}}'),
            (b'{"type": "adjustment.completed", "data": null}', '{"type": "adjustment.completed"}'),
            (
                b'{"type": "adjustment.completed", "data": {"amount": 20.00, "account": "acc-ann", "note": "4081"}}',
                '{"type": "adjustment.completed", "data": {"amount": "20.00"}}',
            ),
        ],
        ids=lambda raw: repr(raw)[:40],
    )
    def test_and_is_not_understood_is_kept_for_a_person_in_outline(
        self, doors: Doors, world: World, strange: bytes, kept: str
    ) -> None:
        before = {item["PK"]["S"]: item for item in world.desk.dynamo.items()}
        taken = [doors.bank(strange).json["taken"] for _ in range(2)]
        assert taken == ["PARKED", "REPEATED"]
        (event,) = [i for i in world.desk.dynamo.items() if i["PK"]["S"] not in before]
        assert event["PK"]["S"] == "HOOK#evt_of_a_test"
        (parked,) = [e for e in doors.operator().get("/operations/parked").json["items"] if e["strange"] is not None]
        assert parked["strange"] == kept
        assert parked["why"].startswith("the bank's event is not understood")
        told = doors.operator().post("/operations/parked/evt_of_a_test/dismiss", {"reason": "the bank was asked"})
        assert told.json["after"] == "DISMISSED"

    @pytest.mark.parametrize(
        "amount",
        [
            *("0", "0.00", "-20.00", "20.001", "20.00000000000000000001", "1e1", "1" * 16, "9" * 41, "NaN", "", None),
            *("19.99", "20.01", "9999999999.99"),
        ],
    )
    def test_of_an_amount_that_can_not_be_or_is_another_is_parked_and_moves_nothing(
        self, doors: Doors, world: World, amount: str | None
    ) -> None:
        """Once; what the bank tells rightly, later, is applied."""
        taken = [doors.bank(changed(world, amount=amount), event_id="evt_wrong").json["taken"] for _ in range(2)]
        assert taken == ["PARKED", "REPEATED"]
        assert withdrawal(doors, world) == "PENDING"
        assert "evt_wrong" in {e["webhook_id"] for e in doors.operator().get("/operations/parked").json["items"]}
        assert doors.bank(world.told).json == {"taken": "APPLIED"}
        assert withdrawal(doors, world) == "COMPLETED"

    @pytest.mark.parametrize("event_id", ["evt.1", "é", "x" * 65, "evt#1", "HOOK#x", "a b"])
    def test_under_an_id_that_no_key_can_hold_is_kept_under_one_that_can_be(
        self, doors: Doors, world: World, event_id: str
    ) -> None:
        taken = [doors.bank(world.told, event_id=event_id).json["taken"] for _ in range(2)]
        assert taken == ["PARKED", "REPEATED"]
        ids = {event["webhook_id"] for event in doors.operator().get("/operations/parked").json["items"]}
        assert len([id_ for id_ in ids if id_.startswith("sha256-")]) == 1
        assert withdrawal(doors, world) == "PENDING"


class TestWhatIsNotTheBanks:
    """Nothing of it is read, and nothing written."""

    def test_signed_with_another_secret(self, refusing: Doors, untouched: World) -> None:
        assert refused(refusing.bank(untouched.told, secret=STRANGER))

    def test_with_no_body(self, refusing: Doors, untouched: World) -> None:
        signed = refusing.signed(untouched.told)
        for nothing in (None, b""):
            assert refused(refusing.ask("POST", "/webhooks/baas", headers=signed, body=nothing))

    @pytest.mark.parametrize(
        "token", [None, Token("ann", "sub-ann"), Token("olga", "sub-olga", ("operators",))], ids=["none", "Ann", "Olga"]
    )
    def test_whoever_asks_without_a_signature(self, refusing: Doors, untouched: World, token: Token | None) -> None:
        kind = {"content-type": "application/json"}
        assert refused(refusing.ask("POST", "/webhooks/baas", token=token, headers=kind, body=untouched.told))

    def test_of_another_encoding_than_utf_8_or_over_64_kib(self, refusing: Doors, untouched: World) -> None:
        signed = refusing.signed(untouched.told)
        for body in (b"\xff" + untouched.told, untouched.told.ljust(SIGNED_BYTES_MAX + 1), b'{"\xed\xa0\x80": 1}'):
            answer = refusing.ask("POST", "/webhooks/baas", headers=signed, body=body)
            assert (answer.status, answer.problem) == (400, "BodyRefused")

    def test_and_a_signature_that_is_refused_is_counted(
        self, refusing: Doors, untouched: World, counted: Counter[str]
    ) -> None:
        assert refused(refusing.bank(untouched.told, secret=STRANGER))
        assert counted["SignaturesRefused"] == 1

    def test_asked_by_another_method(self, refusing: Doors) -> None:
        for method in ("GET", "PUT", "DELETE", "PATCH"):
            assert refusing.ask(method, "/webhooks/baas").status == 404


def test_the_document_asks_for_the_signature_and_for_no_token() -> None:
    told = openapi.operation(WEBHOOK)
    assert told["security"] == []
    assert [(p["in"], p["name"], p["required"]) for p in told["parameters"]] == [
        ("header", name, True) for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
    ]
    assert "401" not in told["responses"]


def as_base64(doors: Doors, world: World, body: bytes) -> Answer:
    now = world.desk.clock.at
    sent = event("POST", "/webhooks/baas", headers=doors.signed(body), body="", route=WEBHOOK, now=now)
    sent |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    return handled(ROUTES[WEBHOOK], sent)
