"""The pages about the exchange, played."""

from __future__ import annotations

import pytest

from tests.depth import sampled
from tests.runbooks.exchange import WAYS
from tests.runbooks.on_call import OnCall, Way, name_of


@sampled(3)
@pytest.mark.parametrize("way", WAYS, ids=name_of)
def test_what_its_page_says_ends_it(on_call: OnCall, way: Way) -> None:
    way.is_gone(on_call)
