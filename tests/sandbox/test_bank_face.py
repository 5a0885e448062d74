"""The bank over HTTP: its API to the letter, controls that say what to do, and the process."""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import pytest
import urllib3

from common.gateways.bank import BankEvent, State
from common.gateways.bank.baas import event
from common.money import Money
from sandbox.bank import __main__ as bank_process
from sandbox.bank.bank import Outcome, SimulatedBank
from sandbox.bank.face import API_KEY, serve
from sandbox.bank.webhooks import WEBHOOK_SECRET, Sender
from sandbox.serving import Answer, Request
from sandbox.serving import serve as serve_http
from tests.gateways.wire import row
from tests.harness.clock import VirtualClock
from tests.sandbox import faces
from tests.sandbox.faces import Process, Said

NOW = datetime(2026, 11, 21, 9, 30, 0, 5, tzinfo=UTC)
CREDIT = "/v1/accounts/a-1/adjustments"
LOOK_UP = "/v1/adjustments?reference_id=pay-1"
TERMS = {
    **row("reference_id direction amount currency", "pay-1", "CREDIT", "123.4", "USD"),
    **row("reason description", "PAYOUT", "продажа 0,5 BTC"),
}


def call(url: str, method: str = "GET", body: object = None, key: str | None = "pay-1", bearer: str = API_KEY) -> Said:
    headers = {"Authorization": f"Bearer {bearer}"} | ({} if key is None else {"Idempotency-Key": key})
    return faces.call(url, method, body, headers=headers)


@pytest.fixture
def bank() -> SimulatedBank:
    return SimulatedBank(lambda: NOW, seed=7)


@pytest.fixture
def url(bank: SimulatedBank) -> Iterator[str]:
    with serve(bank) as face:
        yield face.url


# The bank's API


def test_a_credit_is_201_with_the_whole_adjustment(url: str) -> None:
    said = call(f"{url}{CREDIT}", "POST", TERMS | {"metadata": {"order": "o-1"}})
    assert said.status == 201
    assert said.headers["Content-Type"] == "application/json; charset=utf-8"
    assert "Idempotent-Replayed" not in said.headers
    adjustment_id = said.json.pop("id")
    assert adjustment_id.startswith("adj_")
    assert said.json == {
        **TERMS,
        **row("id account_id amount metadata", adjustment_id, "a-1", "123.40", {"order": "o-1"}),
        **row("status failure_code", "PENDING", None),
        **row("created_at updated_at", "2026-11-21T09:30:00.000005Z", "2026-11-21T09:30:00.000005Z"),
    }


def test_a_repeat_is_200_and_says_so(bank: SimulatedBank, url: str) -> None:
    first = call(f"{url}{CREDIT}", "POST", TERMS)
    again = call(f"{url}{CREDIT}", "POST", TERMS)
    assert (again.status, again.headers["Idempotent-Replayed"], again.text) == (200, "true", first.text)
    bank.settle()
    later = call(f"{url}{CREDIT}", "POST", TERMS)
    assert (later.status, later.json) == (200, first.json | {"status": "COMPLETED"})


@pytest.mark.parametrize(
    "other",
    [{"amount": "123.41"}, {"description": "another"}, {"reason": "GIFT"}, {"metadata": {"a": "b"}}, {"amount": "0"}],
    ids=str,
)
def test_a_key_and_a_reference_are_of_one_credit(bank: SimulatedBank, url: str, other: dict[str, object]) -> None:
    call(f"{url}{CREDIT}", "POST", TERMS)
    said = call(f"{url}{CREDIT}", "POST", TERMS | other)
    assert (said.status, "other terms" in said.error) == (409, True)
    assert call(f"{url}/v1/accounts/a-2/adjustments", "POST", TERMS).status == 409
    said = call(f"{url}{CREDIT}", "POST", TERMS, key="pay-2")
    assert (said.status, "the reference pay-1 was used under another key" in said.error) == (409, True)
    assert len(bank.records()) == 1


NOT_TEXT, NO_AMOUNT = "must be text", "amount must be text such as"
UNBOOKABLE: dict[str, list[dict[str, object]]] = {
    NOT_TEXT: [{"amount": 123.4}, {"amount": None}, {"reference_id": 1}, {"reason": None}],
    NO_AMOUNT: [{"amount": amount} for amount in ("0.00", "-1.00", "1.001", "1e2", "1234567890123456.00")],
    "direction must be CREDIT": [{"direction": "DEBIT"}],
    "currency must be USD": [{"currency": "EUR"}],
    "reference_id must be": [{"reference_id": "a b"}],
    "description must be": [{"description": said} for said in ("", "x" * 256, "a\nb", "\ud800")],
    "metadata must be": [{"metadata": []}, {"metadata": {"a": 1}}, {"metadata": {"\ud800": "b"}}],
    "not known here": [{"colour": "blue"}, {"\ud800": "blue"}],
}


@pytest.mark.parametrize(
    ("wrong", "error"), [(wrong, error) for error, wrongs in UNBOOKABLE.items() for wrong in wrongs], ids=ascii
)
def test_terms_that_can_not_be_booked_are_422(
    bank: SimulatedBank, url: str, wrong: dict[str, object], error: str
) -> None:
    said = call(f"{url}{CREDIT}", "POST", TERMS | wrong)
    assert (said.status, error in said.error) == (422, True), said.error
    assert bank.records() == []


@pytest.mark.parametrize(("body", "key"), [(b"{", "pay-1"), ([], "pay-1"), (TERMS, None), (TERMS, "x" * 129)])
def test_what_is_no_request_at_all_is_400(bank: SimulatedBank, url: str, body: object, key: str | None) -> None:
    assert call(f"{url}{CREDIT}", "POST", body, key).status == 400
    assert bank.records() == []


def test_a_refusal_is_422_and_replayed(bank: SimulatedBank, url: str) -> None:
    bank.refuse_next()
    first, again = (call(f"{url}{CREDIT}", "POST", TERMS) for _ in range(2))
    assert (first.status, again.status, again.text) == (422, 422, first.text)
    assert ("Idempotent-Replayed" in first.headers, again.headers["Idempotent-Replayed"]) == (False, "true")


def test_an_adjustment_is_found_by_reference_and_by_id(url: str) -> None:
    booked = call(f"{url}{CREDIT}", "POST", TERMS).json
    assert call(f"{url}{LOOK_UP}").json == {"data": [booked]}
    assert call(f"{url}/v1/adjustments/{booked['id']}").json == booked
    for reference_id in ("pay-2", ""):
        said = call(f"{url}/v1/adjustments?reference_id={reference_id}")
        assert (said.status, said.json) == (200, {"data": []})
    assert call(f"{url}/v1/adjustments/adj_1").status == 404
    assert call(f"{url}/v1/adjustments").status == 400


@pytest.mark.parametrize("bearer", ["", "wrong", f"{API_KEY} ", "é"])
def test_without_the_key_everything_is_401_and_meets_no_fault(bank: SimulatedBank, url: str, bearer: str) -> None:
    bank.fail_next("500")
    for method, path in (("POST", CREDIT), ("GET", LOOK_UP), ("GET", "/v1/adjustments/a"), ("GET", "/v1/nothing")):
        said = call(f"{url}{path}", method, TERMS if method == "POST" else None, bearer=bearer)
        assert (said.status, said.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert (len(bank.faults()), bank.records()) == (1, [])


# The controls


def test_outcomes_are_ordered_seen_and_forgotten(bank: SimulatedBank, url: str) -> None:
    order, other = {"outcome": "fail", "account_id": "a-1", "times": 2}, {"outcome": "pending"}
    everybodys = other | {"account_id": None, "times": None}
    assert call(f"{url}/sandbox/outcome", "PUT", order).json == {"outcomes": [order]}
    assert call(f"{url}/sandbox/outcome", "PUT", other).json == {"outcomes": [order, everybodys]}
    assert call(f"{url}/sandbox/state").json["outcomes"] == [order, everybodys]
    assert call(f"{url}/sandbox/outcome", "DELETE").json == {"outcomes": []} == {"outcomes": bank.state()["outcomes"]}


def test_a_pending_credit_is_decided(bank: SimulatedBank, url: str) -> None:
    bank.set_outcome(Outcome.PENDING)
    call(f"{url}{CREDIT}", "POST", TERMS)
    said = call(f"{url}/sandbox/decide", "POST", {"reference_id": "pay-1", "outcome": "complete"})
    assert (said.json["status"], said.json["event_id"]) == ("COMPLETED", bank.events()[0].event_id)


def test_the_time_to_settle_is_set(bank: SimulatedBank, url: str) -> None:
    assert call(f"{url}/sandbox/settle", "PUT", {"seconds": 2.5}).json == {"settle_seconds": 2.5}
    call(f"{url}{CREDIT}", "POST", TERMS)
    assert (bank.record("pay-1").due_at - NOW).total_seconds() == 2.5


def test_the_state_shows_everything(bank: SimulatedBank, url: str) -> None:
    bank.credit("pay-1", "a-1", Money("10"), "sale")
    bank.credit("pay-2", "a-2", Money("5"), "sale")
    bank.decide("pay-1", "complete")
    state = call(f"{url}/sandbox/state").json
    assert (state["now"], state["seed"]) == ("2026-11-21T09:30:00.000005Z", 7)
    assert state["calls"] == {"credit": 2, "find": 0}
    told = [(a["reference_id"], a["status"], a["event_id"] is None) for a in state["adjustments"]]
    assert told == [("pay-1", "COMPLETED", False), ("pay-2", "PENDING", True)]
    assert state["credited"] == {"a-1": "10.00", "a-2": "0.00"}
    assert (state["webhooks"]["target_url"], state["webhooks"]["waiting"]) == (None, [])


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "error"),
    [
        ("PUT", "outcome", {}, 400, "outcome is missing: text, one of complete, fail, pending, refuse"),
        ("PUT", "outcome", {"outcome": "lost"}, 400, "there are complete, fail, pending, refuse"),
        ("PUT", "outcome", {"outcome": "fail", "times": 0}, 400, "from 1 to 1000"),
        ("PUT", "outcome", {"outcome": "fail", "times": True}, 400, "times is true; it must be a whole number"),
        ("PUT", "outcome", {"outcome": "fail", "account_id": "a b"}, 400, "account_id must be"),
        ("POST", "decide", {"reference_id": "pay-1", "outcome": "fail"}, 404, "nothing is booked under 'pay-1'"),
        ("PUT", "settle", {"seconds": -1}, 400, "from 0 to 86400"),
        ("PUT", "settle", {"seconds": "1"}, 400, "it must be a number"),
        ("PUT", "settle", b'{"seconds": NaN}', 400, "from 0 to 86400"),
        ("POST", "faults", {"kind": "earthquake"}, 400, "timeout_before, timeout_after, drop_before"),
        ("POST", "faults", {"kind": "refuse", "on": "find"}, 400, "refuse is for credit"),
        ("POST", "faults", {"kind": "500", "on": "payout"}, 400, "of credit, find, any"),
        ("POST", "faults", {"kind": "500", "times": 1001}, 400, "from 1 to 1000"),
        ("PUT", "webhooks", {"mode": "shout"}, 400, "there are normal, duplicate"),
        ("POST", "webhooks/send", {"reference_id": "pay-1"}, 404, "nothing is booked under 'pay-1'"),
        ("GET", "nothing", None, 404, "GET /sandbox/state"),
    ],
    ids=ascii,
)
def test_a_bad_order_is_refused_with_what_to_do(
    bank: SimulatedBank, url: str, method: str, path: str, body: object, status: int, error: str
) -> None:
    before = bank.state()
    said = call(f"{url}/sandbox/{path}", method, body)
    assert (said.status, error in said.error) == (status, True), said.error
    assert bank.state() == before


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("DELETE", CREDIT), ("GET", CREDIT), ("POST", "/v1")])
def test_what_nothing_answers_is_404_with_what_there_is(url: str, method: str, path: str) -> None:
    said = call(f"{url}{path}", method)
    assert (said.status, "/v1/accounts/{id}/adjustments" in said.error) == (404, True)


def test_an_event_is_sent_again_on_demand(bank: SimulatedBank) -> None:
    heard: list[str] = []

    def target(request: Request) -> Answer:
        heard.append(request.headers["webhook-id"])
        return Answer(204, "")

    bank.credit("pay-1", "a-1", Money("10"), "sale")
    with serve_http(target, name="desk") as desk, serve(bank) as face:
        assert call(f"{face.url}/sandbox/webhooks", "PUT", {"target_url": desk.url}).json["target_url"] == desk.url
        pending = call(f"{face.url}/sandbox/webhooks/send", "POST", {"reference_id": "pay-1"})
        assert (pending.status, "PENDING" in pending.error) == (400, True)
        bank.settle()
        said = [call(f"{face.url}/sandbox/webhooks/send", "POST", {"reference_id": "pay-1"}).json for _ in range(2)]
    assert [entry["result"] for entry in said] == [204, 204]
    assert heard == [bank.events()[0].event_id] * 2


def test_every_change_is_kept_before_it_is_answered(bank: SimulatedBank) -> None:
    kept: list[int] = []
    with serve(bank, on_change=lambda: kept.append(len(bank.records()))) as face:
        call(f"{face.url}{LOOK_UP}")
        assert kept == []
        call(f"{face.url}{CREDIT}", "POST", TERMS)
        assert kept == [1]
        call(f"{face.url}/sandbox/faults", "POST", {"kind": "drop_after"})
        with pytest.raises(urllib3.exceptions.ProtocolError):
            call(f"{face.url}{CREDIT}", "POST", TERMS | {"reference_id": "pay-2"}, key="pay-2")
        assert kept == [1, 1, 2], "also when nobody hears of it"


# The process


def test_a_payout_is_settled_told_and_outlives_a_restart(tmp_path: Path) -> None:
    kept = tmp_path / "bank.json"
    heard: list[BankEvent] = []
    told = Event()

    def target(request: Request) -> Answer:
        heard.append(event(dict(request.headers.items()), request.body, [WEBHOOK_SECRET]))
        told.set()
        return Answer(204, "")

    with serve_http(target, name="desk") as desk:
        first = Process("bank", "--state", str(kept), "--webhook-url", desk.url, "--settle-seconds", "0")
        booked = call(f"{first.url}{CREDIT}", "POST", TERMS)
        assert booked.status == 201
        assert told.wait(10)
        assert call(f"{first.url}/sandbox/outcome", "PUT", {"outcome": "pending"}).status == 200
        while call(f"{first.url}/sandbox/state").json["webhooks"]["waiting"]:
            time.sleep(0.01)  # it has heard our 204
        assert first.stop() == (0, ""), "and no access log"
        assert [path.name for path in tmp_path.iterdir()] == ["bank.json"]
        assert [(told.adjustment.reference_id, told.adjustment.state) for told in heard] == [("pay-1", State.COMPLETED)]

        second = Process("bank", "--state", str(kept), "--access-log")
        assert call(f"{second.url}{LOOK_UP}").json["data"][0]["status"] == "COMPLETED"
        assert call(f"{second.url}{CREDIT}", "POST", TERMS).headers["Idempotent-Replayed"] == "true"
        assert call(f"{second.url}/sandbox/state").json["outcomes"][0]["outcome"] == "pending"
        code, access_log = second.stop()
    assert code == 0
    assert "/v1/adjustments" in access_log


def test_a_crash_between_keeping_and_telling_tells_twice(tmp_path: Path) -> None:
    """An event is never left untold."""
    clock, kept = VirtualClock(), tmp_path / "bank.json"

    def told(answer: int, *, is_kept: bool) -> list[str]:
        """The events that the process tells after a crash, to a desk that answers so."""
        told: list[str] = []

        def post(url: str, headers: Mapping[str, str], body: bytes) -> int:
            told.append(headers["webhook-id"])
            return answer

        bank = SimulatedBank(clock.now, seed=7)
        sender = Sender(bank, target_url="http://127.0.0.1:1", post=post)
        bank_process._restore(kept, bank, sender)
        sender.step()
        if is_kept:
            bank_process._write(kept, bank, sender)
        return told

    bank = SimulatedBank(clock.now, seed=7)
    bank.credit("pay-1", "a-1", Money("10"), "sale")
    bank.settle()
    bank_process._write(kept, bank, Sender(bank))
    once = [bank.events()[0].event_id]
    assert told(204, is_kept=False) == once
    assert told(500, is_kept=True) == once
    assert told(204, is_kept=True) == [], "it is too early for a retry"
    clock.advance(5)
    assert told(204, is_kept=True) == once
    assert told(204, is_kept=True) == []
