"""What values look like in JSON: amounts are strings of plain decimals, unknown fields are refused.

A JSON number is refused where an amount is expected, even a whole one: by the time it is parsed it may have been a
float. So are signs, exponents, `NaN` and `Infinity`.
"""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, core_schema

from common import clock
from common.keys import ASSET_ID_PATTERN
from common.money import FRACTION_DIGITS_MAX, INTEGER_DIGITS_MAX, plain
from common.operator_outcome import OperatorOutcome
from common.roubles import PATTERN as ROUBLES_PATTERN
from common.roubles import kopecks


def _amount_text(decimals: int = FRACTION_DIGITS_MAX) -> str:
    """What an amount is written as: so many decimals that are not zero behind all others. No `\\d`, which is a digit of
    any script where Python or Rust reads it, and one of ten in JSON Schema."""
    zeros = f"0{{0,{FRACTION_DIGITS_MAX - decimals}}}" if decimals < FRACTION_DIGITS_MAX else ""
    return rf"(0|[1-9][0-9]{{0,{INTEGER_DIGITS_MAX - 1}}})(\.[0-9]{{1,{decimals}}}{zeros})?"


_AMOUNT = _amount_text()
_ABOVE_ZERO = "(?=.*[1-9])"
_FEE = rf"{_AMOUNT} [A-Z0-9]{{1,20}}"
_FEES = rf"{_FEE}(, {_FEE}){{0,4}}$"
_NO_COIN_TWICE = r"(?!.* ([A-Z0-9]{1,20}),(.*,)? [0-9.]+ \1(,|$))"
# RFC 3339; what has no zone is told so. Without it, "1795262400" would be a time, too.
_TIME = r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)?"
# The same for the document, with a zone. In UTC a time is in the years 1 to 9999: at both ends the document wants UTC.
_TIME_TOLD = (
    r"^(?!0000|0001-01-01.*[+]|9999-12-31.*-[0-9:]+$)[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]"
    r"(:[0-5][0-9](\.[0-9]{1,9})?)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
CLIENT_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]{2,39}$"
UUID_PATTERN = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
IDEMPOTENCY_KEY_PATTERN = r"^[\x21-\x7e]{1,128}$"


def _decimal(written: Any) -> Decimal:
    if not isinstance(written, str):
        raise ValueError('an amount is a string, such as "0.5"')
    if re.fullmatch(_AMOUNT, written, re.ASCII) is None:
        raise ValueError(
            f"an amount has at most {INTEGER_DIGITS_MAX} digits before the point and {FRACTION_DIGITS_MAX} after it, "
            "no sign and no exponent"
        )
    return Decimal(written)


def _positive(amount: Decimal) -> Decimal:
    if amount <= 0:
        raise ValueError("must be greater than zero")
    return amount


def _cents(amount: Decimal) -> Decimal:
    if len(plain(amount).partition(".")[2]) > 2:
        raise ValueError("dollars have at most 2 decimals")
    return amount


def _kopecks(written: Any) -> int:
    if not isinstance(written, str):
        raise ValueError('a sum is a string, such as "100.00"')
    found = kopecks(written)
    if found == 0:
        raise ValueError("must be greater than zero")
    return found


def _fees(written: str) -> str:
    fees = written.split(", ")
    if len({fee.partition(" ")[2] for fee in fees}) < len(fees):
        raise ValueError("the fees in one coin are one amount")
    return written


def _aware(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("a time needs a zone, such as 2026-11-21T09:30:00Z")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time is in the years 1 to 9999, in UTC") from None


def _time(written: Any) -> Any:
    if not isinstance(written, str) or re.fullmatch(_TIME, written, re.ASCII) is None:
        raise ValueError("a time is a string, such as 2026-11-21T09:30:00Z")
    return written


def _amount_or_all(written: Any) -> Decimal | Literal["all"]:
    return "all" if written == "all" else _positive(_decimal(written))


def _day(written: str) -> str:
    return date.fromisoformat(written).isoformat()


def _amount_json(example: str, *, decimals: int = FRACTION_DIGITS_MAX, zero: bool = False) -> dict[str, Any]:
    pattern = f"^{'' if zero else _ABOVE_ZERO}{_amount_text(decimals)}$"
    return {"type": "string", "pattern": pattern, "examples": [example]}


def amount_schema(example: str, *, decimals: int = FRACTION_DIGITS_MAX, zero: bool = False) -> WithJsonSchema:
    """What the document says of an amount of so many decimals at most: what it lets pass has its form."""
    return WithJsonSchema(_amount_json(example, decimals=decimals, zero=zero))


Amount = Annotated[Decimal, BeforeValidator(_decimal), AfterValidator(_positive), amount_schema("0.5")]
AmountOrAll = Annotated[  # no union of pydantic's, whose refusal would name the member and not the field
    Decimal | Literal["all"],
    PlainValidator(_amount_or_all),
    WithJsonSchema({"anyOf": [{"const": "all", "type": "string"}, _amount_json("0.5")]}),
]
Dollars = Annotated[
    Decimal,
    BeforeValidator(_decimal),
    AfterValidator(_positive),
    AfterValidator(_cents),
    amount_schema("50.00", decimals=2),
]
# Whole kopecks, above zero.
Roubles = Annotated[
    int,
    BeforeValidator(_kopecks),
    WithJsonSchema(
        {"type": "string", "pattern": f"^{_ABOVE_ZERO}{ROUBLES_PATTERN.removeprefix('^')}", "examples": ["25000.00"]}
    ),
]
# A market, and where it is: of market making.
Exchange = Annotated[str, Field(pattern=r"^[a-z0-9]{2,20}$", examples=["binance"])]
Symbol = Annotated[str, Field(pattern=r"^[A-Z0-9]{1,20}-[A-Z0-9]{1,20}$", examples=["BTC-USDT"])]
AmountOrZero = Annotated[Decimal, BeforeValidator(_decimal), amount_schema("0.5", zero=True)]
DollarsOrZero = Annotated[
    Decimal, BeforeValidator(_decimal), AfterValidator(_cents), amount_schema("49.10", decimals=2, zero=True)
]
FeesInCoins = Annotated[
    str,
    Field(
        pattern=f"^{_FEES}",
        examples=["0.0002 BNB, 0.001 SOL"],
        json_schema_extra={"pattern": f"^{_NO_COIN_TWICE}{_FEES}"},
    ),
    AfterValidator(_fees),
]
Reference = Annotated[
    str, Field(min_length=3, max_length=100, pattern=r"^[\x20-\x7e]+$", examples=["statement 47, line 11"])
]
Reason = Annotated[str, Field(min_length=3, max_length=200, pattern=r"^[\x20-\x7e]+$", examples=["wire 4711 received"])]
ClientId = Annotated[str, Field(pattern=CLIENT_ID_PATTERN, examples=["ann-main"])]
BankAccount = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", examples=["acc-ann"])]
AssetId = Annotated[str, Field(pattern=ASSET_ID_PATTERN, examples=["BTC"])]
Instant = Annotated[
    datetime,
    BeforeValidator(_time),
    AfterValidator(_aware),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": _TIME_TOLD}),
]
Day = Annotated[
    str,
    StringConstraints(pattern=_DAY),
    AfterValidator(_day),
    WithJsonSchema(
        {"type": "string", "format": "date", "pattern": _DAY.replace("^", "^(?!0000)"), "examples": ["2026-11-21"]}
    ),
]

InstantText = Annotated[
    datetime,
    PlainSerializer(clock.text, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-21T09:30:00.000000Z"]}),
]

WhyShort = Annotated[
    str | None, Field(description="why a page that goes on has fewer than were asked for; null: it has not")
]


class OneOf:
    """A text that is one of those given: what Literal is for values that are not known before the program runs."""

    def __init__(self, *values: str) -> None:
        self._values = values

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        del source, handler
        return core_schema.nullable_schema(core_schema.literal_schema(list(self._values)))


class RequestBody(BaseModel):
    """A body says what it says: no unknown fields."""

    model_config = ConfigDict(extra="forbid", defer_build=True)


class View(BaseModel):
    """What an answer looks like. Its validator is built when it is first used, not at every cold start."""

    model_config = ConfigDict(defer_build=True)


StoryVersion = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,6}-[0-9a-f]{16}$")]


class OperatorAct(RequestBody):
    """What every act of an operator is told."""

    reason: Reason
    dry_run: Annotated[bool, Field(strict=True, description="only say what would be done")] = False
    version: Annotated[
        StoryVersion | None,
        Field(description="as a trial (`dry_run`) has told it: where it has moved since, nothing is done"),
    ] = None


class CustomersAct(OperatorAct):
    """Of an act whose outcome a customer reads. The `reason` is for operators and the audit, and is never shown to
    customers."""

    public_reason: Annotated[
        Reason | None, Field(description="what the customer reads; left out, he is told no more than what was done")
    ] = None


class OperatorOutcomeView(View):
    """What an act has done, or would do."""

    id: str
    before: str | None = Field(description="its status before")
    after: str | None = Field(description="its status after")
    done: bool = Field(description="false for a dry run, and where it is so already")
    says: str = Field(description="what was done, would be done, or is so already")
    version: str | None = Field(
        default=None, description="of the story that a trial was made of: sent with the act, it is done to no other"
    )

    @classmethod
    def of(cls, outcome: OperatorOutcome, version: str | None = None) -> Self:
        return cls(
            id=outcome.id,
            before=outcome.before,
            after=outcome.after,
            done=outcome.done,
            says=outcome.says,
            version=version,
        )
