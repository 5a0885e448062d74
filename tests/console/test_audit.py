"""`desk audit verify` reckons the chain of what operators did, and sees an entry that was changed, deleted or put
elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from common.clock import instant
from common.domain import audit
from common.domain.audit import AuditEntry
from console.commands import asking
from sandbox.serving import serve
from tests.console.run import Said
from tests.console.run import desk as said
from tests.console.test_stuck import gateway
from tests.desk import TABLE, Desk
from tests.doors import opened
from tests.harness.anchors import BUCKET

Verify = Callable[..., Said]


@pytest.fixture
def ask(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Verify]:
    monkeypatch.setattr(asking, "now", lambda: desk.clock.at)
    with opened(desk) as doors, serve(gateway(doors), name="api") as running:
        yield lambda *words: said("audit", "verify", *words, url=running.url, token="olga")


@pytest.fixture
def verify(desk: Desk, ask: Verify) -> Verify:
    """Of a desk at which five things were done, over two days, with an anchor after the third and the last one."""
    for number in range(1, 6):
        done = AuditEntry(desk.clock(), "olga", "offramp void", f"S{number}", f"ticket {number}")
        desk.table.write(*audit.entry(desk.table, done))
        if number in (3, 5):
            desk.anchoring.round()
        desk.clock.forward(hours=6)
    return ask


@dataclass(frozen=True)
class Intruder:
    """Who can write to the table, and reckon; but not sign, nor delete what is locked."""

    desk: Desk

    def item(self, number: int) -> dict[str, Any]:
        (item,) = [i for i in self.desk.dynamo.items() if i["SK"]["S"] == f"{number:012d}"]
        return item

    def put(self, item: dict[str, Any]) -> None:
        self.desk.dynamo.put_item(TableName=TABLE.name, Item=item)

    def delete(self, item: dict[str, Any]) -> None:
        self.desk.dynamo.delete_item(TableName=TABLE.name, Key={name: item[name] for name in ("PK", "SK")})

    def forge(self, entries: Sequence[dict[str, Any]]) -> None:
        """A chain that holds by itself, and its head."""
        previous = audit.NONE
        for number, item in enumerate(entries, 1):
            at, *said = (item[name]["S"] for name in ("created_at", "operator", "action", "subject", "detail"))
            digest = audit.digest_of(number, previous, instant(at), AuditEntry(instant(at), *said))
            place = {"SK": {"S": f"{number:012d}"}, "previous": {"S": previous}, "digest": {"S": digest}}
            self.put({**item, **place})
            previous = digest
        (head,) = [i for i in self.desk.dynamo.items() if i["SK"]["S"] == "LAST"]
        self.put({**head, "number": {"N": str(len(entries))}, "digest": {"S": previous}})


@pytest.fixture
def intruder(desk: Desk) -> Intruder:
    return Intruder(desk)


def test_what_nobody_has_touched_is_as_it_was_written(verify: Verify) -> None:
    told = verify()
    held = "5 entries were held against each other and 2 anchors: it is as it was written."
    assert (told.code, told.words) == (0, held)


def test_a_desk_at_which_nobody_has_done_anything_has_no_faults(desk: Desk, ask: Verify) -> None:
    desk.anchoring.round()
    assert ask("--json").json == {"entries": 0, "anchors": 1, "faults": []}


@pytest.mark.parametrize("name", ["operator", "action", "subject", "detail", "previous", "digest", "created_at"])
def test_an_edited_entry_is_found(verify: Verify, intruder: Intruder, name: str) -> None:
    intruder.put({**intruder.item(2), name: {"S": "2026-11-21T15:00:00.000000Z"}})
    told = verify()
    assert (told.code, "entry 2 is not as it was written" in told.words) == (1, True)


def test_a_deleted_entry_is_found(verify: Verify, intruder: Intruder) -> None:
    intruder.delete(intruder.item(4))
    told = verify()
    assert (told.code, "entry 4 is missing before entry 5" in told.words) == (1, True)


def test_the_last_entry_deleted_is_found(verify: Verify, intruder: Intruder) -> None:
    intruder.delete(intruder.item(5))
    told = verify()
    assert (told.code, "the head says that entry 5 is the last one" in told.words) == (1, True)


def test_reordered_entries_are_found(verify: Verify, intruder: Intruder) -> None:
    one, two = intruder.item(1), intruder.item(2)
    intruder.put({**one, "SK": two["SK"]})
    intruder.put({**two, "SK": one["SK"]})
    told = verify()
    assert (told.code, "entry 1 is not as it was written" in told.words) == (1, True)


def test_a_chain_forged_anew_is_found_by_what_was_signed(verify: Verify, intruder: Intruder) -> None:
    items = [intruder.item(number) for number in range(1, 6)]
    items[1]["detail"] = {"S": "ticket 4711"}
    intruder.forge(items)
    told = verify()
    assert told.code == 1
    assert [line.partition(" was the last one")[0].split()[-1] for line in told.words.splitlines()[1:3]] == ["3", "5"]


def test_a_chain_forged_shorter_is_found_by_what_was_signed(verify: Verify, intruder: Intruder) -> None:
    intruder.delete(intruder.item(5))
    intruder.forge([intruder.item(number) for number in range(1, 5)])
    told = verify()
    assert (told.code, "entry 5 was the last one" in told.words) == (1, True)


def test_an_anchor_that_nobody_has_signed_is_found(desk: Desk, verify: Verify) -> None:
    s3: Any = desk.anchors.s3
    anchor = {"number": "5", "digest": "a" * 64, "at": "2026-11-22T11:00:00.000000Z", "signature": "MEUCIQ=="}
    s3.put_object(Bucket=BUCKET, Key="2026-11-22/11-5-a.json", Body=json.dumps(anchor).encode())
    told = verify()
    assert (told.code, "the anchor of 2026-11-22T11:00:00.000000Z is not signed" in told.words) == (1, True)
