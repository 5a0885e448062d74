"""The documents are what the code would draw now, and the API's is a good one."""

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from common import keys
from common.domain.exchange_orders import model as exchange_orders
from common.domain.payouts import model as payouts
from common.domain.proposals import model as proposals
from common.errors import Refusal
from common.http import PROBLEMS, problem
from docgen import documents, openapi, problem_pages, schemas, states, told, words
from docgen.__main__ import main
from docgen.code import says_first
from docgen.problems import REQUEST_ID
from functions.accounts import model as accounts
from functions.offramp import model as offramp
from functions.orders import model as orders
from infra.bundle import ROOT
from infra.contexts import contexts
from tests.depth import PROVED
from tests.openapi import validator

COMMITTED: dict[str, Any] = json.loads((ROOT / "docs" / "openapi.json").read_text())
OPERATIONS: dict[str, dict[str, Any]] = {
    f"{method.upper()} {path}": operation
    for path, operations in COMMITTED["paths"].items()
    for method, operation in operations.items()
}


def schemas_with_a_default(document: Any) -> Iterator[dict[str, Any]]:
    if isinstance(document, Mapping):
        if "default" in document:
            yield dict(document)
        for part in document.values():
            yield from schemas_with_a_default(part)
    elif isinstance(document, list):
        for part in document:
            yield from schemas_with_a_default(part)


def test_the_committed_documents_are_not_stale() -> None:
    assert documents.stale() == []


@PROVED
def test_the_api_is_valid_openapi() -> None:
    validate(COMMITTED)


def test_a_default_is_a_value_that_its_own_schema_takes() -> None:
    for schema in schemas_with_a_default(COMMITTED):
        OAS31Validator(schema).validate(schema["default"])


def test_every_route_of_every_context_is_in_it_and_no_other() -> None:
    routes = [
        f"{route.method} {route.path}"
        for context in contexts()
        for routes in context.routes.values()
        for route in routes
    ]
    assert sorted(OPERATIONS) == sorted(routes)


def test_what_is_told_of_operations_is_of_operations_there_are() -> None:
    assert {operation["operationId"] for operation in OPERATIONS.values()} == set(told.TOLD)


STOPS = {"halt_flow", "halt_account", "halt_market_making", "stop_for_owner", "sign_out_operator", "disable_operator"}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_an_operation_asks_for_a_token_and_tells_its_refusals(operation: dict[str, Any]) -> None:
    assert operation["operationId"].isidentifier()
    signed = operation["operationId"] == "bank_event"
    assert operation["security"] == ([] if signed else [{"bearer": []}])
    assert operation["summary"]
    assert operation["tags"]
    done = [status for status in operation["responses"] if status < "300"]
    assert done
    assert {"400", "403", "503"} <= operation["responses"].keys()
    assert ("401" in operation["responses"]) is not signed
    assert ("422" in operation["responses"]) is not signed  # no query has more than its route knows
    alone = signed or operation["operationId"] in STOPS
    by = "TooManyOfAll" if alone else "TooManyRequests"
    assert operation["responses"]["429"] == {"$ref": f"#/components/responses/{by}"}
    for status, response in operation["responses"].items():
        if status > "401" and status != "429":  # which API Gateway answers, in its own form
            assert list(response["content"]) == ["application/problem+json"]


def test_a_body_has_examples() -> None:
    for route, operation in OPERATIONS.items():
        if "requestBody" in operation:
            assert operation["requestBody"]["content"]["application/json"]["examples"], route


def test_a_problem_is_told_as_it_is_answered() -> None:
    for name, example in COMMITTED["components"]["examples"].items():
        kinds = [kind for kind in _below(Refusal) if kind.__name__ == name]
        assert kinds, name
        for kind in kinds:  # two contexts may refuse the same: then they say the same
            refusal = kind.__new__(kind)
            Refusal.__init__(refusal, says_first(kind))
            answered = problem(refusal, REQUEST_ID)
            assert answered.body is not None
            assert json.loads(answered.body).items() >= example["value"].items(), kind
            assert answered.status_code == example["value"]["status"]
        assert example["value"]["detail"], f"{name} does not say in its docstring what is the case"


def test_operations_have_names_of_their_own() -> None:
    assert len({operation["operationId"] for operation in OPERATIONS.values()}) == len(OPERATIONS)


def _below(kind: type[Refusal]) -> list[type[Refusal]]:
    children = kind.__subclasses__()
    return [*children, *itertools.chain.from_iterable(map(_below, children))]


def test_schemas_of_one_name_are_one_schema_unless_they_differ() -> None:
    names = COMMITTED["components"]["schemas"]
    assert {"AccountsTransactionView", "OrdersTransactionView"} <= names.keys()
    assert {"AccountsTransactionPage", "OrdersTransactionPage"} <= names.keys()
    assert "TransactionView" not in names
    page = COMMITTED["paths"]["/balance/transactions"]["get"]["responses"]["200"]["content"]["application/json"]
    assert page["schema"] == {"$ref": "#/components/schemas/AccountsTransactionPage"}
    lines = names["AccountsTransactionPage"]["properties"]["items"]["items"]
    assert lines == {"$ref": "#/components/schemas/AccountsTransactionView"}


@pytest.mark.parametrize(
    ("title", "begins", "transitions", "by_operators"),
    [
        ("accounts", "PENDING", accounts.TRANSITIONS, accounts.OPERATORS_ONLY),
        ("offramp", "NEW", offramp.TRANSITIONS, offramp.OPERATORS_ONLY),
        ("orders", "PENDING", orders.TRANSITIONS, orders.OPERATORS_ONLY),
        ("exchange orders", "SENT", exchange_orders.TRANSITIONS, exchange_orders.OPERATORS_ONLY),
        ("proposals", "PROPOSED", proposals.TRANSITIONS, proposals.OPERATORS_ONLY),
        ("payout attempts", "PENDING", payouts.ATTEMPT_TRANSITIONS, payouts.OPERATORS_ONLY),
    ],
)
def test_every_move_is_drawn_and_those_of_operators_are_marked(
    title: str, begins: str, transitions: Mapping[Any, Any], by_operators: Any
) -> None:
    drawn = states.states().partition(f"## {title}\n")[2].partition("\n## ")[0].splitlines()
    moves = [(before, status) for before, after in transitions.items() for status in after]
    ends = [f"    {status} --> [*]" for status, after in transitions.items() if not after]
    assert sorted(line for line in drawn if "-->" in line) == sorted(
        [
            f"    [*] --> {begins}",
            *ends,
            *(f"    {a} --> {b}{' : by an operator' if (a, b) in by_operators else ''}" for a, b in moves),
        ]
    )


def test_the_machines_of_the_model_are_all_drawn() -> None:
    titles = [line.removeprefix("## ") for line in states.states().splitlines() if line.startswith("## ")]
    of_contexts = ["accounts", "market making", "offramp", "orders", "purchases"]
    others = [
        "exchange orders",
        "batches",
        "recurring buys",
        "proposals",
        "payout attempts",
        "snapshots",
        "ties of snapshots",
    ]
    others += ["shortages at the custody", "outgoing transfers", "halts of trading accounts"]
    assert titles == [*of_contexts, *others]


def test_a_stale_document_is_found_and_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(keys, "as_markdown", lambda: "another table")
    assert main(["--check"]) == 1
    assert capsys.readouterr().err == "docs/table.md is stale: run `make docs`\n", "all others are drawn alike again"


def test_a_route_that_nobody_told_of_is_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(told.TOLD, "portfolio")
    with pytest.raises(openapi.UntoldOperation, match="GET /portfolio"):
        openapi.openapi()


def _schemas_within(schema: Any) -> Iterator[dict[str, Any]]:
    """All schemas inside of one. A property may be called as a member of a schema is."""
    for name, inner in schema.items():
        if name == "properties":
            for field in inner.values():
                yield field
                yield from _schemas_within(field)
        elif name not in ("examples", "default", "const", "enum"):
            for each in inner if isinstance(inner, list) else [inner]:
                if isinstance(each, dict):
                    yield each
                    yield from _schemas_within(each)


SCHEMAS: dict[str, dict[str, Any]] = COMMITTED["components"]["schemas"]


def test_a_schema_is_titled_by_its_name_and_nothing_inside_has_a_title() -> None:
    """A generator calls a class after a title: two of one title would be one class."""
    assert {name: schema["title"] for name, schema in SCHEMAS.items()} == {name: name for name in SCHEMAS}
    assert not [name for name, schema in SCHEMAS.items() for inner in _schemas_within(schema) if "title" in inner]
    parameters = [p for operation in OPERATIONS.values() for p in operation.get("parameters", [])]
    assert not [parameter for parameter in parameters if "title" in parameter["schema"]]


def test_a_name_of_a_schema_is_a_name_of_a_class() -> None:
    assert [name for name in SCHEMAS if not re.fullmatch(r"[A-Z][A-Za-z0-9]+", name)] == []


def test_an_enum_of_a_parameter_has_no_name_of_a_schema() -> None:
    """Generators call it after the operation and the parameter."""
    inline = [
        "".join(word.title() for word in f"{operation['operationId']}_{parameter['name']}".split("_"))
        for operation in OPERATIONS.values()
        for parameter in operation.get("parameters", [])
        if "enum" in parameter["schema"]
    ]
    assert set(inline) & SCHEMAS.keys() == set()


def test_every_operation_parameter_and_field_is_described() -> None:
    assert [route for route, operation in OPERATIONS.items() if not operation.get("description")] == []
    assert [
        f"{route}: {parameter['name']}"
        for route, operation in OPERATIONS.items()
        for parameter in operation.get("parameters", [])
        if not parameter.get("description")
    ] == []
    assert [
        f"{name}.{field}"
        for name, schema in SCHEMAS.items()
        for field, told in schema.get("properties", {}).items()
        if not told.get("description")
    ] == []


def test_only_what_may_be_null_is_said_to_be_told_by_null() -> None:
    assert [
        f"{name}.{field}"
        for name, schema in SCHEMAS.items()
        for field, told in schema.get("properties", {}).items()
        if "; null: " in told["description"] and {"type": "null"} not in told.get("anyOf", [])
    ] == []


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_what_is_done_has_an_example_of_its_form(operation: dict[str, Any]) -> None:
    done = [response for status, response in operation["responses"].items() if status < "300"]
    assert done
    for response in done:
        for media, content in response["content"].items():
            if media == openapi.PDF:
                continue  # bytes
            assert "example" in content, "python -m tests.answers asks for it"
            validator(json.dumps(content["schema"])).validate(content["example"])


def test_each_problem_has_its_page_and_no_page_is_of_none() -> None:
    named = {
        example["value"]["type"].removeprefix(PROBLEMS) for example in COMMITTED["components"]["examples"].values()
    }
    pages = {page.stem for page in (ROOT / problem_pages.FOLDER).glob("*.md")}
    assert pages == named | {"InternalError", "MethodNotAllowed"}  # of any operation, and of none


def test_a_field_that_nobody_told_of_is_not_drawn() -> None:
    schema = {"properties": {"nobody_knows": {"type": "string"}}}
    with pytest.raises(words.UntoldWord, match="the field nobody_knows of Odd"):
        words.worded({"Odd": schema})


def test_what_pydantic_tells_apart_by_its_module_is_called_after_its_owner() -> None:
    told = {"components": {"schemas": {"functions__purchases__recurring__Status": {"type": "string"}}}}
    assert list(schemas.said_shortly(told)["components"]["schemas"]) == ["RecurringStatus"]
    twice: dict[str, Any] = {"components": {"schemas": {"a__model__Status": {}, "b__a__Status": {}}}}
    with pytest.raises(schemas.SchemasOfOneName, match="rename one"):
        schemas.said_shortly(twice)


def test_a_page_of_a_problem_that_is_gone_is_stale_and_goes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for module in (documents, problem_pages):
        if hasattr(module, "ROOT"):
            monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(documents, "documents", lambda: {"docs/problems/Odd.md": "odd"})
    gone = tmp_path / problem_pages.FOLDER / "Gone.md"
    gone.parent.mkdir(parents=True)
    gone.write_text("gone")
    assert documents.stale() == ["docs/problems/Odd.md", "docs/problems/Gone.md"]
    documents.write()
    assert [page.name for page in gone.parent.iterdir()] == ["Odd.md"]
