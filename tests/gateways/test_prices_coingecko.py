"""The CoinGecko adapter against answers that no well-behaved source gives."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from common.gateways.prices import PriceSourceUnavailable
from common.gateways.prices.coingecko import CoinGeckoPrices
from common.money import Price
from tests.gateways.wire import Wire, http

IDS = {"BTC": "bitcoin", "ETH": "ethereum"}
AT = datetime(2024, 3, 25, 8, 45, tzinfo=UTC)
AT_SECONDS = 1711356300
GOOD = b'{"bitcoin":{"usd":67187.3,"last_updated_at":1711356300}}'


def refusal_of(answer: bytes) -> PriceSourceUnavailable:
    with Wire(answer) as source, pytest.raises(PriceSourceUnavailable) as refusal:
        CoinGeckoPrices(source.url, IDS).latest(["BTC"])
    assert len(source.heads) == 1, "asked once"
    return refusal.value


def test_the_question_is_the_documented_one() -> None:
    with Wire(http(GOOD)) as source:
        CoinGeckoPrices(source.url + "/", IDS).latest(["ETH", "BTC"])
    method, target, _ = source.heads[0].splitlines()[0].split()
    assert (method, urlsplit(target).path) == ("GET", "/api/v3/simple/price")
    assert parse_qs(urlsplit(target).query) == {
        "ids": ["bitcoin,ethereum"],
        "vs_currencies": ["usd"],
        "include_last_updated_at": ["true"],
        "precision": ["full"],
    }


def test_a_listing_that_two_assets_share_is_asked_for_once() -> None:
    with Wire(http(GOOD)) as source:
        CoinGeckoPrices(source.url, {"BTC": "bitcoin", "WBTC": "bitcoin"}).latest(["BTC", "WBTC"])
    assert "?ids=bitcoin&" in source.heads[0]


def test_the_key_is_sent_in_its_header_and_nowhere_else() -> None:
    with Wire(http(GOOD)) as source:
        CoinGeckoPrices(source.url, IDS, api_key="CG-secret").latest(["BTC"])
    assert "\r\nx-cg-demo-api-key: CG-secret" in source.heads[0]
    assert source.heads[0].count("CG-secret") == 1


@pytest.mark.parametrize("no_key", [None, ""])
def test_without_a_key_no_key_is_sent(no_key: str | None) -> None:
    with Wire(http(GOOD)) as source:
        CoinGeckoPrices(source.url, IDS, api_key=no_key).latest(["BTC"])
    assert "api-key" not in source.heads[0]


@pytest.mark.parametrize(
    ("number", "price"),
    [
        ("67187", "67187"),
        ("67187.3358936566", "67187.3358936566"),
        ("1.2345e-05", "0.000012345"),
        ("6.7E+4", "67000"),
        ("0.1", "0.1"),
    ],
)
def test_any_number_that_json_can_write_is_understood(number: str, price: str) -> None:
    body = f'{{"bitcoin":{{"last_updated_at":{AT_SECONDS},"usd":{number},"usd_24h_vol":1e3}}}}'.encode()
    with Wire(http(body)) as source:
        quotation = CoinGeckoPrices(source.url, IDS).latest(["BTC"])["BTC"]
    assert (quotation.price, quotation.as_of, quotation.source) == (Price(price), AT, "coingecko")


@pytest.mark.parametrize(
    "entry",
    [
        *("{}", '{"usd":null,"last_updated_at":null}', '{"last_updated_at":1711356300}'),
        *('{"usd":0,"last_updated_at":1711356300}', '{"usd":0.0,"last_updated_at":1711356300}'),
        '{"usd":-67187.3,"last_updated_at":1711356300}',
        '{"usd":12345678901,"last_updated_at":1711356300}',
        '{"usd":1e999999999,"last_updated_at":1711356300}',
        '{"usd":1e-999999999,"last_updated_at":1711356300}',
        '{"usd":67187.3}',
        '{"usd":67187.3,"last_updated_at":null}',
        '{"usd":67187.3,"last_updated_at":0}',
        '{"usd":67187.3,"last_updated_at":-5}',
        '{"usd":67187.3,"last_updated_at":1711356300000}',
        '{"usd":67187.3,"last_updated_at":1e999999999}',
    ],
)
def test_a_listing_without_a_usable_price_and_time_is_left_out_alone(entry: str) -> None:
    body = f'{{"bitcoin":{entry},"ethereum":{{"usd":3456.78,"last_updated_at":{AT_SECONDS}}}}}'.encode()
    with Wire(http(body)) as source:
        assert CoinGeckoPrices(source.url, IDS).latest(["BTC", "ETH"]).keys() == {"ETH"}


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'{"bitcoin":5}',
        b'{"bitcoin":[]}',
        b'{"bitcoin":{"usd":"67187.3","last_updated_at":1711356300}}',
        b'{"bitcoin":{"usd":true,"last_updated_at":1711356300}}',
        b'{"bitcoin":{"usd":{"usd":1},"last_updated_at":1711356300}}',
        b'{"bitcoin":{"usd":NaN,"last_updated_at":1711356300}}',
        b'{"bitcoin":{"usd":Infinity,"last_updated_at":1711356300}}',
        b'{"bitcoin":{"usd":-Infinity,"last_updated_at":1711356300}}',
        b'{"bitcoin":{"usd":1e9999999999999999999999,"last_updated_at":1711356300}}',
        b'{"bitcoin":{"usd":67187.3,"last_updated_at":"2024-03-25"}}',
        b'{"bitcoin":{"usd":67187.3,"last_updated_at":NaN}}',
        b'{"error":"coin not found"}',
        b'{"status":{"error_code":429,"error_message":"slow down"}}',
    ],
)
def test_an_answer_that_can_not_be_read_is_garbage(body: bytes) -> None:
    assert refusal_of(http(body)).facts == {"what": "garbage"}


def test_more_than_a_hundred_ids_are_several_questions() -> None:
    """Each id is in one of them."""
    ids = {f"A{n}": f"asset-{n}" for n in range(201)}
    with Wire(*[http(b"{}")] * 3) as source:
        assert CoinGeckoPrices(source.url, ids).latest(ids.keys()) == {}
    asked = [parse_qs(urlsplit(head.split()[1]).query)["ids"][0].split(",") for head in source.heads]
    assert [len(batch) for batch in asked] == [100, 100, 1]
    assert sorted(listing for batch in asked for listing in batch) == sorted(ids.values())


def test_when_a_later_question_fails_nothing_is_answered() -> None:
    ids = {f"A{n:03}": f"asset-{n:03}" for n in range(101)}
    first = f'{{"asset-000":{{"usd":1,"last_updated_at":{AT_SECONDS}}}}}'.encode()
    fault = http(b"{}", "500 Internal Server Error")
    with Wire(http(first), fault) as source, pytest.raises(PriceSourceUnavailable):
        CoinGeckoPrices(source.url, ids).latest(ids.keys())
    assert len(source.heads) == 2


def test_a_listing_that_nobody_asked_for_is_not_in_the_answer() -> None:
    body = b'{"dogecoin":"nonsense",' + GOOD[1:]
    with Wire(http(body)) as source:
        assert CoinGeckoPrices(source.url, IDS).latest(["BTC"]).keys() == {"BTC"}


def test_an_asset_that_joins_the_catalogue_is_known_at_the_next_call() -> None:
    ids: dict[str, str] = {}
    with Wire(http(GOOD)) as source:
        prices = CoinGeckoPrices(source.url, ids)
        assert prices.latest(["BTC"]) == {}
        ids["BTC"] = "bitcoin"
        assert prices.latest(["BTC"]).keys() == {"BTC"}
