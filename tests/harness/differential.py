"""The in-memory table against another engine: random operations of our own kinds, every answer and error compared.

    found = compare(seed, 5_000, reference=moto())                     # in process
    found = compare(seed, 5_000, reference=of(boto3.client("dynamodb", endpoint_url=…)))   # with a table DESK
    assert not found.differences

moto is asked through its own request handler, without botocore's and moto's wire formats: that is four times as
fast and judges the same rules.
"""

import copy
import json
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from botocore.exceptions import ClientError
from moto.core.exceptions import JsonRESTError
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb import models as moto_models
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.responses import DynamoHandler

from tests.harness.memory import InMemoryDynamoDB
from tests.harness.operations import DESK, STEADY, Generator, Request
from tests.harness.schema import TableSpec
from tests.harness.values import kept_item, wire_item

REGION = "us-east-1"
ANSWER = "answer"

Outcome = tuple[str, Any]  # ANSWER and its content, or an error's code and what a caller reads of it
Engine = Callable[[str, Request], Outcome]  # a client's method and its arguments, as this engine answers them


def of(client: Any) -> Engine:
    """The engine behind any client of botocore's shape."""

    def ask(operation: str, request: Request) -> Outcome:
        try:
            answer = getattr(client, operation)(**request)
        except ClientError as error:
            return error.response["Error"]["Code"], _told(error.response)
        return ANSWER, _comparable(answer)

    return ask


def moto(table: TableSpec = DESK) -> Engine:
    """moto in this process, emptied, with the one table."""
    dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].reset()

    def ask(operation: str, request: Request) -> Outcome:
        handler = DynamoHandler()
        handler.current_account, handler.region = DEFAULT_ACCOUNT_ID, REGION
        handler.body = json.loads(json.dumps(request))
        try:
            with patch.object(moto_models, "copy", _CopyOnce()):
                return ANSWER, _comparable(getattr(handler, operation)().result)
        except JsonRESTError as error:
            described = json.loads(error.description)
            return described["__type"].split("#")[-1], _told(described)
        except Exception as fault:
            return f"moto broke: {type(fault).__name__}", str(fault)

    ask("create_table", table.create_table())
    return ask


class _CopyOnce:
    """moto keeps what to go back to by copying the whole table, once for each statement of a transaction."""

    def __init__(self) -> None:
        self._copies: dict[int, Any] = {}

    def deepcopy(self, original: Any) -> Any:
        if id(original) not in self._copies:
            self._copies[id(original)] = copy.deepcopy(original)
        return self._copies[id(original)]


def _told(error: Mapping[str, Any]) -> Any:
    """What product code reads of an error besides its code: the reasons in order, the item that was there."""
    reasons = [(reason["Code"], _item(reason.get("Item"))) for reason in error.get("CancellationReasons", [])]
    return reasons, _item(error.get("Item"))


def _item(item: Any) -> Any:
    """An item with its numbers written in one way: 1.50 is 1.5."""
    return item and wire_item(kept_item(item)[0])


ITEMS = frozenset({"Item", "LastEvaluatedKey"})
UNCOMPARED = frozenset({"ResponseMetadata", "ConsumedCapacity", "ConsumedCapacityUnits"})


def _comparable(answer: Any) -> Any:
    """An answer's members but for what is about the call itself; empty ones count as absent."""
    if isinstance(answer, list):
        return [_comparable(element) for element in answer]
    if not isinstance(answer, dict):
        return answer
    members: dict[str, Any] = {}
    for member, content in answer.items():
        if member in UNCOMPARED or content in ({}, [], None):
            continue
        if member in ITEMS:
            members[member] = _item(content)
        elif member == "Items":
            members[member] = [_item(item) for item in content]
        else:
            members[member] = _comparable(content)
    return members


@dataclass(frozen=True)
class Difference:
    """Where the two disagreed."""

    number: int
    operation: str
    request: Request
    reference: Outcome
    memory: Outcome

    def __str__(self) -> str:
        return (
            f"operation {self.number}: {self.operation} {json.dumps(self.request)}\n"
            f"  reference: {self.reference}\n  memory:    {self.memory}"
        )


@dataclass
class Comparison:
    """How a run went. `kinds` counts the requests by kind, `outcomes` the answers and errors by code."""

    operations: int = 0
    differences: list[Difference] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    excused: Counter[str] = field(default_factory=Counter)


Excuse = Callable[[str, Request, Outcome, Outcome], bool]


def last_page(operation: str, request: Request, reference: Outcome, memory: Outcome) -> bool:
    """moto: no LastEvaluatedKey when the limit is met by the very last item. AWS, and we, do not look ahead."""
    if operation != "query" or memory[0] != ANSWER or memory[1]["ScannedCount"] != request.get("Limit"):
        return False
    return reference == (ANSWER, {name: part for name, part in memory[1].items() if name != "LastEvaluatedKey"})


OF_MOTO: Mapping[str, Excuse] = {"the last page is full": last_page}


def compare(
    seed: int,
    operations: int,
    *,
    reference: Engine,
    excuses: Mapping[str, Excuse] = OF_MOTO,
    differences_max: int = 5,
    contents_every: int = 50,
) -> Comparison:
    """Ask both the same `operations` times. Pages are followed to their end, each page one operation.

    A difference that one of the `excuses` owns to is counted under its name and not as a difference.
    """
    memory = InMemoryDynamoDB(DESK)
    ask = of(memory)
    found = Comparison()
    requests = Generator(random.Random(seed), kinds=found.kinds).operations()
    steady = {"TableName": DESK.name, "Item": STEADY}
    assert reference("put_item", steady) == ask("put_item", steady)
    further_page: tuple[str, Request] | None = None
    while found.operations < operations and len(found.differences) < differences_max:
        operation, request = further_page or next(requests)
        theirs, ours = reference(operation, request), ask(operation, request)
        if operation == "scan":
            for _, answer in (theirs, ours):  # the order of partitions is nobody's promise
                answer.get("Items", []).sort(key=repr)
        found.operations += 1
        found.outcomes[f"{operation} {ours[0]}"] += 1
        if theirs != ours:
            owned = [name for name, excuse in excuses.items() if excuse(operation, request, theirs, ours)]
            found.excused.update(owned)
            if not owned:
                found.differences.append(Difference(found.operations, operation, request, theirs, ours))
        start = ours[1].get("LastEvaluatedKey") if ours[0] == ANSWER else None
        further_page = (operation, {**request, "ExclusiveStartKey": start}) if start else None
        if found.operations % contents_every == 0:
            theirs, ours = (ANSWER, _contents(reference)), (ANSWER, memory.items())
            if theirs != ours:
                after = f"the table after {operation}"
                found.differences.append(Difference(found.operations, after, request, theirs, ours))
                break  # from here on everything would differ
    return found


def _contents(engine: Engine) -> list[Any]:
    items = engine("scan", {"TableName": DESK.name})[1]["Items"]
    return sorted(items, key=lambda item: repr((item["PK"]["S"], item["SK"]["S"])))
