"""A runbook as who is woken reads it: what to look at, and the steps, one of which is done."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "runbooks"
PAGES = sorted(page.stem for page in FOLDER.glob("[a-z]*.md"))  # README.md leads to them
HEAD = r"\|[-|]+$|\| [^|]* \| then \|$"  # of a table
CONFIRM = ("proposals", "confirm", "PROPOSAL")

Words = tuple[str, ...]  # of a command, without `./desk`


@dataclass(frozen=True)
class Step:
    """A numbered step, or a row of a table; or what is said before them, which is all where there are none."""

    text: str
    commands: Sequence[Words]


@dataclass(frozen=True)
class Page:
    name: str
    title: str
    look: Step
    steps: Sequence[Step]
    afterwards: Step
    everywhere: Sequence[Words]

    @property
    def alarms(self) -> set[str]:
        """Those that its title names."""
        return set(re.findall(r"\b(?:[A-Z][a-z]+){2,}\b|^Bugs\b", self.title))

    @property
    def logged(self) -> list[str]:
        """By what a log is searched: the beginnings of members of its lines."""
        found = re.findall(r'\$\.(message|alarm|level) = "([^"*]+)', self.look.text)
        return [f'"{name}":"{value}' for name, value in found]

    @property
    def confirms(self) -> Words:
        """How another operator confirms what one has proposed."""
        return next(words for words in self.everywhere if words[:3] == CONFIRM)

    def step(self, words: str) -> Step:
        """The one that has these words."""
        (found,) = [step for step in self.steps if words in " ".join(step.text.split())]
        return found


@cache
def read(name: str) -> Page:
    text = re.sub(r"\\\n *", "", (FOLDER / f"{name}.md").read_text())
    meaning, _, rest = text.partition("**Look.**")
    look, _, do = rest.partition("**Do.**")
    do, _, afterwards = do.partition("**Afterwards.**")
    before, *parts = re.split(r"^(?=\||\d\. )", do, flags=re.MULTILINE)
    steps = [_step(re.split(r"\n\n(?=\S)", part)[0]) for part in parts if not re.match(HEAD, part.strip())]
    title = meaning.partition("\n")[0].removeprefix("# ")
    steps.insert(0, _step(before if steps else do))
    return Page(name, title, _step(look), steps, _step(afterwards), _step(text).commands)


def _step(text: str) -> Step:
    """What is typed begins with `./desk`; what only names a command does not."""
    return Step(text, [tuple(shlex.split(command)) for command in re.findall(r"\./desk ([^`\n]+)", text)])
