"""What the machines of market making call: one Lambda for each function.

`poll_snapshots` belongs to the machine `snapshots`, which is about no thing: it is asked for {"time"}, when its minute
began, and answers {"time", "stage", "next_at", …}, when to poll again, until the minute is over. `tick` belongs to the
machine `ticker`, and is asked for {"time", "shard"} likewise.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from aws_lambda_powertools.utilities.typing import LambdaContext

from common import clock
from common.clock import instant, text
from common.gateways.custody import CustodyUnavailable
from common.log import count, flush, log, logged
from common.table.table import TableUnavailable
from common.table.transaction import Busy
from common.tasks import Answer, LambdaEvent, step
from common.time_left import more_time
from functions.market_making.model import (
    POLL_EVERY,
    POLLS_LAST,
    TICK_EVERY,
    TICK_RESERVE_MILLISECONDS,
    TICKS_LAST,
    MarketMakingOrderNotFound,
    Poll,
    Stage,
    Tick,
)
from functions.market_making.shard_store import TickTaken
from functions.market_making.wiring import moving, paying, quoting, receiving, refunding, returning, ticking

MISSING = (MarketMakingOrderNotFound,)


@logged
def read_order(event: LambdaEvent, _: LambdaContext) -> Answer:
    """The hub's: any generation may start at any time and does what is next, or nothing."""
    return step(event, returning().read, missing=MISSING)


@logged
def check_payment(event: LambdaEvent, _: LambdaContext) -> Answer:
    return step(event, paying().check, missing=MISSING, then=Stage.WITHDRAW)


@logged
def refund_transfers(event: LambdaEvent, _: LambdaContext) -> Answer:
    return step(event, refunding().refund, missing=MISSING, then=Stage.DONE)


@logged
def withdraw_to_exchange(event: LambdaEvent, _: LambdaContext) -> Answer:
    return step(event, moving().withdraw, missing=MISSING, then=Stage.CONFIRM)


@logged
def confirm_deposits(event: LambdaEvent, _: LambdaContext) -> Answer:
    return step(event, moving().confirm, missing=MISSING, then=Stage.JOIN)


@logged
def join_campaign(event: LambdaEvent, _: LambdaContext) -> Answer:
    return step(event, quoting().join, missing=MISSING, then=Stage.START)


@logged
def start_quoting(event: LambdaEvent, _: LambdaContext) -> Answer:
    return step(event, quoting().start, missing=MISSING, then=Stage.QUOTE)


@logged
def await_end(event: LambdaEvent, _: LambdaContext) -> None:
    """Keep the machine's token, until the order is stopped."""
    with log.append_context_keys(id=event["id"]):
        quoting().wait(event["id"], event["token"])
        flush()


@logged
def cancel_quotes(event: LambdaEvent, _: LambdaContext) -> Answer:
    return step(event, quoting().cancel, missing=MISSING, then=Stage.RETURN)


@logged
def withdraw_from_exchange(event: LambdaEvent, _: LambdaContext) -> Answer:
    return step(event, returning().withdraw, missing=MISSING, then=Stage.HOME)


@logged
def confirm_return(event: LambdaEvent, _: LambdaContext) -> Answer:
    return step(event, returning().confirm, missing=MISSING, then=Stage.DONE)


@logged
def poll_snapshots(event: LambdaEvent, context: LambdaContext) -> Answer:
    """A custody that is silent now is asked again at the next poll."""
    began_at = instant(event["time"])
    told = {"taken": 0, "failed": 0, "reason": ""}
    try:
        polled = receiving().poll(more_time(context))
        told |= {"taken": polled.taken, "failed": polled.failed}
        count("SnapshotsTaken", polled.taken)
    except CustodyUnavailable as silent:
        log.warning("custody silent", extra={"why": silent.detail})
        count("CustodySilent")
        told["reason"] = silent.detail
    finally:
        flush()
    next_at = _next(began_at, clock.now(), POLL_EVERY, POLLS_LAST)
    stage = Poll.OVER if next_at is None else Poll.AGAIN
    return {"time": event["time"], "stage": stage, "next_at": text(next_at or began_at + POLLS_LAST), **told}


@logged
def tick(event: LambdaEvent, context: LambdaContext) -> Answer:
    """Of the last of the minute's times that has come. What fails is tried again at the next."""
    began_at, shard = instant(event["time"]), event["shard"]
    told: Answer = {"orders": 0, "failed": 0, "placements": 0, "left_out": 0, "reason": ""}
    try:
        time = began_at + max(0, (clock.now() - began_at) // TICK_EVERY) * TICK_EVERY
        may_send = more_time(context, reserve_milliseconds=TICK_RESERVE_MILLISECONDS)
        told |= vars(ticking().tick(shard, min(time, began_at + TICKS_LAST - TICK_EVERY), may_send))
        count("Ticks")
    except (TickTaken, TableUnavailable, Busy) as no:
        log.info("not ticked", extra={"shard": shard, "why": no.detail})
        told["reason"] = no.detail
    finally:
        flush()
    next_at = _next(began_at, clock.now(), TICK_EVERY, TICKS_LAST)
    stage = Tick.OVER if next_at is None else Tick.AGAIN
    return {
        "time": event["time"],
        "shard": shard,
        "stage": stage,
        "next_at": text(next_at or began_at + TICKS_LAST),
        **told,
    }


def _next(began_at: datetime, now: datetime, every: timedelta, last: timedelta) -> datetime | None:
    """The first of the minute's times that is still to come; None when the next minute has them."""
    times = max(1, (now - began_at) // every + 1)
    next_at = began_at + times * every
    return next_at if next_at < began_at + last else None
