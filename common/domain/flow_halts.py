"""Flows of the desk that operators have halted, whole or of one asset: nothing new begins there, and nothing more is
sent to the exchange or the bank, until another operator lifts it. What was sent before is settled; whatever gives back
goes on. What a halt of each flow stops is in docs/decisions/0053.

A halt is one item, beside the assets of the catalogue, so that whoever looks at what can be traded sees what is halted
in the same request. Who takes orders knows of it within five seconds, as of prices; who sends asks the table just
before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pynamodb.attributes import JSONAttribute, UnicodeAttribute

from common import keys
from common.domain.halts import HaltMoved
from common.errors import Rejected, Unavailable
from common.table.items import Item
from common.table.table import Query, Table, partition
from common.table.transaction import Write

RETRY_AFTER_SECONDS = 60


class Halted(Unavailable):
    """The desk does not do this at present; `GET /status` tells what it does. Nothing was taken from you: send the
    same request again later."""


class ImpossibleHalt(Rejected):
    """There is no such thing to halt."""


class Flow(StrEnum):
    """What customers have the desk do, and `ALL` of it."""

    ORDERS = "orders"  # of the desk's own book, and quotes
    PURCHASES = "purchases"  # and sales at the exchange, pooled ones and recurring buys
    CASH_OUTS = "cash-outs"
    PAYOUTS = "payouts"  # dollars to banks: of cash-outs and withdrawals
    MARKET_MAKING = "market-making"
    ALL = "all"


FLOWS = tuple(flow for flow in Flow if flow is not Flow.ALL)
# What customers read. Why it is halted is for operators.
WORDS = {
    Flow.ORDERS: "orders and quotes are not taken now, and what rests in the book is not filled; it may be cancelled",
    Flow.PURCHASES: "purchases and sales at the exchange are not taken now; what waits in a pool may be cancelled, and "
    "what can not be traded within an hour is given back",
    Flow.CASH_OUTS: "cash-outs are not taken now; those that the exchange has go on",
    Flow.PAYOUTS: "nothing is paid to banks now, and no cash-outs and withdrawals are taken; what was asked for before "
    "is paid later",
    Flow.MARKET_MAKING: "nothing is quoted now, and no orders for it are opened; they may be stopped, and their money "
    "brought home",
}


@dataclass(frozen=True)
class FlowHalt:
    """`asset_id` None: of the whole flow. `coin` is what the asset is in market making, where that is another name: the
    market's. `operators` are all who have halted it, the last one last: none of them lifts it. `at` is when it began,
    `moved_at` when it was last written."""

    flow: Flow
    asset_id: str | None
    why: str
    operators: Sequence[str]
    at: datetime
    moved_at: datetime
    coin: str | None = None

    @property
    def name(self) -> str:
        return name_of(self.flow, self.asset_id)

    def asset_in(self, flow: Flow) -> str | None:
        """What its asset is called there; None: it is of all of the flow."""
        return self.coin if flow is Flow.MARKET_MAKING and self.coin is not None else self.asset_id

    def stops(self, flow: Flow, assets: Iterable[str]) -> bool:
        """Is it of this flow, and of one of these assets or of all?"""
        asset = self.asset_in(flow)
        return self.flow in (flow, Flow.ALL) and (asset is None or asset in assets)


class FlowHaltItem(Item, discriminator=keys.FLOW_HALT.entity):
    flow = UnicodeAttribute()
    asset_id = UnicodeAttribute(null=True)
    coin = UnicodeAttribute(null=True)
    why = UnicodeAttribute()
    operators = JSONAttribute()


@dataclass(frozen=True)
class FlowHalts:
    """All that hold, as they were read."""

    halts: Sequence[FlowHalt] = ()

    def of(self, flow: Flow, *assets: str) -> FlowHalt | None:
        """One that stops the flow for any of these assets; of those of the whole flow, the first that began."""
        found = [halt for halt in self.halts if halt.stops(flow, assets)]
        return min(found, key=lambda halt: (halt.asset_id is not None, halt.at), default=None)

    def must_run(self, flow: Flow, *assets: str) -> None:
        """Raises Halted."""
        halt = self.of(flow, *assets)
        if halt is not None:
            of_asset = "" if halt.asset_id is None else f" of {halt.asset_id}"
            facts = {} if halt.asset_id is None else {"asset_id": halt.asset_id}
            raise Halted(
                f"the desk has halted {flow}{of_asset}: {WORDS[flow]}",
                flow=flow,
                **facts,
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )


def name_of(flow: Flow, asset_id: str | None) -> str:
    return flow if asset_id is None else f"{flow}:{asset_id}"


def read(table: Table) -> FlowHalts:
    """All that hold now."""
    of_halts = partition(keys.FLOW_HALT.pk) & FlowHaltItem.SK.startswith(keys.FLOW_HALT.prefix)
    return FlowHalts([halt_of(item) for item in table.all(FlowHaltItem, Query(of_halts, consistent=True))])


def must_run(table: Table, flow: Flow, *assets: str) -> None:
    """By the table as it is now, of what is just about to begin or to be sent. It is no condition of a write: all that
    is sent would stand in line for that one item. Raises Halted."""
    read(table).must_run(flow, *assets)


def halt_of(item: FlowHaltItem) -> FlowHalt:
    by, at = tuple(item.operators), item.created_at
    return FlowHalt(Flow(item.flow), item.asset_id, item.why, by, at, item.updated_at, item.coin)


def halt(flow: Flow, asset_id: str | None, why: str, operator: str, at: datetime, coin: str | None = None) -> Write:
    """It is halted from now on. Refused with HaltMoved, where it is halted already."""
    item = FlowHaltItem(
        *_key(flow, asset_id),
        flow=flow,
        asset_id=asset_id,
        coin=coin,
        why=why,
        operators=[operator],
        created_at=at,
        updated_at=at,
    )
    return Write.insert(item, otherwise=_moved(flow, asset_id))


def taken_over(halted: FlowHalt, why: str, operator: str, at: datetime) -> Write:
    """Another operator halts what is halted already: one has to lift it who has not. Refused with HaltMoved."""
    item = FlowHaltItem
    return Write.update(
        item(*_key(halted.flow, halted.asset_id)),
        item.why.set(why),
        item.operators.set([*halted.operators, operator]),
        item.updated_at.set(at),
        when=item.updated_at == halted.moved_at,
        otherwise=_moved(halted.flow, halted.asset_id),
    )


def lift(halted: FlowHalt) -> Write:
    """It runs again; the audit knows that it was halted. Refused with HaltMoved: not as it was read."""
    item = FlowHaltItem
    return Write.delete(
        item(*_key(halted.flow, halted.asset_id)),
        when=item.updated_at == halted.moved_at,
        otherwise=_moved(halted.flow, halted.asset_id),
    )


def _key(flow: Flow, asset_id: str | None) -> keys.PrimaryKey:
    return keys.FLOW_HALT(name=name_of(flow, asset_id))


def _moved(flow: Flow, asset_id: str | None) -> HaltMoved:
    name = name_of(flow, asset_id)
    return HaltMoved(f"the halt of {name} has moved meanwhile; look at it again", id=name)
