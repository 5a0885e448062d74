"""What a page tells its reader to type is there: commands of `desk`, verbs of `make`, functions, and routes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from console.__main__ import app
from infra.bundle import ROOT
from infra.contexts import contexts
from tests.console.run import made
from tests.infra.test_pages import PAGES

TEXTS = {str(page.relative_to(ROOT)): page.read_text() for page in PAGES}
A_ROUTE = r"\b(GET|POST|PUT|DELETE) (/operations/[a-z/{}_|A-Z-]+)"
VERBS = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
CONTEXTS = contexts()
ROUTES = {(route.method, route.path) for context in CONTEXTS for door in context.routes.values() for route in door}
FUNCTIONS = {
    f"{c.name}.{name}" for c in CONTEXTS for name in (*c.routes, *c.every_minutes, *c.tasks, *c.topics, *c.entities)
}


def told(text: str) -> list[str]:
    """The commands of `desk` in it, each on one line."""
    return re.findall(r"(?:\./|`)(desk [a-z][^`\n]*)", re.sub(r"\\\n *", "", text))


def test_a_page_says_only_what_desk_understands() -> None:
    commands = {command for text in TEXTS.values() for command in told(text)}
    assert len(commands) > 150
    for command in sorted(commands):
        understood(command)


def test_commands_that_a_refusal_names_are_there() -> None:
    texts = [path.read_text() for room in ("common", "functions") for path in (ROOT / room).rglob("*.py")]
    named = [command for text in texts for command in re.findall(r"`(desk [a-z][^`\n]*)`", text)]
    assert named
    for command in named:
        understood(command)


def test_every_command_of_desk_is_told_in_its_page() -> None:
    """In the section of its group, with its name in code."""
    sections = re.split(r"^### ", (ROOT / "docs" / "desk.md").read_text(), flags=re.MULTILINE)[1:]
    told_of = {group: text for text in sections for group in re.split(r", |\n", text.partition("\n")[0])}
    untold = {
        " ".join(command) for command in _commands(made(app)) if not set(command[1:]) <= _in_code(told_of[command[0]])
    }
    assert untold == set()


def _commands(group: Any) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield from ((name, *rest) for rest in _commands(command)) if hasattr(command, "commands") else [(name,)]


def _in_code(text: str) -> set[str]:
    spans = re.findall(r"`[^`]+`|^    .*$", text, re.MULTILINE)
    return {word for span in spans for word in re.findall(r"[a-z]+(?:-[a-z]+)*", span)}


def found(pattern: str) -> set[tuple[str, str]]:
    """What the pattern finds, with the page that says it."""
    return {(page, word) for page, text in TEXTS.items() for word in re.findall(pattern, text)}


def test_verbs_of_make_that_are_named_are_there() -> None:
    assert [told for told in found(r"`make ([a-z]+)") if told[1] not in VERBS] == []


def test_functions_that_are_named_are_there() -> None:
    """As `operations.sweep`, or by the name that AWS has of it."""
    named = found(rf"`((?:{'|'.join(context.name for context in CONTEXTS)})\.(?!py`)[a-z_]+)`")
    assert [told for told in named if told[1] not in FUNCTIONS] == []
    aws = {f"cryptodesk-{name.replace('.', '-').replace('_', '-')}" for name in FUNCTIONS}
    assert [told for told in found(r"/aws/lambda/(cryptodesk-[a-z-]+)\b(?!<|-)") if told[1] not in aws] == []


def test_routes_of_operators_that_are_named_are_there() -> None:
    """Whatever a parameter is called; of several endings, `complete|reject`, each."""
    shapes = {(method, re.sub(r"\{\w+\}", "{}", path)) for method, path in ROUTES}
    named = [(page, route) for page, text in TEXTS.items() for route in _named_routes(text)]
    assert [told for told in named if told[1] not in shapes] == []


def test_enough_is_looked_at() -> None:
    """The patterns above find what pages say."""
    texts = TEXTS.values()
    assert len([route for text in texts for route in _named_routes(text)]) > 5
    assert len([name for text in texts for name in re.findall("/aws/lambda/cryptodesk-[a-z]", text)]) > 5


def _named_routes(text: str) -> Iterator[tuple[str, str]]:
    for method, path in re.findall(A_ROUTE, text):
        before, _, endings = re.sub(r"\{\w+\}|(?<=/)[A-Z]+\b", "{}", path).rpartition("/")
        yield from ((method, f"{before}/{ending}") for ending in endings.split("|"))


@pytest.mark.parametrize(
    "wrong",
    [
        "desk offramp pay ID --reason x",
        "desk offramp void ID --force",
        "desk offramp void ID --yes",
        "desk work show ID ID",
        "desk parked",
    ],
)
def test_what_desk_does_not_understand_is_found(wrong: str) -> None:
    with pytest.raises(AssertionError):
        understood(wrong)


def _names(option: Any) -> list[str]:
    """Of what may be switched on or off, both."""
    return [*option.opts, *option.secondary_opts]


def understood(command_line: str) -> None:
    """A command is one of `desk`, and has its arguments and options unless it is only named."""
    _, *words = shlex.split(command_line.partition("#")[0])
    command: Any = made(app)
    while hasattr(command, "commands"):
        if command.invoke_without_command and (not words or words[0].startswith("-")):
            break
        assert words, command_line
        assert words[0] in command.commands, command_line
        command = command.commands[words.pop(0)]
    if words in ([], ["…"]):
        return
    options = {name: option for option in command.params for name in _names(option) if name.startswith("--")}
    given = [word for word in words if word.startswith("--")]
    assert set(given) <= options.keys(), command_line
    assert {name for name, option in options.items() if option.required} <= set(given), command_line
    values = sum(not options[name].is_flag for name in given)
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    several = any(argument.nargs == -1 for argument in arguments)
    told = len(words) - len(given) - values
    least = sum(argument.required for argument in arguments)
    assert least <= told <= len(arguments) or (several and told > len(arguments)), command_line
