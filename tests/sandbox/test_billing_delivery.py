"""From the outbox to the function, over the real Kafka protocol: nothing is lost, and what comes twice is the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes import KafkaEvent

from common.gateways.billing.messages import read
from sandbox.billing.bridge import (
    NO_TOPIC_SECONDS,
    UNREACHED_SECONDS,
    Bridge,
    Broken,
    Event,
    FunctionFailed,
    LambdaFunction,
    NotInvoked,
)
from sandbox.billing.delivery import Delivery
from sandbox.billing.kafka import TOPIC, KafkaTopic, MemoryBroker
from sandbox.billing.outbox import NotPublished, Outbox, Place
from sandbox.billing.system import BillingSystem
from sandbox.serving import Answer, Hang, Request, serve
from tests.gateways.test_billing_contract import NOON
from tests.gateways.wire import nobody
from tests.sandbox.billing import contract_of

SECONDS = 10.0  # in which a message comes, on a machine that is busy


class Function:
    """Takes payments, or fails as it was told to."""

    def __init__(self) -> None:
        self.values: list[str] = []  # of every message that it was given, also when it failed
        self.taken: list[str] = []
        self.events: list[Event] = []
        self.failing: list[Exception] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        values = [record.value_text for record in records(event)]
        self.values += values
        if self.failing:
            raise self.failing.pop(0)
        self.taken += values


class Record:
    def __init__(self, value: bytes, key: bytes | None) -> None:
        self.value_text = value.decode()
        self.key_text = (key or b"").decode()


def records(event: Event) -> list[Record]:
    """Read by somebody else's idea of AWS's event."""
    told: Any = KafkaEvent(json.loads(json.dumps(event)))
    return [Record(record.decoded_value, record.decoded_key) for record in told.records]


@pytest.fixture(scope="module")
def shared_broker() -> Iterator[MemoryBroker]:
    broker = MemoryBroker()
    yield broker
    broker.close()


@pytest.fixture
def topic(shared_broker: MemoryBroker, request: pytest.FixtureRequest) -> str:
    """One that nobody else uses."""
    return f"topic-{abs(hash(request.node.name)):x}"


@pytest.fixture
def wired(shared_broker: MemoryBroker, topic: str) -> Iterator[tuple[KafkaTopic, Callable[..., Bridge], Function]]:
    published = KafkaTopic(shared_broker.address, keeps=False, topic=topic)
    function, bridges = Function(), list[Bridge]()

    def bridge(**options: Any) -> Bridge:
        given_up = options.pop("given_up", [])
        made = Bridge(shared_broker.address, function, given_up.append, topic=topic, **options)
        bridges.append(made)
        return made

    yield published, bridge, function
    for made in bridges:
        made.close()
    published.close()


Wired = tuple[KafkaTopic, Callable[..., Bridge], Function]


def take_all(bridge: Bridge, function: Function, count: int) -> None:
    for _ in range(2 * count + 2):
        if len(function.taken) >= count:
            return
        bridge.step(SECONDS)


# The bridge


def test_a_function_is_given_what_aws_would_give_it(wired: Wired) -> None:
    published, bridge, function = wired
    place = published.publish("inv-1", '{"amount": "100.00", "purpose": "оплата"}')
    take_all(bridge(), function, 1)
    (event,) = function.events
    assert event["eventSource"] == "SelfManagedKafka"
    ((name, (record,)),) = event["records"].items()
    assert name == f"{record['topic']}-{record['partition']}"
    assert (record["partition"], record["offset"]) == (place.partition, place.offset)
    assert record["timestampType"] == "CREATE_TIME"
    assert record["timestamp"] > 1_700_000_000_000
    (read_back,) = records(event)
    assert (read_back.key_text, json.loads(read_back.value_text)["purpose"]) == ("inv-1", "оплата")


def test_what_was_taken_is_not_given_again(wired: Wired) -> None:
    published, bridge, function = wired
    place = published.publish("a", "first")
    assert published.taken().get(place.partition, 0) <= place.offset
    first = bridge()
    take_all(first, function, 1)
    assert published.taken()[place.partition] == place.offset + 1
    published.publish("a", "second")
    first.close()
    take_all(bridge(), function, 2)
    assert function.values == ["first", "second"]


def test_a_batch_that_fails_comes_again_whole_before_anything_else(wired: Wired) -> None:
    published, bridge, function = wired
    given = bridge(batch_max=1)
    published.publish("a", "first")
    published.publish("a", "second")
    function.failing = [FunctionFailed("the table is throttled"), FunctionFailed("still")]
    assert given.step(SECONDS) == 0
    assert given.pause_seconds == 1
    assert given.step(SECONDS) == 0
    assert given.pause_seconds == 2
    take_all(given, function, 2)
    assert function.values == ["first", "first", "first", "second"]
    assert given.pause_seconds == 0


def test_who_dies_after_the_function_took_it_lets_it_come_again(wired: Wired) -> None:
    """The commit comes last: at least once, never less."""
    published, bridge, function = wired
    published.publish("a", "first")

    class Died(BaseException): ...

    function.failing = [Died()]  # type: ignore[list-item]
    with pytest.raises(Died):
        take_all(bridge(), function, 1)
    take_all(bridge(), function, 1)
    assert function.values == ["first", "first"]


def test_what_fails_for_good_is_given_up_and_the_next_is_taken(wired: Wired) -> None:
    published, bridge, function = wired
    given_up: list[Event] = []
    given = bridge(batch_max=1, retries_max=2, given_up=given_up)
    published.publish("a", "poison")
    published.publish("a", "good")
    function.failing = [FunctionFailed("no")] * 3
    take_all(given, function, 1)
    assert function.values == ["poison"] * 3 + ["good"]
    assert [records(event)[0].value_text for event in given_up] == ["poison"]


def test_a_topic_that_is_not_there_yet_is_looked_for_now_and_then(wired: Wired) -> None:
    published, bridge, function = wired
    given = bridge()
    assert given.step(0.1) == 0
    assert given.pause_seconds == NO_TOPIC_SECONDS
    published.publish("a", "first")
    take_all(given, function, 1)
    assert given.pause_seconds == 0


def test_a_function_that_is_not_there_costs_no_attempt(wired: Wired) -> None:
    published, bridge, function = wired
    given_up: list[Event] = []
    given = bridge(retries_max=0, given_up=given_up)
    published.publish("a", "first")
    function.failing = [NotInvoked("no such function")] * 5
    for _ in range(5):
        assert given.step(SECONDS) == 0
    assert given.pause_seconds == UNREACHED_SECONDS
    take_all(given, function, 1)
    assert given_up == []


def test_messages_of_all_partitions_are_taken_once(wired: Wired) -> None:
    published, bridge, function = wired
    places = [published.publish(f"key-{n}", f"value-{n}") for n in range(40)]
    assert len({place.partition for place in places}) > 1
    take_all(bridge(batch_max=7), function, 40)
    assert sorted(function.values) == sorted(f"value-{n}" for n in range(40))
    assert all(len(records(event)) <= 7 for event in function.events)


def test_the_order_of_a_key_is_kept(wired: Wired) -> None:
    published, bridge, function = wired
    for n in range(20):
        published.publish("inv-1", str(n))
    take_all(bridge(batch_max=3), function, 20)
    assert function.values == [str(n) for n in range(20)]


# The outbox


class Shelf:
    """A topic in process, which may be out of order."""

    def __init__(self, *, keeps: bool) -> None:
        self.keeps = keeps
        self.values: list[str] = []
        self.read = 0
        self.fails = 0

    def publish(self, _: str, value: str) -> Place:
        if self.fails:
            self.fails -= 1
            raise NotPublished("out of order")
        self.values.append(value)
        return Place(0, len(self.values) - 1)

    def taken(self) -> dict[int, int]:
        return {0: self.read}


@pytest.mark.parametrize("keeps", [True, False])
def test_a_message_is_published_once_at_a_broker(keeps: bool) -> None:
    outbox, shelf = Outbox(), Shelf(keeps=keeps)
    outbox.add("a", "first")
    assert (outbox.publish(shelf), outbox.publish(shelf)) == (1, 0)
    assert shelf.values == ["first"]


def test_a_broker_that_keeps_what_it_has_settles_it() -> None:
    outbox = Outbox()
    outbox.add("a", "first")
    outbox.publish(Shelf(keeps=True))
    outbox.broker_ended()
    assert outbox.unsettled() == []


def test_a_broker_in_memory_settles_what_was_taken_there_and_no_more() -> None:
    outbox, shelf = Outbox(), Shelf(keeps=False)
    for value in ("first", "second", "third"):
        outbox.add("a", value)
    outbox.publish(shelf)
    shelf.read = 1
    outbox.publish(shelf)
    outbox.broker_ended()
    again = Shelf(keeps=False)
    outbox.publish(again)
    assert again.values == ["second", "third"]


def test_what_a_broker_did_not_take_is_published_next_time_in_its_order() -> None:
    outbox, shelf = Outbox(), Shelf(keeps=True)
    outbox.add("a", "first")
    outbox.add("a", "second")
    shelf.fails = 1
    with pytest.raises(NotPublished):
        outbox.publish(shelf)
    outbox.publish(shelf)
    assert shelf.values == ["first", "second"]


@pytest.mark.parametrize("keeps", [True, False])
def test_after_a_restart_the_outbox_goes_on(keeps: bool) -> None:
    outbox, shelf = Outbox(), Shelf(keeps=keeps)
    outbox.add("a", "first")
    outbox.publish(shelf)
    outbox.add("a", "second")
    restored = Outbox()
    restored.restore(json.loads(json.dumps(outbox.state())))
    again = Shelf(keeps=keeps)
    restored.publish(again)
    assert again.values == (["second"] if keeps else ["first", "second"])


# All of it, with a broker that ends


def test_a_broker_that_is_killed_loses_nothing_and_doubles_only_what_it_had() -> None:
    system, function = BillingSystem(lambda: NOON), Function()
    contract_id = contract_of(system)
    delivery = Delivery(system.outbox, None, function)
    try:
        paid = [system.pay(n + 1, contract_id, None, "оплата").payment_id for n in range(3)]
        settle(delivery, system, function, 3)
        first = delivery.servers
        paid.append(system.pay(4, contract_id, None, "оплата").payment_id)
        delivery.publish()  # there it is, and nobody took it
        delivery.end_broker()
        assert delivery.servers is None
        assert (delivery.publish(), delivery.give(0.01)) == (0, 0.5)
        paid.append(system.pay(5, contract_id, None, "оплата").payment_id)
        delivery.begin_broker()
        assert delivery.servers not in (None, first)
        settle(delivery, system, function, 5)
        taken = [read(value.encode()).payment.payment_id for value in function.taken]
        assert sorted(set(taken)) == sorted(paid)
        assert taken.count(paid[0]) == 1
        assert system.outbox.unsettled() == []
    finally:
        delivery.close()


def test_a_broker_that_dies_while_the_function_works_loses_nothing() -> None:
    """What it took could not be committed, so it is given to it again."""
    system, function = BillingSystem(lambda: NOON), Function()
    contract_id = contract_of(system)

    def dying(event: Event) -> None:
        if not function.events:
            delivery.begin_broker()
        function(event)

    delivery = Delivery(system.outbox, None, dying, answer_seconds=1)
    try:
        payment = system.pay(100, contract_id, None, "оплата")
        settle(delivery, system, function, 1)
        for _ in range(5):
            settle(delivery, system, function, 1)
        assert {read(value.encode()).payment.payment_id for value in function.taken} == {payment.payment_id}
        assert len(function.taken) == 2
        assert system.outbox.unsettled() == []
    finally:
        delivery.close()


def settle(delivery: Delivery, system: BillingSystem, function: Function, count: int) -> None:
    for _ in range(20):
        delivery.publish()
        if not system.outbox.unsettled() and len(set(function.taken)) >= count:
            return
        delivery.give(SECONDS)


def test_a_bridge_whose_broker_is_gone_says_so(topic: str) -> None:
    broker, function = MemoryBroker(), Function()
    published = KafkaTopic(broker.address, keeps=False, topic=topic, answer_seconds=0.5)
    published.publish("a", "first")
    bridge = Bridge(broker.address, function, function.events.append, topic=topic, answer_seconds=0.1)
    broker.close()
    with pytest.raises(Broken):
        bridge.step(0.1)
    with pytest.raises(NotPublished):
        published.publish("a", "second")
    bridge.close()
    published.close()


def test_a_real_broker_is_never_ended_from_here() -> None:
    delivery = Delivery(Outbox(), "127.0.0.1:1", None)
    for act in (delivery.end_broker, delivery.begin_broker):
        with pytest.raises(ValueError, match="real one"):
            act()
    assert delivery.servers == "127.0.0.1:1"
    assert TOPIC == "billing.payments"


# The function, on AWS's wire


def invoked(answer: Callable[[Request], Answer], **options: Any) -> list[Request]:
    asked: list[Request] = []

    def decide(request: Request) -> Answer:
        asked.append(request)
        return answer(request)

    with serve(decide, name="aws", hang_seconds=5) as aws:
        LambdaFunction("take-payments", aws.url, "us-east-1", **options)({"records": {}})
    return asked


def test_a_function_is_invoked_with_the_event_and_waited_for() -> None:
    (request,) = invoked(lambda _: Answer(200, "null"))
    assert (request.method, request.path[-3:]) == ("POST", ["functions", "take-payments", "invocations"])
    assert json.loads(request.body) == {"records": {}}
    assert request.headers.get("X-Amz-Invocation-Type") in (None, "RequestResponse")


def test_a_function_that_ends_with_an_error_has_failed() -> None:
    def answer(_: Request) -> Answer:
        return Answer(200, '{"errorMessage": "throttled"}', {"X-Amz-Function-Error": "Unhandled"})

    with pytest.raises(FunctionFailed, match="throttled"):
        invoked(answer)


def test_a_function_slower_than_anybody_waits_has_failed() -> None:
    def answer(_: Request) -> Answer:
        raise Hang

    with pytest.raises(FunctionFailed, match="slower"):
        invoked(answer, read_seconds=0.1)


@pytest.mark.parametrize(("status", "error"), [(404, "ResourceNotFoundException"), (429, "TooManyRequestsException")])
def test_a_function_that_is_not_there_was_not_invoked(status: int, error: str) -> None:
    with pytest.raises(NotInvoked):
        invoked(lambda _: Answer(status, '{"Message": "no"}', {"X-Amzn-ErrorType": error}))


def test_where_no_aws_is_nothing_was_invoked() -> None:
    with pytest.raises(NotInvoked):
        LambdaFunction("take-payments", nobody(), "us-east-1")({"records": {}})
