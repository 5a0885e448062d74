"""What every simulated system lets people and tests do under /sandbox/, besides what is its own:

POST   /sandbox/faults   {"kind": "timeout_after", "on": "place", "times": 1}     on and times may be left out
DELETE /sandbox/faults   those still to come
PUT    /sandbox/down     {"down": true}                                           no call is answered
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any, Generic

from common.errors import NotFound
from sandbox.faults import ANY, F, OrderedFaults
from sandbox.serving import Answer, Kinds, NoSuchPath, Request, as_json, members, parsed

TEXT: tuple[tuple[type, ...], str] = ((str,), "text")
NUMBER: tuple[tuple[type, ...], str] = ((int, float), "a number")
WHOLE: tuple[tuple[type, ...], str] = ((int,), "a whole number")
SWITCH: tuple[tuple[type, ...], str] = ((bool,), "true or false")


class NoSuchThing(NotFound):
    """A simulated system does not have what it is told to change."""


class Controls(Generic[F]):
    """`decide` answers requests under /sandbox/. A system extends `_decided` by what is its own.

    kinds: the members of its own requests' bodies.
    on_change: called after each control that changed something; what it raises as OSError is told to the caller.
    """

    def __init__(self, faults: OrderedFaults[F], kinds: Kinds, on_change: Callable[[], None] = lambda: None) -> None:
        self._ordered = faults
        self._kinds: Kinds = {
            "kind": ((str,), f"text, one of {', '.join(faults.kinds)}"),
            "on": ((str,), f"text, one of {', '.join(faults.targets)}"),
            "times": WHOLE,
            "down": SWITCH,
            **kinds,
        }
        self._on_change = on_change
        self._changing = Lock()  # one control at a time, so that what is kept is the last of them

    def decide(self, request: Request) -> Answer:
        """Raises Refusal."""
        with self._changing:
            told = self._decided(request)
            if request.method != "GET":
                self._on_change()
            return told if isinstance(told, Answer) else as_json(told)

    def _decided(self, request: Request) -> Any:
        """What is in force then, in what JSON can hold, or a whole answer. Raises Refusal."""
        match request.method, request.path[1:]:
            case "POST", ["faults"]:
                given = self._given(request, ["kind"], ["on", "times"])
                self._ordered.fail_next(given["kind"], given.get("on", ANY), given.get("times", 1))
                return {"faults": self._ordered.told()}
            case "DELETE", ["faults"]:
                self._ordered.heal()
                return {"faults": self._ordered.told()}
            case "PUT", ["down"]:
                self._ordered.down = self._given(request, ["down"])["down"]
                return {"down": self._ordered.down}
            case _:
                raise NoSuchPath(
                    f"nothing answers {request.method} /{'/'.join(request.path)}; GET /sandbox/state tells what is, "
                    "and --help of the process what can be changed"
                )

    def _given(self, request: Request, needed: Sequence[str], optional: Sequence[str] = ()) -> dict[str, Any]:
        """The members of a request's body. Raises BadRequest."""
        return members(self._kinds, parsed(request.body), needed, optional)
