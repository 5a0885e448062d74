"""Withdrawals that are stuck."""

from __future__ import annotations

from console.commands import acts
from console.commands.groups import group_of

group = group_of("Decide by hand about a withdrawal that is stuck. A dry run unless --yes.")

acts.with_reason(group, "withdrawals", "retry-payout", acts.ONE_MORE)
acts.with_other_payment(group, "withdrawals", "complete")
acts.with_public_reason(group, "withdrawals", "reject", "The dollars go back to the customer's balance.")
acts.with_reason(group, "withdrawals", "abandon-attempt", acts.NEVER_CAME)
