"""The five ways this system says no.

* Refusal
  - Denied        the caller may not ask this                    403
  - NotFound      the thing named does not exist                 404
  - Conflict      it exists, but not in a state that allows this 409
  - Rejected      the request breaks a rule of the domain        422
  - Unavailable   something we depend on did not answer;
                  the same request may be sent again             503

Every domain error derives from exactly one of them. A class name is the error's
public `type` (HTTP) and its `Error` (Step Functions): renaming one is a breaking change.
"""

from typing import Any


class Refusal(Exception):
    """A no that the caller can act on. Anything else that is raised is a bug.

    `detail` says what is wrong, what was expected and what to do; `facts` are the same for a program:
    names to values that JSON can hold, money as strings.
    """

    def __init__(self, detail: str, **facts: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts = facts


class Denied(Refusal): ...


class NotFound(Refusal): ...


class Conflict(Refusal): ...


class Rejected(Refusal): ...


class Unavailable(Refusal):
    """Nothing is decided; ask again. `retry_after_seconds` among the facts says when."""
