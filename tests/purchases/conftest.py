"""What the tests of purchases have beside their desk."""

import pytest

from common.owner import Owner
from tests.desk import Desk


@pytest.fixture
def desk(desk: Desk) -> Desk:
    """With SOL at $100, bought at the exchange: from $10 on its own, below that in a pool."""
    desk.list_exchange_asset()
    return desk


@pytest.fixture
def ann(desk: Desk) -> Owner:
    return desk.customer("ann")


@pytest.fixture
def bob(desk: Desk) -> Owner:
    return desk.customer("bob")


@pytest.fixture
def cid(desk: Desk) -> Owner:
    return desk.customer("cid")
