"""`cdk bootstrap` and `cdk deploy` to the embedded AWS, when there is something to deploy."""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
from botocore.exceptions import ClientError

from infra import bundle
from infra.bundle import Target
from infra.environment import REGION_EMBEDDED
from local.embedded_aws import SAVE
from local.environment import ROOT, LocalEnvironment

STACK, STATE = "Cryptodesk", "CryptodeskState"  # the second is deployed with the first, before it
TOOLKIT = "CDKToolkit"
ACCOUNT = "000000000000"
_DEPLOYED_BY = ("cdk.json", "package-lock.json", "requirements/dev.txt")  # besides infra/ and the asset


class DeploymentFailed(RuntimeError):
    """The CDK command line said no, or would. Says what it printed, or what to do."""


@dataclass(frozen=True)
class Deployment:
    """What the stack tells about itself."""

    api_id: str
    user_pool_id: str
    client_id: str
    operator_pool_id: str
    operator_client_id: str
    table_name: str
    exchange_key_secret: str  # Secrets Manager ids
    bank_key_secret: str
    bank_webhook_secret: str
    billing_key_secret: str
    custody_read_secret: str
    custody_spend_secret: str
    reading_keys_secret: str
    trading_keys_secret: str
    withdrawing_keys_secret: str
    campaign_keys_secret: str
    payments_queue_url: str
    cme_client_id: str
    console_client_id: str  # of customers
    operator_console_client_id: str

    @classmethod
    def read(cls, outputs: dict[str, str]) -> Deployment:
        return cls(
            api_id=outputs["ApiId"],
            user_pool_id=outputs["UserPoolId"],
            client_id=outputs["UserPoolClientId"],
            operator_pool_id=outputs["OperatorPoolId"],
            operator_client_id=outputs["OperatorPoolClientId"],
            table_name=outputs["TableName"],
            exchange_key_secret=outputs["ExchangeKeySecret"],
            bank_key_secret=outputs["BankKeySecret"],
            bank_webhook_secret=outputs["BankWebhookSecret"],
            billing_key_secret=outputs["BillingKeySecret"],
            custody_read_secret=outputs["CustodyReadSecret"],
            custody_spend_secret=outputs["CustodySpendSecret"],
            reading_keys_secret=outputs["ReadingKeysSecret"],
            trading_keys_secret=outputs["TradingKeysSecret"],
            withdrawing_keys_secret=outputs["WithdrawingKeysSecret"],
            campaign_keys_secret=outputs["CampaignKeysSecret"],
            payments_queue_url=outputs["PaymentsQueueUrl"],
            cme_client_id=outputs["CmeClientId"],
            console_client_id=outputs["ConsoleClientId"],
            operator_console_client_id=outputs["OperatorConsoleClientId"],
        )


def digest(environment: LocalEnvironment) -> str:
    """Of everything that decides what is deployed. Builds the asset, which is quick when it is built."""
    found = hashlib.sha256(bundle.build(Target.EMBEDDED).digest.encode())
    for path in [*sorted((ROOT / "infra").glob("*.py")), *(ROOT / name for name in _DEPLOYED_BY)]:
        found.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    found.update("\0".join(_context(environment)).encode())
    return found.hexdigest()


def deployed(environment: LocalEnvironment, wanted: str | None = None) -> Deployment | None:
    """The deployment, if it is the wanted one (None: any) and the embedded AWS still has it."""
    try:
        noted = json.loads(_note(environment).read_text())
    except FileNotFoundError:
        return None
    if wanted not in (None, noted["digest"]) or not _complete(environment, STACK):
        return None
    return Deployment(**noted["deployment"])


def bootstrapped(environment: LocalEnvironment) -> bool:
    return _complete(environment, TOOLKIT)


def bootstrap(environment: LocalEnvironment) -> None:
    """Raises DeploymentFailed."""
    _cdk(environment, "bootstrap", f"aws://{ACCOUNT}/{REGION_EMBEDDED}", "--app", "")


def deploy(environment: LocalEnvironment, wanted: str) -> Deployment:
    """Raises DeploymentFailed."""
    _must_not_be_of_one_stack(environment)
    outputs = environment.folder / "outputs.json"
    _cdk(
        environment,
        "deploy",
        STACK,
        *_context(environment),
        "--require-approval=never",
        "--output",
        str(environment.folder / "cdk.out"),
        "--outputs-file",
        str(outputs),
    )
    deployment = Deployment.read(json.loads(outputs.read_text())[STACK])
    saved = httpx.post(f"{environment.aws_url}{SAVE}", timeout=300)  # what is noted as deployed, a crash leaves there
    if saved.is_error:
        raise DeploymentFailed(f"deployed, and not saved: {saved.status_code}. Is the disk full?")
    _note(environment).write_text(json.dumps({"digest": wanted, "deployment": asdict(deployment)}, indent=2) + "\n")
    return deployment


def _context(environment: LocalEnvironment) -> list[str]:
    told = {
        "environment": "local",
        "endpoint_url": environment.aws_url,
        "console_origins": f"http://127.0.0.1:{environment.docs_port},http://localhost:{environment.docs_port}",
        "price_oracle_url": environment.prices_url,
        "exchange_url": environment.exchange_url,
        "bank_url": environment.bank_url,
        "billing_url": environment.billing_url,
        "custody_url": environment.mixin_url,
        "hufi_launcher_url": f"{environment.hufi_url}/launcher",
        "hufi_oracle_url": f"{environment.hufi_url}/oracle",
    }
    return [word for name, value in told.items() for word in ("--context", f"{name}={value}")]


def _cdk(environment: LocalEnvironment, *arguments: str) -> None:
    variables = {
        **environment.aws_environment(),
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
        "CDK_VALIDATION": "false",  # ten seconds; `make check` does it
        "CDK_DISABLE_CLI_TELEMETRY": "true",
    }
    done = subprocess.run(
        [str(ROOT / "node_modules" / ".bin" / "cdk"), *arguments],
        cwd=ROOT,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    log = environment.folder / "logs" / f"cdk-{arguments[0]}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(done.stdout + done.stderr)
    if done.returncode != 0:
        end = "\n".join((done.stdout + done.stderr).splitlines()[-30:])
        raise DeploymentFailed(f"cdk {arguments[0]} failed:\n{end}\n(all of it: {log})")


def _must_not_be_of_one_stack(environment: LocalEnvironment) -> None:
    """Its functions have the names of ours, and its table would go with it: docs/decisions/0031."""
    if _status(environment, STACK) is not None and _status(environment, STATE) is None:
        raise DeploymentFailed(
            f"{environment.folder} was made when the desk was a single stack, which can not become what is deployed "
            f"now. Its data can not be kept. Do once: make down; rm -rf {environment.folder}; make up"
        )


def _complete(environment: LocalEnvironment, stack: str) -> bool:
    return _status(environment, stack) in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}


def _status(environment: LocalEnvironment, stack: str) -> str | None:
    """None: there is no such stack."""
    try:
        status: str = environment.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
    except ClientError:
        return None
    return status


def _note(environment: LocalEnvironment) -> Path:
    return environment.folder / "deployed.json"
