"""The gate: a system that has asked one of us to wait is left alone by all of us, and nothing else changes."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from common.errors import Refusal
from common.gateways.bank import BankRefused, BankUnavailable
from common.gateways.billing import BillingUnavailable
from common.gateways.exchange import ExchangeRefused, ExchangeUnavailable, MarketUnknown, not_believed
from common.gateways.gate import BELIEVED_MAX, READ_SECONDS, Ban, gated
from tests.desk import Desk

WAIT = 600


class System:
    """An outside system that says what it is told to say."""

    name = "system"

    def __init__(self) -> None:
        self.asked = 0
        self.says: Exception | None = None

    def ask(self, word: str, *, twice: bool = False) -> str:
        self.asked += 1
        if self.says is not None:
            raise self.says
        return word * (2 if twice else 1)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def system() -> System:
    return System()


@pytest.fixture
def process(desk: Desk, system: System) -> Callable[[], System]:
    """Each is a function of its own, which has asked nothing yet."""
    return lambda: gated(system, ExchangeUnavailable, Ban(desk.table, "system", desk.clock))


def wait(seconds: int = WAIT) -> ExchangeUnavailable:
    return ExchangeUnavailable("too often", what="rate_limit", retry_after_seconds=seconds)


def refused(gate: System) -> ExchangeUnavailable:
    with pytest.raises(ExchangeUnavailable) as refusal:
        gate.ask("x")
    return refusal.value


def test_a_gateway_behind_its_gate_answers_as_before(process: Callable[[], System], system: System) -> None:
    gate = process()
    assert (gate.name, gate.ask("x"), gate.ask("x", twice=True)) == ("system", "x", "xx")
    for no in (
        ExchangeUnavailable("silent", what="timeout"),
        ExchangeRefused("no", ours=False),
        MarketUnknown("none"),
        KeyError(),
    ):
        system.says = no
        with pytest.raises(type(no)) as raised:
            gate.ask("x")
        assert raised.value is no
    system.says = None
    assert gate.ask("x") == "x"


def test_who_is_told_to_wait_asks_no_more_until_then(desk: Desk, process: Callable[[], System], system: System) -> None:
    gate = process()
    system.says = wait()
    assert refused(gate) is system.says
    for _ in range(9):
        desk.clock.forward(seconds=WAIT / 10)
        facts = refused(gate).facts
        assert facts["what"] == "rate_limit"
        assert 0 < facts["retry_after_seconds"] <= WAIT
    assert (system.asked, facts["retry_after_seconds"]) == (1, WAIT / 10)
    system.says = None
    desk.clock.forward(seconds=WAIT / 10)
    assert gate.ask("x") == "x"


def test_all_others_wait_too(desk: Desk, process: Callable[[], System], system: System) -> None:
    warm = process()
    warm.ask("x")
    system.says = wait()
    refused(process())
    desk.clock.forward(seconds=READ_SECONDS)
    for gate in (warm, process(), process()):
        assert refused(gate).facts["retry_after_seconds"] == WAIT - READ_SECONDS
    assert system.asked == 2


def test_a_ban_of_one_system_is_none_of_another(desk: Desk, process: Callable[[], System], system: System) -> None:
    system.says = wait()
    refused(process())
    system.says = None
    assert gated(system, ExchangeUnavailable, Ban(desk.table, "another", desk.clock)).ask("x") == "x"


def test_any_answer_that_says_how_long_to_wait_is_a_ban(process: Callable[[], System], system: System) -> None:
    """A 503 in maintenance, a firewall's 403."""
    system.says = ExchangeUnavailable("maintenance", what="exchange_error", retry_after_seconds=WAIT)
    refused(process())
    assert refused(process()).facts["what"] == "rate_limit"


@pytest.mark.parametrize("facts", [{"what": "rate_limit"}, {"what": "timeout", "retry_after_seconds": 0}])
def test_an_answer_that_says_no_time_is_no_ban(
    process: Callable[[], System], system: System, facts: dict[str, Any]
) -> None:
    system.says = ExchangeUnavailable("silent", **facts)
    refused(process())
    refused(process())
    assert system.asked == 2


def test_the_longer_of_two_bans_counts(desk: Desk, process: Callable[[], System], system: System) -> None:
    early, late = process(), process()
    early.ask("x")
    late.ask("x")
    system.says = wait(WAIT)
    refused(early)
    system.says = wait(10)
    refused(late)
    desk.clock.forward(seconds=11)
    assert refused(process()).facts["retry_after_seconds"] > WAIT - 20
    assert system.asked == 4


def test_a_ban_is_believed_for_an_hour_and_asked_about_then(
    desk: Desk, process: Callable[[], System], system: System
) -> None:
    system.says = wait(999_999)
    refused(process())
    desk.clock.forward(seconds=BELIEVED_MAX.total_seconds() - 1)
    refused(process())
    assert system.asked == 1
    desk.clock.forward(seconds=1)
    refused(process())
    refused(process())
    assert system.asked == 2, "a probe, and the next hour"


class Client:
    """The table's, whose calls are counted, and which can not be reached while it is `down`."""

    def __init__(self, desk: Desk) -> None:
        self.calls = Counter[str]()
        self.down = False
        self._dynamo = desk.dynamo

    def __getattr__(self, operation: str) -> Any:
        self.calls[operation] += 1
        if self.down:
            raise EndpointConnectionError(endpoint_url="https://dynamodb.us-east-1.amazonaws.com/")
        return getattr(self._dynamo, operation)


def test_a_warm_process_reads_at_most_once_in_five_seconds(desk: Desk, process: Callable[[], System]) -> None:
    desk.client = client = Client(desk)
    gate = process()
    for _ in range(20):
        gate.ask("x")
        desk.clock.forward(seconds=1)
    assert client.calls == {"get_item": 20 // READ_SECONDS}


def test_a_ban_that_can_not_be_read_or_written_stops_nobody(
    desk: Desk, process: Callable[[], System], system: System
) -> None:
    """Who was told knows, and nobody else."""
    desk.client = client = Client(desk)
    client.down = True
    gate = process()
    assert gate.ask("x") == "x"
    system.says = wait()
    began = desk.clock.at
    assert refused(gate) is system.says
    assert desk.clock.at - began < timedelta(seconds=1), "its time is the caller's"
    client.down = False
    assert refused(gate).facts["what"] == "rate_limit"
    assert refused(gate) is not system.says
    assert refused(process()) is system.says


# What a person has to mend

ALARMS: list[tuple[Refusal, str | None]] = [
    (ExchangeRefused("no"), "DeskRefused"),
    (ExchangeUnavailable("not let in", what="refused"), "DeskRefused"),
    (not_believed("another order"), "FillsNotBelieved"),
    (BankRefused("no", ours=True), "DeskRefused"),
    (BankUnavailable("not let in", what="denied"), "DeskRefused"),
    (BankUnavailable("another adjustment", what="not_believed"), "BankMismatch"),
    (BillingUnavailable("not let in", what="denied"), "DeskRefused"),
    (BillingUnavailable("another invoice", what="not_believed"), None),
    (ExchangeRefused("no", ours=False), None),
    (BankRefused("no"), None),
    (ExchangeUnavailable("silent", what="timeout"), None),
    (BankUnavailable("silent"), None),
    (MarketUnknown("none"), None),
]


@pytest.mark.parametrize(("no", "alarm"), ALARMS, ids=str)
def test_what_a_person_has_to_mend_is_counted(
    process: Callable[[], System], system: System, counted: Counter[str], no: Refusal, alarm: str | None
) -> None:
    system.says = no
    with pytest.raises(type(no)):
        process().ask("x")
    assert counted == ({} if alarm is None else {alarm: 1})


# All of the desk


def test_twenty_open_sales_ask_an_exchange_that_bans_them_once(desk: Desk) -> None:
    desk.list_asset()
    ann = desk.customer(usd="2000.00")
    desk.clients(ann)
    desk.buy(ann, "10")
    desk.world.nobody_buys()
    for _ in range(20):
        desk.cash_out(ann, "0.1")
    asked = Counter(desk.world.fake.calls)
    desk.world.fake.ban(WAIT)
    until = desk.clock.at + timedelta(seconds=WAIT)
    desk.run(until=lambda: desk.clock.at >= until)
    assert (desk.world.fake.calls - asked).total() <= 2
    desk.world.bid("100", "1000")
    desk.run()
    assert {sale.status for sale in desk.offramp.orders(ann, limit=50, after=None).items} == {"FILLED"}
    desk.check()
