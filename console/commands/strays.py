"""Orders that the exchange has and nobody waits for."""

from __future__ import annotations

from console.commands import acts
from console.commands.groups import group_of

group = group_of("Orders that the exchange has and nobody waits for. A dry run unless --yes.")

acts.with_reason(group, "strays", "close", "What it has executed is seen to at the exchange: it is not shown any more.")
