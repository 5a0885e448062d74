"""What a person has decided about a transfer goes on with the order that waits for it."""

from __future__ import annotations

from common.domain import work
from common.domain.custody.model import Outgoing
from common.errors import Refusal
from common.keys import PrimaryKey
from common.log import log
from functions.operations.service import Operations, order_of


def wake(of: Operations, outgoing: Outgoing) -> None:
    """The market-making order that waits for a person because of this outgoing transfer goes on. Where that can not be
    done now, an operator redrives it."""
    order_id = order_of(of.table, outgoing)
    if order_id is None:
        return
    try:
        item = of.known(order_id)
        if item.needs_person and outgoing.outgoing_id in (item.waits_for or ""):
            of.table.write(work.redriven(item, of.now()))
            work.drive_now(of.table, of.machines, PrimaryKey(item.PK, item.SK), of.now())
    except Refusal as no:
        log.warning("order not driven", extra={"order_id": order_id, "why": no.detail})
