"""What the settings choose is asked through its gate: no outside system is reached while it has asked us to wait."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from common import aws, clock
from common.errors import Unavailable
from common.gateways import configured
from common.gateways.gate import Ban
from common.money import Money
from common.settings import settings
from tests.desk import Desk

SECRETS = {"exchange": b'{"api_key": "k", "secret": "s"}', "bank": b"key"}
ASKS: dict[str, Callable[[], object]] = {
    "binance": lambda: configured.exchange().find("BTC", "x" * 18),
    "bank": lambda: configured.bank().credit("S1-01", "a-1", Money(10), "cash-out S1"),
    "coingecko": lambda: configured.prices({"BTC": "bitcoin"}).latest(["BTC"]),
}


@pytest.fixture
def process(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One that has made nothing yet, at the table and the clock of the desk."""
    here = replace(settings(), exchange_key_secret="exchange", bank_key_secret="bank")
    monkeypatch.setattr(configured, "settings", lambda: here)
    monkeypatch.setattr(aws, "secret", SECRETS.__getitem__)
    monkeypatch.setattr(aws, "table", lambda: desk.table)
    monkeypatch.setattr(clock, "now", desk.clock)
    made = (configured.exchange, configured.bank, configured._ban)
    for cached in made:
        cached.cache_clear()
    yield
    for cached in made:
        cached.cache_clear()


@pytest.mark.usefixtures("process")
@pytest.mark.parametrize("system", ASKS)
def test_a_system_that_has_asked_us_to_wait_is_not_reached(desk: Desk, system: str) -> None:
    """Its ban is one that another function has written down."""
    Ban(desk.table, system, desk.clock).lengthen(600)
    with pytest.raises(Unavailable) as refusal:
        ASKS[system]()
    assert refusal.value.facts["what"] == "rate_limit"
