"""What the desk takes of an instant trade, beside the spread: by the customer's tier, in basis points of the amount.

Which tier a customer is of stands on his balance (`ledger`), and what a tier pays is a rule of each asset. What so many
basis points come to is told by `Money.fee`, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

FEE_BPS_MAX = 1_000  # 10 %


class Tier(StrEnum):
    STANDARD = "STANDARD"  # everybody's, unless operators say otherwise
    SILVER = "SILVER"
    GOLD = "GOLD"


@dataclass(frozen=True)
class Fees:
    """By tier, in basis points. A tier that is not named pays what STANDARD does, which is nothing if not named."""

    named: Mapping[Tier, int] = field(default_factory=dict, hash=False)

    def of(self, tier: Tier) -> int:
        return self.named.get(tier, self.named.get(Tier.STANDARD, 0))

    @property
    def by_tier(self) -> dict[Tier, int]:
        """Of every tier."""
        return {tier: self.of(tier) for tier in Tier}

    @property
    def differ(self) -> bool:
        """Does it matter of which tier a customer is?"""
        return len(set(self.by_tier.values())) > 1

    def but(self, named: Mapping[Tier, int]) -> Fees:
        """The same, but of those tiers."""
        return Fees({**self.named, **named})

    def __str__(self) -> str:
        return " / ".join(f"{tier} {self.named[tier]}" for tier in Tier if tier in self.named) or "none"


NONE = Fees()
