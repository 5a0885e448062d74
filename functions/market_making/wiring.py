"""Market making as this environment composes it, for all doors of the context."""

from __future__ import annotations

from functools import cache

from common import aws, clock
from common.domain.custody.sending import OutgoingTransfers
from common.gateways import configured
from functions.market_making.service.receiving import Receiving
from functions.market_making.service.sending import Sending


@cache
def receiving() -> Receiving:
    return Receiving(aws.table(), configured.custody, clock.now)


@cache
def sending() -> Sending:
    table = aws.table()
    transfers = OutgoingTransfers(table, configured.custody, configured.sender, clock.now)
    return Sending(table, transfers, clock.now)
