"""Deposits of dealers who leave."""

from __future__ import annotations

from console.commands import acts
from console.commands.groups import group_of

group = group_of("Deposits of dealers who leave. A dry run unless --yes.")

for verb, does in (
    ("let-go", "Propose that it goes to the requisites that the dealer had when he asked"),
    ("keep", "Propose that it is not paid back, and the dealer stays"),
    ("paid", "Propose that the dealer has it, which the billing system does not tell"),
):
    acts.with_reference(group, "deposits", verb, f"{does}; another operator confirms it.")
