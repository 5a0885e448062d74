"""The life of an order in one line of time, and what an operator can do about it. Pure.

What can be done is told as commands. It is read from the story alone, by the rules of the desk as an operator knows
them; the desk itself decides when it is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypedDict

KINDS = {  # by how an id begins
    "S": "a cash-out",
    "W": "a withdrawal",
    "O": "an order",
    "D": "a deposit",
    "P": "a purchase",
    "B": "a batch of purchases",
}
PAYABLE = {  # while its dollars may still go somewhere
    "S": ("BASE_TXN_COMPLETED", "TARGET_TXN_PENDING", "SELL_PAYOUT_FAILED"),
    "W": ("PENDING", "PAYOUT_FAILED"),
}
GIVEN_UP = ("SELL_PAYOUT_FAILED", "PAYOUT_FAILED")
BANK, EXECUTION = "bank", "execution"
AT_ONCE = timedelta(seconds=1)
JOINTS = ("NextStep",)  # of a machine: where it only reads what the task before has said


class Event(TypedDict):
    at: str
    before: str | None
    after: str
    reason: str
    actor: str


class OutsideCall(TypedDict):
    at: str
    of: str
    our_id: str
    their_id: str | None
    state: str | None
    says: str | None


class Step(TypedDict):
    at: str
    what: str


class Execution(TypedDict):
    name: str
    status: str
    steps: list[Step]


class Story(TypedDict):
    """As `GET /operations/work/{id}` tells it."""

    id: str
    status: str | None
    waits_for: str | None
    waits_since: str | None
    due_at: str | None
    needs_person: bool
    events: list[Event]
    calls: list[OutsideCall]
    execution: Execution | None


@dataclass(frozen=True)
class Moment:
    at: datetime
    who: str
    what: str


@dataclass(frozen=True)
class Command:
    words: str
    does: str


def instant(written: str) -> datetime:
    return datetime.fromisoformat(written)


def kind(thing_id: str) -> str:
    return KINDS.get(thing_id[:1], "something")


def moves_by_itself(story: Story, now: datetime) -> bool:
    """Nobody is asked for, and it is not late."""
    due = story["due_at"]
    return not story["needs_person"] and due is not None and instant(due) > now


def unknown(story: Story) -> bool:
    """The desk answers for an id that it has never met, too."""
    return story["status"] is None and not (story["events"] or story["calls"] or story["execution"])


def moments(story: Story) -> list[Moment]:
    """Moves, what was asked of outside systems, and the states of the latest execution, oldest first.

    States that were entered in one go are one moment; so is a failure that is met again and again.
    """
    told = [
        *(Moment(instant(e["at"]), e["actor"], _move(e)) for e in story["events"]),
        *(Moment(instant(c["at"]), f"asked {c['of']}", _call(c)) for c in story["calls"]),
    ]
    ran = story["execution"]
    steps = [] if ran is None else [step for step in ran["steps"] if step["what"] not in JOINTS]
    told += [Moment(instant(step["at"]), EXECUTION, step["what"]) for step in steps]
    return list(_joined(sorted(told, key=lambda moment: moment.at)))  # sorted keeps the order of what is at one time


def _move(event: Event) -> str:
    if event["before"] == event["after"]:
        return event["reason"]
    before = "" if event["before"] is None else f"{event['before']} → "
    return f"{before}{event['after']}: {event['reason']}"


def _call(call: OutsideCall) -> str:
    theirs = f", theirs {call['their_id']}" if call["their_id"] else ""
    became = ", ".join(word for word in (call["state"], call["says"]) if word) or "no answer yet"
    return f"{call['our_id']}{theirs}: {became}"


def _joined(told: Sequence[Moment]) -> Iterator[Moment]:
    line: list[Moment] = []
    for moment in told:
        if line and not _goes_on(line[-1], moment):
            yield _one(line)
            line = []
        line.append(moment)
    if line:
        yield _one(line)


def _goes_on(last: Moment, moment: Moment) -> bool:
    """Does it belong on the line of the last one?"""
    if not last.who == moment.who == EXECUTION:
        return False
    if _failed(last) or _failed(moment):
        return last.what == moment.what
    return moment.at - last.at <= AT_ONCE


def _one(line: Sequence[Moment]) -> Moment:
    first, last = line[0], line[-1]
    if not _failed(first):
        return Moment(first.at, first.who, ", ".join(moment.what for moment in line))
    again = f" (×{len(line)}, until {last.at:%H:%M:%S})" if len(line) > 1 else ""
    return Moment(first.at, first.who, first.what + again)


def _failed(moment: Moment) -> bool:
    """A state has a name; what went wrong in it has words."""
    return ": " in moment.what


def commands(story: Story) -> list[Command]:
    """What can be done now, the likeliest first; empty for what waits for nothing."""
    thing_id, status, letter = story["id"], story["status"], story["id"][:1]
    found: list[Command] = []

    def may(words: str, does: str) -> None:
        found.append(Command(f'desk {words} {thing_id} --reason "…"', does))

    if story["waits_for"] is None:
        return found
    if letter == "S" and payout_refusal(story) is None:
        may("offramp retry-payout", "one more attempt to pay to the bank")
        may("offramp mark-filled", "the customer has the dollars by another way")
        may("offramp credit-usd", "the dollars go to the customer's balance here")
    if letter == "S" and (status == "BASE_TXN_PENDING" or (status == "NEW" and story["needs_person"])):
        may("offramp void", "end a sale of which nothing was executed")
    if withdrawal_refusal(story) is None:
        may("withdrawals retry-payout", "one more attempt to pay to the bank")
        may("withdrawals complete", "the customer has the dollars by another way")
        may("withdrawals reject", "the dollars go back to the customer's balance")
    if letter == "B" and (status in ("CLOSED", "WORKING") or story["needs_person"]):
        may("batches void", "refund one that can not be bought; be done with one that turned up after all")
    if order_refusal(story) is None:
        may("orders fail", "end it and give the hold back")
    if redrive_refusal(story) is None:
        may("work redrive", "start its machine again, when what stopped it is mended")
    return found


def redrive_refusal(story: Story) -> str | None:
    """Why its machine can not be started, or to no end; None when it can."""
    ran = story["execution"]
    if story["waits_for"] is None:
        return "it waits for nothing"
    if story["id"][:1] not in (*PAYABLE, "B"):
        return f"no machine moves it; it waits for {story['waits_for']}"
    if ran is not None and ran["status"] == "RUNNING":
        return f"its execution {ran['name']} runs already"
    if story["status"] in GIVEN_UP:
        return "its payout was given up: the machine would find that and end. `retry-payout` makes one more attempt"
    return None


def payout_refusal(story: Story) -> str | None:
    """Why its payout can not be decided by hand; None when it can."""
    if story["status"] not in PAYABLE.get(story["id"][:1], ()):
        return f"it is {story['status']}: there is no payout to decide"
    attempts = [call for call in story["calls"] if call["of"] == BANK]
    if attempts and attempts[-1]["state"] != "REJECTED":
        return f"its latest attempt {attempts[-1]['our_id']} is {attempts[-1]['state']}: the bank may still pay it"
    return None


def withdrawal_refusal(story: Story) -> str | None:
    """Why it can not be decided by hand as a withdrawal; None when it can."""
    return payout_refusal(story) if story["id"][:1] == "W" else f"it is {kind(story['id'])}, not a withdrawal"


def order_refusal(story: Story) -> str | None:
    """Why it can not be ended as an order in the book; None when it can."""
    if story["id"][:1] != "O":
        return f"it is {kind(story['id'])}, not an order"
    return None if story["waits_for"] is not None else f"it is {story['status']} and not in the book"
