"""The form of Step Functions' requests: what is malformed, the errors as botocore raises them, the pages of lists."""

from __future__ import annotations

import base64
import contextlib
import functools
import json
from typing import Any

import botocore.loaders
from botocore.errorfactory import ClientExceptionsFactory
from botocore.exceptions import ClientError, ParamValidationError
from botocore.model import ServiceModel

from tests.harness.errors import malformed

ERROR_MAX, CAUSE_MAX, DATA_MAX = 256, 32_768, 262_144
PAGE, PAGE_MAX = 100, 1000


def read_json(operation: str, code: str, name: str, text: Any) -> Any:
    """JSON that was given as a string."""
    if not isinstance(text, str):
        raise malformed_text(name, text)
    if len(text.encode()) > DATA_MAX:
        raise too_long(operation, name, text, DATA_MAX)
    try:
        return json.loads(text)
    except ValueError as error:
        kind = code.removeprefix("Invalid")
        raise refusal(operation, code, f"Invalid {kind}: '{error}: {text}'") from None


def check_texts(**texts: Any) -> None:
    for name, text in texts.items():
        if not isinstance(text, str) or not text:
            raise malformed_text(name, text)


def check_failure(operation: str, error: Any, cause: Any) -> None:
    for name, text, longest in (("error", error, ERROR_MAX), ("cause", cause, CAUSE_MAX)):
        if text is not None and not isinstance(text, str):
            raise malformed_text(name, text)
        if text is not None and len(text) > longest:
            raise too_long(operation, name, text, longest)


def malformed_text(name: str, value: Any) -> ParamValidationError:
    return malformed(f"Invalid type or length for parameter {name}, value: {value}, valid: a string, not empty")


def too_long(operation: str, name: str, value: str, longest: int) -> ClientError:
    must = f"Member must have length less than or equal to {longest}"
    said = f"1 validation error detected: Value '{value[:99]}' at '{name}' failed to satisfy constraint: {must}"
    return refusal(operation, "ValidationException", said)


def page_size(operation: str, asked: int) -> int:
    if not 0 <= asked <= PAGE_MAX:
        raise refusal(operation, "ValidationException", f"maxResults should be from 0 to {PAGE_MAX}, but is {asked}")
    return asked or PAGE


def page_token(kind: str, at: int) -> str:
    """Where the next page of this list begins, for nobody to read."""
    return base64.urlsafe_b64encode(f"{at} {kind}".encode()).decode()


def page_start(operation: str, kind: str, token: str | None) -> int | None:
    if token is None:
        return None
    with contextlib.suppress(ValueError):
        at, _, of = base64.urlsafe_b64decode(token).decode().partition(" ")
        if of == kind:
            return int(at)
    raise refusal(operation, "InvalidToken", "Invalid Token: 'Invalid token'")


def refusal(operation: str, code: str, message: str) -> ClientError:
    """The exception that botocore raises for an answer with this error."""
    sent = {"RequestId": "in-memory", "HTTPStatusCode": 400, "HTTPHeaders": {}, "RetryAttempts": 0}
    response = {"Error": {"Code": code, "Message": message}, "message": message, "ResponseMetadata": sent}
    error = exceptions().from_code(code)(response, operation)
    assert isinstance(error, ClientError)
    return error


@functools.cache
def service_model() -> ServiceModel:
    return ServiceModel(botocore.loaders.Loader().load_service_model("stepfunctions", "service-2"), "stepfunctions")


@functools.cache
def exceptions() -> Any:
    return ClientExceptionsFactory().create_client_exceptions(service_model())
