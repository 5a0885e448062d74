"""What must hold of recurring buys, in words: each date is dealt with once, and each purchase of one is of a date."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from common.idempotency import terms
from functions.purchases.recurring import SKIPPED_MAX
from tests.raw import Raw, plain

BY = "recurring buy "  # who has asked for a purchase, as its first event says


def violations(items: Iterable[Raw]) -> Iterator[str]:
    kinds: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for item in items:
        if item["entity_type"]["S"] in ("recurring_buy", "recurring_date", "recurring_count", "event", "purchase"):
            fields = plain(item)
            kinds[fields["entity_type"]].append(fields)
    dates: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for date in kinds["recurring_date"]:
        dates[date["PK"]].append(date)
    for plan in kinds["recurring_buy"]:
        yield from _wrong(plan, sorted(dates[plan["PK"]], key=lambda date: date["due_at"]))
    yield from _bought(kinds, dates)
    yield from _miscounted(kinds)


def _wrong(plan: dict[str, Any], dates: list[dict[str, Any]]) -> Iterator[str]:
    plan_id, status = plan["PK"], plan["status"]
    for attribute in ("open_work", "due_at", "waits_for", "next_at"):
        if (attribute in plan) != (status == "ACTIVE"):
            yield f"{plan_id} is {status}, and has {attribute}: {plan.get(attribute)}"
    if plan.get("last_at") != (dates[-1]["due_at"] if dates else None):
        yield f"{plan_id} is at {plan.get('last_at')}, its last date is {dates[-1]['due_at'] if dates else None}"
    if status == "ACTIVE" and dates and plan["next_at"] <= plan["last_at"]:
        yield f"{plan_id} will deal with {plan['next_at']} again"
    if "ends_at" in plan and dates and dates[-1]["due_at"] > plan["ends_at"] and status != "ACTIVE":
        yield f"{plan_id} has dealt with {dates[-1]['due_at']}, after its end"
    if status != "ACTIVE" and not plan.get("reason"):
        yield f"{plan_id} is {status} for no reason"
    if status == "ACTIVE" and plan["skipped"] >= SKIPPED_MAX:
        yield f"{plan_id} is active, and has skipped {plan['skipped']} dates"
    for date in dates:
        if (date["outcome"] == "BOUGHT") != ("order_id" in date) or (date["outcome"] == "SKIPPED") != (
            "reason" in date
        ):
            yield f"{plan_id} does not say what became of {date['due_at']}: {date}"


def _bought(kinds: dict[str, list[dict[str, Any]]], dates: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    """A purchase is of one date, and a date that is bought has its purchase."""
    asked = [e for e in kinds["event"] if "before" not in e and e["actor"].startswith(BY) and e["PK"].startswith("P")]
    there = {purchase["PK"] for purchase in kinds["purchase"]}
    made = Counter((event["actor"].removeprefix(BY), event["PK"]) for event in asked if event["PK"] in there)
    told = Counter((plan, date["order_id"]) for plan, all_of in dates.items() for date in all_of if "order_id" in date)
    yield from (f"{order_id} is of no date of {plan}, or of two" for plan, order_id in made - told)
    yield from (f"{plan} tells of {order_id}, which is not there" for plan, order_id in told - made)


def _miscounted(kinds: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    live = Counter(
        (plan["username"], terms(sub=plan["sub"]))
        for plan in kinds["recurring_buy"]
        if plan["status"] in ("ACTIVE", "PAUSED")
    )
    for count in kinds["recurring_count"]:
        key = count["PK"], count["SK"].partition("#")[2]
        if count["live"] != live.pop(key, Decimal(0)):
            yield f"{key} has counted {count['live']} recurring buys"
    yield from (f"{key} has {number} recurring buys, and no count" for key, number in live.items())
