"""The memo of a transfer, held against published ones and against what is none."""

from uuid import UUID

import base58
import pytest

from functions.market_making import memo
from functions.market_making.memo import BadMemo, Memo

PUBLISHED = {
    "f243yJSNnb9QQ7azcKFd5tzKQS8xX62VVYkk8KWwDAAkuFVXBwvw": Memo(
        UUID("0776b00f-95c0-46f9-85e4-7b8e7ca51e94"), UUID("b0177350-ae29-43ec-a26e-d46f821e416e")
    ),
    "f25Du256JpEmqJkmiLpLVJoPSgpj7yH4jRBujdgWHZrPhhtvWe3S": Memo(
        UUID("a1b2c3d4-e5f6-7890-abcd-ef1234567890"), UUID("12345678-90ab-cdef-1234-567890abcdef")
    ),
}
ONE = next(iter(PUBLISHED))


@pytest.mark.parametrize("written", PUBLISHED)
def test_a_published_memo_reads_and_writes_to_the_letter(written: str) -> None:
    assert memo.decode(written.encode()) == PUBLISHED[written]
    assert memo.encode(PUBLISHED[written]) == written


def test_a_reward_address_before_the_checksum_is_not_read() -> None:
    assert memo.decode(_written(body()[:35] + b"a" * 20)) == PUBLISHED[ONE]


@pytest.mark.parametrize(
    ("bad", "why"),
    {
        "none": (b"", "no memo"),
        "foreign": (b"Thanks for the coffee!", "not of a market-making order"),
        "letters outside ASCII": ("f24é".encode(), "not of a market-making order"),
        "bytes that are no text": (b"\xff\xfe", "not of a market-making order"),
        "endless": (b"1" * 100_000, "not of a market-making order"),
        "short": (b"2", "not of a market-making order"),
        "bad checksum": (
            b"3NB9J7yT6msdnWVto4W5LxRyQndoLfzwA8TJcuBtKcTWLqG5n8S3pUBBiVjVLR9PekLU8sRo6h",
            "checksum",
        ),
        "one letter wrong": (ONE.replace("Q", "R", 1).encode(), "checksum"),
        "Simply Grow": (b"5JkNjkChhHjzsFr6cm4yAbJPUGVDST6tk9Cxdapvvq9kFgBmJuQVoahd8v", "trading type is 2"),
    }.values(),
)
def test_what_names_no_order_is_refused_with_the_reason(bad: bytes, why: str) -> None:
    with pytest.raises(BadMemo, match=why):
        memo.decode(bad)


@pytest.mark.parametrize(
    ("place", "value", "why"),
    [(0, 2, "version is 2"), (1, 0, "trading type is 0"), (2, 2, "topped up"), (2, 9, "action is 9")],
)
def test_an_unknown_version_type_or_action_is_refused(place: int, value: int, why: str) -> None:
    changed = bytearray(body())
    changed[place] = value
    with pytest.raises(BadMemo, match=why):
        memo.decode(_written(bytes(changed)))


@pytest.mark.parametrize("length", [3, 34, 36, 54, 56])
def test_a_memo_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(BadMemo, match="not of a market-making order"):
        memo.decode(_written((body() + b"a" * 30)[:length]))


def body() -> bytes:
    return base58.b58decode(ONE)[:-4]


def _written(changed: bytes) -> bytes:
    return base58.b58encode(changed + memo._checksum(changed))
