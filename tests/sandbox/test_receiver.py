"""The program that listens on this machine: it believes nothing that is not signed for it, now."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from common.gateways.receivers import ReceiverSilent
from common.gateways.receivers.http import HttpReceivers
from functions.notifications import signing
from sandbox.receiver import Event, Receiver

SECRET = signing.secret(b"master", "endpoint-1", "", 1)
BODY = json.dumps({"type": "order.completed", "timestamp": "2026-11-21T12:00:00Z", "data": {"id": "O1"}})
RECEIVERS = HttpReceivers(loopback=True)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as listening:
        listening.learn(SECRET)
        yield listening


def sent(to: Receiver, *, secret: str = SECRET, webhook_id: str = "G1", body: str = BODY, late: int = 0) -> int:
    at = datetime.now(UTC) - timedelta(seconds=late)
    return RECEIVERS.post(to.url, signing.headers([secret], webhook_id, at, body), body.encode())


def test_what_is_verified_is_received_once_however_often_it_comes(receiver: Receiver) -> None:
    assert [sent(receiver), sent(receiver), sent(receiver, webhook_id="G2")] == [200] * 3
    at = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert receiver.received() == [Event(each, "order.completed", at, {"id": "O1"}) for each in ("G1", "G2")]
    assert receiver.refused == 0


def test_what_is_signed_by_another_or_long_ago_or_not_at_all_is_refused(receiver: Receiver) -> None:
    assert sent(receiver, secret=signing.secret(b"master", "endpoint-1", "", 2)) == 401
    assert sent(receiver, late=301) == 401
    assert RECEIVERS.post(receiver.url, {}, BODY.encode()) == 401
    signed = {"webhook-id": "G1", "webhook-timestamp": str(int(datetime.now(UTC).timestamp()))}
    for signature in ("", "v1", "v1,%", "v2,AAAA"):
        assert RECEIVERS.post(receiver.url, {**signed, "webhook-signature": signature}, BODY.encode()) == 401
    assert (receiver.received(), receiver.refused) == ([], 7)


def test_a_receiver_without_a_secret_or_that_is_down_takes_nothing() -> None:
    with Receiver() as receiver:
        assert sent(receiver) == 503
        receiver.learn(SECRET)
        receiver.goes_down()
        with pytest.raises(ReceiverSilent):
            sent(receiver)
        receiver.comes_back()
        assert sent(receiver) == 200
        receiver.forget()
        assert receiver.received() == []
