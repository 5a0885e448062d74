"""One write: what was asked, whether it may be, what the item is afterwards, what it costs."""

from dataclasses import dataclass

from tests.harness.capacity import Arm, table_write_units
from tests.harness.errors import invalid
from tests.harness.plans import NOTHING, Plan, planned
from tests.harness.requests import Request
from tests.harness.storage import Key, Record, Table
from tests.harness.values import ITEM_SIZE_MAX, Item, item_size, kept_item


@dataclass(slots=True, eq=False)
class Statement:
    """A write as asked for: of a single call, or one of a transaction's.

    Args:
        kind: Put, Update, Delete or ConditionCheck.
        given: the whole item of a Put, the key of the others, in kept form.
        size: bytes of what was given.
        payload_size: with the values of its expressions.
        returns_old: a failed condition shows the item.
        key: where it is written to, once `place` has found it to fit the table.
    """

    kind: str
    table: Table
    given: Item
    size: int
    values: Item
    plan: Plan
    returns_old: bool
    payload_size: int
    key: Key = ("", "")

    @classmethod
    def of(cls, kind: str, body: Request, table: Table) -> "Statement":
        """What can be known of a write without the table's keys. Refuses what is wrong in any table."""
        values = body.get("ExpressionAttributeValues")
        kept_values, values_size = (None, 0) if values is None else kept_item(values)
        plan = planned(body)
        given, size = kept_item(body["Item" if kind == "Put" else "Key"])
        if size > ITEM_SIZE_MAX:
            raise invalid("Item size has exceeded the maximum allowed size")
        returns_old = body.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        return cls(kind, table, given, size, plan.check(kept_values), plan, returns_old, size + values_size)

    def place(self) -> None:
        """Find the key of the item to write. Refuses what this table's keys and indexes do not allow."""
        if self.kind == "Put":
            self.key = self.table.key_of(self.given)
            self.table.check(self.given)
            return
        self.key = self.table.given_key(self.given)
        update = self.plan.update
        if update and not self.table.key_names.isdisjoint(update.meaning.attributes):
            name = next(name for name in self.table.spec.keys if name in update.meaning.attributes)
            raise invalid(
                f"One or more parameter values were invalid: Cannot update attribute {name}. "
                "This attribute is part of the key"
            )

    def allowed(self, before: Record | None) -> bool:
        """Whether the condition holds for the item as it is."""
        condition = self.plan.condition
        return condition is None or condition.meaning(before.item if before else NOTHING, self.values)

    def image(self, before: Record | None) -> Record | None:
        """The item after the write. Refuses a change that the item does not allow."""
        if self.kind == "Put":
            return Record(self.given, self.size)
        if self.kind == "Delete":
            return None
        update = self.plan.update
        if update is None:
            return Record(self.given, self.size) if self.kind == "Update" and before is None else before
        if before is None and update.meaning.only_removes:
            return None
        item = update.meaning.applied(before.item if before else self.given, self.values)
        self.table.check(item)
        size = item_size(item)
        if size > ITEM_SIZE_MAX:
            raise invalid("Item size to update has exceeded the maximum allowed size")
        return Record(item, size)

    def charge(
        self,
        arms: list[Arm],
        before: Record | None,
        after: Record | None,
        *,
        transactional: bool,
        refused: bool = False,
    ) -> None:
        """Note what the write costs; a refused one costs its table's arm alone."""
        given = self.size if self.kind == "Put" else 0
        after_size = max(after.size if after else 0, given)
        units = table_write_units(before.size if before else 0, after_size, transactional=transactional)
        arms.append(Arm(self.table.name, None, write_units=units))
        if not refused and after is not before:
            arms.extend(self.table.index_arms(before.item if before else None, after.item if after else None))

    def same_as(self, other: "Statement") -> bool:
        """Whether it was asked in the same words: what a ClientRequestToken compares."""
        return (self.kind, self.table, self.given, self.values, self.plan, self.returns_old) == (
            other.kind,
            other.table,
            other.given,
            other.values,
            other.plan,
            other.returns_old,
        )
