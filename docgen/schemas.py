"""The schemas of the API's document: what they are called, so that a client can be made of them.

A generator takes the title of a schema, or of one inside another, for the name of a class. So whatever has a name of
its own has its key for a title, and nothing else has a title.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

SCHEMAS = "#/components/schemas/"

_ROOMS = ("common", "functions", "model")  # they name no owner of a schema


def said_shortly(document: Json) -> Json:
    """The same with each schema that pydantic tells apart by its module (`functions__purchases__recurring__Status`)
    called after the last part of it that says whose it is: RecurringStatus."""
    names = {name: _owned(name) for name in document["components"]["schemas"] if "__" in name}
    if len(set(names.values())) < len(names) or set(names.values()) & set(document["components"]["schemas"]):
        raise SchemasOfOneName(f"two schemas would be called the same: {names}; rename one of the classes")
    return _renamed(document, names)


class SchemasOfOneName(ValueError):
    """A client could not tell them apart."""


def _owned(name: str) -> str:
    *modules, called = name.split("__")
    owner = [module for module in modules if module not in _ROOMS][-1]
    return f"{_camel(owner)}{called}"


def _camel(words: str) -> str:
    return words.title().replace("_", "")


def apart(documents: Mapping[str, Json]) -> dict[str, Json]:
    """The same documents with schemas that have one name and are not the same called after their context, too."""
    shapes: dict[str, set[str]] = defaultdict(set)
    for document in documents.values():
        for name in document["components"]["schemas"]:
            shapes[name].add(json.dumps(_unfolded(name, document["components"]["schemas"]), sort_keys=True))
    several = {name for name, found in shapes.items() if len(found) > 1}
    return {
        context: _renamed(document, {name: f"{_camel(context.partition('.')[0])}{name}" for name in several})
        for context, document in documents.items()
    }


def _unfolded(name: str, schemas: Mapping[str, Json]) -> dict[str, Json]:
    """A schema with all that it refers to: by text alone, lists of different things look the same."""
    found: dict[str, Json] = {}
    left = [name]
    while left:
        name = left.pop()
        if name not in found:
            found[name] = schemas[name]
            left += _references(schemas[name])
    return found


def _references(node: Any) -> list[str]:
    return re.findall(f'"{re.escape(SCHEMAS)}([^"]+)"', json.dumps(node))


def _renamed(document: Json, names: Mapping[str, str]) -> Json:
    def reference(found: re.Match[str]) -> str:
        return f'"{SCHEMAS}{names.get(found[1], found[1])}"'

    renamed: Json = json.loads(re.sub(f'"{re.escape(SCHEMAS)}([^"]+)"', reference, json.dumps(document)))
    schemas = renamed["components"]["schemas"]
    renamed["components"]["schemas"] = {names.get(name, name): schema for name, schema in schemas.items()}
    return renamed


def reachable(schemas: dict[str, Json], used_by: Any) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for name in _references(used_by):
        found |= _unfolded(name, schemas)
    return found


def titled(schemas: Mapping[str, Json]) -> dict[str, Json]:
    """Each with its name for its title, and nothing inside of it with one."""
    return {name: {"title": name, **untitled(schema)} for name, schema in schemas.items()}


_OF_SCHEMAS = ("properties", "patternProperties", "$defs")  # members whose own members are schemas, by any name
_OF_VALUES = ("examples", "example", "default", "const", "enum")  # members that are no schemas


def untitled(schema: Json) -> Json:
    """A schema without a title of its own or of what is inside. A property that is called `title` stays."""
    said: Json = {}
    for name, value in schema.items():
        if name == "title":
            continue
        if name in _OF_SCHEMAS:
            said[name] = {each: untitled(inner) for each, inner in value.items()}
        elif name in _OF_VALUES:
            said[name] = value
        elif isinstance(value, dict):
            said[name] = untitled(value)
        elif isinstance(value, list):
            said[name] = [untitled(each) if isinstance(each, dict) else each for each in value]
        else:
            said[name] = value
    return said
