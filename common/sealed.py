"""The text that stands for a customer's account at a bank wherever it is kept (`common.domain.persons`).

    sealed:{number}:{base64}    number: of the key of the person that has sealed it

The same account of the same person is the same text, as long as he has the same key.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NewType

Sealed = NewType("Sealed", str)

_SEALED = re.compile(r"sealed:([0-9]+):([A-Za-z0-9+/]{12}[A-Za-z0-9+/]*=*)")
SHORT = 12  # characters, by which texts are told apart


def written(number: int, closed: str) -> Sealed:
    """closed: base64, as `common.data_keys` seals."""
    return Sealed(f"sealed:{number}:{closed}")


def read(sealed: Sealed) -> tuple[int, str] | None:
    """Number and base64; None for what nobody has sealed."""
    match = _SEALED.fullmatch(sealed)
    return None if match is None else (int(match[1]), match[2])


def number_of(sealed: Sealed) -> int:
    """Of the key that has sealed it; 0 for what nobody has sealed."""
    match = read(sealed)
    return 0 if match is None else match[0]


def are_same(one: Sealed | None, other: Sealed | None) -> bool | None:
    """Whether they are the same account of a person; None where nobody can tell: one is not there, or was sealed under
    another key of his."""
    if one is None or other is None or number_of(one) != number_of(other):
        return None
    return one == other


def replaced(words: str, by: Callable[[Sealed], str]) -> str:
    """The words with something in the place of each sealed text."""
    return _SEALED.sub(lambda match: by(Sealed(match[0])), words)


def shortened(words: str) -> str:
    """The words with as much of each sealed text as tells it from others."""
    return _SEALED.sub(lambda match: f"sealed:{match[1]}:{match[2][:SHORT]}", words)
