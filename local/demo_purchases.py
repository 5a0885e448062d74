"""Purchases as customers see them, on a local stack: small ones bought together, one on its own, one in vain.

The exchange is the simulated one, asked through ccxt; its latency (`PUT /sandbox/latency`) is the five seconds that
the seed's `buy_from_exchange` sleeps.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from local.seed import Desk
from local.telling import StoryFailed, Tell, Teller, eventually, ok, reconcile, wait_until

TOGETHER, ALONE = "SOL", "DOGE"  # the seed's catalogue gives the pool of ALONE a minute
AMOUNTS = ("4.00", "3.00", "5.00")
CLOSE_POOLS = "cryptodesk-purchases-close-pools"
PATIENCE_SECONDS = 120.0


@dataclass
class Bought:
    """What became of them."""

    pooled: list[dict[str, Any]] = field(default_factory=list)
    direct: dict[str, Any] = field(default_factory=dict)
    refunded: dict[str, Any] = field(default_factory=dict)
    batch: dict[str, Any] = field(default_factory=dict)  # its story, as operators read it


def story(desk: Desk, username: str, _: Path, tell: Teller) -> dict[str, Any]:
    """The purchases at the end, and the batch's story. Raises StoryFailed."""
    desk.sign_up(username)
    with desk.http(username) as http:
        ok(http.post("/users"))
        ok(http.post("/balance/deposits", json={"amount": "100.00"}, headers={"Idempotency-Key": "first"}))
    desk.tend_market()
    waiting = join_in_vain(desk, username)
    tell(f"{username} buys {ALONE} for ${waiting['held_amount']}, and waits for somebody to join")
    made = play(desk, username, waiting, tell)
    if any(purchase["status"] != "COMPLETED" for purchase in (*made.pooled, made.direct)):
        raise StoryFailed(f"not bought: {made}")
    if (made.refunded["status"], made.refunded["refunded_amount"]) != ("FAILED", "4.00"):
        raise StoryFailed(f"not refunded: {made.refunded}")
    tell(f"the books: {reconcile(desk, username)} lines of the journal add up to every balance, to the last digit")
    return asdict(made)


def join_in_vain(desk: Desk, username: str) -> dict[str, Any]:
    """A small purchase that nobody will join."""
    with desk.http(username) as http:
        return bought(http, ALONE, "4.00", f"{username}-vain")


def play(desk: Desk, username: str, waiting: dict[str, Any], tell: Tell) -> Bought:
    """Three customers pool, one buys alone, and the pool of `waiting` comes to its deadline. Raises StoryFailed."""
    made = Bought()
    names = [f"{username}-{letter}" for letter in "abc"]
    for name in names:
        desk.sign_up(name)
        with desk.http(name) as http:
            ok(http.post("/users"))
            ok(http.post("/balance/deposits", json={"amount": "100.00"}, headers={"Idempotency-Key": "first"}))
    for name, amount in zip(names, AMOUNTS, strict=True):
        with desk.http(name) as http:
            purchase = bought(http, TOGETHER, amount, "small")
            pool = next(p for p in ok(http.get("/purchases/pools")).json()["items"] if p["asset_id"] == TOGETHER)
            waits = ", ".join(f"${shard['waiting_amount']}" for shard in pool["shards"])
            tell(
                f"{name} buys {TOGETHER} for ${amount}: {purchase['strategy']}, {waits} of ${pool['min_notional']} wait"
            )
            made.pooled.append(purchase)
    made.pooled = [over(desk, name, purchase) for name, purchase in zip(names, made.pooled, strict=True)]
    with desk.http("olga") as operator:
        made.batch = ok(operator.get(f"/operations/work/{made.pooled[0]['batch_id']}")).json()
    for event in made.batch["events"][1:]:
        tell(f"  batch {made.batch['id'][:8]}… {event['after']}: {event['reason']}")
    for name, purchase in zip(names, made.pooled, strict=True):
        tell(
            f"  {name} has {purchase['executed_quantity']} {TOGETHER} for ${purchase['total_amount']}, "
            f"${purchase['refunded_amount']} came back"
        )
    with desk.http(username) as http:
        direct = bought(http, TOGETHER, "10.00", f"{username}-ten")
    made.direct = over(desk, username, direct)
    tell(
        f"{username} buys {TOGETHER} for $10.00: {direct['strategy']}, {made.direct['status']} with "
        f"{made.direct['executed_quantity']} for ${made.direct['total_amount']}"
    )
    wait_until(datetime.fromisoformat(waiting["expires_at"]))
    desk.invoke(CLOSE_POOLS)
    made.refunded = over(desk, username, waiting)
    tell(
        f"the ${waiting['held_amount']} of {ALONE} that nobody joined: {made.refunded['status']}, "
        f"{made.refunded['reason']}; ${made.refunded['refunded_amount']} came back"
    )
    for name in names:
        reconcile(desk, name)
    return made


def bought(http: httpx.Client, asset_id: str, amount: str, key: str) -> dict[str, Any]:
    """The purchase that was asked for."""
    asked = {"asset_id": asset_id, "quote_amount": amount}
    purchase: dict[str, Any] = ok(http.post("/purchases", json=asked, headers={"Idempotency-Key": key})).json()
    return purchase


def over(desk: Desk, username: str, purchase: dict[str, Any]) -> dict[str, Any]:
    """The purchase when it is over. Raises StoryFailed when it never is."""
    now = purchase
    with desk.http(username) as http:

        def is_over() -> bool:
            nonlocal now
            now = ok(http.get(f"/purchases/{purchase['order_id']}")).json()
            return bool(now["status"] != "PENDING")

        eventually(is_over, lambda: f"{now['order_id']} is {now['status']}", patience_seconds=PATIENCE_SECONDS)
    return now
