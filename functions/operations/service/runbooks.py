"""Which runbook tells of a thing, by the list that it waits in and what it waits for: what the tables of
docs/runbooks/needs-person.md and work-overdue.md say, and the pages of alarms that one thing alone can ring. Pure.

What waits as it should has none: nobody has to do anything about it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from common import keys
from common.domain.work import Unfinished
from common.keys import PrimaryKey
from common.machines import MachineExecution

PERSON, OVERDUE, DIED = "needs-person", "work-overdue", "executions-failed"
_DEAD = frozenset({"FAILED", "TIMED_OUT", "ABORTED"})


@dataclass(frozen=True)
class Rule:
    """The page of what waits for these words, of this list if one is named."""

    page: str
    words: str  # a regular expression
    backlog: str | None = None


# The first that fits.
RULES = (
    Rule("drift", r"(^|; )(USD|[A-Z0-9]+ quantity|[A-Z0-9]+ held|USD held) \S+ is ", "books"),
    Rule("billing-off", r"^billing system:", "books"),
    Rule("books-unreadable", "", "books"),
    Rule("orders-turned-up", "the exchange has order .* after all"),
    Rule("exchange-off", "exchange tells of ", "strays"),
    Rule("bank-off", "bank tells of ", "strays"),
    Rule("login-made-anew", "^another operator than .*: users move "),
    Rule("desk-refused", "does not count, since the bank refuses the desk itself"),
    Rule("payouts-failed", "payout attempts were rejected"),
    Rule("payouts-failed", "^an operator: its payout has failed"),
    Rule("payouts-to-approve", "its payout of .* is over "),
    Rule("bank-mismatch", "^an operator: the bank tells of "),
    Rule("bank-mismatch", "what the bank tells can not be "),
    Rule("payout-pending", "never paid, as .* say"),
    Rule("bank-contradictions", "the bank says "),
    Rule("bank-contradictions", "its payout is disputed"),
    Rule("bank-contradictions", "before the attempt after "),
    Rule("fills-not-believed", "^an operator: what .* is not believed", "offramp"),
    Rule("fills-not-believed", "^an operator: what .* is not believed", "batches"),
    Rule("fill-not-written", "can not be written down"),
    Rule("accounts-off", r"^an operator: \S+ is halted: ", "market-making"),
    Rule("quotes-not-believed", r"^an operator: trade \S+: ", "market-making"),
    Rule("quotes-paused", "^its owner: the exchange has refused ", "market-making"),
    Rule("market-making-stopped", "^an operator: ", "market-making"),
    Rule("snapshot-ties", "snapshots have one time", "snapshots"),
    Rule("snapshot-ties", "is untaken", "snapshots"),
    Rule("snapshots-parked", "^an operator: ", "snapshots"),
    Rule("custody-off", r"are there, and \S+ are booked", "outgoing"),
    Rule("custody-not-believed", "what the custody tells can not be", "outgoing"),
    Rule("custody-short", "the custody has .* to spend", "outgoing"),
    Rule("transfers-denied", "^an operator: the desk is refused: ", "outgoing"),
    Rule("transfers-denied", "^the desk: ", "outgoing"),
    Rule("payment-taken-back", "the bank took back payment ", "payments"),
    Rule("payment-taken-back", "^its dealer to pay ", "payments"),
    Rule("billing-not-believed", "refuses to pay back what it pays back", "dealers"),
    Rule(PERSON, "^(an operator|another operator than )"),
)
PAGES = frozenset(rule.page for rule in RULES) | {OVERDUE, DIED}


def page_of(backlog: str, waits_for: str | None, *, overdue: bool, execution_status: str | None) -> str | None:
    """The name of the page, without its ending; None where nothing is to be done. `execution_status` is of its latest
    execution: one that died of what still waits is started again by the sweeper, and dies again perhaps."""
    if waits_for is None:
        return None
    for rule in RULES:
        if rule.backlog in (None, backlog) and re.search(rule.words, waits_for):
            return rule.page
    if execution_status in _DEAD:
        return DIED
    return OVERDUE if overdue else None


def runbook_of(waiting: Unfinished, execution: MachineExecution | None, now: datetime) -> str | None:
    """That of an item, which may wait, and of its latest execution."""
    if waiting.open_work is None:
        return None
    return page_of(
        keys.row_of(PrimaryKey(waiting.PK, waiting.SK)).backlog,
        waiting.waits_for,
        overdue=waiting.due_at is not None and waiting.due_at <= now,
        execution_status=None if execution is None else execution.status,
    )
