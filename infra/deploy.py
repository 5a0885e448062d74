"""`make deploy`: the stacks to a real AWS account, after a look at whose it is. See docs/deploy.md."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import botocore.session
from botocore.exceptions import BotoCoreError, ClientError

from infra import edge, publish
from infra.console import WEB_ACL
from infra.environment import Environment, EnvironmentName, UnfitEnvironment, UnknownEnvironment

ROOT = Path(__file__).resolve().parent.parent
CDK = ROOT / "node_modules" / ".bin" / "cdk"
STACK = "Cryptodesk"  # with it goes what it depends on: the stack of the state
MADE = "build/cdk.out"  # what is looked at is what is deployed
HOW = "docs/deploy.md says what is needed."

Outputs = Callable[[str, str | None], Mapping[str, str]]  # of a stack, by its name and region; None: the desk's


class CanNotDeploy(RuntimeError):
    """Something is missing on this side. Says what."""


def account(session: botocore.session.Session) -> tuple[str, str]:
    """The account and region that a deployment would go to. Raises CanNotDeploy."""
    if os.environ.get("AWS_ENDPOINT_URL"):
        raise CanNotDeploy("AWS_ENDPOINT_URL is set: that is not AWS. `make up` deploys to the embedded one.")
    try:
        # As the CDK command line looks for it. botocore itself does not know AWS_REGION.
        region = os.environ.get("AWS_REGION") or session.get_config_variable("region")
    except BotoCoreError as unknown:  # a profile that there is none of
        raise CanNotDeploy(f"{unknown}: `aws configure list-profiles` has those that there are. {HOW}") from unknown
    if not region:
        raise CanNotDeploy(f"no region is set: export AWS_REGION=… (for example eu-central-1). {HOW}")
    if session.get_credentials() is None:
        raise CanNotDeploy(f"there are no AWS credentials here: sign in (`aws sso login`) or set AWS_PROFILE. {HOW}")
    try:
        sts: Any = session.create_client("sts", region_name=region)
        found = sts.get_caller_identity()
    except (BotoCoreError, ClientError) as refused:
        raise CanNotDeploy(f"AWS does not take the credentials: {refused}. {HOW}") from refused
    return found["Account"], region


def outputs(session: botocore.session.Session) -> Outputs:
    def told(stack: str, region: str | None) -> Mapping[str, str]:
        cloudformation: Any = session.create_client("cloudformation", region_name=region)
        (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}

    return told


def deploy(cdk: Path, environment: Environment, outputs: Outputs, *, keep_state: bool = False) -> int:
    """Asks before it widens any permission. Exit code of the CDK command line.

    By itself that would look at its stacks, and not into those that are nested in them, where the roles are. Its diff
    does, and ends with 1 where a permission is widened or where it could not look. The web ACL comes first: CloudFront
    is told its ARN, and there is no address before it stands.
    """

    def run(*words: str) -> int:
        return subprocess.run([str(cdk), *words], cwd=ROOT, check=False).returncode

    if failed := run("synth", "--quiet", "--output", MADE, "--context", f"environment={environment.name}"):
        return failed
    if failed := run("deploy", "--app", MADE, edge.NAME, "--require-approval=never"):  # it gives nobody a permission
        return failed
    web_acl = outputs(environment.stack_name(edge.NAME), edge.REGION)[edge.ARN]
    which = ["--app", MADE, STACK, *(["--exclusively"] if keep_state else [])]
    widens = run("diff", *which, "--method=template", "--security-only", "--fail-on=broadening") != 0
    told = f"--parameters={environment.stack_name(STACK)}:{WEB_ACL}={web_acl}"
    return run("deploy", *which, told, f"--require-approval={'any-change' if widens else 'never'}")


def fill_console(s3: Any, told: Mapping[str, str]) -> None:
    """told: outputs of the main stack."""
    publish.publish(s3, told["ConsoleBucket"], publish.release(ROOT / "web", told["ConsoleConfig"]))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.deploy", description=(__doc__ or "").partition("\n")[0])
    names = [name.value for name in EnvironmentName if name is not EnvironmentName.LOCAL]
    parser.add_argument("environment", choices=names)
    parser.add_argument("--keep-state", action="store_true", help="to go back: neither table, users nor secrets change")
    chosen = parser.parse_args(arguments)
    try:
        session = botocore.session.get_session()
        number, region = account(session)
        environment = Environment.read({"environment": chosen.environment}.get)
        if environment.nobodys:
            raise UnfitEnvironment(
                f"environments/{chosen.environment}.toml still names nobody by {', '.join(environment.nobodys)}: say "
                "whose it is, and commit it"
            )
    except (CanNotDeploy, UnknownEnvironment, UnfitEnvironment) as why:
        print(f"Nothing was deployed: {why}", file=sys.stderr)
        return 1
    print(f"Cryptodesk ({chosen.environment}) goes to account {number}, {region}. New permissions are asked about.")
    if failed := deploy(CDK, environment, outputs(session), keep_state=chosen.keep_state):
        return failed
    try:
        told = outputs(session)(environment.stack_name(STACK), None)
        fill_console(session.create_client("s3", region_name=region), told)
    except (BotoCoreError, ClientError) as why:
        print(f"The desk is deployed; its console is the one before: {why}. Do it again.", file=sys.stderr)
        return 1
    print(f"The console is at {told['ConsoleUrl']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
