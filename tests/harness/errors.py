"""The errors of a DynamoDB client, as botocore itself would raise them.

The exception classes are made by botocore's own factory from the service's own description, so
`except client.exceptions.TransactionCanceledException` and `except ClientError` in product code
mean here what they mean on AWS.
"""

import functools
from typing import Any

import botocore.loaders
from botocore.errorfactory import ClientExceptionsFactory
from botocore.exceptions import ClientError, ParamValidationError
from botocore.model import ServiceModel

SERVER_ERRORS = {"InternalServerError": 500, "ServiceUnavailable": 503}


class Refused(Exception):
    """What the table says no with, before an operation's name and a request id are put to it.

    `members` are the further members of the modelled error: `Item`, `CancellationReasons`.
    """

    def __init__(self, code: str, message: str, **members: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.members = members


def invalid(message: str) -> Refused:
    """The request breaks a rule of DynamoDB's, whatever the table holds."""
    return Refused("ValidationException", message)


def malformed(report: str) -> ParamValidationError:
    """The request has not even the form of the API: botocore refuses it before anything is sent."""
    return ParamValidationError(report=report)


def client_error(code: str, message: str, operation: str, request_id: str = "injected", **members: Any) -> ClientError:
    """The exception that botocore raises for an answer with this error. `operation` as in `PutItem`."""
    response = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {
            "RequestId": request_id,
            "HTTPStatusCode": SERVER_ERRORS.get(code, 400),
            "HTTPHeaders": {},
            "RetryAttempts": 0,
        },
        **members,
    }
    if members:
        response["Message"] = message  # botocore merges a modelled error's members into the answer
    error = exceptions().from_code(code)(response, operation)
    assert isinstance(error, ClientError)
    return error


def cancellation(reasons: list[dict[str, Any]]) -> Refused:
    """A cancelled transaction; a reason for each statement, in order, `None` for those that were well."""
    codes = ", ".join(reason["Code"] for reason in reasons)
    message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
    return Refused("TransactionCanceledException", message, CancellationReasons=reasons)


@functools.cache
def service_model() -> ServiceModel:
    """botocore's description of DynamoDB: its operations, their members, its errors."""
    description = botocore.loaders.Loader().load_service_model("dynamodb", "service-2")
    return ServiceModel(description, "dynamodb")


@functools.cache
def members(operation: str) -> Any:
    """botocore's shape of an operation's arguments: `.members`, `.required_members`."""
    return service_model().operation_model(operation).input_shape


@functools.cache
def exceptions() -> Any:
    """What a real client has as `client.exceptions`."""
    return ClientExceptionsFactory().create_client_exceptions(service_model())
