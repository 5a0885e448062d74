"""Market making as this environment composes it, for all doors of the context."""

from __future__ import annotations

import time
from functools import cache

from common import aws, clock
from common.domain.custody.service import OutgoingTransfers
from common.gateways import configured
from functions.market_making.service.comparing import Comparing
from functions.market_making.service.moving import Moving
from functions.market_making.service.opening import Opening
from functions.market_making.service.overseeing import Overseeing
from functions.market_making.service.paying import Paying
from functions.market_making.service.quoting import Quoting
from functions.market_making.service.reading import Reading
from functions.market_making.service.receiving import Receiving
from functions.market_making.service.refunding import Refunding
from functions.market_making.service.returning import Returning
from functions.market_making.service.routes import Routes
from functions.market_making.service.sending import Sending

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
    return Quoting(aws.table(), aws.machines(), clock.now)


@cache
def overseeing() -> Overseeing:
    return Overseeing(aws.table(), quoting(), clock.now)


@cache
def returning() -> Returning:
    return Returning(aws.table(), configured.custody, configured.funds, configured.withdrawing, clock.now)


@cache
def reading() -> Reading:
    return Reading(aws.table(), returning())


@cache
def comparing() -> Comparing:
    return Comparing(aws.table(), configured.custody, lambda: time.sleep(PAUSE_SECONDS), clock.now)


@cache
def sending() -> Sending:
    table = aws.table()
    transfers = OutgoingTransfers(table, configured.custody, configured.sender, clock.now)
    return Sending(table, transfers, clock.now)
