"""A cash-out as a customer sees it, on a local stack: sold on the simulated exchange, refused twice by the bank, paid.

The pauses between payout attempts are minutes; the embedded AWS is told to count them as seconds while this plays.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from typing import Any

import httpx

from local.environment import LocalEnvironment
from local.seed import Desk

ASSET = "BTC"
WAIT_SCALE = 0.05
PATIENCE_SECONDS = 120.0
OVER = {"FILLED", "SELL_PAYOUT_FAILED", "BASE_TXN_FAILED"}


class CashOutFailed(RuntimeError):
    """The desk did not do what is expected of it."""


@dataclass
class CashOut:
    """What became of one."""

    order: dict[str, Any] = field(default_factory=dict)
    statuses: list[str] = field(default_factory=list)
    states: list[str] = field(default_factory=list)  # of its executions, as they were entered


def play(desk: Desk, username: str, quantity: str, rejections: int, key: str, tell: Callable[[str], None]) -> CashOut:
    """Sell `quantity` of the user's coins to a bank that rejects so many payouts first. Raises CashOutFailed."""
    desk.clients(username)
    fails = {"outcome": "fail", "account_id": f"acc-{username}", "times": rejections}
    pays = {"outcome": "complete", "account_id": f"acc-{username}", "times": 1}
    told = fails if rejections else pays
    httpx.put(f"{desk.environment.bank_url}/sandbox/outcome", json=told, timeout=15).raise_for_status()
    if rejections:
        tell(f"the bank is told to reject the next {rejections} payouts to acc-{username}")
    with desk.http(username) as http:
        price = Decimal(_ok(http.get(f"/assets/{ASSET}")).json()["price"])
        estimate = (price * Decimal(quantity)).quantize(Decimal("0.01"), ROUND_FLOOR)
        asked = {
            "asset_id": ASSET,
            "quantity": quantity,
            "estimated_amount": str(estimate),
            "crypto_client_id": f"{username}-crypto",
            "banking_client_id": f"{username}-bank",
        }
        order = _ok(http.post("/crypto/order/sell", json=asked, headers={"Idempotency-Key": key})).json()
        tell(f"cashes out {quantity} {ASSET}, estimated at ${estimate}: order {order['order_id'][:8]}…")
        made = CashOut(order)
        seen: tuple[str, int] = ("", 0)
        for now in _watched(http, order["order_id"]):
            made.order = now
            if seen != (now["status"], now["payout_attempts"]):
                seen = now["status"], now["payout_attempts"]
                made.statuses.append(now["status"])
                tell(f"  {now['status']}{_more(now)}")
    made.states = states(desk.environment, order["order_id"])
    if made.order["payout_attempts"]:
        made.states += states(desk.environment, order["order_id"], "payout")
    tell(f"  its machines went through {' → '.join(made.states)}")
    return made


@contextmanager
def hurried(environment: LocalEnvironment) -> Iterator[None]:
    """Minutes of waiting machines pass in seconds."""

    def scale(factor: float) -> None:
        setting = {"stepfunctions._SFN_WAIT_SCALE": factor}
        httpx.post(f"{environment.aws_url}/_ministack/config", json=setting, timeout=15).raise_for_status()

    scale(WAIT_SCALE)
    try:
        yield
    finally:
        scale(1.0)


def states(environment: LocalEnvironment, order_id: str, machine: str = "sell-order") -> list[str]:
    """The states that the order's first execution has entered, in order, when it is over."""
    client = environment.machines
    machines = client.list_state_machines()["stateMachines"]
    arn = next(m["stateMachineArn"] for m in machines if m["name"] == f"cryptodesk-{machine}")
    execution = f"{arn.replace(':stateMachine:', ':execution:')}:{order_id}"
    deadline = time.monotonic() + PATIENCE_SECONDS
    while client.describe_execution(executionArn=execution)["status"] == "RUNNING" and time.monotonic() < deadline:
        time.sleep(0.2)
    events = client.get_execution_history(executionArn=execution, maxResults=1000)["events"]
    return [e["stateEnteredEventDetails"]["name"] for e in events if "stateEnteredEventDetails" in e]


def _watched(http: httpx.Client, order_id: str) -> Iterator[dict[str, Any]]:
    """The order, again and again, until it is over. Raises CashOutFailed when it never is."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        order: dict[str, Any] = _ok(http.get(f"/crypto/order/sell/{order_id}")).json()
        yield order
        if order["status"] in OVER:
            return
        time.sleep(0.3)
    raise CashOutFailed(f"{order_id} is {order['status']} after {PATIENCE_SECONDS:.0f} s")


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


def _ok(answer: httpx.Response) -> httpx.Response:
    if answer.is_error:
        raise CashOutFailed(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text}")
    return answer
