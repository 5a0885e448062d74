"""A cash-out as a customer sees it, on a local stack: sold on the simulated exchange, refused twice by the bank, paid.

The pauses between payout attempts, minutes on AWS, are of seconds on a local stack (`infra/environment.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from pathlib import Path
from typing import Any

import httpx

from local.environment import LocalEnvironment
from local.seed import Desk
from local.telling import StoryFailed, Tell, Teller, eventually, ok, reconcile

ASSET, BOUGHT, SOLD = "BTC", "0.02", "0.01"
REJECTIONS = 2
PATIENCE_SECONDS = 300.0
OVER = {"FILLED", "SELL_PAYOUT_FAILED", "BASE_TXN_FAILED"}


@dataclass
class CashOut:
    """What became of one."""

    order: dict[str, Any] = field(default_factory=dict)
    statuses: list[str] = field(default_factory=list)
    states: list[str] = field(default_factory=list)  # of its executions, as they were entered


def story(desk: Desk, username: str, _: Path, tell: Teller) -> dict[str, Any]:
    """The order at the end, and the states of its machines. Raises StoryFailed."""
    desk.sign_up(username)
    with desk.http(username) as http:
        ok(http.post("/users"))
        ok(http.post("/balance/deposits", json={"amount": "5000.00"}, headers={"Idempotency-Key": "first"}))
        asked = {"asset_id": ASSET, "order_type": "BUY", "quantity": BOUGHT}
        bought = ok(http.post("/orders", json=asked, headers={"Idempotency-Key": "coins"})).json()
    tell(f"{username} deposits $5,000.00, and buys {BOUGHT} {ASSET} for ${bought['total_amount']}")
    paid = play(desk, username, SOLD, REJECTIONS, f"{username}-cash-out", tell)
    if (paid.order["status"], paid.order["payout_attempts"]) != ("FILLED", REJECTIONS + 1):
        raise StoryFailed(f"the cash-out is {paid.order['status']} after {paid.order['payout_attempts']} attempts")
    tell(f"the books: {reconcile(desk, username)} lines of the journal add up to every balance, to the last digit")
    return {"order": paid.order, "states": paid.states}


def play(desk: Desk, username: str, quantity: str, rejections: int, key: str, tell: Tell) -> CashOut:
    """Sell `quantity` of the user's coins to a bank that rejects so many payouts first. Raises StoryFailed."""
    desk.clients(username)
    fails = {"outcome": "fail", "account_id": f"acc-{username}", "times": rejections}
    pays = {"outcome": "complete", "account_id": f"acc-{username}", "times": 1}
    told = fails if rejections else pays
    httpx.put(f"{desk.environment.bank_url}/sandbox/outcome", json=told, timeout=15).raise_for_status()
    if rejections:
        tell(f"the bank is told to reject the next {rejections} payouts to acc-{username}")
    with desk.http(username) as http:
        price = Decimal(ok(http.get(f"/assets/{ASSET}")).json()["price"])
        estimate = (price * Decimal(quantity)).quantize(Decimal("0.01"), ROUND_FLOOR)
        asked = {
            "asset_id": ASSET,
            "quantity": quantity,
            "estimated_amount": str(estimate),
            "crypto_client_id": f"{username}-crypto",
            "banking_client_id": f"{username}-bank",
        }
        order = ok(http.post("/crypto/order/sell", json=asked, headers={"Idempotency-Key": key})).json()
        tell(f"cashes out {quantity} {ASSET}, estimated at ${estimate}: order {order['order_id'][:8]}…")
        made = CashOut(order)
        seen: tuple[str, int] = ("", 0)

        def is_over() -> bool:
            nonlocal seen
            now = made.order = ok(http.get(f"/crypto/order/sell/{order['order_id']}")).json()
            if seen != (now["status"], now["payout_attempts"]):
                seen = now["status"], now["payout_attempts"]
                made.statuses.append(now["status"])
                tell(f"  {now['status']}{_more(now)}")
            return now["status"] in OVER

        eventually(is_over, lambda: f"{order['order_id']} is {made.order['status']}", patience_seconds=PATIENCE_SECONDS)
    made.states = states(desk.environment, order["order_id"])
    if made.order["payout_attempts"]:
        made.states += states(desk.environment, order["order_id"], "payout")
    tell(f"  its machines went through {' → '.join(made.states)}")
    return made


def states(environment: LocalEnvironment, order_id: str, machine: str = "sell-order") -> list[str]:
    """The states that the order's first execution has entered, in order, when it is over."""
    client = environment.machines
    machines = client.list_state_machines()["stateMachines"]
    arn = next(m["stateMachineArn"] for m in machines if m["name"] == f"cryptodesk-{machine}")
    execution = f"{arn.replace(':stateMachine:', ':execution:')}:{order_id}"
    eventually(
        lambda: client.describe_execution(executionArn=execution)["status"] != "RUNNING",
        lambda: f"the execution {order_id} runs",
        patience_seconds=PATIENCE_SECONDS,
    )
    events = client.get_execution_history(executionArn=execution, maxResults=1000)["events"]
    return [e["stateEnteredEventDetails"]["name"] for e in events if "stateEnteredEventDetails" in e]


def _more(order: dict[str, Any]) -> str:
    match order["status"]:
        case "BASE_TXN_COMPLETED":
            gross, fee = order["gross_amount"], order["fee_amount"]
            return f": sold {order['executed_quantity']} for ${gross}, fee ${fee}, to be paid ${order['total_amount']}"
        case "TARGET_TXN_PENDING":
            return f": payout attempt {order['payout_attempts']}"
        case "FILLED":
            return f": ${order['total_amount']} are at the bank, with attempt {order['payout_attempts']}"
        case _:
            return f": {order['reason']}" if order["reason"] else ""
