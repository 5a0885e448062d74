"""The in-memory table against moto: random operations of our own kinds, every answer and error compared.

moto is asked through its own request handler, in process, without botocore's and moto's wire formats: that
is four times as fast and judges the same rules.
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.exceptions import JsonRESTError
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.responses import DynamoHandler

from tests.harness.memory import InMemoryDynamoDB
from tests.harness.schema import KEYS_ONLY, IndexSpec, TableSpec
from tests.harness.values import kept

DESK = TableSpec(
    "desk",
    indexes=(
        IndexSpec("UserOrdersIndex", "username", "ASSET_ID"),
        IndexSpec("UserTimelineIndex", "username", "timeline_at", projection=("order_status", "quantity")),
        IndexSpec("OpenWorkIndex", "open_work", "due_at", projection=KEYS_ONLY),
    ),
)
USERS = ("ann", "bob")
ASSETS = ("BTC", "ETH")
STATUSES = ("PENDING", "COMPLETED", "CANCELLED")
REGION = "us-east-1"

Request = dict[str, Any]
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


UNCOMPARED = {"ResponseMetadata", "ConsumedCapacity", "UnprocessedItems", "UnprocessedKeys"}


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


@dataclass
class Generator:
    """Random requests of the kinds this product makes, right and wrong, the same for the same seed."""

    dice: random.Random
    clock: int = 0
    kinds: Counter[str] = field(default_factory=Counter)

    def requests(self) -> Iterator[tuple[str, Request]]:
        """Operation (as a client's method) and arguments, for ever."""
        makers: dict[Callable[[], tuple[str, Request]], int] = {
            self.transaction: 30,
            self.single_write: 20,
            self.table_query: 12,
            self.index_query: 16,
            self.read: 8,
            self.scan: 4,
            self.mistake: 10,
        }
        while True:
            self.clock += 1
            (maker,) = self.dice.choices(list(makers), list(makers.values()))
            operation, request = maker()
            self.kinds[maker.__name__] += 1
            yield operation, request

    # Parts

    def at(self) -> str:
        return f"2026-01-01T00:00:{self.dice.randrange(12):02d}.000000Z"

    def amount(self) -> str:
        return self.dice.choice(["0.001", "1", "1.50", "2.25", "10", "65.00", "1000"])

    def order_key(self) -> Request:
        return {"PK": {"S": f"O{self.dice.randrange(7)}"}, "SK": {"S": "ORDER"}}

    def user_key(self) -> Request:
        sort_key = self.dice.choice(["BALANCE", "ASSET#BTC", "ASSET#ETH", "USER"])
        return {"PK": {"S": self.dice.choice(USERS)}, "SK": {"S": sort_key}}

    def journal_key(self) -> Request:
        return {"PK": {"S": f"TRANS#{self.dice.choice(USERS)}#BTC"}, "SK": {"S": f"{self.at()}#O1"}}

    def key(self) -> Request:
        return self.dice.choice([self.order_key, self.user_key, self.journal_key])()

    def order(self) -> Request:
        """An order; now and then it lacks what an index wants."""
        asset, at = self.dice.choice(ASSETS), self.at()
        item = {
            **self.order_key(),
            "entity_type": {"S": "order"},
            "username": {"S": self.dice.choice(USERS)},
            "ASSET_ID": {"S": f"{asset}#{at}"},
            "timeline_at": {"S": at},
            "open_work": {"S": "orders"},
            "due_at": {"S": at},
            "order_status": {"S": self.dice.choice(STATUSES)},
            "quantity": {"N": self.amount()},
            "price_per_unit": {"N": self.amount()},
            "tags": {"SS": self.dice.sample(["a", "b", "c"], 2)},
            "source": {"M": {"name": {"S": "oracle"}, "prices": {"L": [{"N": "1"}, {"N": "2"}]}}},
        }
        for absent in self.dice.sample(["ASSET_ID", "timeline_at", "open_work", "due_at", "tags", "quantity"], 2):
            if self.dice.random() < 0.5:
                del item[absent]
        return item

    # Writes: the statement without its table, as (action, statement)

    def put_order(self) -> tuple[str, Request]:
        statement: Request = {"Item": self.order(), "ConditionExpression": "attribute_not_exists(PK)"}
        if self.dice.random() < 0.3:
            statement["ConditionExpression"] = "attribute_not_exists(#pk) OR order_status IN (:p, :c)"
            statement["ExpressionAttributeNames"] = {"#pk": "PK"}
            statement["ExpressionAttributeValues"] = {":p": {"S": "PENDING"}, ":c": {"S": "CANCELLED"}}
        return "Put", statement

    def open_balance(self) -> tuple[str, Request]:
        user = self.dice.choice(USERS)
        item = {
            "PK": {"S": user},
            "SK": {"S": "BALANCE"},
            "entity_type": {"S": "balance"},
            "current_balance": {"N": self.amount()},
        }
        condition = {"ConditionExpression": "attribute_not_exists(PK)"} if self.dice.random() < 0.5 else {}
        return "Put", {"Item": item, **condition}

    def debit(self) -> tuple[str, Request]:
        operator = self.dice.choice([">=", ">", "<", "<=", "<>", "="])
        return "Update", {
            "Key": {"PK": {"S": self.dice.choice(USERS)}, "SK": {"S": "BALANCE"}},
            "UpdateExpression": "SET current_balance = current_balance - :total, updated_at = :at",
            "ConditionExpression": f"current_balance {operator} :total AND attribute_exists(PK)",
            "ExpressionAttributeValues": {":total": {"N": self.amount()}, ":at": {"S": self.at()}},
        }

    def credit_asset(self) -> tuple[str, Request]:
        return "Update", {
            "Key": {"PK": {"S": self.dice.choice(USERS)}, "SK": {"S": f"ASSET#{self.dice.choice(ASSETS)}"}},
            "UpdateExpression": (
                "SET #type = :type, #created = if_not_exists(#created, :at), updated_at = :at "
                "ADD quantity :quantity, total_bought :quantity"
            ),
            "ExpressionAttributeNames": {"#type": "entity_type", "#created": "created_at"},
            "ExpressionAttributeValues": {
                ":type": {"S": "asset_balance"},
                ":at": {"S": self.at()},
                ":quantity": {"N": self.amount()},
            },
        }

    def hold_asset(self) -> tuple[str, Request]:
        return "Update", {
            "Key": {"PK": {"S": self.dice.choice(USERS)}, "SK": {"S": "ASSET#BTC"}},
            "UpdateExpression": "SET quantity = quantity - :q, held = if_not_exists(held, :zero) + :q",
            "ConditionExpression": "quantity >= :q AND NOT (held > :most)",
            "ExpressionAttributeValues": {
                ":q": {"N": self.amount()}, ":zero": {"N": "0"}, ":most": {"N": "1000"},
            },
        }  # fmt: skip

    def journal(self) -> tuple[str, Request]:
        item = {
            **self.journal_key(),
            "transaction_type": {"S": self.dice.choice(["BUY", "SELL"])},
            "quantity": {"N": self.amount()},
        }
        return "Put", {"Item": item, "ConditionExpression": "attribute_not_exists(SK)"}

    def move_order(self) -> tuple[str, Request]:
        """A status moves; the item enters, leaves or changes its place in the indexes."""
        change, values = self.dice.choice(
            [
                ("SET order_status = :to REMOVE open_work, due_at", {}),
                ("SET order_status = :to, open_work = :work, due_at = :at", {":work": {"S": "orders"}}),
                ("SET order_status = :to, ASSET_ID = :at, timeline_at = :at", {}),
                ("SET order_status = :to, due_at = :at", {}),
                ("SET order_status = :to, username = :user", {":user": {"S": self.dice.choice(USERS)}}),
                ("SET order_status = :to ADD tags :tags", {":tags": {"SS": ["c", "d"]}}),
                ("SET order_status = :to DELETE tags :tags", {":tags": {"SS": ["a", "b", "d"]}}),
                ("SET order_status = :to, source.#name = :at", {}),
                ("SET order_status = :to, source.prices[1] = :seen REMOVE source.prices[0]", {":seen": {"N": "7"}}),
                ("SET order_status = :to, history = list_append(if_not_exists(history, :no), :at_list)",
                 {":no": {"L": []}, ":at_list": {"L": [{"S": self.at()}]}}),
            ]
        )  # fmt: skip
        statement: Request = {
            "Key": self.order_key(),
            "UpdateExpression": change,
            "ConditionExpression": "order_status = :from AND attribute_exists(#source.prices)",
            "ExpressionAttributeNames": {"#source": "source"},
            "ExpressionAttributeValues": {
                ":from": {"S": self.dice.choice(STATUSES)}, ":to": {"S": self.dice.choice(STATUSES)}, **values,
            },
        }  # fmt: skip
        if ":at" in change.replace(":at_list", ""):
            statement["ExpressionAttributeValues"][":at"] = {"S": self.at()}
        if "#name" in change:
            statement["ExpressionAttributeNames"]["#name"] = "name"
        return "Update", statement

    def remove(self) -> tuple[str, Request]:
        key = self.key()
        if self.dice.random() < 0.5:
            return "Delete", {"Key": key}
        return "Delete", {
            "Key": key,
            "ConditionExpression": self.dice.choice(
                ["attribute_exists(PK)", "begins_with(PK, :text)", "contains(tags, :text)", "size(PK) > :two"]
            ),
        }

    def check(self) -> tuple[str, Request]:
        test, values = self.dice.choice(
            [
                ("attribute_exists(PK)", None),
                ("attribute_not_exists(PK)", None),
                ("quantity BETWEEN :a AND :b", {":a": {"N": "1"}, ":b": {"N": "10.0"}}),
                ("attribute_type(quantity, :a)", {":a": {"S": "N"}}),
                ("contains(tags, :a) OR size(tags) = :b", {":a": {"S": "a"}, ":b": {"N": "1"}}),
                (
                    "NOT order_status = :a AND (quantity < :b OR quantity > :b)",
                    {":a": {"S": "PENDING"}, ":b": {"N": "1"}},
                ),
                ("quantity <> held", None),
                ("quantity = price_per_unit", None),
                ("source.prices[0] = :a", {":a": {"N": "1.0"}}),
            ]
        )
        return "ConditionCheck", {
            "Key": self.key(),
            "ConditionExpression": test,
            **({"ExpressionAttributeValues": values} if values else {}),
        }

    def statement(self) -> tuple[str, Request]:
        makers = {
            self.put_order: 6,
            self.open_balance: 2,
            self.debit: 5,
            self.credit_asset: 5,
            self.hold_asset: 3,
            self.journal: 3,
            self.move_order: 6,
            self.remove: 4,
        }
        (maker,) = self.dice.choices(list(makers), list(makers.values()))
        action, statement = maker()
        return action, self.with_values(statement)

    @staticmethod
    def with_values(statement: Request) -> Request:
        """The values that a deletion's condition speaks of."""
        condition = statement.get("ConditionExpression", "")
        values = {
            name: value
            for name, value in {":text": {"S": "a"}, ":two": {"N": "2"}}.items()
            if name in condition.replace(" ", ") ").split(") ") or f"{name})" in condition
        }
        return {**statement, "ExpressionAttributeValues": values} if values else statement

    # Requests

    def transaction(self) -> tuple[str, Request]:
        """One to five statements on different items."""
        statements: list[Request] = []
        touched: set[str] = set()
        for _ in range(self.dice.randint(1, 5)):
            action, statement = self.check() if self.dice.random() < 0.15 else self.statement()
            key = statement.get("Key") or {name: statement["Item"][name] for name in ("PK", "SK")}
            if str(key) in touched:
                continue
            touched.add(str(key))
            old = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"} if self.dice.random() < 0.7 else {}
            statements.append({action: {"TableName": DESK.name, **statement, **old}})
        return "transact_write_items", {"TransactItems": statements}

    def single_write(self) -> tuple[str, Request]:
        action, statement = self.statement()
        returns = ["NONE", "ALL_OLD"]
        if action == "Update":
            returns += ["ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"]
        request = {"TableName": DESK.name, **statement, "ReturnValues": self.dice.choice(returns)}
        if "ConditionExpression" in statement and self.dice.random() < 0.5:
            request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        return {"Put": "put_item", "Update": "update_item", "Delete": "delete_item"}[action], request

    def read(self) -> tuple[str, Request]:
        projection = self.dice.choice(
            [{}, {"ProjectionExpression": "PK, quantity"},
             {"ProjectionExpression": "#q, username", "ExpressionAttributeNames": {"#q": "quantity"}}]
        )  # fmt: skip
        kind = self.dice.choice(["get_item", "transact_get_items", "batch_get_item"])
        if kind == "get_item":
            return kind, {"TableName": DESK.name, "Key": self.key(), "ConsistentRead": True, **projection}
        keys = list({str(key): key for key in (self.key() for _ in range(3))}.values())
        if kind == "batch_get_item":
            return kind, {"RequestItems": {DESK.name: {"Keys": keys, **projection}}}
        return kind, {"TransactItems": [{"Get": {"TableName": DESK.name, "Key": key, **projection}} for key in keys]}

    def scan(self) -> tuple[str, Request]:
        return "scan", {
            "TableName": DESK.name,
            "FilterExpression": "entity_type = :type AND quantity >= :least",
            "ExpressionAttributeValues": {":type": {"S": "order"}, ":least": {"N": "1"}},
        }

    def table_query(self) -> tuple[str, Request]:
        partition = self.dice.choice([*USERS, "TRANS#ann#BTC", "TRANS#bob#BTC"])
        return "query", self.query_of("PK", partition, "SK", ["ASSET#", "ASSET#BTC", "BALANCE", "2026-01-01T00:00:0"])

    def index_query(self) -> tuple[str, Request]:
        index = self.dice.choice(DESK.indexes)
        partition = "orders" if index.name == "OpenWorkIndex" else self.dice.choice(USERS)
        assert index.sort_key
        bounds = (
            ["BTC", "ETH#2026-01-01T00:00:05"] if index.sort_key == "ASSET_ID" else [self.at(), "2026-01-01T00:00:1"]
        )
        return "query", {
            "IndexName": index.name,
            **self.query_of(index.partition_key, partition, index.sort_key, bounds),
        }

    def query_of(self, hash_name: str, partition: str, range_name: str, bounds: list[str]) -> Request:
        names, values = {"#h": hash_name}, {":h": {"S": partition}}
        condition = "#h = :h"
        shape = self.dice.choice(["", "begins_with(#r, :r)", "#r BETWEEN :r AND :s", "#r < :r", "#r <= :r", "#r > :r",
                                  "#r >= :r", "#r = :r"])  # fmt: skip
        if shape:
            low, high = sorted(self.dice.choices(bounds, k=2))
            names["#r"] = range_name
            values[":r"] = {"S": low}
            if ":s" in shape:
                values[":s"] = {"S": f"{high}~"}
            condition += f" AND {shape}"
        request: Request = {
            "TableName": DESK.name,
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "ScanIndexForward": self.dice.random() < 0.5,
        }
        if self.dice.random() < 0.4:
            request["Limit"] = self.dice.randint(1, 4)
        if self.dice.random() < 0.3:
            request["FilterExpression"] = "quantity > :least"
            values[":least"] = {"N": "1"}
        if self.dice.random() < 0.15:
            request["Select"] = "COUNT"
        return request

    def mistake(self) -> tuple[str, Request]:
        """Requests that AWS refuses, whatever is in the table."""
        key, good = self.order_key(), {"TableName": DESK.name}
        put = {"TableName": DESK.name, "Item": self.order()}
        update = {**good, "Key": key}
        query = {**good, "KeyConditionExpression": "username = :u", "ExpressionAttributeValues": {":u": {"S": "ann"}}}
        one = {":v": {"N": "1"}}
        return self.dice.choice(
            [
                ("put_item", {**put, "Item": {**put["Item"], "PK": {"S": ""}}}),
                ("put_item", {**put, "Item": {**put["Item"], "PK": {"N": "1"}}}),
                ("put_item", {**good, "Item": {"PK": {"S": "O1"}}}),
                ("put_item", {**put, "Item": {**put["Item"], "username": {"N": "1"}}}),
                ("put_item", {**put, "ConditionExpression": "attribute_not_exists(PK)",
                              "ExpressionAttributeValues": one}),
                ("put_item", {**put, "ConditionExpression": "attribute_not_exists(#pk)"}),
                ("put_item", {**put, "ConditionExpression": "PK = :undefined"}),
                ("get_item", {**good, "Key": {"PK": {"S": "O1"}}}),
                ("get_item", {**good, "Key": {**key, "username": {"S": "ann"}}}),
                ("get_item", {"TableName": "elsewhere", "Key": key}),
                ("update_item", {**update, "UpdateExpression": "SET PK = :v", "ExpressionAttributeValues": one}),
                ("update_item", {**update, "UpdateExpression": "SET a = :v, a = :v", "ExpressionAttributeValues": one}),
                ("update_item", {**update, "UpdateExpression": "SET a = :v SET b = :v", "ExpressionAttributeValues": one}),
                ("update_item", {**update, "UpdateExpression": "SET a = absent + :v", "ExpressionAttributeValues": one}),
                ("update_item", {**update, "UpdateExpression": "SET nowhere.a = :v", "ExpressionAttributeValues": one}),
                ("update_item", {**update, "UpdateExpression": "ADD a :v", "ExpressionAttributeValues": {":v": {"S": "x"}}}),
                ("update_item", {**update, "UpdateExpression": "SET a = :v", "ExpressionAttributeValues": {
                    **one, ":unused": {"N": "1"}}}),
                ("update_item", {**update, "UpdateExpression": "SET #a = :v", "ExpressionAttributeValues": one}),
                ("update_item", {**update, "UpdateExpression": "SET status = :v", "ExpressionAttributeValues": one}),
                ("update_item", {**update, "UpdateExpression": "", "ExpressionAttributeValues": one}),
                ("query", {**query, "IndexName": "NoSuchIndex"}),
                ("query", query),
                ("query", {**query, "IndexName": "UserOrdersIndex", "ConsistentRead": True}),
                ("query", {**query, "IndexName": "UserOrdersIndex", "Limit": 0}),
                ("query", {**query, "IndexName": "UserOrdersIndex", "FilterExpression": "username = :u"}),
                ("query", {**query, "IndexName": "UserOrdersIndex", "KeyConditionExpression": "username < :u"}),
                ("query", {**query, "IndexName": "UserOrdersIndex", "ExclusiveStartKey": {"PK": {"S": "O1"}}}),
                ("query", {**query, "IndexName": "OpenWorkIndex"}),
                ("transact_write_items", {"TransactItems": [{"Put": put}, {"Delete": {**good, "Key": {
                    name: put["Item"][name] for name in ("PK", "SK")}}}]}),
                ("transact_write_items", {"TransactItems": [{"Delete": {**good, "Key": {
                    "PK": {"S": f"O{n}"}, "SK": {"S": "ORDER"}}}} for n in range(101)]}),
                ("transact_write_items", {"TransactItems": [{"Update": {**update, "UpdateExpression": "SET a = :v",
                    "ExpressionAttributeValues": {":w": {"N": "1"}}}}]}),
            ]
        )  # fmt: skip


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


Excuse = Callable[[str, Request, Outcome, Outcome], bool]


def compare(
    seed: int,
    operations: int,
    *,
    excused: Mapping[str, Excuse],
    memory: InMemoryDynamoDB | None = None,
    differences_max: int = 5,
) -> Comparison:
    """Ask both the same `operations` times. Pages are followed to their end, each page one operation.

    `excused` are the known faults of moto's: a difference that one of them owns to is not counted.
    """
    moto = Moto()
    memory = memory or InMemoryDynamoDB(DESK)
    seen = Comparison()
    generator = Generator(random.Random(seed), kinds=seen.kinds)
    requests = generator.requests()
    following: tuple[str, Request] | None = None
    while seen.operations < operations and len(seen.differences) < differences_max:
        operation, request = following or next(requests)
        seen.operations += 1
        one, other = of_moto(moto, operation, request), of_memory(memory, operation, request)
        seen.outcomes[f"{operation} {other[0]}"] += 1
        if one != other and not any(excuse(operation, request, one, other) for excuse in excused.values()):
            seen.differences.append(Difference(seen.operations, operation, request, one, other))
        start = other[1].get("LastEvaluatedKey") if other[0] == "answer" else None
        following = (operation, {**request, "ExclusiveStartKey": start}) if start else None
        assert seen.operations % 50 or _contents(moto) == memory.items(), f"the tables differ after {seen.operations}"
    return seen


def _contents(moto: Moto) -> Any:
    items = [_item(item) for item in moto.ask("scan", {"TableName": DESK.name})["Items"]]
    return sorted(items, key=lambda item: repr((item["PK"]["S"], item["SK"]["S"])))
