"""Values: as they travel on DynamoDB's wire, and as the table keeps them.

On the wire a value is `{"S": "ann"}`, `{"N": "1.50"}`, …, and an item a mapping from names to such values. Kept,
a value is plain Python: `str`, `Number`, `bytes`, `bool`, `NULL`, `list`, `dict`, `SetOf`. A number is written in
one way (1.50 is 1.5) and a set is sorted, so that equal values are equal objects; kept values are never changed
in place. Whatever is wrong with a value is refused on the way in.

Sizes are in bytes, by AWS's published rules ("DynamoDB item sizes and formats").
"""

import re
from collections.abc import Mapping
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from itertools import pairwise
from typing import Any, Final, NamedTuple

from botocore.exceptions import ParamValidationError

from tests.harness.errors import Refused, invalid, malformed

Value = Any
Item = dict[str, Value]
Wire = Mapping[str, Any]

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
    """One number: as DynamoDB writes it, as Python counts with it, and its size in bytes."""

    text: str
    amount: Decimal
    size: int


class SetOf(NamedTuple):
    """A set: its type (SS, NS, BS) and its sorted members."""

    tag: str
    members: tuple[Value, ...]


class Null:
    """The type of NULL."""


NULL: Final = Null()
TAGS: dict[type, str] = {
    str: "S", Number: "N", bytes: "B", bool: "BOOL", Null: "NULL", list: "L", dict: "M",
}  # fmt: skip
KEY_CLASSES: dict[str, type] = {"S": str, "N": Number, "B": bytes}  # what a key attribute may be

_known: dict[str, Number] = {}  # by text: the same few prices and quantities are read over and over


def number(text: str) -> Number:
    """Read a number. ValidationException for no number, too many digits or too large an exponent."""
    known = _known.get(text)
    if known is None:
        if not _NUMERAL.fullmatch(text):
            raise invalid(f"The parameter cannot be converted to a numeric value: {text}")
        known = _remembered(text, _measured(Decimal(text)))
    return known


def total(left: Decimal, right: Decimal) -> Number:
    """Their exact sum. DynamoDB calls a sum of over 38 digits an overflow."""
    try:
        return _measured(EXACT.add(left, right))
    except Refused as impossible:
        raise invalid(OVERFLOW) from impossible


def _measured(amount: Decimal) -> Number:
    """`amount` as DynamoDB stores it, or ValidationException when it can not."""
    if not amount:
        return Number("0", Decimal(0), 1)
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
    return Number(text, amount, (digits + 1) // 2 + 1)


def _remembered(text: str, exact: Number) -> Number:
    if len(_known) >= KNOWN_MAX:
        _known.clear()
    _known[text] = exact
    return exact


def tag_of(value: Value) -> str:
    """The type of a kept value, as on the wire."""
    kind = value.__class__
    return str(value.tag) if kind is SetOf else TAGS[kind]


def byte_length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def kept(value: Wire, depth: int = 0) -> tuple[Value, int]:
    """The kept form of one wire value, and its size. Refuses what AWS refuses."""
    try:
        ((tag, content),) = value.items()
    except (AttributeError, TypeError, ValueError):
        raise _not_one_type(value) from None
    if tag == "S":
        text = _text(tag, content)
        return text, byte_length(text)
    if tag == "N":
        exact = number(_text(tag, content))
        return exact, exact.size
    if tag == "BOOL":
        if not isinstance(content, bool):
            raise _wrong_type(tag, content, "<class 'bool'>")
        return content, 1
    if tag == "NULL":
        if content is not True:
            raise invalid(
                "One or more parameter values were invalid: Null attribute value types must have the value of true"
            )
        return NULL, 1
    if tag == "B":
        binary = _binary(content)
        return binary, len(binary)
    if tag in SETS:
        return _kept_set(tag, content)
    if tag in ("M", "L"):
        return _kept_document(tag, content, depth)
    raise malformed(f'Unknown parameter in input: "{tag}", must be one of: {", ".join(TYPE_NAMES)}')


def kept_item(item: Mapping[str, Wire]) -> tuple[Item, int]:
    """The kept form of a whole item, and its size.

    Plain strings and numbers, nearly all there is, are dealt with on the spot: here and in `item_size` a
    transaction spends its time.
    """
    kept_form: Item = {}
    size = byte_length("".join(item))
    for name, value in item.items():
        if len(value) == 1:
            for tag in value:
                content = value[tag]
            if content.__class__ is str:
                if tag == "S":
                    kept_form[name] = content
                    size += len(content) if content.isascii() else byte_length(content)
                    continue
                if tag == "N":
                    kept_form[name] = exact = number(content)
                    size += exact.size
                    continue
        kept_form[name], further = kept(value)
        size += further
    return kept_form, size


def wire(value: Value) -> dict[str, Any]:
    """A kept value as it travels; the caller may change it."""
    kind = value.__class__
    if kind is str:
        return {"S": value}
    if kind is Number:
        return {"N": value.text}
    if kind is list:
        return {"L": [wire(element) for element in value]}
    if kind is dict:
        return {"M": wire_item(value)}
    if kind is SetOf:
        return {value.tag: [member.text if value.tag == "NS" else member for member in value.members]}
    return {"NULL": True} if value is NULL else {TAGS[kind]: value}


def wire_item(item: Item) -> dict[str, dict[str, Any]]:
    """A kept item as it travels; the caller may change it. Plain strings and numbers are dealt with on the spot."""
    return {
        name: {"S": value}
        if value.__class__ is str
        else {"N": value.text}
        if value.__class__ is Number
        else wire(value)
        for name, value in item.items()
    }


def value_size(value: Value) -> int:
    """The size in bytes of a kept value."""
    kind = value.__class__
    if kind is str:
        return byte_length(value)
    if kind is Number:
        return int(value.size)
    if kind is bytes:
        return len(value)
    if kind is SetOf:
        return sum(map(value_size, value.members))
    if kind is list:
        return CONTAINER_OVERHEAD + sum(value_size(element) + ELEMENT_OVERHEAD for element in value)
    if kind is dict:
        return CONTAINER_OVERHEAD + item_size(value) + ELEMENT_OVERHEAD * len(value)
    return 1


def item_size(item: Item) -> int:
    """The size in bytes of a kept item: names and values."""
    size = byte_length("".join(item))
    for value in item.values():
        kind = value.__class__
        if kind is str and value.isascii():
            size += len(value)
        elif kind is Number:
            size += value.size
        else:
            size += value_size(value)
    return size


def sortable(value: Value) -> Any:
    """What a value is sorted by: strings by UTF-8, numbers by amount, binaries by byte."""
    return value.amount if value.__class__ is Number else value


def described(value: Value) -> str:
    """As AWS prints a value in its messages: `{S:ann}`."""
    ((tag, content),) = wire(value).items()
    return f"{{{tag}:{content}}}"


def union(one: SetOf, other: SetOf) -> SetOf:
    """Two sets of one type as one."""
    return SetOf(one.tag, tuple(sorted({*one.members, *other.members}, key=sortable)))


def difference(one: SetOf, other: SetOf) -> SetOf | None:
    """The set without the other's members; None when nothing is left, for no set may be empty."""
    left = tuple(member for member in one.members if member not in other.members)
    return SetOf(one.tag, left) if left else None


def _kept_set(tag: str, content: Any) -> tuple[SetOf, int]:
    if not isinstance(content, list | tuple):
        raise _wrong_type(tag, content, "<class 'list'>, <class 'tuple'>")
    if not content:
        kind_of_set = TYPE_NAMES[tag].lower().replace("_", " ")
        raise invalid(f"One or more parameter values were invalid: An {kind_of_set}  may not be empty")
    sized = [kept({tag[0]: member}) for member in content]
    members = sorted((member for member, _ in sized), key=sortable)
    if any(one == other for one, other in pairwise(members)):
        collection = ", ".join(map(str, content))
        raise invalid(
            f"One or more parameter values were invalid: Input collection [{collection}] contains duplicates."
        )
    return SetOf(tag, tuple(members)), sum(size for _, size in sized)


def _kept_document(tag: str, content: Any, depth: int) -> tuple[Value, int]:
    if depth >= NESTING_MAX:
        raise invalid("Nesting Levels have exceeded supported limits")
    if tag == "M":
        if not isinstance(content, Mapping):
            raise _wrong_type(tag, content, "<class 'dict'>")
        document = {name: kept(element, depth + 1)[0] for name, element in content.items()}
        return document, value_size(document)
    if not isinstance(content, list | tuple):
        raise _wrong_type(tag, content, "<class 'list'>, <class 'tuple'>")
    elements = [kept(element, depth + 1)[0] for element in content]
    return elements, value_size(elements)


def _text(tag: str, content: Any) -> str:
    if content.__class__ is str:
        return str(content)
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
