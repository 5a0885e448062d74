"""Random lives and random batches of sales: nothing is lost, doubled, sold twice or stuck, and each gets his part."""

from __future__ import annotations

import pytest

from tests.depth import deep
from tests.purchases import any_sale, lying_sale_lives, sale_lives

BATCHES = deep(everyday=50, full=1_000)
LIVES = deep(everyday=2, full=40)


@pytest.mark.parametrize("block", range(10))
def test_of_any_batch_of_sales_nothing_is_lost_and_each_gets_his_part(block: int) -> None:
    for seed in range(block * BATCHES, (block + 1) * BATCHES):
        any_sale.live(seed)


@pytest.mark.parametrize("block", range(5))
def test_in_a_faulty_life_every_seller_gets_what_was_sold_for_him(block: int) -> None:
    for seed in range(block * LIVES, (block + 1) * LIVES):
        sale_lives.live(seed)


@pytest.mark.parametrize("block", range(5))
def test_in_a_life_of_lies_nobody_gets_what_was_not_sold(block: int) -> None:
    for seed in range(block * LIVES, (block + 1) * LIVES):
        lying_sale_lives.live(seed)
