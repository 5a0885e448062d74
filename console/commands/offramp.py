"""Cash-outs that are stuck."""

from __future__ import annotations

from console.commands import acts
from console.commands.groups import group_of

group = group_of("Decide by hand about a cash-out that is stuck. A dry run unless --yes.")

acts.with_reason(group, "sell-orders", "retry-payout", acts.ONE_MORE)
acts.with_other_payment(group, "sell-orders", "mark-filled")
acts.with_public_reason(
    group, "sell-orders", "credit-usd", "The dollars go to the customer's balance here, instead of the bank."
)
acts.with_reason(group, "sell-orders", "abandon-attempt", acts.NEVER_CAME)
acts.with_reason(
    group, "sell-orders", "void", "End a sale of which the exchange has executed nothing; the coins go back."
)
