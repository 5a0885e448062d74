"""Orders that can not be carried out."""

from __future__ import annotations

from console.commands import acts
from console.commands.groups import group_of

group = group_of("Decide by hand about an order that can not be carried out. A dry run unless --yes.")

acts.with_public_reason(
    group, "orders", "fail", "End a resting order that can not be carried out, and give its hold back."
)
