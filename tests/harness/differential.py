"""The in-memory table against moto: random operations of our own kinds, every answer and error compared.

moto is asked through its own request handler, in process, without botocore's and moto's wire formats: that
is four times as fast and judges the same rules.
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError
from moto.core.exceptions import JsonRESTError
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.responses import DynamoHandler

from tests.harness.memory import InMemoryDynamoDB
from tests.harness.operations import DESK, STEADY, Generator, Request
from tests.harness.schema import TableSpec
from tests.harness.values import kept

REGION = "us-east-1"

Outcome = tuple[str, Any]  # "answer" and its content, or an error's code and what a caller reads of it


class Moto:
    """moto's DynamoDB, asked in process. Begins empty, with the one table."""

    def __init__(self, table: TableSpec = DESK) -> None:
        dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].reset()
        self.ask("create_table", table.create_table())

    def ask(self, operation: str, request: Mapping[str, Any]) -> Any:
        handler = DynamoHandler()
        handler.current_account, handler.region = DEFAULT_ACCOUNT_ID, REGION
        handler.body = json.loads(json.dumps(request))
        return getattr(handler, operation)().result


def of_moto(moto: Moto, operation: str, request: Request) -> Outcome:
    try:
        answer = moto.ask(operation, request)
    except JsonRESTError as error:
        described = json.loads(error.description)
        return described["__type"].split("#")[-1], _told(described)
    except Exception as fault:
        return f"moto broke: {type(fault).__name__}", str(fault)
    return "answer", _comparable(answer)


def of_memory(memory: InMemoryDynamoDB, operation: str, request: Request) -> Outcome:
    try:
        answer = getattr(memory, operation)(**request)
    except ClientError as error:
        return error.response["Error"]["Code"], _told(error.response)
    return "answer", _comparable(answer)


def _told(error: Mapping[str, Any]) -> Any:
    """What product code reads of an error besides its code: the reasons in order, the item that was there."""
    reasons = [(reason["Code"], _item(reason.get("Item"))) for reason in error.get("CancellationReasons", [])]
    return reasons, _item(error.get("Item"))


def _item(item: Any) -> Any:
    return None if item is None else {name: kept(value)[0] for name, value in item.items()}


UNCOMPARED = {"ResponseMetadata", "ConsumedCapacity", "ConsumedCapacityUnits", "UnprocessedItems", "UnprocessedKeys"}


def _comparable(answer: Any) -> Any:
    """An answer with every item in kept form: 1.50 is 1.5, and a set has no order."""
    if isinstance(answer, list):
        return [_comparable(element) for element in answer]
    if not isinstance(answer, dict):
        return answer
    items = {"Item", "Attributes", "LastEvaluatedKey"}
    return {
        member: _item(content) if member in items
        else [_item(item) for item in content] if member == "Items"
        else {table: [_item(item) for item in found] for table, found in content.items()}
        if member == "Responses" and isinstance(content, dict)
        else _comparable(content)
        for member, content in answer.items()
        if member not in UNCOMPARED and content not in ({}, [], None)
    }  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """Where the two disagreed."""

    number: int
    operation: str
    request: Request
    moto: Outcome
    memory: Outcome

    def __str__(self) -> str:
        return (
            f"operation {self.number}: {self.operation} {json.dumps(self.request)}\n"
            f"  moto:   {self.moto}\n  memory: {self.memory}"
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


def last_page(operation: str, request: Request, moto: Outcome, memory: Outcome) -> bool:
    """moto: no LastEvaluatedKey when the limit is met by the very last item. AWS, and we, do not look ahead."""
    answer = memory[1]
    full = operation == "query" and memory[0] == "answer" and answer["ScannedCount"] == request.get("Limit")
    return full and moto == ("answer", {member: answer[member] for member in answer if member != "LastEvaluatedKey"})


EXCUSED: Mapping[str, Excuse] = {"the last page is full": last_page}


def compare(
    seed: int,
    operations: int,
    *,
    memory: InMemoryDynamoDB | None = None,
    differences_max: int = 5,
    contents_every: int = 50,
) -> Comparison:
    """Ask both the same `operations` times. Pages are followed to their end, each page one operation.

    A difference that is `EXCUSED` is counted under its excuse.
    """
    moto = Moto()
    memory = memory or InMemoryDynamoDB(DESK)
    moto.ask("put_item", {"TableName": DESK.name, "Item": STEADY})
    memory.put_item(TableName=DESK.name, Item=STEADY)
    seen = Comparison()
    generator = Generator(random.Random(seed), kinds=seen.kinds)
    requests = generator.operations()
    following: tuple[str, Request] | None = None
    while seen.operations < operations and len(seen.differences) < differences_max:
        operation, request = following or next(requests)
        seen.operations += 1
        one, other = of_moto(moto, operation, request), of_memory(memory, operation, request)
        if operation == "scan":
            for _, answer in (one, other):  # the order of partitions is nobody's promise
                answer.get("Items", []).sort(key=repr)
        seen.outcomes[f"{operation} {other[0]}"] += 1
        excuses = [name for name, excuse in EXCUSED.items() if one != other and excuse(operation, request, one, other)]
        seen.excused.update(excuses)
        if one != other and not excuses:
            seen.differences.append(Difference(seen.operations, operation, request, one, other))
        start = other[1].get("LastEvaluatedKey") if other[0] == "answer" else None
        following = (operation, {**request, "ExclusiveStartKey": start}) if start else None
        if seen.operations % contents_every == 0:
            mine, theirs = ("answer", memory.items()), ("answer", _contents(moto))
            if mine != theirs:
                seen.differences.append(Difference(seen.operations, f"table after {operation}", request, theirs, mine))
                break
    return seen


def _contents(moto: Moto) -> Any:
    items = [_item(item) for item in moto.ask("scan", {"TableName": DESK.name})["Items"]]
    return sorted(items, key=lambda item: repr((item["PK"]["S"], item["SK"]["S"])))
