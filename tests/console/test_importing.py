"""`desk mm import` and `desk mm fills`, as a shell runs them, against what the API answers."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.contexts import Route
from sandbox.serving import serve
from tests import openapi
from tests.console.test_wire import FILLS, WHEN, FakeDesk, M, problem
from tests.gateways.wire import row

CONFIG = Path("docs/backtest/btc-usdt.yml")
CHECK = ("POST", "/market-making/configurations/check")
ORDERS = ("POST", "/market-making/orders")
ORDER = ("GET", f"/market-making/orders/{M}")
CONFIGURATION = ("GET", f"/market-making/orders/{M}/configuration")
CHANGE = ("PATCH", f"/market-making/orders/{M}")
KEPT = {"bid_spread": "0.1", "order_amount": "0.01"}
FUNDED = ("--base", "0.1", "--quote", "5000")
OPENED = {
    **row(
        "order_id order_type asset_id quantity pair exchange", M, "MARKET_MAKING", "BTC", "0.1", "BTC-USDT", "binance"
    ),
    **row("status memo pay_by created_at updated_at", "payment_pending", "f243yJ", WHEN, WHEN, WHEN),
    "transfers": [row("purpose asset_id quantity", "base", "c6d0c728-2624-429b-8e0d-d9d19b6592fa", "0.1")],
}


@pytest.fixture
def fake() -> Iterator[FakeDesk]:
    made = FakeDesk()
    made.answers |= {
        CHECK: {"pair": "BTC-USDT", "exchange": "binance", "configuration": KEPT},
        ORDERS: OPENED,
        ORDER: OPENED,
        CONFIGURATION: {
            "order_id": M,
            "version": 3,
            "configuration": {**KEPT, "ask_spread": "1", "ping_pong_enabled": True},
        },
        CHANGE: {"order_id": M, "version": 4, "configuration": KEPT},
    }
    with serve(made.decide, name="fake-desk") as running:
        made.url = running.url
        yield made


def asked(fake: FakeDesk) -> list[tuple[str, str, Any]]:
    return [
        (each.method, "/" + "/".join(each.path), json.loads(each.body) if each.body else None) for each in fake.asked
    ]


def test_without_yes_a_configuration_is_only_checked(fake: FakeDesk) -> None:
    said = fake.says("mm", "import", str(CONFIG), *FUNDED)
    assert (said.code, [path for _, path, _ in asked(fake)]) == (0, [CHECK[1]])
    assert "Would open an order in BTC-USDT with 0.1 and 5000. --yes does it." in said.out
    assert "bid_spread 0.1" in said.words


def test_an_order_is_opened_by_it_and_told_how_to_pay(fake: FakeDesk) -> None:
    """With each number as the file has it, and once, however often it is asked."""
    for _ in range(2):
        said = fake.says("mm", "import", str(CONFIG), *FUNDED, "--yes")
        assert said.code == 0, said.err
    assert "with the memo f243yJ" in said.out
    opened = [each for each in fake.asked if each.path == ["market-making", "orders"]]
    assert len({each.headers["idempotency-key"] for each in opened}) == 1
    body = json.loads(opened[0].body)
    assert (body["pair"], body["exchange"], body["base_quantity"]) == ("BTC-USDT", "binance", "0.1")
    assert (body["configuration"]["order_refresh_time"], body["configuration"]["take_if_crossed"]) == ("10.0", "")
    fake.says("mm", "import", str(CONFIG), "--base", "0.2", "--quote", "5000", "--yes")
    assert fake.asked[-1].headers["idempotency-key"] != opened[0].headers["idempotency-key"]


def test_an_order_is_changed_to_it_and_what_it_does_not_say_is_default(fake: FakeDesk, tmp_path: Path) -> None:
    config = tmp_path / "conf.yml"
    config.write_text("bid_spread: 0.1\norder_amount: 0.01\n")
    dry = fake.says("mm", "import", str(config), "--order", M)
    assert "ask_spread 1 by default" in dry.words
    assert "Would be version 4" in dry.out
    assert CHANGE[1] not in [path for method, path, _ in asked(fake) if method == "PATCH"]
    said = fake.says("mm", "import", str(config), "--order", M, "--yes")
    assert f"{M} quotes so from its next cycle on: version 4." in said.out
    method, path, body = asked(fake)[-1]
    assert (method, path) == CHANGE
    assert body == {
        "version": 3,
        "configuration": {"bid_spread": "0.1", "order_amount": "0.01", "ask_spread": None, "ping_pong_enabled": None},
    }


def test_a_refusal_names_the_field(fake: FakeDesk) -> None:
    wrong = [{"where": "body.configuration.filled_order_dealy", "what": "is no parameter of pure_market_making"}]
    fake.answers[CHECK] = problem(422, "InvalidConfiguration", "it can not be so", errors=wrong)
    said = fake.says("mm", "import", str(CONFIG), *FUNDED, "--yes")
    assert said.code == 1
    assert "filled_order_dealy: is no parameter of pure_market_making" in said.err
    assert [path for _, path, _ in asked(fake)] == [CHECK[1]]


@pytest.mark.parametrize(
    ("text", "words", "told"),
    [
        ("market: BTC-USDT\n", (), "--base and --quote"),
        ("bid_spread: 1\n", FUNDED, "names no market"),
        ("- 1\n", FUNDED, "has no parameters"),
        (None, FUNDED, "No such file"),
    ],
)
def test_what_can_not_be_asked_is_told_before_it_is(
    fake: FakeDesk, tmp_path: Path, text: str | None, words: tuple[str, ...], told: str
) -> None:
    config = tmp_path / "conf.yml"
    if text is not None:
        config.write_text(text)
    said = fake.says("mm", "import", str(config), *words, "--yes")
    assert (said.code, fake.asked) == (2, [])
    assert told in said.err


def test_what_is_asked_is_in_the_document_of_the_api(fake: FakeDesk) -> None:
    fake.says("mm", "import", str(CONFIG), *FUNDED, "--yes")
    fake.says("mm", "import", str(CONFIG), "--order", M, "--yes")
    for method, path, body in asked(fake):
        route = Route(method, path.replace(M, "{order_id}"))
        if body is not None:
            schema = openapi.operation(route)["requestBody"]["content"]["application/json"]["schema"]
            openapi.validator(json.dumps(schema)).validate(body)


def test_fills_are_a_table_or_lines_of_csv(fake: FakeDesk) -> None:
    said = fake.says("mm", "fills", M)
    assert "7 2026-11-21 12:00:00 BUY 0.01 60000 600 0.6 USDT maker" in said.words
    lines = list(csv.DictReader(io.StringIO(fake.says("mm", "fills", M, "--csv").out)))
    assert [line["fee"] for line in lines] == [fill["fee"] for fill in FILLS]
