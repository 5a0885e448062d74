"""Where a local stack is: its folder, its ports, its addresses, and how clients of its AWS are made."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from infra.environment import REGION_EMBEDDED

if TYPE_CHECKING:
    from types_boto3_cognito_idp import CognitoIdentityProviderClient
    from types_boto3_lambda import LambdaClient
    from types_boto3_stepfunctions import SFNClient

ROOT = Path(__file__).resolve().parent.parent
PORT, DOCS_PORT, PRICES_PORT, EXCHANGE_PORT, BANK_PORT, MIXIN_PORT = 4566, 4580, 4590, 4600, 4610, 4620
HUFI_PORT, BILLING_PORT = 4630, 4640
_REMEMBERED = "ports.json"
_QUICK = Config(connect_timeout=2, read_timeout=65, retries={"mode": "standard", "max_attempts": 2})


@dataclass(frozen=True)
class LocalEnvironment:
    folder: Path = ROOT / ".local"  # everything that a local stack keeps
    port: int = PORT  # the embedded AWS
    docs_port: int = DOCS_PORT
    prices_port: int = PRICES_PORT
    exchange_port: int = EXCHANGE_PORT
    bank_port: int = BANK_PORT
    mixin_port: int = MIXIN_PORT  # the custody
    hufi_port: int = HUFI_PORT  # the campaigns
    billing_port: int = BILLING_PORT  # the billing system

    @classmethod
    def remembered(cls, folder: Path | None = None, **chosen: int | None) -> LocalEnvironment:
        """With the ports that are chosen now; the others are those of the last `up` of the folder."""
        environment = cls() if folder is None else cls(folder)
        try:
            last = json.loads((environment.folder / _REMEMBERED).read_text())
        except FileNotFoundError:
            last = {}
        now = {name: port for name, port in chosen.items() if port is not None}
        return replace(environment, **{name: port for name, port in (last | now).items() if name in environment.ports})

    def remember(self) -> None:
        """For the next `up` of the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        beside = self.folder / f"{_REMEMBERED}.new"
        beside.write_text(json.dumps(self.ports, indent=2) + "\n")
        beside.replace(self.folder / _REMEMBERED)

    @property
    def ports(self) -> dict[str, int]:
        """By what chooses them: in upper case, of `make up`."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "folder"}

    @property
    def aws_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def prices_url(self) -> str:
        return f"http://127.0.0.1:{self.prices_port}"

    @property
    def exchange_url(self) -> str:
        return f"http://127.0.0.1:{self.exchange_port}"

    @property
    def bank_url(self) -> str:
        return f"http://127.0.0.1:{self.bank_port}"

    @property
    def mixin_url(self) -> str:
        return f"http://127.0.0.1:{self.mixin_port}"

    @property
    def hufi_url(self) -> str:
        return f"http://127.0.0.1:{self.hufi_port}"

    @property
    def billing_url(self) -> str:
        return f"http://127.0.0.1:{self.billing_port}"

    @property
    def console_url(self) -> str:
        return f"http://127.0.0.1:{self.docs_port}/"

    @property
    def docs_url(self) -> str:
        return f"http://127.0.0.1:{self.docs_port}/docs"

    def api_url(self, api_id: str) -> str:
        """By path: not every system resolves names under `localhost`, which the stack's own output uses."""
        return f"{self.aws_url}/_aws/execute-api/{api_id}"

    def environment(self) -> dict[str, str]:
        """Of every process we start: nobody's real AWS, and this Python first."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {
            **kept,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "PYTHONUNBUFFERED": "1",
        }

    def aws_environment(self) -> dict[str, str]:
        return {
            **self.environment(),
            "AWS_ENDPOINT_URL": self.aws_url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION_EMBEDDED,
            "AWS_DEFAULT_REGION": REGION_EMBEDDED,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def client(self, service: str) -> Any:
        session: Any = self._session  # its overloads take a literal, not a name
        return session.client(service, endpoint_url=self.aws_url, config=_QUICK)

    @cached_property
    def _session(self) -> boto3.Session:
        return boto3.Session("test", "test", region_name=REGION_EMBEDDED)

    @property
    def users(self) -> CognitoIdentityProviderClient:
        client: CognitoIdentityProviderClient = self.client("cognito-idp")
        return client

    @property
    def machines(self) -> SFNClient:
        client: SFNClient = self.client("stepfunctions")
        return client

    @property
    def functions(self) -> LambdaClient:
        client: LambdaClient = self.client("lambda")
        return client
