"""Of faults that are alike one is dealt: what is left out would have gone on, and ended, as what is dealt."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from common import keys
from common.keys import PrimaryKey
from common.table.items import Item
from common.table.table import Query, Table, TableUnavailable, partition
from tests.depth import PROVED
from tests.desk import TABLE
from tests.harness import crash_matrix as matrix
from tests.harness.alike import FAILURES, Different
from tests.harness.crash_matrix import Scenario, Scene, crash_matrix
from tests.harness.faults import CrashAfter, CrashBefore, Fault, Faults, planned
from tests.harness.memory import InMemoryDynamoDB
from tests.market_making.test_crash_matrix import LIVES as MARKET_MAKING
from tests.offramp.test_crash_matrix import LIVES as OFFRAMP
from tests.purchases.test_crash_matrix import LIVES as PURCHASES

RANDOM = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z?|\d{10,}|[0-9a-f]{24,}")  # times, and ids of requests
Seen = set[tuple[Any, ...]]
ENDINGS: dict[str, Scenario] = {
    "a withdrawal": OFFRAMP["a withdrawal"],
    "a payout fails": OFFRAMP["a withdrawal whose first payout fails"],
    "nothing is filled": PURCHASES["nothing of a direct one is filled"][0],
    "never paid": MARKET_MAKING["never paid"],
    "refunded": MARKET_MAKING["paid too little, refunded"],
}


class All(Different):
    """Of what is alike nothing is left out."""

    def __iter__(self) -> Iterator[Fault]:
        return iter([fault for fault in self._faults if fault.can_befall(self._call)])


def watched(build: Scenario, seen: Seen) -> Scenario:
    """The same; how each world went on after its fault, and how it ended, is `seen`."""

    def scene(faults: Faults) -> Scene:
        tables: list[InMemoryDynamoDB] = []
        around = faults.client

        def kept(client: Any) -> Any:
            tables.append(client)
            return around(client)

        faults.client = kept  # type: ignore[method-assign]
        scene = build(faults)

        def settled() -> None:
            if scene.settled:
                scene.settled()
            first = next((call.number for call in faults.calls if call.fault), None)
            if first is not None:
                after = [call.operation for call in faults.calls[first + 1 :]]
                items = [RANDOM.sub("", str(item)) for item in tables[-1].items()]
                seen.add((*after, *sorted(items)))

        return Scene(scene.act, scene.check, scene.recover, settled)

    return scene


@PROVED
@pytest.mark.parametrize("life", ENDINGS)
def test_what_is_left_out_ends_as_what_is_dealt(life: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix, "LONG", 10**9)
    dealt, everything = Seen(), Seen()
    left_out = crash_matrix(watched(ENDINGS[life], dealt))
    monkeypatch.setattr(matrix, "Different", All)
    whole = crash_matrix(watched(ENDINGS[life], everything))
    assert left_out.runs < whole.runs * 0.8
    assert dealt == everything


@pytest.mark.parametrize("fault", FAILURES, ids=str)
@pytest.mark.parametrize("read", ["get", "page", "scan"])
def test_a_read_fails_in_one_way(read: str, fault: Fault) -> None:
    """What asks the table sees no difference, and may do nothing different."""
    table = Table(Faults(planned({0: fault})).client(InMemoryDynamoDB(TABLE)), TABLE.name)
    asks: dict[str, Callable[[], object]] = {
        "get": lambda: table.get(Item, PrimaryKey("ann", "USER")),
        "page": lambda: table.page(Item, Query(partition("ann"))),
        "scan": lambda: table.scan(Item, keys.ORDER),
    }
    with pytest.raises(TableUnavailable):
        asks[read]()


def test_of_a_read_one_failure_and_one_death_is_dealt() -> None:
    """And no outage beyond it, when nothing else meets it."""

    def reading(faults: Faults) -> Scene:
        client = faults.client(InMemoryDynamoDB(TABLE))
        key = {"PK": {"S": "ann"}, "SK": {"S": "USER"}}
        return Scene(lambda: client.get_item(TableName=TABLE.name, Key=key).get("Item"), lambda: None)

    assert crash_matrix(reading).dealt == {"Outage": 1, "CrashBefore": 1}
    assert crash_matrix(reading, FAILURES).dealt == {"FailBefore": 1}


def test_to_die_after_a_call_is_to_die_before_the_next_one_of_the_process() -> None:
    def calling(faults: Faults, *, processes: int) -> Scene:
        write = faults.boundary("bank.pay", lambda: None)

        def act() -> None:
            write()
            if processes == 2:
                faults.begin()
            write()

        return Scene(act, lambda: None)

    deaths = (CrashBefore(), CrashAfter())
    assert crash_matrix(partial(calling, processes=1), deaths).dealt == {"CrashBefore": 1, "CrashAfter": 2}
    assert crash_matrix(partial(calling, processes=2), deaths).dealt == {"CrashBefore": 2, "CrashAfter": 2}
    assert crash_matrix(partial(calling, processes=1), deaths[:1]).dealt == {"CrashBefore": 2}
