"""`make deploy`: the stack to a real AWS account, after a look at whose it is. See docs/deploy.md."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import botocore.session
from botocore.exceptions import BotoCoreError, ClientError

from infra.environment import EnvironmentName

ROOT = Path(__file__).resolve().parent.parent
HOW = "docs/deploy.md says what is needed."


class CanNotDeploy(RuntimeError):
    """Something is missing on this side. Says what."""


def account(session: botocore.session.Session) -> tuple[str, str]:
    """The account and region that a deployment would go to. Raises CanNotDeploy."""
    if os.environ.get("AWS_ENDPOINT_URL"):
        raise CanNotDeploy("AWS_ENDPOINT_URL is set: that is not AWS. `make up` deploys to the embedded one.")
    region = session.get_config_variable("region")
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


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.deploy", description=(__doc__ or "").partition("\n")[0])
    names = [name.value for name in EnvironmentName if name is not EnvironmentName.LOCAL]
    parser.add_argument("environment", choices=names)
    parser.add_argument("context", nargs="*", metavar="name=value", help="see infra/environment.py")
    chosen = parser.parse_args(arguments)
    try:
        number, region = account(botocore.session.get_session())
    except CanNotDeploy as why:
        print(f"Nothing was deployed: {why}", file=sys.stderr)
        return 1
    print(f"Cryptodesk ({chosen.environment}) goes to account {number}, {region}. New permissions are asked about.")
    context = [word for told in (f"environment={chosen.environment}", *chosen.context) for word in ("--context", told)]
    cdk = str(ROOT / "node_modules" / ".bin" / "cdk")
    return subprocess.run([cdk, "deploy", *context, "--require-approval=broadening"], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
