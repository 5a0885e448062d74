"""What the functions have logged: the embedded AWS keeps it, as CloudWatch would, and writes no file of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime

from local.environment import LocalEnvironment

_GROUP = "/aws/lambda/cryptodesk-"


def names(environment: LocalEnvironment) -> list[str]:
    """Of the functions, without the `cryptodesk-` before them."""
    pages = environment.client("logs").get_paginator("describe_log_groups").paginate(logGroupNamePrefix=_GROUP)
    return sorted(group["logGroupName"].removeprefix(_GROUP) for page in pages for group in page["logGroups"])


def last(environment: LocalEnvironment, name: str, number: int) -> Iterator[str]:
    """The last so many lines of a function, the oldest first."""
    pages = environment.client("logs").get_paginator("filter_log_events").paginate(logGroupName=f"{_GROUP}{name}")
    events = sorted((event for page in pages for event in page["events"]), key=lambda event: event["timestamp"])
    lines = [(event["timestamp"], line) for event in events for line in event["message"].splitlines()]
    for at, line in itertools.islice(lines, max(0, len(lines) - number), None):
        yield f"{datetime.fromtimestamp(at / 1000, UTC):%H:%M:%S} {line}"
