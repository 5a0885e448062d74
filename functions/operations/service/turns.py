"""Several queues of things to do share the time of one round, and none keeps another waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

Act = Callable[[], None]


def take_turns(
    queues: Iterable[Iterator[Act]], more_time: Callable[[], bool], seconds: Callable[[], float]
) -> list[Exception]:
    """Do the acts that the queues yield, while there is time. The next turn is always that of the queue that has had
    the least time so far: each has its share however slow the others are, and what one does not need is left to them.

    A queue ends when it, or an act of its, raises. Returned is what was raised, when the other queues are done.
    """
    had, failures = dict.fromkeys(queues, 0.0), list[Exception]()
    while had:
        queue = min(had, key=had.__getitem__)
        began = seconds()
        try:
            act = next(queue, None)
            if act is None:
                del had[queue]
                continue
            if not more_time():
                break
            act()
        except Exception as failure:
            failures.append(failure)
            del had[queue]
            continue
        had[queue] += seconds() - began
    return failures
