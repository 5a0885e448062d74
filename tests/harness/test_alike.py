"""Of faults that are alike one is dealt: what is left out would have gone on, and ended, as what is dealt."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from typing import Any

import pytest

from tests.depth import deep
from tests.harness import crash_matrix as matrix
from tests.harness.alike import Different
from tests.harness.crash_matrix import FAULTS, Report, Scenario, Scene, crash_matrix
from tests.harness.faults import (
    Fault,
    Faults,
)
from tests.harness.memory import InMemoryDynamoDB
from tests.market_making.test_crash_matrix import LIVES as MARKET_MAKING
from tests.offramp.test_crash_matrix import LIVES as OFFRAMP
from tests.purchases.test_crash_matrix import LIVES as PURCHASES

RANDOM = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z?|\d{10,}|[0-9a-f]{24,}")  # times, and ids of requests
Seen = set[tuple[Any, ...]]
ENDINGS: dict[str, tuple[Callable[[], Scenario], Collection[Fault]]] = {
    "a withdrawal": (lambda: OFFRAMP["a withdrawal"], FAULTS),
    "a payout fails": (lambda: OFFRAMP["a withdrawal whose first payout fails"], FAULTS),
    "nothing is filled": (lambda: PURCHASES["nothing of a direct one is filled"][0], FAULTS),
    "never paid": (lambda: MARKET_MAKING["never paid"], FAULTS),
    "refunded": (lambda: MARKET_MAKING["paid too little, refunded"], FAULTS),
}


class All(Different):
    """Of what is alike nothing is left out."""

    def __iter__(self) -> Iterator[Fault]:
        return iter([fault for fault in self._faults if fault.can_befall(self._call)])


def watched(build: Scenario, seen: Seen) -> Scenario:
    """The same; how each world went on after its fault, and how it ended, is `seen`."""

    def scene(faults: Faults) -> Scene:
        tables: list[InMemoryDynamoDB] = []
        client = faults.client

        def kept(table: InMemoryDynamoDB) -> Any:
            tables.append(table)
            return client(table)

        faults.client = kept  # type: ignore[method-assign, assignment]
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


@pytest.mark.parametrize("life", list(ENDINGS)[: deep(1, len(ENDINGS))])
def test_what_is_left_out_ends_as_what_is_dealt(life: str, monkeypatch: pytest.MonkeyPatch) -> None:
    build, faults = ENDINGS[life]
    monkeypatch.setattr(matrix, "LONG", 10**9)
    dealt: Seen = set()
    left: Report = crash_matrix(watched(build(), dealt), tuple(faults))
    everything: Seen = set()
    monkeypatch.setattr(matrix, "Different", All)
    whole = crash_matrix(watched(build(), everything), tuple(faults))
    assert left.runs < whole.runs * 0.8
    assert dealt == everything
