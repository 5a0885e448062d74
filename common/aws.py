"""Clients of AWS's own services, made once in a process. botocore alone: boto3 adds only start-up time here."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader

from common.anchors import Anchors
from common.data_keys import DataKeys, Kms
from common.machines import Machines
from common.operator_pool import Cognito, OperatorPool
from common.settings import MissingSetting, settings
from common.table.table import Table

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_secretsmanager import SecretsManagerClient
    from types_boto3_stepfunctions import SFNClient


class _Data(Loader):
    """botocore's data without the rules by which it would find the endpoint anew for each request. Where there are
    none, it finds the region's endpoint, or the one that is configured, once for a client. S3's say where in a request
    the bucket is."""

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        if type_name == "endpoint-rule-set-1" and service_name != "s3":
            raise UnknownServiceError(service_name=service_name, known_service_names="")
        return super().load_service_model(service_name, type_name, api_version)


@cache
def _session() -> botocore.session.Session:
    session = botocore.session.get_session()
    session.register_component("data_loader", _Data())
    return session


@cache
def _quick() -> Config:
    """A request has 28 s: no single call may take more than a few. botocore repeats a transaction under the same
    ClientRequestToken, so its own retries are safe.

    What botocore would do anew for each request, a third of its time, is done once or not at all: its user agent is
    made here, and it does not validate parameters, which are made by our code and shown to its validator by a test.
    """
    return Config(
        connect_timeout=1,
        read_timeout=2,
        retries={"mode": "standard", "max_attempts": 2},
        tcp_keepalive=True,
        parameter_validation=False,
        user_agent=_session().user_agent(),
    )


@cache
def table() -> Table:
    client: DynamoDBClient = _session().create_client("dynamodb", config=_quick())  # type: ignore[assignment]
    return Table(client, settings().table_name)


@cache
def machines() -> Machines:
    client: SFNClient = _session().create_client("stepfunctions", config=_quick())  # type: ignore[assignment]
    return Machines(client, settings().machines_arn_prefix)


@cache
def data_keys() -> DataKeys:
    client: Kms = _session().create_client("kms", config=_quick())  # type: ignore[assignment]
    key_id = settings().data_key_id
    if key_id is None:
        raise MissingSetting("DATA_KEY_ID is not set; infra/stack.py gives it to every function")
    return DataKeys(client, key_id)


@cache
def anchors() -> Anchors:
    here = settings()
    if here.audit_key_id is None or here.audit_bucket is None:
        raise MissingSetting("AUDIT_KEY_ID or AUDIT_BUCKET is not set; infra/stack.py gives both to every function")
    # By path, as an address of the embedded AWS has it as well.
    by_path = _quick().merge(Config(s3={"addressing_style": "path"}))
    kms: Any = _session().create_client("kms", config=_quick())
    s3: Any = _session().create_client("s3", config=by_path)
    return Anchors(kms, s3, here.audit_key_id, here.audit_bucket)


@cache
def operator_pool() -> OperatorPool:
    client: Cognito = _session().create_client("cognito-idp", config=_quick())  # type: ignore[assignment]
    return OperatorPool(client, settings().operator_issuer.rpartition("/")[2])


@cache
def secret(secret_id: str) -> bytes:
    """A secret's text, read once in a process: a rotated one is seen by the next."""
    return read_secret(secret_id)


def read_secret(secret_id: str) -> bytes:
    """A secret's text as it is now."""
    client: SecretsManagerClient = _session().create_client("secretsmanager", config=_quick())  # type: ignore[assignment]
    return client.get_secret_value(SecretId=secret_id)["SecretString"].encode()
