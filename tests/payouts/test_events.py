"""The bank tells what became of a payout: once, twice, early, late, wrongly, or contradicting itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from standardwebhooks.webhooks import Webhook

from common.domain.payouts.events import EventNotFound
from common.domain.payouts.model import Stage
from common.gateways.bank import Adjustment, BankEvent, State
from common.money import Money
from common.owner import Owner
from functions.offramp.model import Status
from sandbox.bank.bank import Outcome
from sandbox.bank.webhooks import WEBHOOK_SECRET, body_of, signed
from tests.desk import Desk
from tests.doors import NEXT_SECRET, Answer, Doors, opened
from tests.seen import (
    an_event,
    around,
    attempts,
    awaiting,
    before_next_write,
    begin,
    contradicting,
    decided,
    dollars,
    executions,
    overdue,
    paid,
    payout_failed,
    raw,
    status,
    told,
    waits_for_person,
)

Send = Callable[[BankEvent], str]


@pytest.fixture(params=["to the service", "through the door"])
def send(desk: Desk, request: pytest.FixtureRequest) -> Iterator[Send]:
    """Deliver an event; answers how it was taken."""
    if request.param == "to the service":
        yield lambda event: desk.events.receive(event)
        return
    with opened(desk) as doors:

        def through(event: BankEvent) -> str:
            answer = post(doors, event)
            assert answer.status == 200
            return str(answer.json["taken"])

        yield through


def post(
    doors: Doors,
    event: BankEvent,
    *,
    sent: bytes | None = None,
    late: timedelta = timedelta(0),
    secret: str = WEBHOOK_SECRET,
    headers: Mapping[str, str | None] | None = None,
) -> Answer:
    """An event as the bank sends it, signed so long ago; or `sent`, under that signature; `headers` changed after the
    signing, or left out where they are None."""
    honest = body(event)
    given: dict[str, str | None] = {**signed([Webhook(secret)], event.event_id, doors.desk.clock.at - late, honest)}
    kept = {name.lower(): value for name, value in (given | dict(headers or {})).items() if value is not None}
    return doors.ask("POST", "/webhooks/baas", headers=kept, body=honest if sent is None else sent)


def body(event: BankEvent, **changed: Any) -> bytes:
    """As the bank writes it."""
    adjustment = event.adjustment
    resource = {
        "id": adjustment.adjustment_id,
        "reference_id": adjustment.reference_id,
        "account_id": adjustment.account_id,
        "direction": "CREDIT",
        "amount": str(adjustment.amount),
        "currency": "USD",
        "reason": "PAYOUT",
        "description": "a test",
        "metadata": None,
        "status": adjustment.state,
        "failure_code": adjustment.failure_code,
        "created_at": "2026-11-21T12:00:00.000000Z",
        "updated_at": "2026-11-21T12:00:00.000000Z",
    }
    return body_of(event, {**resource, **changed})


def outcome(desk: Desk, event: BankEvent) -> tuple[str, str]:
    item = raw(desk, f"HOOK#{event.event_id}", "SEEN")
    return item["outcome"], item["why"]


# What it says


def test_a_success_completes_the_attempt_and_fills_the_order_in_one(desk: Desk, ann: Owner, send: Send) -> None:
    order_id = awaiting(desk, ann)
    event = told(desk, f"{order_id}-01", "complete")
    assert send(event) == "APPLIED"
    assert (status(desk, order_id), decided(desk, order_id)) == (Status.FILLED, ["COMPLETED"])
    assert dollars(desk, ann) == (Money(1000), Money(0))
    assert outcome(desk, event) == ("APPLIED", "paid")
    assert attempts(desk, order_id)[0].adjustment_id == event.adjustment.adjustment_id
    desk.world.machines.run()
    assert executions(desk, order_id)[0].status == "SUCCEEDED"


def test_a_failure_rejects_the_attempt_with_its_reason_and_the_next_follows_after_a_pause(
    desk: Desk, ann: Owner, send: Send
) -> None:
    order_id = awaiting(desk, ann)
    event = told(desk, f"{order_id}-01", "fail")
    assert send(event) == "APPLIED"
    (attempt,) = attempts(desk, order_id)
    assert (attempt.status, attempt.failure_code) == ("REJECTED", event.adjustment.failure_code)
    assert (status(desk, order_id), dollars(desk, ann)) == (Status.TARGET_TXN_PENDING, (Money(1000), Money("99.90")))
    desk.run()
    (execution,) = executions(desk, order_id)
    assert (execution.waits_seconds, decided(desk, order_id)) == ([60], ["REJECTED", "COMPLETED"])


@pytest.mark.parametrize("says", ["complete", "fail"])
def test_an_event_that_comes_again_changes_nothing(desk: Desk, ann: Owner, send: Send, says: str) -> None:
    order_id = awaiting(desk, ann)
    event = told(desk, f"{order_id}-01", says)
    assert send(event) == "APPLIED"
    once = desk.dynamo.items()
    for _ in range(3):
        desk.clock.forward(hours=10)
        assert send(event) == "REPEATED"
    assert desk.dynamo.items() == once


def test_two_deliveries_of_one_event_at_once_are_one(desk: Desk, ann: Owner) -> None:
    order_id = awaiting(desk, ann)
    event = told(desk, f"{order_id}-01", "complete")
    others: list[str] = []
    before_next_write(desk, lambda: others.append(desk.events.receive(event)))
    assert (desk.events.receive(event), others) == ("REPEATED", ["APPLIED"])
    assert dollars(desk, ann) == (Money(1000), Money(0))


@pytest.mark.parametrize("says", ["complete", "fail"])
def test_another_event_that_says_the_same_agrees_and_changes_nothing_but_itself(
    desk: Desk, ann: Owner, send: Send, says: str
) -> None:
    order_id = awaiting(desk, ann)
    event = told(desk, f"{order_id}-01", says)
    send(event)
    before = desk.dynamo.items()
    other = replace(event, event_id="evt_other")
    assert send(other) == "AGREES"
    changed = [item for item in desk.dynamo.items() if item not in before]
    assert [item["PK"]["S"] for item in changed] == ["HOOK#evt_other"]


def test_a_refusal_that_the_bank_also_tells_by_webhook_agrees(desk: Desk, ann: Owner, send: Send) -> None:
    desk.world.simulated.set_outcome(Outcome.REFUSE, times=1)
    order = desk.cash_out(ann, "1")
    desk.world.machines.run()
    assert decided(desk, order.order_id) == ["REJECTED"]
    assert send(an_event(desk, f"{order.order_id}-01", State.FAILED)) == "AGREES"
    desk.run()
    assert status(desk, order.order_id) == Status.FILLED


def test_what_the_machine_has_found_out_before_the_webhook_agrees(desk: Desk, ann: Owner, send: Send) -> None:
    desk.world.deliver_event = lambda *_: None
    order = desk.cash_out(ann, "1")
    desk.run()
    assert send(desk.world.simulated.event_of(f"{order.order_id}-01")) == "AGREES"


def test_an_event_from_inside_the_call_that_it_is_about_is_applied(desk: Desk, ann: Owner, send: Send) -> None:
    taken: list[str] = []

    def credit(real: Callable[..., Adjustment], *asked: Any) -> Adjustment:
        answer = real(*asked)
        taken.append(send(told(desk, asked[0], "complete")))
        return answer

    desk.world.bank = around(desk.world.simulated, credit=credit)
    order = desk.cash_out(ann, "1")
    desk.run()
    assert (taken, status(desk, order.order_id)) == (["APPLIED"], Status.FILLED)
    assert len(paid(desk, order.order_id)) == 1


def test_a_failure_from_inside_the_call_is_applied_and_the_next_attempt_waits_its_pause(
    desk: Desk, ann: Owner, send: Send
) -> None:
    def credit(real: Callable[..., Adjustment], *asked: Any) -> Adjustment:
        desk.world.bank = desk.world.simulated
        answer = real(*asked)
        assert send(told(desk, asked[0], "fail")) == "APPLIED"
        return answer

    desk.world.bank = around(desk.world.simulated, credit=credit)
    order = desk.cash_out(ann, "1")
    desk.run()
    assert decided(desk, order.order_id) == ["REJECTED", "COMPLETED"]
    assert executions(desk, order.order_id)[0].waits_seconds == [60]


# What can not be placed is parked, and nothing is touched


@pytest.mark.parametrize("reference", ["{}-02", "{}-99", "S" + "A" * 25 + "-01", "W" + "A" * 25 + "-01", "pay-1", "{}"])
def test_an_event_of_a_reference_that_nobody_knows_is_parked(
    desk: Desk, ann: Owner, send: Send, reference: str, counted: Counter[str]
) -> None:
    order_id = awaiting(desk, ann)
    before = desk.dynamo.items()
    event = an_event(desk, reference.format(order_id), event_id="evt_1")
    assert send(event) == "PARKED"
    (kept,) = [item for item in desk.dynamo.items() if item not in before]
    assert (kept["PK"]["S"], outcome(desk, event)) == ("HOOK#evt_1", ("PARKED", "no attempt has this reference"))
    assert [item.reference_id for item in desk.operations.parked(10)] == [reference.format(order_id)]
    assert counted["EventsParked"] == 1
    assert send(event) == "REPEATED"
    told(desk, f"{order_id}-01", "complete")
    desk.run()


def test_an_event_that_came_before_its_attempt_is_replayed_by_the_sweeper(desk: Desk, ann: Owner, send: Send) -> None:
    order_id = awaiting(desk, ann)
    early = an_event(desk, f"{order_id}-02")
    assert send(early) == "PARKED"
    swept = desk.operations.sweep(lambda: True)
    assert (swept.parked, swept.replayed, status(desk, order_id)) == (1, 0, Status.TARGET_TXN_PENDING)
    desk.world.simulated.set_outcome(Outcome.PENDING, times=1)
    send(told(desk, f"{order_id}-01", "fail"))
    desk.run(until=lambda: len(attempts(desk, order_id)) == 2)
    assert decided(desk, order_id) == ["REJECTED", "PENDING"]
    swept = desk.operations.sweep(lambda: True)
    assert (swept.parked, swept.replayed) == (0, 1)
    assert (status(desk, order_id), decided(desk, order_id)) == (Status.FILLED, ["REJECTED", "COMPLETED"])
    assert outcome(desk, early) == ("APPLIED", "replayed by the sweeper: paid")
    assert desk.operations.parked(10) == []
    assert send(early) == "REPEATED"
    desk.world.simulated.decide(f"{order_id}-02", "complete")
    desk.world.machines.run()
    assert executions(desk, order_id)[0].status == "SUCCEEDED"


@pytest.mark.parametrize(
    "changed",
    [{"amount": Money("99.91")}, {"amount": Money("9.99")}, {"account_id": "acc-eve"}],
    ids=["a cent more", "less", "another account"],
)
@pytest.mark.parametrize("state", [State.COMPLETED, State.FAILED])
def test_an_event_of_another_account_or_amount_is_parked(
    desk: Desk, ann: Owner, send: Send, changed: dict[str, Any], state: State
) -> None:
    order_id = awaiting(desk, ann)
    event = an_event(desk, f"{order_id}-01", state, **changed)
    assert send(event) == "PARKED"
    assert outcome(desk, event)[1] == "the attempt is for another account or amount"
    assert (status(desk, order_id), decided(desk, order_id)) == (Status.TARGET_TXN_PENDING, ["PENDING"])
    desk.sweep()
    assert outcome(desk, event)[0] == "PARKED"
    assert send(told(desk, f"{order_id}-01", "complete")) == "APPLIED"
    assert status(desk, order_id) == Status.FILLED


@pytest.mark.parametrize("other", ["FILLED", "BASE_TXN_COMPLETED", "SELL_PAYOUT_FAILED", "BASE_TXN_FAILED"])
def test_an_event_for_an_order_in_another_state_is_parked_and_nothing_is_touched(
    desk: Desk, ann: Owner, send: Send, other: str
) -> None:
    """A state that nothing here brings about: somebody has changed the table by hand."""
    order_id = awaiting(desk, ann)
    set_status(desk, order_id, other)
    before = desk.dynamo.items()
    event = told(desk, f"{order_id}-01", "complete")
    assert send(event) == "PARKED"
    assert outcome(desk, event)[1] == f"the order is {other}"
    assert [i for i in desk.dynamo.items() if i not in before and not i["PK"]["S"].startswith("HOOK#")] == []
    set_status(desk, order_id, "TARGET_TXN_PENDING")
    assert desk.operations.replay(event.event_id, "the table is as it was again", "olga").after == "APPLIED"
    assert status(desk, order_id) == Status.FILLED


def set_status(desk: Desk, order_id: str, status: str) -> None:
    desk.dynamo.update_item(
        TableName="desk",
        Key={"PK": {"S": order_id}, "SK": {"S": "SELL_ORDER"}},
        UpdateExpression="SET #s = :s",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":s": {"S": status}},
    )


# The bank contradicts itself


def test_a_success_after_a_failure_is_parked_and_no_attempt_follows_until_a_person_has_looked(
    desk: Desk, ann: Owner, send: Send, counted: Counter[str]
) -> None:
    order_id = awaiting(desk, ann)
    event = told(desk, f"{order_id}-01", "fail")
    send(event)
    desk.world.machines.run()
    assert send(contradicting(event)) == "PARKED"
    why = "the bank says COMPLETED of attempt 1, which is REJECTED"
    assert outcome(desk, contradicting(event)) == ("PARKED", why)
    assert waits_for_person(desk, order_id) == f"an operator: {why}"
    assert counted["BankContradictions"] == 1
    desk.run()
    desk.clock.forward(days=1)
    desk.sweep()
    desk.run()
    assert (status(desk, order_id), decided(desk, order_id)) == (Status.TARGET_TXN_PENDING, ["REJECTED"])
    assert overdue(desk) == [order_id]
    (execution,) = executions(desk, order_id)
    assert (execution.status, execution.error) == ("FAILED", "WaitsForOperator")
    assert desk.operations.replay(contradicting(event).event_id, "again?", "olga").after == "PARKED"
    desk.by_hand("mark_paid", order_id, "the bank did pay attempt 1", "olga", dry_run=False)
    assert (status(desk, order_id), dollars(desk, ann)) == (Status.FILLED, (Money(1000), Money(0)))


def test_a_person_may_have_a_disputed_payout_tried_again(desk: Desk, ann: Owner) -> None:
    order_id = awaiting(desk, ann)
    event = told(desk, f"{order_id}-01", "fail")
    desk.events.receive(event)
    desk.events.receive(contradicting(event))
    desk.run()
    assert decided(desk, order_id) == ["REJECTED"]
    desk.by_hand("retry", order_id, "the bank says it did not pay", "olga", dry_run=False)
    desk.run()
    assert (status(desk, order_id), decided(desk, order_id)) == (Status.FILLED, ["REJECTED", "COMPLETED"])


def test_a_failure_after_a_success_is_parked_and_the_order_stays_filled(
    desk: Desk, ann: Owner, send: Send, counted: Counter[str]
) -> None:
    order_id = awaiting(desk, ann)
    event = told(desk, f"{order_id}-01", "complete")
    send(event)
    desk.run()
    item, books = raw(desk, order_id, "SELL_ORDER"), dollars(desk, ann)
    assert send(contradicting(event)) == "PARKED"
    assert outcome(desk, contradicting(event))[1] == "the bank says FAILED of attempt 1, which is COMPLETED"
    assert (raw(desk, order_id, "SELL_ORDER"), dollars(desk, ann)) == (item, books)
    assert (decided(desk, order_id), counted["BankContradictions"]) == (["COMPLETED"], 1)


def test_a_success_of_the_second_attempt_while_the_third_is_prepared_stops_the_third(desk: Desk, ann: Owner) -> None:
    desk.world.simulated.set_outcome(Outcome.FAIL, times=2)
    order = desk.cash_out(ann, "1")
    desk.run(until=lambda: decided(desk, order.order_id) == ["REJECTED", "REJECTED"])
    late = contradicting(desk.world.simulated.event_of(f"{order.order_id}-02"))
    before_next_write(desk, lambda: desk.events.receive(late), containing="PAYOUT#03")
    assert begin(desk, order.order_id) is Stage.STOPPED
    assert (decided(desk, order.order_id), len(desk.world.simulated.records())) == (["REJECTED", "REJECTED"], 2)
    desk.run()
    assert decided(desk, order.order_id) == ["REJECTED", "REJECTED"]
    assert waits_for_person(desk, order.order_id)


def test_a_success_of_an_earlier_attempt_leaves_the_pending_one_to_the_bank_and_stops_what_would_follow(
    desk: Desk, ann: Owner, send: Send
) -> None:
    desk.world.simulated.set_outcome(Outcome.FAIL, times=1)
    order = desk.cash_out(ann, "1")
    desk.run(until=lambda: decided(desk, order.order_id) == ["REJECTED"])
    desk.world.simulated.set_outcome(Outcome.PENDING, times=1)
    desk.run(until=lambda: decided(desk, order.order_id) == ["REJECTED", "PENDING"])
    late = contradicting(desk.world.simulated.event_of(f"{order.order_id}-01"))
    assert send(late) == "PARKED"
    assert (decided(desk, order.order_id), bool(waits_for_person(desk, order.order_id))) == (
        ["REJECTED", "PENDING"],
        True,
    )
    assert send(told(desk, f"{order.order_id}-02", "fail")) == "APPLIED"
    desk.run()
    assert decided(desk, order.order_id) == ["REJECTED", "REJECTED"]
    assert (waits_for_person(desk, order.order_id) or "").startswith("an operator, before the attempt after 2")
    desk.by_hand("mark_paid", order.order_id, "attempt 1 was paid after all", "olga", dry_run=False)


def test_a_success_after_the_payout_was_given_up_is_parked_and_shown_beside_it(
    desk: Desk, ann: Owner, send: Send
) -> None:
    order_id = payout_failed(desk, ann)
    late = contradicting(desk.world.simulated.event_of(f"{order_id}-05"))
    assert send(late) == "PARKED"
    assert waits_for_person(desk, order_id) == "an operator: the bank says COMPLETED of attempt 5, which is REJECTED"
    assert (status(desk, order_id), dollars(desk, ann)) == (Status.SELL_PAYOUT_FAILED, (Money(1000), Money("99.90")))


# By hand


def test_a_parked_event_is_dismissed_once_with_a_reason_and_is_audited(desk: Desk) -> None:
    event = an_event(desk, "pay-1", event_id="evt_1")
    assert desk.events.receive(event) == "PARKED"
    for _ in range(2):
        assert desk.operations.dismiss("evt_1", "of another system of ours", "olga").after == "DISMISSED"
    assert (desk.operations.parked(10), outcome(desk, event)) == ([], ("DISMISSED", "of another system of ours"))
    assert desk.operations.replay("evt_1", "too late", "olga").after == "DISMISSED"
    (entry,) = desk.operations.audit("2026-11-21", limit=9, after=None).items
    assert (entry.operator, entry.action, entry.subject) == ("olga", "parked dismiss", "evt_1")
    assert desk.events.receive(event) == "REPEATED"


def test_an_event_that_never_came_is_not_found(desk: Desk) -> None:
    for act in (desk.operations.replay, desk.operations.dismiss):
        with pytest.raises(EventNotFound):
            act("evt_never", "who knows", "olga")


def test_a_parked_event_is_kept_for_ever_and_a_taken_one_for_ninety_days(desk: Desk, ann: Owner) -> None:
    order_id = awaiting(desk, ann)
    taken, parked = told(desk, f"{order_id}-01", "complete"), an_event(desk, "pay-1")
    for event in (taken, parked):
        desk.events.receive(event)
    kept_until = raw(desk, f"HOOK#{taken.event_id}", "SEEN")["expires"]
    assert abs(float(kept_until) - (desk.clock.at + timedelta(days=90)).timestamp()) < 5
    assert "expires" not in raw(desk, f"HOOK#{parked.event_id}", "SEEN")
    desk.operations.dismiss(parked.event_id, "not ours", "olga")
    assert "expires" in raw(desk, f"HOOK#{parked.event_id}", "SEEN")


# Who is speaking: the door


@pytest.fixture
def doors(desk: Desk) -> Iterator[Doors]:
    with opened(desk) as doors:
        yield doors


@pytest.mark.parametrize("late", [-301, -299, 0, 299, 301])
def test_an_event_is_signed_within_five_minutes_or_not_heard(desk: Desk, ann: Owner, doors: Doors, late: int) -> None:
    event = told(desk, f"{awaiting(desk, ann)}-01", "complete")
    before = desk.dynamo.items()
    answer = post(doors, event, late=timedelta(seconds=late))
    if abs(late) < 300:
        assert (answer.status, answer.json) == (200, {"taken": "APPLIED"})
    else:
        assert (answer.status, answer.problem) == (403, "SignatureRefused")
        assert desk.dynamo.items() == before


@pytest.mark.parametrize(
    "headers",
    [
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": None},
        {"webhook-signature": ""},
        {"webhook-id": "evt_another"},
        {"webhook-id": None},
        {"webhook-timestamp": None},
        {"webhook-timestamp": "1795262401"},
        {"webhook-timestamp": "now"},
    ],
    ids=str,
)
def test_an_event_with_a_wrong_signature_changes_nothing(
    desk: Desk, ann: Owner, doors: Doors, headers: dict[str, str | None]
) -> None:
    event = told(desk, f"{awaiting(desk, ann)}-01", "complete")
    before = desk.dynamo.items()
    answer = post(doors, event, headers=headers)
    assert (answer.status, answer.problem) == (403, "SignatureRefused")
    assert desk.dynamo.items() == before


def test_an_event_that_somebody_else_has_signed_changes_nothing(desk: Desk, ann: Owner, doors: Doors) -> None:
    event = told(desk, f"{awaiting(desk, ann)}-01", "complete")
    before = desk.dynamo.items()
    answer = post(doors, event, secret="whsec_c29tZWJvZHkgZWxzZSdzIHNlY3JldCwgbm90IG91cnM=")
    assert (answer.status, answer.problem) == (403, "SignatureRefused")
    assert desk.dynamo.items() == before


def test_a_body_that_was_changed_on_its_way_changes_nothing(desk: Desk, ann: Owner, doors: Doors) -> None:
    event = told(desk, f"{awaiting(desk, ann)}-01", "fail")
    before, honest = desk.dynamo.items(), body(event)
    for tampered in (body(contradicting(event)), honest + b" ", honest.replace(b"99.90", b"99.9"), b"{}"):
        answer = post(doors, event, sent=tampered)
        assert (answer.status, answer.problem) == (403, "SignatureRefused")
        assert desk.dynamo.items() == before
    assert post(doors, event).json == {"taken": "APPLIED"}


def test_a_recorded_event_that_is_played_again_is_a_repeat_and_later_not_heard(
    desk: Desk, ann: Owner, doors: Doors
) -> None:
    event = told(desk, f"{awaiting(desk, ann)}-01", "complete")
    post(doors, event)
    once = desk.dynamo.items()
    assert post(doors, event, late=timedelta(seconds=200)).json == {"taken": "REPEATED"}
    assert post(doors, event, late=timedelta(hours=1)).problem == "SignatureRefused"
    assert desk.dynamo.items() == once


def test_while_the_secret_is_replaced_both_are_good(desk: Desk, ann: Owner, doors: Doors) -> None:
    event = told(desk, f"{awaiting(desk, ann)}-01", "complete")
    assert post(doors, event, secret=NEXT_SECRET).json == {"taken": "APPLIED"}
    assert post(doors, event, secret=WEBHOOK_SECRET).json == {"taken": "REPEATED"}


@pytest.mark.parametrize(
    "changed",
    [{"currency": "EUR"}, {"amount": "99.905"}, {"amount": 99.9}, {"status": "PENDING"}, {"reference_id": None}],
    ids=str,
)
def test_an_event_of_the_bank_that_is_not_understood_is_parked_as_it_came_and_touches_nothing(
    desk: Desk, ann: Owner, doors: Doors, changed: dict[str, Any]
) -> None:
    event = told(desk, f"{awaiting(desk, ann)}-01", "complete")
    before, strange = desk.dynamo.items(), body(event, **changed)
    headers = signed([Webhook(WEBHOOK_SECRET)], "evt_strange", desk.clock.at, strange)
    for taken in ("PARKED", "REPEATED"):
        answer = post(doors, event, sent=strange, headers={**headers})
        assert (answer.status, answer.json) == (200, {"taken": taken})
    assert [item["PK"]["S"] for item in desk.dynamo.items() if item not in before] == ["HOOK#evt_strange"]
    (parked,) = desk.operations.parked(10)
    assert strange.decode().startswith(parked.strange or "?")
    assert desk.operations.replay("evt_strange", "it is no clearer", "olga").after == "PARKED"
    desk.sweep()
    assert post(doors, event).json == {"taken": "APPLIED"}
    assert desk.operations.dismiss("evt_strange", "told by another event", "olga").after == "DISMISSED"


def test_an_event_that_can_not_be_written_now_is_asked_for_again(desk: Desk, ann: Owner) -> None:
    def unreachable(*_: Any, **__: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://dynamodb.test")

    event = told(desk, f"{awaiting(desk, ann)}-01", "complete")
    desk.client = around(desk.dynamo, transact_write_items=unreachable)
    with opened(desk) as doors:
        answer = post(doors, event)
    assert (answer.status, int(answer.headers["retry-after"]) > 0) == (503, True)
    desk.client = None
    with opened(desk) as doors:
        assert post(doors, event).json == {"taken": "APPLIED"}
