"""`desk mm import`: a configuration of hummingbot's (v1 `pure_market_making`) opens an order, or changes one. What the
parameters may be the desk knows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import RenderableType

from console import output
from console.api import Api, Request
from console.errors import Misused

ROOM = "market-making"
Answer = tuple[dict[str, Any], list[RenderableType]]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """`order` is one to change; without, one is opened, with `base` and `quote`. Under the same `key` it is opened
    once."""

    config: Path
    order: str | None
    base: str | None
    quote: str | None
    key: str | None
    yes: bool


def imported(desk: Api, asked: Asked) -> Answer:
    """As JSON, and as a person reads it. Raises CommandFailed."""
    told = _read(asked.config)
    return _opened(desk, asked, told) if asked.order is None else _changed(desk, asked, asked.order, told)


def _read(config: Path) -> dict[str, Any]:
    try:
        from sandbox.backtest.configuration import BadConfiguration, read
    except ImportError as missing:
        raise Misused(f"to read it needs what `make install` installs: {missing}") from None
    try:
        return read(config)
    except (BadConfiguration, OSError) as no:
        raise Misused(str(no)) from None


def _opened(desk: Api, asked: Asked, told: Mapping[str, Any]) -> Answer:
    if not told.get("market"):
        raise Misused("the configuration names no market: which pair is to be quoted?")
    if asked.base is None or asked.quote is None:
        raise Misused("with how much? --base and --quote say what the order is funded with; --order changes one")
    where = {"pair": told["market"], "exchange": told.get("exchange") or "binance"}
    checked = _checked(desk, where, told)
    terms = {**where, "base_quantity": asked.base, "quote_quantity": asked.quote, "configuration": dict(told)}
    shown: list[RenderableType] = [_table(checked["configuration"])]
    if not asked.yes:
        would = f"Would open an order in {where['pair']} with {asked.base} and {asked.quote}. --yes does it."
        return {"dry_run": True, **checked}, [*shown, "", output.text(would)]
    key = asked.key or hashlib.sha256(json.dumps(terms, sort_keys=True).encode()).hexdigest()[:32]
    order = desk.ask(Request("POST", (ROOM, "orders"), terms, key=key))
    return order, [*shown, "", *output.to_pay(order)]


def _changed(desk: Api, asked: Asked, order_id: str, told: Mapping[str, Any]) -> Answer:
    """All of it: what the file does not say goes back to its default."""
    order = desk.get(ROOM, "orders", order_id)
    before = desk.get(ROOM, "orders", order_id, "configuration")
    checked = _checked(desk, {"pair": order["pair"], "exchange": order["exchange"]}, told)
    shown = _differences(before["configuration"], checked["configuration"])
    if not asked.yes:
        would = output.text(
            f"Would be version {before['version'] + 1} of {order_id}, from its next cycle. --yes does it."
        )
        return {"dry_run": True, **checked}, [shown, "", would]
    default = dict.fromkeys(name for name in before["configuration"] if name not in told)
    body = {"version": before["version"], "configuration": {**default, **told}}
    after = desk.ask(Request("PATCH", (ROOM, "orders", order_id), body))
    return after, [shown, "", output.text(f"{order_id} quotes so from its next cycle on: version {after['version']}.")]


def _checked(desk: Api, where: Mapping[str, str], told: Mapping[str, Any]) -> dict[str, Any]:
    """As the desk would keep it."""
    body = {**where, "configuration": dict(told)}
    return desk.ask(Request("POST", (ROOM, "configurations", "check"), body, changes=False))


def _table(configuration: Mapping[str, Any]) -> RenderableType:
    table = output.rows("parameter", "is to be")
    for name, value in configuration.items():
        table.add_row(output.text(name), output.text(_told(value)))
    return table


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> RenderableType:
    table = output.rows("parameter", "is", "is to be")
    for name in sorted({*before, *after}):
        was, will = (_told(one.get(name, "by default")) for one in (before, after))
        if was != will:
            table.add_row(output.text(name), output.text(was), output.text(will, "bold"))
    return table if table.row_count else "Nothing is to change."


def _told(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
