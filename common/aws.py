"""Clients of AWS's own services, made once in a process. botocore alone: boto3 adds only start-up time here."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import botocore.session
from botocore.config import Config

from common.machines import Machines
from common.settings import settings
from common.table.table import Table

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_secretsmanager import SecretsManagerClient
    from types_boto3_stepfunctions import SFNClient

# A request has 28 s: no single call may take more than a few. botocore repeats a transaction under the same
# ClientRequestToken, so its own retries are safe.
_QUICK = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "max_attempts": 2}, tcp_keepalive=True)


@cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


@cache
def table() -> Table:
    client: DynamoDBClient = _session().create_client("dynamodb", config=_QUICK)  # type: ignore[assignment]
    return Table(client, settings().table_name)


@cache
def machines() -> Machines:
    client: SFNClient = _session().create_client("stepfunctions", config=_QUICK)  # type: ignore[assignment]
    return Machines(client, settings().machines_arn_prefix)


@cache
def secret(secret_id: str) -> bytes:
    """A secret's text, read once in a process: a rotated one is seen by the next."""
    client: SecretsManagerClient = _session().create_client("secretsmanager", config=_QUICK)  # type: ignore[assignment]
    return client.get_secret_value(SecretId=secret_id)["SecretString"].encode()
