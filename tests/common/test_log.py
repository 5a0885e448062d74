"""Whose a line of the log is: a function's says which call of it that was, a task's also which execution asked."""

from __future__ import annotations

import ast
import importlib
import io
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from common.keys import PrimaryKey
from common.log import log, logged
from common.machines import Standing
from common.table.items import Item
from common.table.table import Table, TableUnavailable
from common.table.transaction import SLOW_SECONDS, Patience, Write
from common.tasks import step
from infra.contexts import contexts
from tests.billing.dealership import Dealership
from tests.desk import Desk
from tests.harness.clock import VirtualClock
from tests.harness.invocation import Invocation
from tests.harness.stepfunctions import InMemoryStepFunctions
from tests.infra.test_machines import ALL, task_states
from tests.market_making.market import Market

ROOT = Path(__file__).parents[2]
DOORS = {"tasks": "tasks", "schedule": "every_minutes", "stream": "topics", "changes": "entities"}
HANDLERS = [(of.name, door, name) for of in contexts() for door, named in DOORS.items() for name in getattr(of, named)]


CALL = Invocation(name="call-7")
ASKED = {
    "id": "x",
    "token": "t",
    "time": "2024-05-01T12:00:00Z",
    "shard": "0",
    "Records": [{"messageId": "m", "body": "{}"}],
    "execution": "x-2",
    "state": "Poll",
}


class Told(Exception):
    """What was asked has told so in the log."""


def _told(lines: io.BytesIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.getvalue().decode().splitlines()]


def _telling() -> Any:
    log.warning("asked")
    raise Told


def _services(door: ModuleType) -> Iterator[str]:
    """What a door asks for: each is made once in a process."""
    return (name for name, member in vars(door).items() if hasattr(member, "cache_clear"))


@pytest.mark.parametrize(("context", "door", "name"), HANDLERS, ids=lambda part: str(part))
def test_each_line_of_a_function_says_whose_it_is(
    context: str, door: str, name: str, lines: io.BytesIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the first, when its services are made."""
    module = importlib.import_module(f"functions.{context}.{door}")
    for service in _services(module):
        monkeypatch.setattr(module, service, _telling)
    with suppress(Told):
        getattr(module, name)(ASKED, CALL)
    told = _told(lines)
    assert "asked" in {line["message"] for line in told}
    assert {(line["function_request_id"], line["execution"], line["state"]) for line in told} == {
        ("call-7", "x-2", "Poll")
    }


def test_a_call_leaves_no_name_to_the_next(lines: io.BytesIO) -> None:
    @logged
    def handler(event: Mapping[str, Any], _: Any) -> None:
        log.info(event["id"])

    handler(ASKED, CALL)
    handler({"id": "y"}, Invocation(name="call-8"))  # of an execution that never told its name
    log.info("nobody's")
    first, second, third = _told(lines)
    assert (first["execution"], second["function_request_id"]) == ("x-2", "call-8")
    assert not {"execution", "state"} & set(second)
    assert not {"execution", "state", "function_request_id"} & set(third)


def _sold(desk: Desk) -> InMemoryStepFunctions:
    desk.list_asset("BTC", "100")
    ann = desk.customer(usd="5000.00")
    desk.clients(ann)
    desk.buy(ann, "9")
    desk.cash_out(ann, "1")
    desk.run()
    return desk.world.machines


def _bought(desk: Desk) -> InMemoryStepFunctions:
    desk.list_exchange_asset()
    desk.purchase(desk.customer(), "20")
    desk.run()
    return desk.world.machines


def _billed(_: Desk) -> InMemoryStepFunctions:
    dealership = Dealership()
    dealership.registered()
    dealership.run()
    dealership.billed()
    dealership.run()
    return dealership.world.machines


def _quoted(_: Desk) -> InMemoryStepFunctions:
    market = Market()
    market.list_pair()
    market.poll()
    market.fund_all()
    market.run(8)
    return market.machine


@pytest.mark.parametrize("life", [_sold, _bought, _billed, _quoted])
def test_a_moved_thing_is_told_by_the_execution_that_moved_it(
    desk: Desk, lines: io.BytesIO, life: Callable[[Desk], InMemoryStepFunctions]
) -> None:
    """Through the machines as they are deployed: each state that a line names was entered by the execution it names."""
    machines = life(desk)
    visited = {(execution.name, state) for execution in machines.executions for state in execution.visited}
    moved = {(line["execution"], line["state"]) for line in _told(lines) if line["message"] == "moved"}
    assert len(moved) > 1
    assert moved <= visited


@pytest.mark.parametrize("machine", ALL)
def test_each_task_of_a_machine_is_told_who_asks(machine: str) -> None:
    for _, state in task_states(machine):
        payload = state["Parameters"].get("Payload", state["Parameters"])
        assert payload.items() >= {"execution.$": "$$.Execution.Name", "state.$": "$$.State.Name"}.items()


def test_a_bug_of_a_task_is_told_with_the_execution_it_ends(lines: io.BytesIO) -> None:
    """Lambda's own line of it knows the call alone."""

    def wrong(_: str) -> Standing:
        raise KeyError("stage")

    @logged
    def handler(event: dict[str, Any], _: Any) -> object:
        return step(event, wrong, missing=())

    with pytest.raises(KeyError):
        handler(ASKED, CALL)
    (bug,) = _told(lines)
    assert (bug["message"], bug["id"], bug["execution"], bug["state"]) == ("bug", "x", "x-2", "Poll")
    assert "KeyError" in bug["exception"]


OURS = {"request_id", "route", "function_request_id", "execution", "state"}
LOGGINGS = {
    *vars(logging.makeLogRecord({})),
    "message",
    "asctime",
    "taskName",
}  # whoever takes one of these gets a KeyError
POWERTOOLS = {"level", "location", "timestamp", "service"}


def _named(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """What lines of the log carry besides, where a module says so."""
    calls = (
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("log.")
    )
    for keyword in (keyword for call in calls for keyword in call.keywords if keyword.arg == "extra"):
        for given in (node for node in ast.walk(keyword.value) if isinstance(node, ast.Dict)):
            yield from ((key.lineno, str(key.value)) for key in given.keys if isinstance(key, ast.Constant))


def test_no_line_takes_a_name_that_the_log_has_for_itself() -> None:
    """The log of tests makes no lines, so nothing else would notice."""
    for path in (path for room in ("common", "functions") for path in (ROOT / room).rglob("*.py")):
        taken = [
            (line, name) for line, name in _named(ast.parse(path.read_text())) if name in OURS | LOGGINGS | POWERTOOLS
        ]
        assert not taken, f"{path}: {taken}"


@dataclass
class Late:
    """A table that takes its time, and numbers what it is asked, as AWS does; `lost` answers never come."""

    clock: VirtualClock
    seconds: float
    lost: bool = False

    def __getattr__(self, operation: str) -> Any:
        def call(**_: Any) -> Any:
            self.clock.advance(self.seconds)
            if self.lost:
                raise ReadTimeoutError(endpoint_url="https://dynamodb.test")
            return {"ResponseMetadata": {"RequestId": f"AWS-{operation}", "RetryAttempts": 1}}

        return call

    @property
    def table(self) -> Table:
        patience = Patience(monotonic=self.clock.monotonic, sleep=self.clock.sleep, budget_seconds=0)
        return Table(self, "desk", patience)  # type: ignore[arg-type]


def test_a_slow_call_of_the_table_is_told_by_the_tables_own_id(lines: io.BytesIO) -> None:
    """Also where only warnings are told. One that is quick is not told."""
    log.setLevel("WARNING")
    for seconds in (SLOW_SECONDS - 0.1, SLOW_SECONDS + 0.1):
        table = Late(VirtualClock(), seconds).table
        assert table.get(Item, PrimaryKey("A", "B")) is None
        table.write(Write.delete(Item("A", "B")))
    told = [(line["message"], line["operation"], line["table_request_id"], line["seconds"]) for line in _told(lines)]
    assert told == [
        ("table call slow", operation, f"AWS-{operation}", SLOW_SECONDS + 0.1)
        for operation in ("get_item", "transact_write_items")
    ]
    assert {line["attempts"] for line in _told(lines)} == {2}


def test_a_call_whose_answer_never_came_is_told_without_an_id(lines: io.BytesIO) -> None:
    with pytest.raises(TableUnavailable):
        Late(VirtualClock(), 2, lost=True).table.get(Item, PrimaryKey("A", "B"))
    (line,) = _told(lines)
    assert (line["message"], line["operation"]) == ("table call slow", "get_item")
    assert "table_request_id" not in line
