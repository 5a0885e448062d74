"""Market making: its orders, trading accounts and pairs."""

from __future__ import annotations

from console.commands.groups import group_of
from console.commands.mm import accounts, decisions, orders

group = group_of("Market making: its orders, trading accounts and pairs. A dry run unless --yes.")
for part in (orders, decisions, accounts):
    group.add_typer(part.group)
