"""The CDK app: `cdk synth`, `cdk deploy`. What `make up` deploys to a laptop is what `make deploy` puts on AWS."""

from __future__ import annotations

import os

from aws_cdk import App, Validations

from infra import bundle, nag
from infra.bundle import Target
from infra.contexts import contexts
from infra.edge import EdgeStack
from infra.environment import Environment
from infra.stack import CryptodeskStack
from infra.state import StateStack


def build(app: App) -> CryptodeskStack:
    """The stacks, checked by cdk-nag. Where they go is read from the context."""
    environment = Environment.read(app.node.try_get_context)
    stack = CryptodeskStack(
        app, StateStack(app, environment), bundle.build(Target.of(environment.embedded)), contexts()
    )
    nag.acknowledge(stack)
    if not environment.embedded:
        nag.acknowledge_edge(EdgeStack(app, environment))
    Validations.of(app).add_plugins(*(pack(app) for pack in nag.packs(environment)))
    return stack


if __name__ == "__main__":
    cloud = App(outdir=os.environ.get("CDK_OUTDIR"))
    build(cloud)
    cloud.synth()
