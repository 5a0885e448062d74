"""What the tests of cash-outs have beside their desk."""

from collections import Counter
from typing import Any

import pytest

from common.log import metrics
from common.owner import Owner
from tests.desk import Desk


@pytest.fixture
def ann(desk: Desk) -> Owner:
    """A customer who may sell and be paid, with $1,000 and 10 BTC that have cost her $1,000."""
    ann = desk.customer(usd="2000.00")
    desk.clients(ann)
    desk.buy(ann, "10")
    return ann


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each metric was counted: what the alarms see."""
    seen: Counter[str] = Counter()

    def add(*, name: str, value: float, **_: Any) -> None:
        seen[name] += int(value)

    monkeypatch.setattr(metrics, "add_metric", add)
    return seen
