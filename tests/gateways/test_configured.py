"""What the settings choose is asked through its gate: no outside system is reached while it has asked us to wait."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from common import aws, clock
from common.errors import Unavailable
from common.gateways import configured
from common.gateways.campaigns import NoParticipant
from common.gateways.exchange import binance_maker  # noqa: F401  # it keeps the clock that is there at its import
from common.gateways.exchange.ccxt_funds import CcxtFunds
from common.gateways.exchange.funds import ExchangeFunds, NoTradingKey
from common.gateways.exchange.maker import Market
from common.gateways.gate import Ban
from common.money import Money
from common.settings import MissingSetting, settings
from tests.desk import Desk
from tests.gateways import mixin

SECRETS = {
    "exchange": b'{"api_key": "k", "secret": "s"}',
    "bank": b"key",
    "billing": b"key",
    "read": json.dumps(mixin.KEY).encode(),
    "spend": json.dumps(mixin.SPEND_KEY).encode(),
    "reading": b'{"alpha": {"api_key": "a", "secret": "s"}, "beta": {"api_key": "b", "secret": "s"}}',
    "withdrawing": b'{"alpha": {"api_key": "w", "secret": "s"}}',
    "login": json.dumps({"alpha": "11" * 32, "beta": "hush"}).encode(),
}
ASKS: dict[str, Callable[[], object]] = {
    "binance": lambda: configured.exchange().find("BTC", "x" * 18),
    "bank": lambda: configured.bank().credit("S1-01", "a-1", Money(10), "cash-out S1"),
    "billing": lambda: configured.billing().standing("con-1"),
    "mixin": lambda: configured.custody().outputs(mixin.BTC),
    "binance, books": lambda: configured.books("alpha").book(Market("BTC", "USDT"), 1),
    "binance, funds": lambda: configured.funds("alpha").free("USDT"),
    "binance, withdrawing": lambda: configured.withdrawing("alpha").networks("USDT"),
    "hufi": lambda: configured.campaigns().active(),
    "hufi, as a participant": lambda: configured.participant("alpha").registered(),
    "mixin, spending": lambda: configured.sender().send(mixin.DRAFTS),
    "coingecko": lambda: configured.prices({"BTC": "bitcoin"}).latest(["BTC"]),
}


@pytest.fixture
def process(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One that has made nothing yet, at the table and the clock of the desk."""
    named = {"exchange_key_secret": "exchange", "bank_key_secret": "bank"}
    named |= {"custody_read_secret": "read", "custody_spend_secret": "spend"}
    named |= {"reading_keys_secret": "reading", "withdrawing_keys_secret": "withdrawing"}
    named |= {"campaign_keys_secret": "login"}
    named |= {"billing_key_secret": "billing", "billing_url": "https://billing.invalid"}
    here = replace(settings(), **named)  # type: ignore[arg-type]
    monkeypatch.setattr(configured, "settings", lambda: here)
    monkeypatch.setattr(aws, "secret", cache(lambda secret_id: SECRETS[secret_id]))
    monkeypatch.setattr(aws, "read_secret", SECRETS.__getitem__)
    monkeypatch.setattr(aws, "table", lambda: desk.table)
    monkeypatch.setattr(clock, "now", desk.clock)
    asked = (configured.exchange, configured.bank, configured.billing, configured.custody, configured.sender)
    of_campaigns = (configured.campaigns, configured.participant)
    made = (*asked, *of_campaigns, configured.books, configured.funds, configured.withdrawing, configured._ban)
    for cached in made:
        cached.cache_clear()
    yield
    for cached in made:
        cached.cache_clear()


@pytest.mark.usefixtures("process")
@pytest.mark.parametrize("system", ASKS)
def test_a_system_that_has_asked_us_to_wait_is_not_reached(desk: Desk, system: str) -> None:
    """Its ban is one that another function has written down."""
    Ban(desk.table, system.partition(",")[0], desk.clock).lengthen(600)
    with pytest.raises(Unavailable) as refusal:
        ASKS[system]()
    assert refusal.value.facts["what"] == "rate_limit"


@pytest.mark.usefixtures("process")
@pytest.mark.parametrize(
    ("secret", "made"),
    [("exchange", configured.exchange), ("read", configured.custody), ("spend", configured.sender)],
)
def test_a_key_that_comes_later_is_seen_by_who_has_looked_too_early(
    monkeypatch: pytest.MonkeyPatch, secret: str, made: Callable[[], object]
) -> None:
    """The clock looks every minute, from the first one on."""
    key = SECRETS[secret]
    monkeypatch.setitem(SECRETS, secret, b"what a first deployment leaves there")
    with pytest.raises(ValueError, match="Expecting value"):
        made()
    monkeypatch.setitem(SECRETS, secret, key)
    assert made() is made()


# The keys of trading accounts

OPENED = {"reading": configured.funds, "withdrawing": configured.withdrawing}


def _key(funds: ExchangeFunds) -> str:
    """The API key that is sent."""
    gate: Any = getattr(funds, "funds", funds)
    adapter = gate._gateway
    assert isinstance(adapter, CcxtFunds)
    return adapter._wire._api_key


@pytest.mark.usefixtures("process")
def test_each_trading_account_is_asked_with_its_own_key() -> None:
    """And what withdraws has a key of its own."""
    assert [_key(configured.funds(account)) for account in ("alpha", "beta")] == ["a", "b"]
    assert _key(configured.withdrawing("alpha")) == "w"
    assert configured.funds("alpha") is configured.funds("alpha")


@pytest.mark.usefixtures("process")
@pytest.mark.parametrize("kind", OPENED)
def test_an_account_without_a_key_is_named_and_asked_once_it_has_one(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """By the same process, whatever it has read before."""
    opened = OPENED[kind]
    assert opened("alpha")
    with pytest.raises(NoTradingKey, match="gamma") as no:
        opened("gamma")
    assert isinstance(no.value, Unavailable)
    assert no.value.facts == {"account_id": "gamma"}
    monkeypatch.setitem(SECRETS, kind, b'{"gamma": {"api_key": "g", "secret": "s"}}')
    assert _key(opened("gamma")) == "g"
    assert opened("alpha"), "it keeps what it has"


@pytest.mark.usefixtures("process")
@pytest.mark.parametrize(
    "secret",
    [
        "what a first deployment leaves there",
        "",
        "[]",
        "null",
        "7",
        '{"alpha": "key"}',
        '{"alpha": {"api_key": "hush"}}',
        '{"alpha": {"api_key": "hush", "secret": 7}}',
        '{"alpha": {"api_key": "hush", "secret": "s", "quote": "USD"}}',
        '{"alpha": {"api_key": "hush", "secret": ""}}',
        '{"alpha": {"api_key": "hush hush", "secret": "s"}}',
    ],
)
def test_a_key_that_can_not_be_one_is_none_and_is_not_shown(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setitem(SECRETS, "reading", secret.encode())
    with pytest.raises(NoTradingKey, match="alpha") as no:
        configured.funds("alpha")
    assert "hush" not in f"{no.value.detail} {no.value.facts}"


@pytest.mark.usefixtures("process")
@pytest.mark.parametrize("changed", [{"exchange": "alphapoint"}, {"reading_keys_secret": None}])
def test_funds_that_a_deployment_does_not_provide_for_are_a_missing_setting(
    monkeypatch: pytest.MonkeyPatch, changed: dict[str, str | None]
) -> None:
    here = replace(settings(), **{"reading_keys_secret": "reading"} | changed)  # type: ignore[arg-type]
    monkeypatch.setattr(configured, "settings", lambda: here)
    with pytest.raises(MissingSetting):
        configured.funds("alpha")


# The keys with which they take part in campaigns


@pytest.mark.usefixtures("process")
def test_an_account_takes_part_with_its_own_two_keys() -> None:
    assert configured.participant("alpha").address == "0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a"
    assert configured.reading_key("alpha").api_key == "a"


@pytest.mark.usefixtures("process")
def test_an_account_without_keys_for_campaigns_is_named_and_nothing_shown() -> None:
    """Its login key is none, or missing."""
    asked: list[tuple[Callable[[str], object], str]] = [(configured.participant, name) for name in ("beta", "gamma")]
    for ask, account in [*asked, (configured.reading_key, "gamma")]:
        with pytest.raises(NoParticipant, match=account) as no:
            ask(account)
        assert "hush" not in f"{no.value.detail} {no.value.facts}"


@pytest.mark.usefixtures("process")
@pytest.mark.parametrize("secret", ["what a first deployment leaves there", "", "[]", "7", '{"alpha": 7}'])
def test_what_a_first_deployment_leaves_there_is_no_key(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    for kind, asked in (("login", configured.participant), ("reading", configured.reading_key)):
        monkeypatch.setitem(SECRETS, kind, secret.encode())
        with pytest.raises(NoParticipant):
            asked("alpha")
