"""The life of an order in one line of time: its moves, what outside systems were asked, what its machine did. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

EXECUTION = "execution"
AT_ONCE = timedelta(seconds=1)

Told = Mapping[str, Any]  # as the API tells it


@dataclass(frozen=True)
class Moment:
    """`again` is how often the same was met after that, the last time at `until`."""

    at: datetime
    who: str
    what: str
    again: int = 0
    until: datetime | None = None


def instant(written: str) -> datetime:
    return datetime.fromisoformat(written)


def moments(story: Told) -> list[Moment]:
    """Moves, what was asked of outside systems, and the states of the latest executions, oldest first.

    What an execution meets again and again is one moment; so are states that were entered in one go.
    """
    told = [
        *(Moment(instant(event["at"]), event["actor"], _move(event)) for event in story["events"]),
        *(Moment(instant(call["at"]), call["of"], _call(call)) for call in story["calls"]),
    ]
    for ran in (story["execution_before"], story["execution"]):
        if ran is not None:
            told += [Moment(instant(step["at"]), EXECUTION, step["what"]) for step in ran["steps"]]
    told.sort(key=lambda moment: moment.at)  # keeps the order of what is at one time
    return list(_in_one_go(_counted(told)))


def _move(event: Told) -> str:
    if event["before"] == event["after"]:
        return str(event["reason"])
    before = "" if event["before"] is None else f"{event['before']} → "
    return f"{before}{event['after']}: {event['reason']}"


def _call(call: Told) -> str:
    theirs = f", theirs {call['their_id']}" if call["their_id"] else ""
    became = ", ".join(word for word in (call["state"], call["says"]) if word)
    return f"{call['our_id']}{theirs}: {became}"


def _counted(told: Sequence[Moment]) -> Iterator[Moment]:
    last: Moment | None = None
    for moment in told:
        if last is not None and moment.who == EXECUTION and (moment.who, moment.what) == (last.who, last.what):
            last = replace(last, again=last.again + 1, until=moment.at)
            continue
        if last is not None:
            yield last
        last = moment
    if last is not None:
        yield last


def _in_one_go(told: Iterator[Moment]) -> Iterator[Moment]:
    line: Moment | None = None
    end = None  # of the line
    for moment in told:
        single = moment.who == EXECUTION and not moment.again
        if line is not None and end is not None and single and moment.at - end <= AT_ONCE:
            line = replace(line, what=f"{line.what}, {moment.what}")
        else:
            if line is not None:
                yield line
            line = moment
        end = moment.at if single else None
    if line is not None:
        yield line
