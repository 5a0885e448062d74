"""What Lambda gives the function that takes payments, and what it is answered: of a queue, and of Kafka."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import ClientError

from common.table.transaction import Busy
from functions.billing import payment_store, schedule, stream
from functions.billing.model import Aside, BillStatus, PaymentStatus, Taken, receipt_id, receipt_id_of
from tests.billing.dealership import Dealership
from tests.harness.invocation import Invocation

ARN = "arn:aws:sqs:eu-central-1:000000000000:payments"
Take = Callable[..., dict[str, Any]]


def of_queue(*bodies: str) -> dict[str, Any]:
    """As SQS's event source gives them; the ids are m0, m1, …"""
    return {
        "Records": [
            {"messageId": f"m{n}", "body": body, "eventSource": "aws:sqs", "eventSourceARN": ARN, "attributes": {}}
            for n, body in enumerate(bodies)
        ]
    }


def of_kafka(*bodies: str, source: str = "SelfManagedKafka") -> dict[str, Any]:
    """As Lambda's event source of Kafka gives them, in two partitions in turn."""
    records: dict[str, list[dict[str, Any]]] = {}
    for offset, body in enumerate(bodies):
        partition = offset % 2
        records.setdefault(f"billing.payments-{partition}", []).append(
            {
                "topic": "billing.payments",
                "partition": partition,
                "offset": offset,
                "timestamp": 1_700_000_000_000,
                "timestampType": "CREATE_TIME",
                "key": base64.b64encode(b"invoice").decode(),
                "value": base64.b64encode(body.encode()).decode(),
                "headers": [],
            }
        )
    return {"eventSource": source, "bootstrapServers": "a:9092,b:9092", "records": records}


@pytest.fixture
def take(dealership: Dealership) -> Iterator[Take]:
    """Gives the function an event; seconds: that it has for it."""

    def given(event: dict[str, Any], seconds: float = 30) -> dict[str, Any]:
        ends = dealership.clock.monotonic() + seconds
        left = lambda: int((ends - dealership.clock.monotonic()) * 1000)  # noqa: E731
        return stream.take_payments(event, Invocation(left=left))

    with patch.object(stream, "payments", lambda: dealership.payments):
        yield given


def body(dealership: Dealership, kopecks: int, **named: Any) -> str:
    """Of the next payment, as the billing system writes it."""
    dealership.message(kopecks, **named)
    return dealership.system.outbox.messages()[-1].value


class Fails:
    """The table is throttled for what writes of this payment."""

    def __init__(self, dealership: Dealership, of: str) -> None:
        self.dynamo, self.of, self.failed = dealership.dynamo, of, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.dynamo, name)

    def transact_write_items(self, **asked: Any) -> Any:
        if self.of in json.dumps(asked, default=str):
            self.failed += 1
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "TransactWriteItems")
        return self.dynamo.transact_write_items(**asked)


class TestOfAQueue:
    def test_each_message_is_taken_and_none_comes_again(self, dealership: Dealership, take: Take) -> None:
        dealership.active()
        bill = dealership.billed(1_000_00)
        parts = [body(dealership, kopecks, bill=bill) for kopecks in (400_00, 700_00)]
        assert take(of_queue(*parts)) == {"batchItemFailures": []}
        assert dealership.bills.bill(bill.bill_id).status is BillStatus.PAID
        assert dealership.account().balance_kopecks == 100_00
        before = dealership.dynamo.items()
        assert take(of_queue(*reversed(parts), *parts)) == {"batchItemFailures": []}
        assert dealership.dynamo.items() == before

    def test_only_what_the_table_refuses_comes_again(
        self, dealership: Dealership, take: Take, lines: io.BytesIO
    ) -> None:
        dealership.active()
        bills = [dealership.billed(100_00) for _ in range(3)]
        bodies = [body(dealership, 100_00, bill=bill) for bill in bills]
        dealership.client = Fails(dealership, json.loads(bodies[1])["payment_id"])
        assert take(of_queue(*bodies)) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
        told = [json.loads(line) for line in lines.getvalue().decode().splitlines()]
        assert [line["message_name"] for line in told if line["message"] == "not taken now"] == ["m1"]
        assert dealership.client.failed > 1  # asked again with patience, before it is given back
        dealership.client = None
        paid = [dealership.bills.bill(bill.bill_id).status for bill in bills]
        assert paid == [BillStatus.PAID, BillStatus.PENDING, BillStatus.PAID]
        assert take(of_queue(bodies[1])) == {"batchItemFailures": []}
        assert dealership.account().received_kopecks == 300_00
        dealership.check()

    def test_what_is_not_understood_is_put_aside_and_never_comes_again(
        self, dealership: Dealership, take: Take
    ) -> None:
        dealership.active()
        good = json.loads(body(dealership, 100_00))
        poison = {
            "no JSON": "not JSON",
            "[]": "not a JSON object",
            json.dumps({**good, "currency": "USD"}): "currency is not RUB",
            json.dumps({**good, "amount": ["100.00"]}): "amount is neither text nor a number",
            json.dumps({**good, "amount": "0.00"}): "amount is 0.00",
            json.dumps({**good, "amount": "-1.00"}): "amount",
            json.dumps({**good, "amount": "1.005"}): "amount",
            json.dumps({**good, "amount": "99999999999999.00"}): "amount",
            json.dumps({**good, "paid_total": "99.99"}): "less has come for the contract than this payment",
            json.dumps({**good, "event_type": "invoice.created"}): "event_type is not invoice.payment",
            json.dumps({**good, "payment_id": "with#fence"}): "payment_id is not text of the expected form",
            json.dumps({**good, "occurred_at": "1999-12-31T00:00:00Z"}): "occurred_at",
            "[" * 5_000: "not JSON",
            json.dumps({**good, "purpose": "ж" * 20_000}): "longer than 16384 bytes",
        }
        assert take(of_queue(*poison)) == {"batchItemFailures": []}
        assert take(of_queue(*poison)) == {"batchItemFailures": []}
        for written, why in poison.items():
            found = payment_store.receipt(dealership.table, receipt_id_of(written.encode()))
            assert isinstance(found, Aside)
            assert found.status is PaymentStatus.PARKED
            assert why in found.why.why
            assert found.told is None
            assert written.startswith(found.body or "nothing")
        assert dealership.account().received_kopecks == 0
        # Poison in its name does not stand in the way of the payment itself.
        assert take(of_queue(json.dumps(good))) == {"batchItemFailures": []}
        assert dealership.account().received_kopecks == 100_00
        dealership.check()

    def test_a_bug_stops_its_own_message_only(self, dealership: Dealership, take: Take) -> None:
        dealership.active()
        bodies = [body(dealership, 100_00), body(dealership, 200_00)]
        first = receipt_id(json.loads(bodies[0])["payment_id"])
        find = payment_store.find

        def broken(table: Any, id_: str) -> Any:
            if id_ == first:
                raise ZeroDivisionError
            return find(table, id_)

        with patch.object(payment_store, "find", broken):
            assert take(of_queue(*bodies)) == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
        assert dealership.account().received_kopecks == 200_00


class TestOfKafka:
    @pytest.mark.parametrize("source", ["SelfManagedKafka", "aws:kafka"])
    def test_a_batch_is_taken(self, dealership: Dealership, take: Take, source: str) -> None:
        dealership.active()
        bodies = [body(dealership, 100_00) for _ in range(5)]
        assert take(of_kafka(*bodies, "no JSON", source=source)) == {"batchItemFailures": []}
        assert dealership.account().received_kopecks == 500_00

    def test_a_fault_of_the_table_is_raised_and_the_batch_comes_again(self, dealership: Dealership, take: Take) -> None:
        """The others of it are taken nevertheless, and change nothing when they come again."""
        dealership.active()
        bodies = [body(dealership, 100_00) for _ in range(3)]
        dealership.client = Fails(dealership, json.loads(bodies[0])["payment_id"])
        with pytest.raises(Busy):
            take(of_kafka(*bodies))
        dealership.client = None
        assert dealership.account().received_kopecks == 200_00
        assert take(of_kafka(*bodies)) == {"batchItemFailures": []}
        assert dealership.account().received_kopecks == 300_00
        dealership.check()

    def test_a_tombstone_is_put_aside(self, dealership: Dealership, take: Take) -> None:
        event = of_kafka("x")
        event["records"]["billing.payments-0"][0]["value"] = None
        assert take(event) == {"batchItemFailures": []}
        assert payment_store.receipt(dealership.table, receipt_id_of(b"")).status is PaymentStatus.PARKED


class Slow:
    """Each write takes so many seconds."""

    def __init__(self, dealership: Dealership, seconds: float) -> None:
        self.dealership, self.seconds = dealership, seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self.dealership.dynamo, name)

    def transact_write_items(self, **asked: Any) -> Any:
        self.dealership.clock.forward(seconds=self.seconds)
        return self.dealership.dynamo.transact_write_items(**asked)


class TestTime:
    def test_a_payment_over_many_bills_goes_on_in_later_calls(self, dealership: Dealership, take: Take) -> None:
        dealership.active()
        bills = [dealership.billed(10_00) for _ in range(100)]
        message = dealership.message(1_000_00 + 7_00)
        written = dealership.system.outbox.messages()[-1].value
        dealership.client = Slow(dealership, 5)
        assert take(of_queue(written)) == {"batchItemFailures": []}
        found = dealership.receipt(message)
        assert isinstance(found, Taken)
        assert (found.status, found.left_kopecks) == (PaymentStatus.TAKEN, 1_007_00 - 3 * 10 * 10_00)
        dealership.check()
        dealership.client = None
        with patch.object(schedule, "rounds", lambda: dealership.rounds):
            assert schedule.spread_payments({}, Invocation(55)) == {
                "spread": 1,
                "compared": 0,
                "differ": 0,
                "overdue": 0,
            }
        assert {dealership.bills.bill(bill.bill_id).status for bill in bills} == {BillStatus.PAID}
        assert dealership.account().balance_kopecks == 7_00
        dealership.check()

    def test_what_there_is_no_time_for_comes_again(self, dealership: Dealership, take: Take) -> None:
        """Each is begun while there is time for its first write; those after it are given back, of Kafka all."""
        dealership.active()
        bodies = [body(dealership, 100_00) for _ in range(6)]
        dealership.client = Slow(dealership, 6)
        failed = [{"itemIdentifier": f"m{n}"} for n in (4, 5)]
        assert take(of_queue(*bodies)) == {"batchItemFailures": failed}
        assert dealership.account().received_kopecks == 400_00
        with pytest.raises(stream.NotInTime):
            take(of_kafka(*bodies), seconds=10)
        dealership.client = None
        assert take(of_kafka(*bodies)) == {"batchItemFailures": []}
        assert dealership.account().received_kopecks == 600_00

    def test_a_call_that_ends_in_the_middle_has_lost_and_doubled_nothing(
        self, dealership: Dealership, take: Take
    ) -> None:
        """Lambda ends it: it has no word for what it did, and everything comes again."""
        dealership.active()
        for _ in range(30):
            dealership.billed(10_00)
        bodies = [body(dealership, 150_00) for _ in range(3)]

        class Ended(BaseException): ...

        class Ending(Slow):
            left = 1

            def transact_write_items(self, **asked: Any) -> Any:
                self.left -= 1
                if self.left < 0:
                    raise Ended
                return super().transact_write_items(**asked)

        for _ in range(4):  # five writes in all
            dealership.client = Ending(dealership, 0.1)
            with pytest.raises(Ended):
                take(of_queue(*bodies))
            dealership.client = None
            dealership.check()
        assert take(of_queue(*bodies)) == {"batchItemFailures": []}
        dealership.rounds.round(lambda: True)
        assert dealership.account().received_kopecks == 450_00
        assert dealership.account().balance_kopecks == 150_00
        dealership.check()
