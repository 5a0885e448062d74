"""The templates of the app as one: what a nested stack is given, what it gives back and what is imported stand where
they are used. A logical id in a nested stack has the stack's name before it, as in `Orders` + `ApiLog1866DE64`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from aws_cdk import NestedStack, Stack
from aws_cdk.assertions import Template
from constructs import IConstruct

STACK = "AWS::CloudFormation::Stack"
Resources = dict[str, dict[str, Any]]


class Templates:
    """Of some stacks and of what is nested in them."""

    def __init__(self, *stacks: Stack) -> None:
        self._raw: dict[str, Mapping[str, Any]] = {}  # by the names of stacks
        self._nested: dict[tuple[str, str], str] = {}  # a stack and a logical id in it: what is nested there
        self._given: dict[str, tuple[str, Mapping[str, Any]]] = {}  # to each nested one: by whom, and what
        for stack in stacks:
            self._raw[stack.stack_name] = Template.from_stack(stack).to_json()
            for nested in (child for child in stack.node.children if isinstance(child, NestedStack)):
                name = nested.node.id
                self._raw[name] = Template.from_stack(nested).to_json()
                at = logical_id(nested.nested_stack_resource)
                self._nested[stack.stack_name, at] = name
                made = self._raw[stack.stack_name]["Resources"][at]
                self._given[name] = stack.stack_name, made["Properties"].get("Parameters", {})

    @property
    def kinds(self) -> dict[str, list[str]]:
        """The type of each resource, by template."""
        return {name: [r["Type"] for r in template["Resources"].values()] for name, template in self._raw.items()}

    @cached_property
    def resources(self) -> Resources:
        """All of them, but the nested stacks themselves."""
        return {
            self._own(name, at): self._resolved(name, resource)
            for name, template in self._raw.items()
            for at, resource in template["Resources"].items()
            if resource["Type"] != STACK
        }

    def _own(self, stack: str, at: str) -> str:
        return f"{stack}{at}" if stack in self._given else at

    def _resolved(self, stack: str, said: Any) -> Any:
        match said:
            case {"Ref": str(name)} if len(said) == 1:
                return self._referred(stack, name)
            case {"Fn::GetAtt": [str(at), str(attribute)]} if (stack, at) in self._nested:
                inner = self._nested[stack, at]
                return self._resolved(inner, self._raw[inner]["Outputs"][attribute.removeprefix("Outputs.")]["Value"])
            case {"Fn::GetAtt": [str(at), str(attribute)]}:
                return {"Fn::GetAtt": [self._own(stack, at), attribute]}
            case {"Fn::ImportValue": str(name)}:
                return self.exported[name]
            case dict():
                return {key: self._resolved(stack, value) for key, value in said.items()}
            case list():
                return [self._resolved(stack, value) for value in said]
        return said

    def _referred(self, stack: str, name: str) -> Any:
        if name in self._raw[stack]["Resources"]:
            return {"Ref": self._own(stack, name)}
        if stack in self._given and name in self._given[stack][1]:
            giver, given = self._given[stack]
            return self._resolved(giver, given[name])
        return {"Ref": name}  # the region, the account

    def output(self, name: str) -> Any:
        """What a stack that is not nested tells under this name."""
        (found,) = [
            self._resolved(stack, template["Outputs"][name]["Value"])
            for stack, template in self._raw.items()
            if stack not in self._given and name in template.get("Outputs", {})
        ]
        return found

    @cached_property
    def exported(self) -> dict[str, Any]:
        return dict(self._exports())

    def _exports(self) -> Iterator[tuple[str, Any]]:
        for name, template in self._raw.items():
            for output in template.get("Outputs", {}).values():
                if "Export" in output:
                    yield output["Export"]["Name"], self._resolved(name, output["Value"])


def logical_id(of: IConstruct | None) -> str:
    """Of a resource or of a construct that is one, as it is in `Templates.resources`."""
    assert of is not None
    stack, resource = Stack.of(of), of.node.default_child or of
    at: str = stack.resolve(stack.get_logical_id(resource))  # type: ignore[arg-type]
    return f"{stack.node.id}{at}" if isinstance(stack, NestedStack) else at
