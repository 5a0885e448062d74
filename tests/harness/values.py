"""Values as they travel on DynamoDB's wire, brought into the one form the table keeps.

A wire value is `{"S": "ann"}`, `{"N": "1.50"}`, …; an item is a mapping from attribute name to wire
value. In the kept form numbers are written in one way (`1.5`), sets are sorted and binaries are `bytes`,
so that equal values are equal dictionaries. Kept values are never changed in place.

Sizes are in bytes, by AWS's published rules ("DynamoDB item sizes and formats").
"""

import re
from collections.abc import Mapping
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from itertools import pairwise
from typing import Any, NamedTuple

from botocore.exceptions import ParamValidationError

from tests.harness.errors import Refused, invalid, malformed

Value = dict[str, Any]
Item = dict[str, Value]

DIGITS_MAX = 38
EXPONENT_MAX = 125
EXPONENT_MIN = -130
NESTING_MAX = 32
ITEM_SIZE_MAX = 400 * 1024
CONTAINER_OVERHEAD = 3  # of a list or a map, however much is in it
ELEMENT_OVERHEAD = 1  # of each element in it

TYPE_NAMES = {
    "S": "STRING",
    "N": "NUMBER",
    "B": "BINARY",
    "BOOL": "BOOLEAN",
    "NULL": "NULL",
    "SS": "STRING_SET",
    "NS": "NUMBER_SET",
    "BS": "BINARY_SET",
    "L": "LIST",
    "M": "MAP",
}
ORDERED = frozenset({"S", "N", "B"})
SETS = frozenset({"SS", "NS", "BS"})

# Python's default of 28 digits would round: a sum is made exactly first and measured afterwards.
EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
KNOWN_MAX = 1 << 17  # numbers remembered by their text
OVERFLOW = "Number overflow. Attempting to store a number with magnitude larger than supported range"
UNDERFLOW = "Number underflow. Attempting to store a number with magnitude smaller than supported range"
_NUMERAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,6})?", re.ASCII)


class Number(NamedTuple):
    """One number: as a kept value, as Python counts with it, and its size in bytes."""

    value: Value
    amount: Decimal
    size: int


_known: dict[str, Number] = {}  # by text: the same few prices and quantities are read over and over


def number(text: str) -> Number:
    """Read a number. ValidationException for no number, too many digits or too large an exponent."""
    known = _known.get(text)
    if known is None:
        if not _NUMERAL.fullmatch(text):
            raise invalid(f"The parameter cannot be converted to a numeric value: {text}")
        known = _remembered(text, _measured(Decimal(text)))
    return known


def total(left: Decimal, right: Decimal) -> Value:
    """Their exact sum as a wire value. DynamoDB calls a sum of over 38 digits an overflow."""
    try:
        exact = _measured(EXACT.add(left, right))
    except Refused as impossible:
        raise invalid(OVERFLOW) from impossible
    return _remembered(exact.value["N"], exact).value


def _measured(amount: Decimal) -> Number:
    """`amount` as DynamoDB stores it, or ValidationException when it can not."""
    if not amount:
        return Number({"N": "0"}, Decimal(0), 1)
    if amount.adjusted() > EXPONENT_MAX:
        raise invalid(OVERFLOW)
    if amount.adjusted() < EXPONENT_MIN:
        raise invalid(UNDERFLOW)
    text = format(amount, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    digits = len(text.replace(".", "").lstrip("-0").rstrip("0"))
    if digits > DIGITS_MAX:
        raise invalid("Attempting to store more than 38 significant digits in a Number")
    return Number({"N": text}, amount, (digits + 1) // 2 + 1)


def _remembered(text: str, exact: Number) -> Number:
    if len(_known) >= KNOWN_MAX:
        _known.clear()
    _known[text] = exact
    return exact


def byte_length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def kept(value: Mapping[str, Any], depth: int = 0) -> tuple[Value, int]:
    """The kept form of one wire value, and its size. Refuses what AWS refuses."""
    try:
        ((tag, content),) = value.items()
    except (AttributeError, TypeError, ValueError):
        raise _not_one_type(value) from None
    if tag == "S":
        if content.__class__ is not str:
            content = _text(tag, content)
        return {"S": content}, byte_length(content)
    if tag == "N":
        exact = number(content if content.__class__ is str else _text(tag, content))
        return exact.value, exact.size
    if tag == "BOOL":
        if not isinstance(content, bool):
            raise _wrong_type(tag, content, "<class 'bool'>")
        return {"BOOL": content}, 1
    if tag == "NULL":
        if content is not True:
            raise invalid(
                "One or more parameter values were invalid: Null attribute value types must have the value of true"
            )
        return {"NULL": True}, 1
    if tag == "B":
        content = _binary(content)
        return {"B": content}, len(content)
    if tag in SETS:
        return _kept_set(tag, content)
    if depth >= NESTING_MAX:
        raise invalid("Nesting Levels have exceeded supported limits")
    if tag == "M":
        if not isinstance(content, Mapping):
            raise _wrong_type(tag, content, "<class 'dict'>")
        size = CONTAINER_OVERHEAD
        document: Item = {}
        for name, element in content.items():
            document[name], element_size = kept(element, depth + 1)
            size += byte_length(name) + element_size + ELEMENT_OVERHEAD
        return {"M": document}, size
    if tag == "L":
        if not isinstance(content, list | tuple):
            raise _wrong_type(tag, content, "<class 'list'>, <class 'tuple'>")
        elements = [kept(element, depth + 1) for element in content]
        size = CONTAINER_OVERHEAD + sum(element_size + ELEMENT_OVERHEAD for _, element_size in elements)
        return {"L": [element for element, _ in elements]}, size
    raise malformed(f'Unknown parameter in input: "{tag}", must be one of: {", ".join(TYPE_NAMES)}')


def kept_item(item: Mapping[str, Mapping[str, Any]]) -> tuple[Item, int]:
    """The kept form of a whole item, and its size.

    Plain strings and numbers, nearly all there is, are dealt with on the spot: this loop and the next
    one are where a transaction spends its time.
    """
    kept_form: Item = {}
    size = byte_length("".join(item))
    for name, value in item.items():
        if len(value) == 1:
            for tag in value:
                content = value[tag]
            if content.__class__ is str:
                if tag == "S":
                    kept_form[name] = {"S": content}
                    size += len(content) if content.isascii() else byte_length(content)
                    continue
                if tag == "N":
                    exact = number(content)
                    kept_form[name] = exact[0]
                    size += exact[2]
                    continue
        kept_form[name], further = kept(value)
        size += further
    return kept_form, size


def kept_values(values: Mapping[str, Mapping[str, Any]]) -> Item:
    """The kept form of `ExpressionAttributeValues`."""
    return {name: kept(value)[0] for name, value in values.items()}


def value_size(value: Value) -> int:
    """The size in bytes of a kept value."""
    ((tag, content),) = value.items()
    if tag == "S":
        return byte_length(content)
    if tag == "N":
        return number(content).size
    if tag == "B":
        return len(content)
    if tag == "M":
        return CONTAINER_OVERHEAD + sum(
            byte_length(name) + value_size(element) + ELEMENT_OVERHEAD for name, element in content.items()
        )
    if tag == "L":
        return CONTAINER_OVERHEAD + sum(value_size(element) + ELEMENT_OVERHEAD for element in content)
    if tag == "NS":
        return sum(number(element).size for element in content)
    if tag == "SS":
        return sum(map(byte_length, content))
    if tag == "BS":
        return sum(map(len, content))
    return 1


def item_size(item: Mapping[str, Value]) -> int:
    """The size in bytes of a kept item: names and values."""
    size = byte_length("".join(item))
    for value in item.values():
        for tag in value:
            content = value[tag]
        if tag == "S" and content.isascii():
            size += len(content)
        elif tag == "N":
            size += number(content)[2]
        else:
            size += value_size(value)
    return size


def copied(value: Value) -> Value:
    """A kept value as one that the caller may change."""
    ((tag, content),) = value.items()
    if tag == "M":
        return {"M": copied_item(content)}
    if tag == "L":
        return {"L": [copied(element) for element in content]}
    if tag in SETS:
        return {tag: list(content)}
    return {tag: content}


def copied_item(item: Item) -> Item:
    """A kept item as one that the caller may change."""
    return {name: copied(value) for name, value in item.items()}


def order_of(value: Value) -> tuple[str, Any]:
    """Type and sortable content: strings by UTF-8, numbers by amount, binaries by byte."""
    ((tag, content),) = value.items()
    return tag, number(content).amount if tag == "N" else content


def described(value: Value) -> str:
    """As AWS prints a value in its messages: `{S:ann}`."""
    ((tag, content),) = value.items()
    return f"{{{tag}:{content}}}"


def _kept_set(tag: str, content: Any) -> tuple[Value, int]:
    if not isinstance(content, list | tuple):
        raise _wrong_type(tag, content, "<class 'list'>, <class 'tuple'>")
    if not content:
        kind_of_set = TYPE_NAMES[tag].lower().replace("_", " ")
        raise invalid(f"One or more parameter values were invalid: An {kind_of_set}  may not be empty")
    kind = tag[0]
    elements = [kept({kind: element}) for element in content]
    members = sorted((order_of(element) for element, _ in elements), key=lambda member: member[1])
    if any(one == other for one, other in pairwise(members)):
        collection = ", ".join(map(str, content))
        raise invalid(
            f"One or more parameter values were invalid: Input collection [{collection}] contains duplicates."
        )
    contents = [element[kind] for element, _ in sorted(elements, key=lambda pair: order_of(pair[0])[1])]
    return {tag: contents}, sum(size for _, size in elements)


def union(one: Value, other: Value) -> Value:
    """Two kept sets of one type as one."""
    ((tag, members),) = one.items()
    return _kept_set(tag, list(dict.fromkeys([*members, *other[tag]])))[0]


def difference(one: Value, other: Value) -> Value | None:
    """The kept set without the other's members; None when nothing is left, for no set may be empty."""
    ((tag, members),) = one.items()
    left = [member for member in members if member not in other[tag]]
    return {tag: left} if left else None


def _text(tag: str, content: Any) -> str:
    if not isinstance(content, str):
        raise _wrong_type(tag, content, "<class 'str'>")
    return str.__str__(content)  # a StrEnum's member becomes the plain text that goes over the wire


def _binary(content: Any) -> bytes:
    if isinstance(content, bytes | bytearray):
        return bytes(content)
    if isinstance(content, str):
        return content.encode()
    raise _wrong_type("B", content, "<class 'bytes'>, <class 'bytearray'>, file-like object")


def _wrong_type(tag: str, content: Any, valid: str) -> ParamValidationError:
    return malformed(f"Invalid type for parameter {tag}, value: {content}, type: {type(content)}, valid types: {valid}")


def _not_one_type(value: Any) -> Exception:
    if not isinstance(value, Mapping):
        return malformed(
            f"Invalid type for parameter, value: {value}, type: {type(value)}, valid types: <class 'dict'>"
        )
    how_many = "has more than one datatypes set" if value else "is empty"
    return invalid(f"Supplied AttributeValue {how_many}, must contain exactly one of the supported datatypes")
