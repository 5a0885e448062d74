"""Batches of purchases that are stuck."""

from __future__ import annotations

from console.commands import acts
from console.commands.groups import group_of

group = group_of("Decide by hand about a batch of purchases that is stuck. A dry run unless --yes.")

acts.with_public_reason(
    group, "batches", "void", "Refund a batch that can not be bought; or be done with an order that turned up."
)
