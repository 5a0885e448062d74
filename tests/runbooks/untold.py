"""Pages that no story names in some incident of theirs, or in any, and why."""

from __future__ import annotations

NOBODYS = "it is about nothing that has a story"
LED_TO = "the story names the page that leads here"
IN_TIME = "the thing waits as it should: an alarm tells what others have done to it"
OVER = "the thing waits for nothing any more"

# Page → why, and in which incidents; in all that it has, if there are none.
UNTOLD: dict[str, dict[str, tuple[str, ...]]] = {
    "backup-failed": {NOBODYS: ()},
    "bank-contradictions": {OVER: ("contradicted", "paid_twice", "paid_twice_at_once")},
    "batch-placed": {LED_TO: ()},
    "billing-not-believed": {NOBODYS: ("told_twice",)},
    "billing-off": {NOBODYS: ()},
    "bug": {LED_TO: ()},
    "campaign-joins-failed": {NOBODYS: ()},
    "changes-late": {NOBODYS: ()},
    "custody-silent": {NOBODYS: ()},
    "desk-refused": {OVER: ("exchange_refuses_the_desk",)},
    "exchange-gone": {LED_TO: ()},
    "executions-failed": {LED_TO: ("buggy",)},
    "function-errors": {NOBODYS: ()},
    "halted": {NOBODYS: ()},
    "hold-missing": {LED_TO: ()},
    "leg-refused": {LED_TO: ()},
    "login-made-anew": {NOBODYS: ()},
    "market-making-stopped": {LED_TO: ("a_leg_is_late",)},
    "missed-rounds": {NOBODYS: ()},
    "needs-person": {NOBODYS: ("never_told",)},
    "none-anchored": {NOBODYS: ()},
    "none-checked": {NOBODYS: ()},
    "none-reconciled": {NOBODYS: ()},
    "parked-events": {NOBODYS: ()},
    "payment-taken-back": {LED_TO: ("told_too_much",)},
    "payments-failed": {NOBODYS: ()},
    "payout-pending": {LED_TO: ()},
    "price-age": {NOBODYS: ()},
    "price-jump": {NOBODYS: ()},
    "quotes-not-believed": {IN_TIME: ("doubted_while_it_quotes",)},
    "quotes-orphaned": {IN_TIME: ()},
    "quoting-silent": {NOBODYS: ()},
    "server-errors": {NOBODYS: ()},
    "signatures-refused": {NOBODYS: ()},
    "snapshots-failed": {NOBODYS: ()},
    "snapshots-parked": {LED_TO: ("came_otherwise",)},
    "stray-trades": {IN_TIME: ()},
    "table-throttled": {NOBODYS: ()},
    "ticks-late": {IN_TIME: ()},
    "transfers-failed": {LED_TO: ()},
    "work-overdue": {LED_TO: ("never_looked_for",), NOBODYS: ("pool_past_its_time",)},
}


def is_untold(page: str, incident: str) -> bool:
    """Does no story name the page in this incident?"""
    return any(not incidents or incident in incidents for incidents in UNTOLD.get(page, {}).values())
