"""Dealers, of whom two operators decide."""

from __future__ import annotations

from console.commands import acts
from console.commands.groups import group_of

group = group_of("Dealers, of whom two operators decide; `desk billing dealers` shows them. A dry run unless --yes.")

acts.with_reason(
    group,
    "dealers",
    "forget",
    "Propose that nobody can read a dealer's requisites any more; another operator confirms it.",
)
