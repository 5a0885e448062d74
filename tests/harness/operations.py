"""Random requests of the kinds this product makes, for two engines to be asked the same.

One generator and one seed always give the same requests. Its items are those of the desk: orders that move
between statuses and in and out of indexes, balances, holdings, journals.
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tests.harness.schema import IndexSpec, TableSpec

DESK = TableSpec(
    "desk",
    indexes=(
        IndexSpec("UserOrdersIndex", "username", "ASSET_ID"),
        IndexSpec("UserTimelineIndex", "username", "timeline_at", projection=("order_status", "quantity")),
        IndexSpec("OpenWorkIndex", "open_work", "due_at", projection=()),
    ),
)
STEADY = {"PK": {"S": "steady"}, "SK": {"S": "ITEM"}}  # always there, for updates that must fail
USERS = ("ann", "bob")
ASSETS = ("BTC", "ETH")
STATUSES = ("PENDING", "COMPLETED", "CANCELLED")
AMOUNTS = ("0.001", "0.001", "1", "1.50", "2.25", "10", "65.00", "1000")
NAMES = {"#pk": "PK", "#type": "entity_type", "#created": "created_at", "#origin": "origin"}

DEBIT = "SET current_balance = current_balance - :amount, updated_at = :at"
CREDIT = (
    "SET #type = :type, #created = if_not_exists(#created, :at), updated_at = :at "
    "ADD quantity :amount, total_bought :amount"
)
HOLD = "SET quantity = quantity - :amount, held = if_not_exists(held, :zero) + :amount"
MOVES = (  # what becomes of an order, and of its places in the indexes
    "SET order_status = :to REMOVE open_work, due_at",
    "SET order_status = :to, open_work = :work, due_at = :at",
    "SET order_status = :to, ASSET_ID = :at, timeline_at = :at",
    "SET order_status = :to, due_at = :at",
    "SET order_status = :to, username = :user",
    "SET order_status = :to, #origin = :at, is_open = :true",
    "SET order_status = :to, quantity = price_per_unit, price_per_unit = if_not_exists(quantity, :one) REMOVE is_open",
)
CHECKS = (
    "attribute_exists(PK)",
    "attribute_not_exists(PK)",
    "quantity BETWEEN :one AND :ten",
    "begins_with(#origin, :a) OR (attribute_exists(is_open) AND is_open = :true)",
    "NOT order_status = :from AND (quantity < :one OR quantity > :one)",
    "attribute_exists(quantity) AND attribute_exists(held) AND quantity <> held",
    "attribute_exists(price_per_unit) AND quantity = price_per_unit",
)
INSERTS = (
    "attribute_not_exists(PK)",
    "attribute_not_exists(#pk)",
    "attribute_not_exists(PK) OR order_status IN (:from, :to)",
)
REMOVALS = (
    None,
    "attribute_exists(PK)",
    "begins_with(PK, :a)",
    "attribute_exists(is_open) AND is_open <> :true",
)
WRONG_UPDATES = (
    "SET PK = :one",
    "SET a = :one, a = :ten",
    "SET a = :one SET b = :one",
    "SET a = absent + :one",
    "ADD a :a",
    "SET status = :one",
    "SET a = :one + :a",
)

Request = dict[str, Any]
Operation = tuple[str, Request]  # a client's method, and its arguments
Made = TypeVar("Made")
Write = tuple[str, Request]  # Put, Update, …, and the statement without its table


@dataclass
class Generator:
    """The requests of one seed. `kinds` counts what was made."""

    dice: random.Random
    kinds: Counter[str] = field(default_factory=Counter)

    def operations(self) -> Iterator[Operation]:
        """One after the other, for ever."""
        kinds: dict[Callable[[], Operation], int] = {
            self.transaction: 30,
            self.single_write: 20,
            self.table_query: 12,
            self.index_query: 16,
            self.read: 8,
            self.scan: 4,
            self.mistake: 10,
        }
        while True:
            kind = self._weighed(kinds)
            self.kinds[kind.__name__] += 1
            yield kind()

    # What requests are made of

    def _weighed(self, choices: dict[Callable[[], Made], int]) -> Callable[[], Made]:
        return self.dice.choices(list(choices), list(choices.values()))[0]

    def _at(self) -> str:
        return f"2026-01-01T00:00:{self.dice.randrange(6):02d}.000000Z"

    def _amount(self) -> Request:
        return {"N": self.dice.choice(AMOUNTS)}

    def _value(self, placeholder: str) -> Request:
        """The value that the expressions above mean by a placeholder."""
        at = self._at()
        return {
            ":amount": self._amount(),
            ":at": {"S": at},
            ":to": {"S": self.dice.choice(STATUSES)},
            ":from": {"S": self.dice.choice(("PENDING", *STATUSES))},
            ":user": {"S": self.dice.choice(USERS)},
            ":type": {"S": "asset_balance"},
            ":order": {"S": "order"},
            ":work": {"S": "orders"},
            ":true": {"BOOL": True},
            ":a": {"S": "a"},
            ":zero": {"N": "0"},
            ":one": {"N": "1.0"},
            ":ten": {"N": "10"},
        }[placeholder]

    def _with_expressions(self, request: Request, **expressions: str | None) -> Request:
        """The request with these expressions, and exactly the names and values that they use."""
        request = {**request, **{kind: text for kind, text in expressions.items() if text is not None}}
        used = re.findall(r"[#:]\w+", " ".join(text for text in expressions.values() if text))
        names = {name: NAMES[name] for name in used if name in NAMES}
        values = {name: self._value(name) for name in dict.fromkeys(used) if name.startswith(":")}
        if names:
            request["ExpressionAttributeNames"] = names
        if values:
            request["ExpressionAttributeValues"] = values
        return request

    def _order_key(self) -> Request:
        return {"PK": {"S": f"O{self.dice.randrange(6)}"}, "SK": {"S": "ORDER"}}

    def _balance_key(self) -> Request:
        return {"PK": {"S": self.dice.choice(USERS)}, "SK": {"S": "BALANCE"}}

    def _holding_key(self) -> Request:
        return {"PK": {"S": self.dice.choice(USERS)}, "SK": {"S": f"ASSET#{self.dice.choice(ASSETS)}"}}

    def _journal_key(self) -> Request:
        return {"PK": {"S": f"TRANS#{self.dice.choice(USERS)}#BTC"}, "SK": {"S": f"{self._at()}#O1"}}

    def _key(self) -> Request:
        kinds: Sequence[Callable[[], Request]] = (
            self._order_key, self._balance_key, self._holding_key, self._journal_key,
        )  # fmt: skip
        return self.dice.choice(kinds)()

    def _order(self) -> Request:
        """An order; now and then it lacks what an index wants."""
        at = self._at()
        order: Request = {
            **self._order_key(),
            "entity_type": {"S": "order"},
            "username": {"S": self.dice.choice(USERS)},
            "ASSET_ID": {"S": f"{self.dice.choice(ASSETS)}#{at}"},
            "timeline_at": {"S": at},
            "open_work": {"S": "orders"},
            "due_at": {"S": at},
            "order_status": {"S": self.dice.choice(("PENDING", *STATUSES))},
            "quantity": self._amount(),
            "price_per_unit": self._amount(),
            "is_open": {"BOOL": self.dice.random() < 0.5},
            "origin": {"S": self.dice.choice(["api", "oracle"])},
        }
        for absent in self.dice.sample(["ASSET_ID", "timeline_at", "open_work", "due_at", "is_open", "quantity"], 2):
            if self.dice.random() < 0.5:
                del order[absent]
        return order

    # Writes

    def _write(self) -> Write:
        kinds: dict[Callable[[], Write], int] = {
            self._place_order: 6,
            self._open_balance: 2,
            self._debit: 5,
            self._credit: 5,
            self._hold: 3,
            self._record: 3,
            self._move_order: 6,
            self._remove: 6,
        }
        return self._weighed(kinds)()

    def _place_order(self) -> Write:
        return "Put", self._with_expressions({"Item": self._order()}, ConditionExpression=self.dice.choice(INSERTS))

    def _open_balance(self) -> Write:
        item = {**self._balance_key(), "entity_type": {"S": "balance"}, "current_balance": self._amount()}
        condition = self.dice.choice([None, "attribute_not_exists(PK)"])
        return "Put", self._with_expressions({"Item": item}, ConditionExpression=condition)

    def _debit(self) -> Write:
        comparison = self.dice.choice([">=", ">=", ">=", ">", "<", "<=", "="])
        condition = f"current_balance {comparison} :amount AND attribute_exists(PK)"
        key = {"Key": self._balance_key()}
        return "Update", self._with_expressions(key, UpdateExpression=DEBIT, ConditionExpression=condition)

    def _credit(self) -> Write:
        return "Update", self._with_expressions({"Key": self._holding_key()}, UpdateExpression=CREDIT)

    def _hold(self) -> Write:
        condition = "quantity >= :amount AND NOT (held > :ten)"
        key = {"Key": self._holding_key()}
        return "Update", self._with_expressions(key, UpdateExpression=HOLD, ConditionExpression=condition)

    def _record(self) -> Write:
        item = {**self._journal_key(), "transaction_type": {"S": "BUY"}, "quantity": self._amount()}
        return "Put", self._with_expressions({"Item": item}, ConditionExpression="attribute_not_exists(SK)")

    def _move_order(self) -> Write:
        condition = "order_status = :from AND attribute_exists(#origin)"
        move = self.dice.choice(MOVES)
        key = {"Key": self._order_key()}
        return "Update", self._with_expressions(key, UpdateExpression=move, ConditionExpression=condition)

    def _remove(self) -> Write:
        condition = self.dice.choice(REMOVALS)
        return "Delete", self._with_expressions({"Key": self._key()}, ConditionExpression=condition)

    def _check(self) -> Write:
        condition = self.dice.choice(CHECKS)
        return "ConditionCheck", self._with_expressions({"Key": self._key()}, ConditionExpression=condition)

    # Requests

    def transaction(self) -> Operation:
        """One to five statements on different items."""
        statements: dict[str, Request] = {}
        for _ in range(self.dice.choice([1, 1, 1, 2, 2, 2, 3, 4, 5])):
            action, statement = self._check() if self.dice.random() < 0.15 else self._write()
            old = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"} if self.dice.random() < 0.7 else {}
            whole = statement.get("Key") or statement["Item"]
            statements[f"{whole['PK']} {whole['SK']}"] = {action: {"TableName": DESK.name, **statement, **old}}
        return "transact_write_items", {"TransactItems": list(statements.values())}

    def single_write(self) -> Operation:
        action, statement = self._write()
        request = {"TableName": DESK.name, **statement}
        if "ConditionExpression" in statement and self.dice.random() < 0.5:
            request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        return {"Put": "put_item", "Update": "update_item", "Delete": "delete_item"}[action], request

    def read(self) -> Operation:
        return "get_item", {"TableName": DESK.name, "Key": self._key(), "ConsistentRead": True}

    def scan(self) -> Operation:
        filtered = "entity_type = :order AND quantity >= :one"
        return "scan", self._with_expressions({"TableName": DESK.name}, FilterExpression=filtered)

    def table_query(self) -> Operation:
        partition = self.dice.choice([*USERS, "TRANS#ann#BTC", "TRANS#bob#BTC"])
        bounds = ["ASSET#", "ASSET#BTC", "BALANCE", "2026-01-01T00:00:0", self._at()]
        return "query", self._query("PK", partition, "SK", bounds)

    def index_query(self) -> Operation:
        index = self.dice.choice(DESK.indexes)
        partition = "orders" if index.partition_key == "open_work" else self.dice.choice(USERS)
        bounds = [self._at(), "2026-01-01T00:00:1", "BTC", "BTC#2026-01-01T00:00:03", "ETH"]
        return "query", {
            **self._query(index.partition_key, partition, str(index.sort_key), bounds),
            "IndexName": index.name,
        }

    def _query(self, partition_key: str, partition: str, sort_key: str, bounds: Sequence[str]) -> Request:
        comparison = self.dice.choice(
            ["", "begins_with(#r, :low)", "#r BETWEEN :low AND :high", "#r < :low", "#r <= :low", "#r > :low",
             "#r >= :low", "#r = :low"]
        )  # fmt: skip
        low, high = sorted(self.dice.choices(bounds, k=2))
        filtered = self.dice.choice([None, None, "quantity > :one"])
        text = f"#h = :h{f' AND {comparison}' if comparison else ''}"
        names = {"#h": partition_key, "#r": sort_key}
        values = {":h": {"S": partition}, ":low": {"S": low}, ":high": {"S": f"{high}~"}, ":one": {"N": "1"}}
        request: Request = {
            "TableName": DESK.name,
            "KeyConditionExpression": text,
            "ExpressionAttributeNames": {name: names[name] for name in names if name in text},
            "ExpressionAttributeValues": {name: values[name] for name in values if name in f"{text} {filtered}"},
            "ScanIndexForward": self.dice.random() < 0.5,
        }
        if filtered:
            request["FilterExpression"] = filtered
        if self.dice.random() < 0.4:
            request["Limit"] = self.dice.randint(1, 4)
        return request

    def mistake(self) -> Operation:
        """Requests that are refused whatever is in the table."""
        order = self._order()
        if self.dice.random() < 0.3:
            return "transact_write_items", {"TransactItems": self._wrong_statements(order)}
        # moto leaves an empty item behind when it refuses to update an absent one: hence STEADY
        update = self._with_expressions({"Key": STEADY}, UpdateExpression=self.dice.choice(WRONG_UPDATES))
        unused = {**update, "UpdateExpression": "REMOVE a"}
        user: Request = {"ExpressionAttributeValues": {":u": {"S": "ann"}}, "IndexName": "UserOrdersIndex"}
        mistakes: list[Operation] = [
            ("put_item", {"Item": {**order, "PK": {"S": ""}}}),
            ("put_item", {"Item": {**order, "PK": {"N": "1"}}}),
            ("put_item", {"Item": {"PK": {"S": "O1"}}}),
            ("get_item", {"Key": {"PK": {"S": "O1"}}}),
            ("get_item", {"TableName": "elsewhere", "Key": STEADY}),
            ("update_item", update),
            ("update_item", update),
            ("update_item", update),
            ("update_item", unused),
            ("query", {"KeyConditionExpression": "username = :u", **user, "IndexName": "OpenWorkIndex"}),
            ("query", {"KeyConditionExpression": "username = :u", **user, "ConsistentRead": True}),
            ("query", {"KeyConditionExpression": "username < :u", **user}),
        ]
        operation, request = self.dice.choice(mistakes)
        return operation, {"TableName": DESK.name, **request}

    def _wrong_statements(self, order: Request) -> list[Request]:
        """A transaction on one item twice, on too many, or with an undefined value."""
        key = {name: order[name] for name in ("PK", "SK")}
        deletion = {"Delete": {"TableName": DESK.name, "Key": key}}
        undefined = {"TableName": DESK.name, "Key": key, "UpdateExpression": "SET a = :v"}
        return self.dice.choice(
            [
                [{"Put": {"TableName": DESK.name, "Item": order}}, deletion],
                [{"Delete": {"TableName": DESK.name, "Key": {**key, "PK": {"S": f"O{n}"}}}} for n in range(101)],
                [{"Update": {**undefined, "ExpressionAttributeValues": {":w": {"N": "1"}}}}],
            ]
        )
