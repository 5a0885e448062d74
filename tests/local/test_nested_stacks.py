"""CloudFormation of the embedded AWS on what our stacks are made of: one in another, and what a third one exports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.environment import REGION_EMBEDDED
from local.environment import LocalEnvironment
from local.stack import AWS, LocalStack, Silent
from tests.depth import PROVED
from tests.ports import free_ports

STATE = {
    "Resources": {"Books": {"Type": "AWS::SQS::Queue"}},
    "Outputs": {"Books": {"Value": {"Fn::GetAtt": ["Books", "Arn"]}, "Export": {"Name": "State:Books"}}},
}
LOG = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/nested/log"}}


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    local = LocalStack(LocalEnvironment(tmp_path, *free_ports(6)))
    local._start(Silent(), AWS)
    yield Cloud(local.environment)
    local.down(Silent())


class Cloud:
    def __init__(self, environment: LocalEnvironment) -> None:
        self.formation, self._s3 = environment.client("cloudformation"), environment.client("s3")
        self._s3.create_bucket(Bucket="templates")

    def nested(self, says: str) -> dict[str, Any]:
        """The main stack, with one in it whose log never changes and whose role says that."""
        role = {"Service": "lambda.amazonaws.com"}
        inner = {
            "Resources": {
                "Log": LOG,
                "Role": {
                    "Type": "AWS::IAM::Role",
                    "Properties": {
                        "Description": says,
                        "AssumeRolePolicyDocument": {"Statement": [{"Effect": "Allow", "Principal": role}]},
                    },
                },
            },
            "Outputs": {
                "Log": {"Value": {"Fn::GetAtt": ["Log", "Arn"]}},
                "Books": {"Value": {"Fn::ImportValue": "State:Books"}},
            },
        }
        self._s3.put_object(Bucket="templates", Key=f"{says}.json", Body=json.dumps(inner).encode())
        url = f"https://s3.{REGION_EMBEDDED}.amazonaws.com/templates/{says}.json"
        return {
            "Resources": {"Inner": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": url}}},
            "Outputs": {name: {"Value": {"Fn::GetAtt": ["Inner", f"Outputs.{name}"]}} for name in ("Log", "Books")},
        }

    def made(self, name: str, template: dict[str, Any], *, new: bool = True) -> dict[str, str]:
        """Its outputs, once it is there."""
        deploy = self.formation.create_stack if new else self.formation.update_stack
        deploy(StackName=name, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_NAMED_IAM"])
        waiter = self.formation.get_waiter("stack_create_complete" if new else "stack_update_complete")
        waiter.wait(StackName=name, WaiterConfig={"Delay": 0.2, "MaxAttempts": 100})
        (stack,) = self.formation.describe_stacks(StackName=name)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


@PROVED
def test_a_nested_stack_imports_and_is_updated_where_it_has_changed(cloud: Cloud) -> None:
    books = cloud.made("State", STATE)["Books"]
    first = cloud.made("Main", cloud.nested("first"))
    assert first["Books"] == books
    assert ":log-group:/nested/log" in first["Log"]
    assert cloud.made("Main", cloud.nested("second"), new=False) == first
