"""The documents are what the code would draw now, and the API's is a good one."""

import itertools
import json
from typing import Any

import pytest
from openapi_spec_validator import validate

from common.errors import Refusal
from common.http import problem
from common.table import keys
from functions.accounts import model as accounts
from functions.orders import model as orders
from infra import documents
from infra.contexts import contexts

COMMITTED: dict[str, Any] = json.loads((documents.ROOT / "docs" / "openapi.json").read_text())
OPERATIONS: dict[str, dict[str, Any]] = {
    f"{method.upper()} {path}": operation
    for path, operations in COMMITTED["paths"].items()
    for method, operation in operations.items()
}


def test_the_committed_documents_are_not_stale() -> None:
    assert documents.stale() == []


def test_drawing_twice_gives_the_same() -> None:
    assert documents.documents() == documents.documents()


def test_the_api_is_valid_openapi() -> None:
    validate(COMMITTED)


def test_every_route_of_every_context_is_in_it_and_no_other() -> None:
    routes = [f"{route.method} {route.path}" for context in contexts() for route in context.routes]
    assert sorted(OPERATIONS) == sorted(routes)


def test_what_is_told_of_operations_is_of_operations_there_are() -> None:
    assert {operation["operationId"] for operation in OPERATIONS.values()} == set(documents.TOLD)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_an_operation_asks_for_a_token_and_tells_its_refusals(operation: dict[str, Any]) -> None:
    assert operation["operationId"].isidentifier()
    assert operation["security"] == [{"bearer": []}]
    assert operation["summary"]
    assert operation["tags"]
    done = [status for status in operation["responses"] if status < "300"]
    assert done
    assert {"400", "401", "403", "503"} <= operation["responses"].keys()
    assert ("422" in operation["responses"]) == ("requestBody" in operation or "parameters" in operation)
    for status, response in operation["responses"].items():
        if status > "401":
            assert list(response["content"]) == ["application/problem+json"]


def test_a_body_has_examples() -> None:
    for route, operation in OPERATIONS.items():
        if "requestBody" in operation:
            assert operation["requestBody"]["content"]["application/json"]["examples"], route


def test_a_problem_is_told_as_it_is_answered() -> None:
    for name, example in COMMITTED["components"]["examples"].items():
        (kind,) = [kind for kind in _below(Refusal) if kind.__name__ == name]
        refusal = kind.__new__(kind)
        Refusal.__init__(refusal, example["value"]["detail"])
        answered = problem(refusal)
        assert answered.body is not None
        assert json.loads(answered.body).items() >= example["value"].items()
        assert answered.status_code == example["value"]["status"]
        assert example["value"]["detail"], f"{name} does not say in its docstring what is the case"


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


@pytest.mark.parametrize("model", [accounts, orders])
def test_every_move_is_drawn_and_those_of_operators_are_marked(model: Any) -> None:
    drawn = documents.states()
    for before, after in model.TRANSITIONS.items():
        for status in after:
            mark = " : by an operator" if (before, status) in model.OPERATORS_ONLY else ""
            assert f"    {before} --> {status}{mark}\n" in drawn


def test_a_stale_document_is_found_and_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(keys, "as_markdown", lambda: "another table")
    assert documents.main(["--check"]) == 1
    assert "docs/table.md is stale: run `make docs`\n" in capsys.readouterr().err


def test_a_route_that_nobody_told_of_is_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {name: told for name, told in documents.TOLD.items() if name != "portfolio"}
    monkeypatch.setattr(documents, "TOLD", told)
    with pytest.raises(documents.UntoldOperation, match="GET /portfolio"):
        documents.openapi()
