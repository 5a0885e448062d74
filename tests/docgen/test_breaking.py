"""A change that a released client could not live with is found and told; one that it can live with is not."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from docgen import breaking

Json = dict[str, Any]

TEXT: Json = {"type": "string"}
API: Json = {
    "paths": {
        "/orders": {
            "post": {
                "operationId": "place",
                "security": [{"bearer": []}],
                "parameters": [
                    {"in": "header", "name": "Idempotency-Key", "required": True, "schema": TEXT},
                    {"in": "query", "name": "limit", "schema": {"type": "integer", "minimum": 1, "maximum": 100}},
                ],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/OrderRequest"}}},
                },
                "responses": {
                    "201": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/OrderView"}}}}
                },
            }
        }
    },
    "components": {
        "schemas": {
            "OrderRequest": {
                "title": "OrderRequest",
                "type": "object",
                "additionalProperties": False,
                "required": ["side"],
                "properties": {
                    "side": {"$ref": "#/components/schemas/Side"},
                    "price": {"anyOf": [{"type": "string", "pattern": "^[0-9]+$", "maxLength": 20}, {"type": "null"}]},
                },
            },
            "OrderView": {
                "title": "OrderView",
                "type": "object",
                "required": ["at", "fills", "reason", "side"],
                "properties": {
                    "at": {"type": "string", "format": "date-time"},
                    "fills": {"type": "array", "items": {"$ref": "#/components/schemas/FillView"}},
                    "reason": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                    "side": {"$ref": "#/components/schemas/Side"},
                },
            },
            "FillView": {
                "title": "FillView",
                "type": "object",
                "required": ["price"],
                "properties": {"price": TEXT, "within": {"$ref": "#/components/schemas/FillView"}},
            },
            "Side": {"title": "Side", "type": "string", "enum": ["BUY", "SELL"]},
        }
    },
}


def changed(change: Callable[[Json, Json], object]) -> list[str]:
    """What is told of the API after a change of its one operation, or of its schemas."""
    now = copy.deepcopy(API)
    change(now["paths"]["/orders"]["post"], now["components"]["schemas"])
    return breaking.broken(API, now)


BROKEN: dict[str, Callable[[Json, Json], object]] = {
    "the operation is called buy, and was place": lambda o, _: o.update(operationId="buy"),
    "the parameter limit is gone": lambda o, _: o["parameters"].pop(),
    "the parameter since has to be there": lambda o, _: o["parameters"].append(
        {"in": "query", "name": "since", "required": True, "schema": TEXT}
    ),
    "the parameter limit has to be there": lambda o, _: o["parameters"][1].update(required=True),
    "the parameter limit has a maximum of 50": lambda o, _: o["parameters"][1]["schema"].update(maximum=50),
    "the parameter limit has a minimum of 5": lambda o, _: o["parameters"][1]["schema"].update(minimum=5),
    "it takes no body any more": lambda o, _: o.pop("requestBody"),
    "it takes no application/json any more": lambda o, _: o["requestBody"].update(content={}),
    "the body: the field price is gone": lambda _, s: s["OrderRequest"]["properties"].pop("price"),
    "the body: the field price has to be there": lambda _, s: s["OrderRequest"]["required"].append("price"),
    "the body: the field fee has to be there": lambda _, s: (
        s["OrderRequest"]["properties"].update(fee=TEXT),
        s["OrderRequest"]["required"].append("fee"),
    ),
    "the body: side may be SELL, which is not read": lambda _, s: s["Side"].update(enum=["BUY"]),
    "the body: price may be null, which is not read": lambda _, s: s["OrderRequest"]["properties"]["price"].update(
        anyOf=API["components"]["schemas"]["OrderRequest"]["properties"]["price"]["anyOf"][:1]
    ),
    "the body: price has to be of another pattern: ^[1-9]$": lambda _, s: s["OrderRequest"]["properties"]["price"][
        "anyOf"
    ][0].update(pattern="^[1-9]$"),
    "the body: price has a maxLength of 10": lambda _, s: s["OrderRequest"]["properties"]["price"]["anyOf"][0].update(
        maxLength=10
    ),
    "it is not answered with 201 any more": lambda o, _: o["responses"].update({"200": o["responses"].pop("201")}),
    "it may be answered with 202, which is new": lambda o, _: o["responses"].update({"202": o["responses"]["201"]}),
    "its answer 201 is no application/json any more": lambda o, _: o["responses"]["201"].update(content={}),
    "the answer 201: the field at is gone": lambda _, s: s["OrderView"]["properties"].pop("at"),
    "the answer 201: the field at may be missing": lambda _, s: s["OrderView"]["required"].remove("at"),
    "the answer 201: at is of the format date-time, and not None": lambda _, s: s["OrderView"]["properties"]["at"].pop(
        "format"
    ),
    "the answer 201: at may be integer, which is not read": lambda _, s: s["OrderView"]["properties"].update(
        at={"type": "integer"}
    ),
    "the answer 201: at may be null, which is not read": lambda _, s: s["OrderView"]["properties"].update(
        at={"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}
    ),
    "the answer 201: side may be SHORT, which is not read": lambda _, s: s["Side"].update(
        enum=["BUY", "SELL", "SHORT"]
    ),
    "each of the answer 201: fills: the field price is gone": lambda _, s: s["FillView"]["properties"].pop("price"),
    "each of the answer 201: fills is called Fill, and was FillView": lambda _, s: (
        s.update(Fill={**s["FillView"], "title": "Fill"}),
        s["OrderView"]["properties"]["fills"].update(items={"$ref": "#/components/schemas/Fill"}),
    ),
}


@pytest.mark.parametrize("told", BROKEN)
def test_what_breaks_a_client_is_told_with_its_place(told: str) -> None:
    assert f"POST /orders: {told}" in changed(BROKEN[told])


KEPT: dict[str, Callable[[Json, Json], object]] = {
    "nothing": lambda _, __: None,
    "a parameter more": lambda o, _: o["parameters"].append({"in": "query", "name": "since", "schema": TEXT}),
    "a wider parameter": lambda o, _: o["parameters"][1]["schema"].update(maximum=200),
    "a field more in a request": lambda _, s: s["OrderRequest"]["properties"].update(fee=TEXT),
    "a field less to be there": lambda _, s: s["OrderRequest"]["required"].remove("side"),
    "a longer text in a request": lambda _, s: s["OrderRequest"]["properties"]["price"]["anyOf"][0].pop("maxLength"),
    "a field more in an answer": lambda _, s: s["OrderView"]["properties"].update(fee=TEXT),
    "a field that is always there": lambda _, s: s["FillView"]["required"].append("within"),
    "an answer that is null no more": lambda _, s: s["OrderView"]["properties"].update(reason=TEXT),
    "another description": lambda _, s: s["Side"].update(description="which way"),
}


@pytest.mark.parametrize("change", KEPT)
def test_what_a_client_can_live_with_is_not_told(change: str) -> None:
    assert changed(KEPT[change]) == []


def test_a_path_that_is_gone_is_told() -> None:
    assert breaking.broken(API, {**API, "paths": {}}) == ["POST /orders is gone"]


def test_the_api_of_now_breaks_no_released_client(capsys: pytest.CaptureFixture[str]) -> None:
    assert breaking.main([]) == 0, capsys.readouterr().err


def test_a_broken_client_is_refused_and_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(breaking, "NOW", tmp_path / "openapi.json")
    monkeypatch.setattr(breaking, "RELEASED", tmp_path / "released.json")
    breaking.NOW.write_text(json.dumps(API))
    assert (breaking.main(["--release"]), breaking.main([])) == (0, 0)
    breaking.NOW.write_text(json.dumps({**API, "paths": {}}))
    assert breaking.main([]) == 1
    told = capsys.readouterr().err
    assert told.startswith("POST /orders is gone\n")
    assert "is optional, and left out it is as before" in told
    assert (breaking.main(["--release"]), breaking.main([])) == (0, 0)
