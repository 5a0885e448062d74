"""What becomes of an order is told to its owner's program: signed, at least once, for three days, and as one event."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from functools import partial
from threading import Barrier
from typing import Any

import pytest

from common.clock import text
from common.gateways.receivers import AddressRefused, ReceiverSilent
from common.gateways.receivers.http import CONNECT_SECONDS, READ_SECONDS
from common.idempotency import IdempotencyKeyReused
from common.log import metrics
from common.owner import Owner
from common.table.table import TableUnavailable
from functions.accounts import model as accounts
from functions.billing import model as billing
from functions.notifications import changes as changes_door
from functions.notifications import model, signing, wiring
from functions.notifications.changes import changes
from functions.notifications.model import (
    ATTEMPTS_MAX,
    PAUSES,
    Change,
    DeliveryNotFound,
    DeliveryPending,
    DeliveryStatus,
    EndpointDisabled,
    EndpointMoved,
    EndpointNotFound,
    EndpointStatus,
    TooManyEndpoints,
    UnknownEventType,
    system,
)
from functions.notifications.service import Delivered
from functions.offramp import model as offramp
from functions.orders import model as orders
from functions.purchases import model as purchases
from sandbox.receivers import Message
from tests.billing.dealership import CME_ID
from tests.depth import deep
from tests.desk import Desk
from tests.harness.crash_matrix import Scene, crash_matrix
from tests.harness.faults import Crash, Faults
from tests.harness.interleave import at_random
from tests.harness.invocation import Invocation
from tests.notifications.hooks import URL, Hooks, change_of
from tests.orders.test_contention import shared

EVE = Owner("eve", "sub-eve")
CALL = Invocation()
KINDS: dict[str, type[StrEnum]] = {
    "dealer": billing.DealerStatus,
    "bill": billing.BillStatus,
    "order": orders.Status,
    "purchase": purchases.Status,
    "sale": purchases.Status,
    "sell_order": offramp.Status,
    "withdrawal": accounts.Status,
}


@pytest.fixture
def hooks(desk: Desk) -> Hooks:
    return Hooks(desk)


def bought(hooks: Hooks) -> Owner:
    """A customer with an endpoint, who has bought."""
    ann = hooks.desk.customer()
    hooks.register(ann)
    hooks.desk.buy(ann, "1")
    hooks.take()
    return ann


# How an event arises


def test_an_order_that_is_placed_is_told_once_and_signed(hooks: Hooks) -> None:
    ann = hooks.desk.customer()
    told = hooks.register(ann)
    order = hooks.desk.buy(ann, "1")
    assert hooks.take() == 1
    assert hooks.round() == Delivered(delivered=1)
    assert hooks.round() == Delivered()
    (message,) = hooks.received()
    assert message.verified(told.secret)
    assert json.loads(message.body) == {
        "type": "order.completed",
        "timestamp": text(order.updated_at),
        "data": {"id": order.order_id, "status": "COMPLETED"},
    }
    (delivery,) = hooks.listed(ann, told)
    assert (delivery.delivery_id, delivery.status, delivery.attempts, delivery.answer, delivery.next_attempt_at) == (
        *(message.webhook_id, DeliveryStatus.DELIVERED, 1, "answered 200"),
        None,
    )
    hooks.desk.check()


def test_a_batch_of_the_stream_that_comes_again_makes_nothing_new(hooks: Hooks) -> None:
    ann = hooks.desk.customer()
    hooks.register(ann)
    hooks.desk.buy(ann, "1")
    hooks.look()
    told = list(changes(hooks.records))
    assert [hooks.deliveries.take(change) for change in told * 3] == [1, 0, 0]
    hooks.round()
    assert [hooks.deliveries.take(change) for change in told] == [0], "also when it was delivered"
    hooks.round()
    assert len(hooks.received()) == 1


@pytest.mark.parametrize(("entity", "statuses"), KINDS.items())
def test_what_is_told_of_a_kind_are_statuses_of_it(entity: str, statuses: type[StrEnum]) -> None:
    assert set(model.TOLD[entity]) <= set(statuses)
    assert set(model.TOLD) == set(KINDS)


def test_only_a_change_of_status_is_told(hooks: Hooks) -> None:
    record = change_of(1, EVE, "2026-11-21T09:30:00.000000Z")
    image = record["dynamodb"]["NewImage"]
    others: list[Any] = [
        {"dynamodb": {"NewImage": image, "OldImage": image}},  # something else of it has changed
        {"dynamodb": {"OldImage": image}},  # it was deleted
        {"dynamodb": {"NewImage": image | {"status": {"S": "PENDING"}}}},
        {"dynamodb": {"NewImage": image | {"entity_type": {"S": "balance"}}}},
        {"dynamodb": {}},
    ]
    assert list(changes(others)) == []
    (change,) = changes([record])
    assert (change.owner, change.event_type, change.thing_id) == (EVE, "order.completed", "O1")


def test_nobody_hears_what_is_anothers_or_was_before_or_was_not_asked_for(hooks: Hooks) -> None:
    ann, eve = hooks.desk.customer("ann"), hooks.desk.customer("eve")
    hooks.desk.buy(ann, "1")
    hooks.desk.clock.forward(seconds=1)
    hooks.look()
    hooks.register(ann, "order.cancelled")
    hooks.register(eve)
    hooks.register(Owner("ann", "another login"), key="f")
    hooks.desk.buy(ann, "1")
    assert hooks.take() == 0
    hooks.register(ann, url=f"{URL}/2", key="g")
    assert sum(map(hooks.deliveries.take, changes(hooks.records))) == 0


def test_a_dealers_system_hears_of_dealers_and_bills_and_of_nothing_else(hooks: Hooks) -> None:
    """Each of them of all, as each may read all; and of what it asked for. No customer hears of them."""
    cme, lotus, eve = system("cme"), system("lotus"), hooks.desk.customer("eve")
    told = hooks.register(cme)
    hooks.register(lotus, "dealer.active", url=f"{URL}/lotus")
    hooks.register(eve, url=f"{URL}/eve")
    with pytest.raises(UnknownEventType):
        hooks.register(eve, "bill.paid", key="f")
    with pytest.raises(UnknownEventType):
        hooks.register(cme, "order.completed", key="f")
    dealership = hooks.desk.dealership
    dealership.active()
    hooks.take()
    bill = dealership.billed()
    hooks.take()
    hooks.desk.buy(eve, "1")
    hooks.take()
    hooks.round()
    messages = [json.loads(message.body) for message in hooks.received()]
    assert [(each["type"], each["data"]["id"]) for each in messages] == [
        ("dealer.active", CME_ID),
        ("bill.pending", bill.bill_id),
    ]
    assert all(message.verified(told.secret) for message in hooks.received())
    assert [json.loads(each.body)["type"] for each in hooks.received(f"{URL}/lotus")] == ["dealer.active"]
    assert [json.loads(each.body)["type"] for each in hooks.received(f"{URL}/eve")] == ["order.completed"]
    with pytest.raises(EndpointNotFound):
        hooks.endpoints.deliveries(lotus, told.endpoint.endpoint_id)
    dealership.check()


def test_what_waits_for_a_receiver_is_nothing_open_of_its_customers(hooks: Hooks) -> None:
    """Who asks for his balance would read all of it."""
    ann = bought(hooks)
    for _ in range(2):
        (delivery,) = hooks.desk.dynamo.items(having="tried_since")
        assert "open_work" in delivery
        assert "waits_since" not in delivery
        hooks.round()
        hooks.endpoints.replay(ann, delivery["PK"]["S"])


UNREADABLE: Any = [
    {},
    {"dynamodb": None},
    {"dynamodb": {"NewImage": {"entity_type": {"S": "order"}, "status": {"S": "COMPLETED"}}}},
    {"dynamodb": {"NewImage": {"entity_type": {"S": "order"}, "status": {"N": "1"}}}},
    {"dynamodb": {"NewImage": {"entity_type": {"S": "order"}, "status": "COMPLETED"}}},
]


@pytest.mark.parametrize("record", UNREADABLE, ids=str)
def test_a_change_that_can_not_be_read_is_kept_and_in_nobodys_way(
    hooks: Hooks, record: dict[str, Any], counted: Counter[str]
) -> None:
    ann = hooks.desk.customer()
    hooks.register(ann)
    good = change_of(1, ann, text(hooks.desk.clock()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(changes_door, "deliveries", lambda: hooks.deliveries)
        patch.setattr(metrics, "flush_metrics", lambda: None)
        for _ in range(2):
            changes_door.take_changes({"Records": [record, good]}, CALL)
    assert counted["ChangesUnread"] == 2
    (kept,) = hooks.desk.dynamo.items(having="record")
    assert kept["waits_for"] == {"S": "code that can read this change"}
    assert hooks.round() == Delivered(delivered=1)


def test_a_change_that_was_kept_is_told_by_the_first_code_that_can_read_it(hooks: Hooks, counted: Counter[str]) -> None:
    """Until then each hour an alarm rings, and nothing else is held up by it. It is told once."""
    ann, clock = hooks.desk.customer(), hooks.desk.clock
    hooks.register(ann)
    record = change_of(1, ann, text(clock()))
    image = record["dynamodb"]["NewImage"]
    broken = {"dynamodb": {"NewImage": {**image, "updated_at": {"S": "yesterday"}, "ssn": {"S": "123-45-6789"}}}}
    assert hooks.deliveries.receive(broken) == 0
    for minutes, rang in ((0, 1), (60, 2), (30, 2), (30, 3)):
        clock.forward(minutes=minutes)
        assert hooks.round() == Delivered()
        assert counted["ChangesUnread"] == rang
    (kept,) = hooks.desk.dynamo.items(having="record")
    assert "ssn" not in kept["record"]["S"], "nothing is kept but what is read"
    mended = kept["record"]["S"].replace("yesterday", image["updated_at"]["S"])
    hooks.desk.dynamo.put_item(TableName=hooks.desk.table.name, Item={**kept, "record": {"S": mended}})
    clock.forward(minutes=60)
    hooks.round()
    assert hooks.round() == Delivered(delivered=1)
    clock.forward(minutes=60)
    assert hooks.round() == Delivered()
    assert not hooks.desk.dynamo.items(having="open_work")


def test_a_fault_of_the_table_is_raised_and_the_batch_taken_again(desk: Desk) -> None:
    """Whatever fails at whichever call: in the end there is one delivery, and what was delivered is delivered."""

    def scenario(faults: Faults) -> Scene:
        world = Desk()
        world.list_asset("BTC", "100")
        hooks = Hooks(world)
        ann = world.customer()
        told = hooks.register(ann)
        world.buy(ann, "1")
        hooks.look()
        records = list(hooks.records)
        world.client = faults.client(world.dynamo)
        post = faults.boundary(
            "post", world.receivers.post, unreachable=lambda: _silent(), unanswered=lambda: _silent(), reads=False
        )
        world.receivers.post = post  # type: ignore[method-assign]

        def act() -> None:
            for change in changes(records):
                hooks.deliveries.take(change)
            hooks.round()
            world.clock.forward(minutes=2)

        def check() -> None:
            quiet = Hooks(Desk(world.dynamo))
            assert len(quiet.listed(ann, told)) <= 1
            assert all(message.verified(told.secret) for message in hooks.received())

        def settled() -> None:
            world.client = None
            world.clock.forward(days=1)
            hooks.round()
            (delivery,) = hooks.listed(ann, told)
            assert delivery.status is DeliveryStatus.DELIVERED
            assert {message.webhook_id for message in hooks.received()} == {delivery.delivery_id}

        return Scene(act=act, check=check, settled=settled)

    report = crash_matrix(scenario)
    assert not report.violations, report
    assert len(report.calls) >= 6


def _silent() -> ReceiverSilent:
    return ReceiverSilent("the receiver did not answer: timeout", what="timeout")


# How a delivery is made


def test_an_attempt_is_over_before_the_next_begins() -> None:
    assert timedelta(seconds=CONNECT_SECONDS + READ_SECONDS) < PAUSES[0]
    assert sum(PAUSES, timedelta()) > timedelta(days=3)
    assert list(PAUSES) == sorted(PAUSES)


def test_a_receiver_that_is_down_for_three_days_misses_nothing(hooks: Hooks) -> None:
    ann = bought(hooks)
    told = hooks.register(ann)
    hooks.program().is_silent("connection")
    done = hooks.rounds(timedelta(days=3), timedelta(minutes=10))
    assert sum(each.failed for each in done) == ATTEMPTS_MAX - 1
    (waiting,) = hooks.listed(ann, told)
    assert (waiting.status, waiting.answer) == (DeliveryStatus.PENDING, "no answer: connection")
    assert waiting.next_attempt_at is not None
    assert waiting.next_attempt_at > hooks.desk.clock.at
    hooks.program().says(204)
    hooks.rounds(timedelta(hours=12), timedelta(minutes=10))
    (delivery,) = hooks.listed(ann, told)
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.DELIVERED, ATTEMPTS_MAX)
    assert len({message.webhook_id for message in hooks.received()}) == 1
    assert all(message.verified(told.secret) for message in hooks.received()), "each with its own time"


def test_a_delivery_that_has_failed_is_listed_and_made_again_by_hand(hooks: Hooks) -> None:
    ann = bought(hooks)
    told = hooks.register(ann)
    hooks.program().says(500)
    done = hooks.rounds(timedelta(days=4), timedelta(minutes=30))
    assert (sum(each.failed for each in done), sum(each.given_up for each in done)) == (ATTEMPTS_MAX - 1, 1)
    (failed,) = hooks.endpoints.deliveries(ann, told.endpoint.endpoint_id, status=DeliveryStatus.FAILED).items
    assert (failed.attempts, failed.answer) == (ATTEMPTS_MAX, "answered 500")
    hooks.program().says(200)
    with pytest.raises(DeliveryNotFound):
        hooks.endpoints.replay(EVE, failed.delivery_id)
    assert hooks.endpoints.replay(ann, failed.delivery_id).status is DeliveryStatus.PENDING
    with pytest.raises(DeliveryPending):
        hooks.endpoints.replay(ann, failed.delivery_id)
    assert hooks.round() == Delivered(delivered=1)
    first, last = hooks.received()[0], hooks.received()[-1]
    assert (first.webhook_id, first.body) == (last.webhook_id, last.body)
    hooks.endpoints.replay(ann, failed.delivery_id)
    assert hooks.round() == Delivered(delivered=1), "also what was delivered"


@pytest.mark.parametrize("status", [301, 302, 307, 400, 404, 429, 500, 503, 199, 600])
def test_what_is_not_2xx_is_tried_again(hooks: Hooks, status: int) -> None:
    bought(hooks)
    hooks.program().says(status)
    assert hooks.round() == Delivered(failed=1)
    assert hooks.round() == Delivered()
    hooks.desk.clock.forward(minutes=1)
    hooks.program().says(202)
    assert hooks.round() == Delivered(delivered=1)


def test_a_receiver_that_says_gone_is_asked_no_more(hooks: Hooks) -> None:
    ann = bought(hooks)
    told = hooks.register(ann)
    hooks.desk.buy(ann, "1")
    hooks.take()
    hooks.program().says(410)
    assert hooks.round() == Delivered(given_up=2)
    assert len(hooks.received()) == 1
    (endpoint,) = hooks.endpoints.endpoints(ann)
    assert endpoint.status is EndpointStatus.DISABLED
    answers = {delivery.answer for delivery in hooks.listed(ann, told)}
    assert answers == {"answered 410: the endpoint was disabled", "not sent: the endpoint is disabled"}
    hooks.desk.buy(ann, "1")
    assert hooks.take() == 0
    with pytest.raises(EndpointDisabled):
        hooks.endpoints.replay(ann, hooks.listed(ann, told)[0].delivery_id)


def test_nobody_waits_for_the_slow_receiver_of_another(hooks: Hooks) -> None:
    """In each round it is asked twice, however much waits for it, and who has less waiting is told first."""
    ann, eve = hooks.desk.customer("ann"), hooks.desk.customer("eve")
    hooks.register(ann, url=f"{URL}/slow")
    hooks.register(eve)
    hooks.program(f"{URL}/slow").is_silent()
    for _ in range(5):
        hooks.desk.buy(ann, "1")
    for _ in range(3):
        hooks.desk.buy(eve, "1")
    assert hooks.take() == 8
    left = iter([True] * 3 + [False] * 9)
    assert hooks.deliveries.deliver(lambda: next(left)) == Delivered(delivered=3)
    assert hooks.round() == Delivered(failed=2, put_off=3)
    assert hooks.round() == Delivered()
    assert len(hooks.received(f"{URL}/slow")) == 2


def waiting(hooks: Hooks, owner: Owner, number: int, url: str = URL) -> None:
    """So many deliveries at an endpoint of a customer."""
    hooks.register(owner, url=url)
    for n in range(number):
        hooks.deliveries.take(Change(owner, "order", f"O{owner.username}{n}", "COMPLETED", hooks.desk.clock()))


def test_who_takes_slowly_and_has_much_waiting_keeps_back_nobody(hooks: Hooks) -> None:
    """A program that answers 200 after ten seconds is never sent to in vain. What waits for it is put off, none of it
    is lost, and whoever comes later is told in the round after the next."""
    ann, eve = hooks.desk.customer("ann"), hooks.desk.customer("eve")
    slow, clock = f"{URL}/slow", hooks.desk.clock
    waiting(hooks, eve, 60, slow)
    waiting(hooks, ann, 1)

    def slowly(_: Message) -> int:
        clock.forward(seconds=10)
        return 200

    hooks.program(slow).answer = slowly

    def round_() -> Delivered:
        ends = clock.at + timedelta(seconds=35)
        deliveries = replace(hooks.deliveries, due_max=40, of_endpoint_max=10)
        done = deliveries.deliver(lambda: clock.at < ends)
        clock.at = ends + timedelta(seconds=25)
        return done

    assert round_() == Delivered(delivered=4, put_off=10)
    while not hooks.received():
        round_()
    assert len(hooks.received(slow)) <= 4 * 4, "nobody waits for more than three rounds"
    while hooks.desk.dynamo.items(having="open_work"):
        assert round_().given_up == 0
    assert len({message.webhook_id for message in hooks.received(slow)}) == 60


def test_what_is_crowded_out_for_six_days_is_given_up_and_said(hooks: Hooks) -> None:
    """Also at a receiver that takes others all the time: what waits has an end."""
    ann = hooks.desk.customer()
    waiting(hooks, ann, 4)
    few, hour = replace(hooks.deliveries, of_endpoint_max=1), timedelta(hours=1)
    hooks.desk.clock.at += model.SILENT_FOR - hour
    assert few.deliver(lambda: True) == Delivered(delivered=1, put_off=1)
    hooks.desk.clock.at += 2 * hour
    assert few.deliver(lambda: True) == Delivered(delivered=1, given_up=1)
    (failed,) = (each for each in hooks.listed(ann, hooks.register(ann)) if each.status is DeliveryStatus.FAILED)
    assert failed.answer == "not sent: for six days more was due than its receiver takes"


def test_trouble_of_one_customer_is_nobody_elses(hooks: Hooks, counted: Counter[str]) -> None:
    """The table is busy with what is one's, a bug is in the way of another's, and an item of one more can not be read:
    ann is told in that round. Where nothing was begun it waits ten minutes, lest it is in front of all."""
    for name in ("busy", "broken", "strange", "ann"):
        waiting(hooks, hooks.desk.customer(name), 1, f"{URL}/{name}")
    (strange,) = (each for each in hooks.desk.dynamo.items(having="tried_since") if each["sub"]["S"] == "sub-strange")
    table = {"TableName": hooks.desk.table.name}
    hooks.desk.dynamo.put_item(**table, Item={**strange, "attempts": {"N": "0.5"}, "status": {"S": "LOST"}})

    def stumbles(what: Exception) -> Callable[[Message], int]:
        def answer(_: Message) -> int:
            raise what

        return answer

    hooks.program(f"{URL}/busy").answer = stumbles(TableUnavailable("the table is throttled"))
    hooks.program(f"{URL}/broken").answer = stumbles(UnicodeError("label too long"))
    assert hooks.round() == Delivered(delivered=1)
    assert (len(hooks.received(f"{URL}/ann")), counted["Bugs"]) == (1, 2)
    for name in ("busy", "broken"):
        hooks.program(f"{URL}/{name}").says(200)
    hooks.desk.clock.forward(minutes=1)
    assert hooks.round() == Delivered(delivered=2)
    assert counted["Bugs"] == 2, "it is not looked at each minute"
    hooks.desk.clock.forward(minutes=9)
    hooks.round()
    assert counted["Bugs"] == 3
    (item,) = hooks.desk.dynamo.items(having="open_work")
    hooks.desk.dynamo.put_item(**table, Item={**item, "attempts": {"N": "0"}, "status": {"S": "PENDING"}})
    hooks.desk.clock.forward(minutes=10)
    assert hooks.round() == Delivered(delivered=1)


def test_customers_are_told_side_by_side() -> None:
    """Each of these waits for the others."""
    meeting = Barrier(wiring.AT_ONCE, timeout=30)
    met = Delivered(delivered=1)
    rounds = [lambda: (meeting.wait(), met)[1]] * wiring.AT_ONCE
    assert wiring._side_by_side(rounds) == [met] * wiring.AT_ONCE


def test_a_message_that_is_never_taken_keeps_back_no_other(hooks: Hooks) -> None:
    """Not even two of them, which are sent in vain in each round in which they are tried."""
    ann = hooks.desk.customer()
    told = hooks.register(ann)
    poison = {hooks.desk.buy(ann, "1").order_id for _ in range(2)}

    def chokes(message: Message) -> int:
        return 500 if json.loads(message.body)["data"]["id"] in poison else 200

    hooks.program().answer = chokes
    for _ in range(4):
        hooks.desk.buy(ann, "1")
    hooks.take()
    hooks.rounds(timedelta(days=5), timedelta(minutes=20))
    statuses = {each.thing_id: (each.status, each.attempts) for each in hooks.listed(ann, told)}
    assert {thing for thing, how in statuses.items() if how == (DeliveryStatus.FAILED, ATTEMPTS_MAX)} == poison
    assert [how for how in statuses.values() if how == (DeliveryStatus.DELIVERED, 1)] == [
        (DeliveryStatus.DELIVERED, 1)
    ] * 4


def test_what_waits_for_a_receiver_that_never_answers_is_given_up(hooks: Hooks) -> None:
    """However much it is: else it would be in front of everything for ever. While it waits it is seldom looked at."""
    ann = hooks.desk.customer()
    told = hooks.register(ann)
    hooks.program().is_silent()
    number = deep(everyday=10, full=300)
    for n in range(number):
        hooks.deliveries.take(Change(ann, "order", f"O{n}", "COMPLETED", hooks.desk.clock()))
    done = hooks.rounds(timedelta(days=12), timedelta(minutes=10))
    assert sum(each.given_up for each in done) == number
    assert sum(each.put_off for each in done) < 25 * number
    assert max(each.failed for each in done) == model.IN_VAIN_MAX
    assert not any("open_work" in item for item in hooks.desk.dynamo.items())
    hooks.program().says(200)
    failed = hooks.endpoints.deliveries(ann, told.endpoint.endpoint_id, status=DeliveryStatus.FAILED, limit=3).items
    for each in failed:
        hooks.endpoints.replay(ann, each.delivery_id)
    assert hooks.round() == Delivered(delivered=3)


def test_who_is_back_after_three_days_is_asked_for_all_that_waits(hooks: Hooks) -> None:
    """Two of three attempts are in vain: what else waits is put off in each round, and is not given up for that."""
    ann = hooks.desk.customer()
    told = hooks.register(ann)
    back, asked = hooks.desk.clock.at + timedelta(days=3), iter(range(100_000))

    def takes_a_third(_: Message) -> int:
        return 200 if hooks.desk.clock.at > back and next(asked) % 3 == 2 else 503

    hooks.program().answer = takes_a_third
    number = deep(everyday=50, full=200)
    for n in range(number):
        hooks.deliveries.take(Change(ann, "order", f"O{n}", "COMPLETED", hooks.desk.clock()))
    hooks.rounds(timedelta(days=3), timedelta(minutes=10))
    while any("open_work" in item for item in hooks.desk.dynamo.items()):
        hooks.rounds(timedelta(days=1), timedelta(minutes=30))
    made = hooks.endpoints.deliveries(ann, told.endpoint.endpoint_id, limit=number).items
    assert {each.attempts for each in made if each.status is DeliveryStatus.FAILED} <= {ATTEMPTS_MAX}
    assert len({message.webhook_id for message in hooks.received()}) == len(made) == number


def test_what_is_put_off_waits_half_as_long_again_and_a_day_at_most(hooks: Hooks) -> None:
    ann, at = hooks.desk.customer(), hooks.desk.clock.at
    endpoint = hooks.register(ann).endpoint
    delivery = model.delivery(endpoint, Change(ann, "order", "O1", "COMPLETED", at), at)
    waits = {minutes: model.put_off(delivery, at + timedelta(minutes=minutes)) for minutes in (0, 10, 4536)}
    assert waits == {
        0: at + timedelta(minutes=1),
        10: at + timedelta(minutes=15),
        4536: at + timedelta(minutes=4536) + timedelta(days=1),
    }
    assert timedelta(minutes=4536) == model.TRIED_FOR
    given_up = {minutes: model.has_waited_long(delivery, at + timedelta(minutes=minutes)) for minutes in (9072, 9073)}
    assert given_up == {9072: False, 9073: True}
    old = replace(delivery, created_at=at - timedelta(days=20))
    assert not model.has_waited_long(old, at), "what is made again by hand is as new"


def test_what_is_made_again_is_kept_as_long_as_what_is_new(hooks: Hooks) -> None:
    """The table deletes by itself what has expired: also what is being tried, were it only for its event's age."""
    ann = bought(hooks)
    hooks.round()
    hooks.desk.clock.at += timedelta(days=29)
    hooks.endpoints.replay(ann, hooks.received()[0].webhook_id)
    late = Change(ann, "order", "O1", "COMPLETED", hooks.desk.clock() - timedelta(days=20))
    hooks.deliveries.take(late)
    left = [
        float(item["expires"]["N"]) - hooks.desk.clock.at.timestamp()
        for item in hooks.desk.dynamo.items(having="tried_since")
    ]
    assert all(each > model.TRIED_FOR.total_seconds() * 4 for each in left), left


def test_a_round_that_is_cut_short_leaves_the_rest_to_the_next(hooks: Hooks) -> None:
    ann = bought(hooks)
    hooks.desk.buy(ann, "1")
    hooks.take()
    left = iter([True, False])
    assert hooks.deliveries.deliver(lambda: next(left)) == Delivered(delivered=1)
    assert hooks.round() == Delivered(delivered=1)


def test_a_round_that_dies_while_it_sends_costs_a_repeat_and_no_loss(hooks: Hooks) -> None:
    ann = bought(hooks)

    def dies(_: Message) -> int:
        raise Crash

    hooks.program().answer = dies
    with pytest.raises(Crash):
        hooks.round()
    (delivery,) = hooks.listed(ann, hooks.register(ann))
    assert (delivery.attempts, delivery.answer) == (1, "begun: what came of it is not known")
    hooks.program().says(200)
    assert hooks.round() == Delivered(), "not before its time"
    hooks.desk.clock.forward(minutes=1)
    assert hooks.round() == Delivered(delivered=1)
    assert len({message.webhook_id for message in hooks.received()}) == 1


def test_a_round_that_dies_at_the_last_attempt_leaves_it_to_be_given_up(hooks: Hooks) -> None:
    ann = bought(hooks)
    hooks.program().says(500)
    while hooks.listed(ann, hooks.register(ann))[0].attempts < ATTEMPTS_MAX - 1:
        hooks.round()
        hooks.desk.clock.forward(days=1)

    def dies(_: Message) -> int:
        raise Crash

    hooks.program().answer = dies
    with pytest.raises(Crash):
        hooks.round()
    hooks.desk.clock.forward(days=1)
    assert hooks.round() == Delivered(given_up=1)
    assert len(hooks.received()) == ATTEMPTS_MAX


@pytest.mark.parametrize("seed", range(deep(everyday=3, full=100)))
def test_two_rounds_at_one_time_send_an_attempt_once(seed: int) -> None:
    desk, interleaver = shared(at_random(seed))
    hooks = Hooks(desk)
    ann = desk.customer()
    hooks.register(ann)
    desk.buy(ann, "1")
    hooks.take()
    outcomes = [outcome.result() for outcome in interleaver.run(*[hooks.round] * 4)]
    assert sum(outcome.delivered for outcome in outcomes) == len(hooks.received()) == 1


# Endpoints and their secrets


def test_a_secret_is_told_to_a_repeat_and_to_nobody_else(hooks: Hooks) -> None:
    ann = hooks.desk.customer()
    first = hooks.endpoints.register(ann, "e", URL, [])
    again = hooks.endpoints.register(ann, "e", URL, [])
    assert (again.replayed, again.made) == (True, first.made)
    with pytest.raises(IdempotencyKeyReused):
        hooks.endpoints.register(ann, "e", f"{URL}/other", [])
    other = hooks.endpoints.register(ann, "f", URL, []).made
    assert other.secret != first.made.secret
    assert all(first.made.secret not in str(item) for item in hooks.desk.dynamo.items())


@pytest.mark.parametrize("seed", range(deep(everyday=3, full=100)))
def test_there_are_no_more_endpoints_than_allowed_who_asks_at_one_time(seed: int) -> None:
    """Each would be a message more of every order."""
    desk, interleaver = shared(at_random(seed))
    hooks = Hooks(desk)
    ann = desk.customer()
    asked = [partial(hooks.register, ann, key=str(n)) for n in range(model.ENDPOINTS_MAX + 3)]
    interleaver.run(*asked)
    assert len(hooks.endpoints.endpoints(ann)) <= model.ENDPOINTS_MAX


def test_after_a_rotation_both_secrets_sign_for_a_day(hooks: Hooks) -> None:
    ann = hooks.desk.customer()
    old = hooks.register(ann)
    done = hooks.endpoints.rotate(ann, old.endpoint.endpoint_id, 1)
    again = hooks.endpoints.rotate(ann, old.endpoint.endpoint_id, 1)
    assert (done.replayed, again.replayed, again.made) == (False, True, done.made)
    new = done.made
    assert new.secret != old.secret
    for number in (0, 3):
        with pytest.raises(EndpointMoved):
            hooks.endpoints.rotate(ann, old.endpoint.endpoint_id, number)
    seen = []
    for _ in range(2):
        hooks.desk.buy(ann, "1")
        hooks.take()
        hooks.round()
        message = hooks.received()[-1]
        seen.append((message.verified(old.secret), message.verified(new.secret)))
        hooks.desk.clock.forward(days=1)
        hooks.desk.mark("BTC", "100")
    assert seen == [(True, True), (False, True)]
    with pytest.raises(EndpointNotFound):
        hooks.endpoints.rotate(EVE, old.endpoint.endpoint_id, 1)


def test_a_secret_that_was_replaced_never_signs_again(hooks: Hooks) -> None:
    """Nor does another one of then, when the endpoint is deleted and registered again under the same key: somebody may
    have heard of them, which is why they were replaced."""
    ann = hooks.desk.customer()
    first = hooks.register(ann)
    known = {first.secret}
    for number in (1, 2):
        known.add(hooks.endpoints.rotate(ann, first.endpoint.endpoint_id, number).made.secret)
    hooks.endpoints.delete(ann, first.endpoint.endpoint_id)
    again = hooks.register(ann)
    assert again.endpoint.endpoint_id == first.endpoint.endpoint_id
    known_now = {
        again.secret,
        *(hooks.endpoints.rotate(ann, again.endpoint.endpoint_id, n).made.secret for n in (1, 2)),
    }
    assert len(known | known_now) == 6
    hooks.desk.buy(ann, "1")
    hooks.take()
    hooks.round()
    assert not any(message.verified(secret) for message in hooks.received() for secret in known)


def test_what_waited_for_a_deleted_endpoint_does_not_go_to_the_next_of_its_key(hooks: Hooks) -> None:
    """Unless its owner asks for it. Nor does what the receiver before it has answered count."""
    ann = bought(hooks)
    endpoint_id = hooks.register(ann).endpoint.endpoint_id
    hooks.endpoints.delete(ann, endpoint_id)
    told = hooks.register(ann, url=f"{URL}/new")
    assert hooks.round() == Delivered(given_up=1)
    assert hooks.received() == hooks.received(f"{URL}/new") == []
    (failed,) = hooks.listed(ann, told)
    assert failed.answer == "not sent: the endpoint was deleted, and registered anew"
    hooks.endpoints.replay(ann, failed.delivery_id)

    def gone_elsewhere(_: Message) -> int:
        hooks.endpoints.delete(ann, endpoint_id)
        hooks.register(ann)
        return 410

    hooks.program(f"{URL}/new").answer = gone_elsewhere
    assert hooks.round() == Delivered(given_up=1)
    (endpoint,) = hooks.endpoints.endpoints(ann)
    assert (endpoint.url, endpoint.status) == (URL, EndpointStatus.ACTIVE)


def test_an_endpoint_that_is_older_than_this_keeps_its_secret_and_what_waits(hooks: Hooks) -> None:
    """It was registered when its id and a number were all that a secret was made of."""
    ann = hooks.desk.customer()
    told = replace(hooks.endpoints, chance=lambda: "").register(ann, "e", URL, []).made
    assert told.secret == signing.secret(hooks.desk.webhook_key(), told.endpoint.endpoint_id, "", 1)
    assert not any({"registration"} & item.keys() for item in hooks.desk.dynamo.items())
    hooks.desk.buy(ann, "1")
    hooks.take()
    assert hooks.round() == Delivered(delivered=1)
    hooks.endpoints.replay(ann, hooks.received()[0].webhook_id)
    assert hooks.round() == Delivered(delivered=1)
    assert hooks.endpoints.rotate(ann, told.endpoint.endpoint_id, 1).made.endpoint.secret_number == 2


def test_a_secret_that_leaked_ends_at_once(hooks: Hooks) -> None:
    """Also when it was replaced in peace before; and to ask twice makes no third."""
    ann = hooks.desk.customer()
    old = hooks.register(ann)
    endpoint_id = old.endpoint.endpoint_id
    peaceful = hooks.endpoints.rotate(ann, endpoint_id, 1)
    done = [hooks.endpoints.rotate(ann, endpoint_id, 1, at_once=True) for _ in range(2)]
    assert [(each.replayed, each.made.secret) for each in done] == [(True, peaceful.made.secret)] * 2
    seen = []
    for number in (2, 3):
        hooks.desk.buy(ann, "1")
        hooks.take()
        hooks.round()
        seen.append([hooks.received()[-1].verified(each) for each in (old.secret, peaceful.made.secret)])
        newest = hooks.endpoints.rotate(ann, endpoint_id, number, at_once=True).made.secret
    assert seen == [[False, True], [False, False]]
    assert newest not in (old.secret, peaceful.made.secret)


def test_who_moves_keeps_his_secret_and_what_waits(hooks: Hooks) -> None:
    """Types that are left out stay; a repeat of the registration tells what was made of it."""
    ann = bought(hooks)
    told, new = hooks.register(ann), f"{URL}/new"
    hooks.program().says(500)
    hooks.round()
    with pytest.raises(AddressRefused):
        hooks.endpoints.change(ann, told.endpoint.endpoint_id, "http://hooks.example.com", None)
    with pytest.raises(UnknownEventType):
        hooks.endpoints.change(ann, told.endpoint.endpoint_id, None, ["bill.paid"])
    with pytest.raises(EndpointNotFound):
        hooks.endpoints.change(EVE, told.endpoint.endpoint_id, new, None)
    moved = hooks.endpoints.change(ann, told.endpoint.endpoint_id, new, None)
    assert (moved.url, moved.events) == (new, told.endpoint.events)
    assert hooks.register(ann).endpoint == moved
    hooks.desk.clock.forward(minutes=1)
    assert hooks.round() == Delivered(delivered=1)
    (message,) = hooks.received(new)
    assert message.verified(told.secret)
    assert hooks.endpoints.change(ann, moved.endpoint_id, None, ["order.failed"]).events == ("order.failed",)
    hooks.desk.buy(ann, "1")
    assert hooks.take() == 0


def test_who_has_said_gone_is_told_again_when_its_owner_says_so(hooks: Hooks) -> None:
    """By a change, to the same address; what was given up meanwhile is replayed by hand."""
    ann = bought(hooks)
    endpoint_id = hooks.register(ann).endpoint.endpoint_id
    hooks.program().says(410)
    hooks.round()
    hooks.program().says(200)
    (failed,) = hooks.listed(ann, hooks.register(ann))
    with pytest.raises(EndpointDisabled, match="PATCH the endpoint with its url"):
        hooks.endpoints.replay(ann, failed.delivery_id)
    with pytest.raises(EndpointDisabled):
        hooks.endpoints.test(ann, endpoint_id)
    assert hooks.endpoints.change(ann, endpoint_id, URL, None).status is EndpointStatus.ACTIVE
    hooks.endpoints.replay(ann, failed.delivery_id)
    hooks.desk.buy(ann, "1")
    hooks.take()
    assert hooks.round() == Delivered(delivered=2)


def test_a_gone_of_the_address_before_does_not_end_the_one_of_now(hooks: Hooks) -> None:
    ann = bought(hooks)
    endpoint_id = hooks.register(ann).endpoint.endpoint_id

    def moves(_: Message) -> int:
        hooks.endpoints.change(ann, endpoint_id, f"{URL}/new", None)
        return 410

    hooks.program().answer = moves
    hooks.round()
    assert hooks.endpoints.endpoints(ann)[0].status is EndpointStatus.ACTIVE


def test_a_message_of_a_test_comes_signed_whatever_was_asked_for(hooks: Hooks) -> None:
    ann = hooks.desk.customer()
    told = hooks.register(ann, "order.failed")
    endpoint_id = told.endpoint.endpoint_id
    made = {hooks.endpoints.test(ann, endpoint_id).delivery_id for _ in range(2)}
    assert hooks.round() == Delivered(delivered=1)
    assert hooks.endpoints.test(ann, endpoint_id).status is DeliveryStatus.DELIVERED, "one a minute"
    hooks.desk.clock.forward(minutes=1)
    made.add(hooks.endpoints.test(ann, endpoint_id).delivery_id)
    assert hooks.round() == Delivered(delivered=1)
    message, _ = hooks.received()
    assert len(made) == 2
    assert message.verified(told.secret)
    said = json.loads(message.body)
    assert (said["type"], said["data"]) == ("webhook.test", {"id": told.endpoint.endpoint_id, "status": "ACTIVE"})
    with pytest.raises(EndpointNotFound):
        hooks.endpoints.test(EVE, endpoint_id)


def test_what_an_outage_has_lost_is_told_since_then(hooks: Hooks) -> None:
    ann = hooks.desk.customer()
    told, at = hooks.register(ann), hooks.desk.clock.at
    for n in range(3):
        hooks.deliveries.take(Change(ann, "order", f"O{n}", "COMPLETED", at + timedelta(minutes=n)))
    page = hooks.endpoints.deliveries(ann, told.endpoint.endpoint_id, since=at + timedelta(minutes=1))
    assert [each.thing_id for each in page.items] == ["O2", "O1"]


def test_a_deleted_endpoint_is_sent_nothing_more(hooks: Hooks) -> None:
    ann = bought(hooks)
    told = hooks.register(ann)
    with pytest.raises(EndpointNotFound):
        hooks.endpoints.delete(EVE, told.endpoint.endpoint_id)
    hooks.endpoints.delete(ann, told.endpoint.endpoint_id)
    assert hooks.round() == Delivered(given_up=1)
    assert hooks.received() == []
    with pytest.raises(EndpointNotFound):
        hooks.endpoints.delete(ann, told.endpoint.endpoint_id)


@pytest.mark.parametrize("strange", ["", "#", "ENDPOINT#x", "endpoint-0000000000000000"])
def test_an_unknown_endpoint_is_not_found(hooks: Hooks, strange: str) -> None:
    with pytest.raises(EndpointNotFound):
        hooks.endpoints.rotate(EVE, strange, 1)
    with pytest.raises(DeliveryNotFound):
        hooks.endpoints.replay(EVE, strange)


def test_what_can_not_be_registered_is_refused(hooks: Hooks) -> None:
    ann = hooks.desk.customer()
    with pytest.raises(UnknownEventType) as refused:
        hooks.register(ann, "order.exploded")
    assert refused.value.facts["event_types"] == list(model.EVENT_TYPES)
    with pytest.raises(AddressRefused):
        hooks.register(ann, url="http://hooks.example.com")
    for n in range(model.ENDPOINTS_MAX):
        hooks.register(ann, key=str(n))
    with pytest.raises(TooManyEndpoints):
        hooks.register(ann, key="one more")
    assert hooks.register(ann, key="0"), "a repeat is none more"
