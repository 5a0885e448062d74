"""What a proposal is while it is made: rows of either side, nearest first."""

from __future__ import annotations

from decimal import Decimal

Row = tuple[int, Decimal, Decimal]  # level, price, size
Rows = list[Row]
