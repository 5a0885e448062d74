"""Market making as this environment composes it, for all doors of the context."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache, partial
from typing import TypeVar

from common import aws, clock
from common.domain.custody.service import OutgoingTransfers
from common.gateways import configured
from functions.market_making import day_store
from functions.market_making.service.balancing import Balancing
from functions.market_making.service.campaigning import Campaigning
from functions.market_making.service.closing import Closing
from functions.market_making.service.comparing import Comparing
from functions.market_making.service.halting import Halting
from functions.market_making.service.moving import Moving
from functions.market_making.service.opening import Opening
from functions.market_making.service.overseeing import Overseeing
from functions.market_making.service.paying import Paying
from functions.market_making.service.previewing import Previewing
from functions.market_making.service.quoting import Quoting
from functions.market_making.service.receiving import Receiving
from functions.market_making.service.refunding import Refunding
from functions.market_making.service.returning import Returning
from functions.market_making.service.routes import Routes
from functions.market_making.service.sending import Sending, conditions
from functions.market_making.service.shard import Crew
from functions.market_making.service.steering import Steering
from functions.market_making.service.ticking import Ticking

A = TypeVar("A")
B = TypeVar("B")

REQUESTS, CYCLES, GROUPS = 48, 8, 8  # threads of a ticker: docs/decisions/0035
PAUSE_SECONDS = 6  # between two looks at the custody: the poller comes by


@cache
def receiving() -> Receiving:
    return Receiving(aws.table(), configured.custody, paying(), clock.now)


@cache
def paying() -> Paying:
    return Paying(aws.table(), Routes(configured.custody, configured.funds), aws.machines(), clock.now)


@cache
def opening() -> Opening:
    return Opening(aws.table(), paying(), clock.now)


@cache
def moving() -> Moving:
    return Moving(aws.table(), Routes(configured.custody, configured.funds), configured.funds, clock.now)


@cache
def refunding() -> Refunding:
    return Refunding(aws.table(), clock.now)


@cache
def quoting() -> Quoting:
    return Quoting(aws.table(), aws.machines(), Closing(aws.table(), configured.maker, clock.now), clock.now)


@cache
def steering() -> Steering:
    return Steering(aws.table(), configured.books, clock.now)


@cache
def previewing() -> Previewing:
    return Previewing(aws.table(), configured.books, clock.now)


@cache
def ticking() -> Ticking:
    return Ticking(aws.table(), configured.maker, clock.now, crew=_crew())


def _crew() -> Crew:
    """A thread of each kind waits for threads of the next: none waits for its own kind."""
    requests, cycles, groups = (ThreadPoolExecutor(number) for number in (REQUESTS, CYCLES, GROUPS))
    return Crew(partial(_all_of, requests), partial(_all_of, cycles), partial(_all_of, groups))


def _all_of(threads: ThreadPoolExecutor, ask: Callable[[A], B], things: Iterable[A]) -> list[B]:
    """Raises what one of them raises, when all are over: nothing goes on in a process that is taken for idle."""
    running = [threads.submit(ask, thing) for thing in things]
    wait(running)
    return [done.result() for done in running]


@cache
def overseeing() -> Overseeing:
    return Overseeing(aws.table(), quoting(), clock.now)


@cache
def returning() -> Returning:
    return Returning(
        aws.table(), configured.custody, configured.funds, configured.withdrawing, configured.still_open, clock.now
    )


@cache
def comparing() -> Comparing:
    return Comparing(aws.table(), configured.custody, lambda: time.sleep(PAUSE_SECONDS), clock.now)


@cache
def campaigning() -> Campaigning:
    table = aws.table()
    return Campaigning(
        table,
        configured.campaigns,
        configured.participant,
        configured.reading_key,
        lambda order_id: day_store.days(table, order_id),
        clock.now,
    )


@cache
def balancing() -> Balancing:
    return Balancing(
        aws.table(), configured.balances, lambda: time.sleep(PAUSE_SECONDS), clock.now, configured.open_orders
    )


@cache
def halting() -> Halting:
    return Halting(aws.table(), balancing(), clock.now)


@cache
def sending() -> Sending:
    table = aws.table()
    transfers = OutgoingTransfers(table, configured.custody, configured.sender, clock.now, partial(conditions, table))
    return Sending(table, transfers, clock.now)
