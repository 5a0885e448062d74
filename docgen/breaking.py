"""`python -m docgen.breaking` says what of the released API the one of now would break; `--release` makes that of now
the released one.

One question decides: can a value that one side may write be read by the other? Of a request, what a client of then
writes has to be read by the desk of now. Of an answer, what the desk of now writes has to be read by a client of then;
that it may get further fields, and further types of problems, the document says.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from docgen.schemas import SCHEMAS
from infra.bundle import ROOT

Json = dict[str, Any]

NOW, RELEASED = ROOT / "docs" / "openapi.json", ROOT / "docs" / "api" / "released.json"

_TOLD_ONLY = ("description", "summary", "tags", "example", "examples", "headers")  # what no program reads
_LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")

_WHAT_TO_DO = """Released clients would break. Do it so that they do not:
- what is gone stays, beside what takes its place;
- a new field or parameter of a request is optional, and left out it is as before;
- what a request may say only grows, what an answer may say only shrinks; an answer may get further fields;
- a schema and an operation keep their names, which are names in clients.
A pattern that only tells what was refused all along breaks nobody: look that it does, and release it.
What has to be otherwise gets a path of its own. `python -m docgen.breaking --release` makes the API of now the released
one: only after those who use it were told."""


def broken(released: Json, now: Json) -> list[str]:
    """What a client of the released API would meet, a sentence for each."""
    return list(dict.fromkeys(_broken(released, now)))


def _broken(released: Json, now: Json) -> Iterator[str]:
    for path, operations in released["paths"].items():
        for method, before in operations.items():
            after = now["paths"].get(path, {}).get(method)
            route = f"{method.upper()} {path}"
            if after is None:
                yield f"{route} is gone"
                continue
            for told in _of_operation(before, after, released, now):
                yield f"{route}: {told}"


@dataclass(frozen=True)
class _Values:
    """What may be written by one side and is read by the other. answer: it is the desk that writes."""

    released: Json
    now: Json
    answer: bool

    def gone(self, before: Json, after: Json, where: str, seen: frozenset[str] = frozenset()) -> Iterator[str]:
        """What of the values of `where` is not read any more."""
        name = before.get("$ref", "").removeprefix(SCHEMAS)
        if name in seen:
            return
        before, after = _at(self.released, before), _at(self.now, after)
        if name and name != after.get("title"):
            yield f"{where} is called {after.get('title')}, and was {name}"
        within = seen | {name} if name else seen
        written, read = (after, before) if self.answer else (before, after)
        left = [
            (w, [r for r in _variants(read) if _kind(self._of(r)) == _kind(self._of(w))]) for w in _variants(written)
        ]
        for variant, readers in left:
            if not readers:
                yield f"{where} may be {_kind(self._of(variant))}, which is not read"
                continue
            found = [list(self._one(*self._order(variant, reader), where, within)) for reader in readers]
            yield from min(found, key=len)

    def _order(self, written: Json, read: Json) -> tuple[Json, Json]:
        return (read, written) if self.answer else (written, read)

    def _of(self, schema: Json) -> Json:
        name = schema.get("$ref", "").removeprefix(SCHEMAS)
        if not name:
            return schema
        known: Json = {**self.released["components"]["schemas"], **self.now["components"]["schemas"]}
        return dict(known[name])

    def _one(self, before: Json, after: Json, where: str, seen: frozenset[str]) -> Iterator[str]:
        if "$ref" in before or "$ref" in after:
            yield from self.gone(before, after, where, seen)
            return
        written, read = (after, before) if self.answer else (before, after)
        yield from _of_plain(written, read, where, answer=self.answer)
        for name, field in before.get("properties", {}).items():
            if name not in after.get("properties", {}):
                yield f"{where}: the field {name} is gone"
            else:
                yield from self.gone(field, after["properties"][name], f"{where}: {name}", seen)
        for name in sorted({*read.get("required", ())} - {*written.get("required", ())}):
            if name in before.get("properties", {}) and name not in after.get("properties", {}):
                continue
            yield f"{where}: the field {name} {'may be missing' if self.answer else 'has to be there'}"
        for member, of in (("items", "each of "), ("additionalProperties", "any field of ")):
            if isinstance(before.get(member), dict) and isinstance(after.get(member), dict):
                yield from self.gone(before[member], after[member], f"{of}{where}", seen)


def _of_operation(before: Json, after: Json, released: Json, now: Json) -> Iterator[str]:
    asked, answered = (_Values(released, now, answer=answer) for answer in (False, True))
    if before["operationId"] != after["operationId"]:
        yield f"the operation is called {after['operationId']}, and was {before['operationId']}"
    if after["security"] != before["security"] and after["security"]:
        yield "it asks for another token"
    yield from _of_parameters(before.get("parameters", []), after.get("parameters", []), asked)
    yield from _of_body(before.get("requestBody"), after.get("requestBody"), asked)
    for status, response in before["responses"].items():
        if status >= "300":
            continue
        if status not in after["responses"]:
            yield f"it is not answered with {status} any more"
            continue
        for media, content in response["content"].items():
            other = after["responses"][status]["content"].get(media)
            if other is None:
                yield f"its answer {status} is no {media} any more"
            else:
                yield from answered.gone(content["schema"], other["schema"], f"the answer {status}")
    for status in after["responses"].keys() - before["responses"].keys():
        if status < "300":
            yield f"it may be answered with {status}, which is new"


def _of_parameters(before: Sequence[Json], after: Sequence[Json], asked: _Values) -> Iterator[str]:
    known = {(one["in"], one["name"]): one for one in before}
    named = {(one["in"], one["name"]): one for one in after}
    for key, one in known.items():
        if key not in named:
            yield f"the parameter {one['name']} is gone"
        else:
            yield from asked.gone(one["schema"], named[key]["schema"], f"the parameter {one['name']}")
    for key, one in named.items():
        if one.get("required") and not known.get(key, {}).get("required"):
            yield f"the parameter {one['name']} has to be there"


def _of_body(before: Json | None, after: Json | None, asked: _Values) -> Iterator[str]:
    if after is None:
        if before is not None:
            yield "it takes no body any more"
        return
    if before is None:
        if after.get("required"):
            yield "it asks for a body"
        return
    for media, content in before["content"].items():
        if media not in after["content"]:
            yield f"it takes no {media} any more"
        else:
            yield from asked.gone(content["schema"], after["content"][media]["schema"], "the body")


def _of_plain(written: Json, read: Json, where: str, *, answer: bool) -> Iterator[str]:
    """What of plain values is not read. Of an answer that a text is longer or otherwise is no matter: it is a text."""
    others = [value for value in _values(written) if _values(read) and value not in _values(read)]
    if others:
        yield f"{where} may be {', '.join(map(str, others))}, which is not read"
    elif _values(read) and not _values(written):
        yield f"{where} may be only {', '.join(map(str, _values(read)))}"
    if read.get("format") not in (None, written.get("format")):
        yield f"{where} is of the format {read['format']}, and not {written.get('format')}"
    if answer:
        return
    if read.get("pattern") not in (None, written.get("pattern")):
        yield f"{where} has to be of another pattern: {read['pattern']}"
    for bound in _LEAST:
        if bound in read and read[bound] > written.get(bound, float("-inf")):
            yield f"{where} has a {bound} of {read[bound]}"
    for bound in _MOST:
        if bound in read and read[bound] < written.get(bound, float("inf")):
            yield f"{where} has a {bound} of {read[bound]}"


def _variants(schema: Json) -> Sequence[Json]:
    several: Sequence[Json] = schema.get("anyOf") or schema.get("oneOf") or [schema]
    return several


def _values(schema: Json) -> Sequence[Any]:
    return [schema["const"]] if "const" in schema else schema.get("enum", [])


def _kind(schema: Json) -> str:
    return str(schema.get("type", "anything"))


def _at(document: Json, schema: Json) -> Json:
    name = schema.get("$ref", "").removeprefix(SCHEMAS)
    return dict(document["components"]["schemas"][name]) if name else schema


def _compared(document: Json) -> Json:
    """What of a document is compared: the rest may change as it likes."""
    schemas = {name: _plain(schema) for name, schema in document["components"]["schemas"].items()}
    paths = {
        path: {
            method: {
                **_plain({n: v for n, v in operation.items() if n != "responses"}),
                "responses": {s: _plain(r) for s, r in operation["responses"].items() if s < "300"},
            }
            for method, operation in operations.items()
        }
        for path, operations in document["paths"].items()
    }
    return {"paths": paths, "components": {"schemas": schemas}}


def _plain(node: Any, *, of_names: bool = False) -> Any:
    """Without what no program reads. Below `properties` there are names, which may be any."""
    match node:
        case Mapping():
            kept = {name: value for name, value in node.items() if of_names or name not in _TOLD_ONLY}
            return {name: _plain(value, of_names=name == "properties") for name, value in kept.items()}
        case list():
            return [_plain(each) for each in node]
        case _:
            return node


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m docgen.breaking", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--release", action="store_true", help="the API of now is the released one")
    now = _compared(json.loads(NOW.read_text()))
    if parser.parse_args(arguments).release:
        RELEASED.write_text(json.dumps(now, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
        return 0
    told = broken(json.loads(RELEASED.read_text()), now)
    for one in told:
        print(one, file=sys.stderr)
    if told:
        print(_WHAT_TO_DO, file=sys.stderr)
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
