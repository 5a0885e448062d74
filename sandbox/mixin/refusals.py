"""How the custody says no: its codes, which its wire tells in bodies that otherwise look like success.

Sources: developers.mixin.one @99a7514, api/error-codes; github.com/fox-one/mixin-sdk-go @b5b2f50, error.go (from
2000001 on). Which code is said for which rule is in large part our own reading.
"""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    UNREADABLE = 400
    UNAUTHORIZED = 401
    FORBIDDEN = 403
    NOT_FOUND = 404
    TOO_MANY_REQUESTS = 429
    SERVER_ERROR = 500
    INVALID_FIELD = 10002  # `field` says which
    LOCKED_ELSEWHERE = 10105  # an output that another transaction of ours holds, told when a request is registered
    USER_UNKNOWN = 10404
    INSUFFICIENT_BALANCE = 20117
    AMOUNT_TOO_SMALL = 20120
    INSUFFICIENT_FEE = 20124
    INVALID_TRACE = 20125  # the request id is another transaction's
    WITHDRAWAL_TOO_SMALL = 20127
    INVALID_TAG = 20131
    INVALID_ADDRESS = 30102
    INVALID_OUTPUT_KEY = 2000001
    INPUT_LOCKED = 2000002  # the same as LOCKED_ELSEWHERE, told when it is sent
    INVALID_SIGNATURE = 2000003


class SafeRefused(Exception):
    """The custody's no. Nothing has changed."""

    def __init__(self, code: Code, description: str, field: str = "") -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.field = field


def invalid(field: str, description: str) -> SafeRefused:
    return SafeRefused(Code.INVALID_FIELD, description, field)
