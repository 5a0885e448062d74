"""How long is waited before something counts as never sent, or as sent by nobody: longer than anybody who might be
sending it lives, and than what is on its way is on its way.

Tests of these rules say their times by these names, and would follow them down to nothing.
"""

from __future__ import annotations

import pytest

from common.domain.custody.model import NEVER_SENT_SECONDS, OVERLAP, SENDING_SECONDS
from common.domain.exchange_orders.model import CANCEL_SECONDS, LAST_LOOK_SECONDS, POLL_DELAY_SECONDS_MAX, POLL_LIMIT
from common.domain.looks import SECOND_LOOK_SECONDS
from common.domain.payouts.model import ABANDONED_SECONDS, NEVER_BOOKED_SECONDS
from common.gateways.exchange import NEVER_PLACED_SECONDS
from common.gateways.exchange.binance_maker import OPERATION_SECONDS_MAX
from functions.billing.payment_store import EARLY_DUE, QUIET, SPREAD_DUE
from functions.market_making.model import ASKED_AGAIN, CONFIRM_LIMIT, RETURN_LIMIT, TICK_SECONDS_MAX, TOLD_WITHIN
from functions.market_making.service.balancing import KNOWN_WITHIN
from infra import streams
from infra.context import API_SECONDS, SCHEDULE_SECONDS, TASK_SECONDS

LONGEST = max(API_SECONDS, TASK_SECONDS, SCHEDULE_SECONDS, TICK_SECONDS_MAX, streams.SECONDS)  # that a function lives
CLOCKS = 30  # seconds that those of two processes are apart at most
SETTLING = 480  # seconds that a bank, a custody or an exchange has, to book what it has taken or to drop it


@pytest.mark.parametrize("seconds", [ABANDONED_SECONDS, SENDING_SECONDS, ASKED_AGAIN.total_seconds()])
def test_whoever_was_sending_has_ended_before_it_counts_as_sent_by_nobody(seconds: float) -> None:
    assert seconds >= LONGEST + CLOCKS


@pytest.mark.parametrize(
    ("never", "sent_by_nobody"),
    [(NEVER_BOOKED_SECONDS, ABANDONED_SECONDS), (NEVER_SENT_SECONDS, SENDING_SECONDS), (LAST_LOOK_SECONDS, 0)],
)
def test_an_outside_system_has_minutes_to_book_what_it_has_taken(never: int, sent_by_nobody: int) -> None:
    assert never >= sent_by_nobody + SETTLING


def test_an_order_that_was_sent_has_arrived_before_it_was_never_placed() -> None:
    """An exchange's time-outs, the validity of a request, and a margin; and then a second look, which is another."""
    assert NEVER_PLACED_SECONDS >= max(API_SECONDS, 2 * OPERATION_SECONDS_MAX) + CLOCKS
    assert SECOND_LOOK_SECONDS >= 10


def test_an_exchange_is_polled_and_asked_to_cancel_before_evidence_counts() -> None:
    assert CANCEL_SECONDS >= POLL_DELAY_SECONDS_MAX
    assert POLL_LIMIT.total_seconds() >= 20 * POLL_DELAY_SECONDS_MAX


def test_what_is_told_late_has_been_told_before_it_counts_as_anothers() -> None:
    """A snapshot of the custody may appear ten minutes late, and so may a deposit in an exchange's list."""
    for waited in (OVERLAP, TOLD_WITHIN, KNOWN_WITHIN):
        assert waited.total_seconds() >= 600
    assert RETURN_LIMIT > CONFIRM_LIMIT > TOLD_WITHIN


def test_a_persons_attention_is_asked_for_only_once_messages_have_come() -> None:
    """A message that is given back comes again within six calls of its function."""
    for waited in (QUIET, EARLY_DUE):
        assert waited.total_seconds() >= 3 * streams.VISIBILITY.to_seconds()
    assert SPREAD_DUE.total_seconds() >= SCHEDULE_SECONDS + CLOCKS
