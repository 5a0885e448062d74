"""What the tasks of all state machines have in common: an id comes in, where the thing stands goes out.

A task is asked for {"id"}, and told which execution asks, in which state; it answers {"id", "stage", "wait_seconds",
"status", "reason", …}: the table's word for what is next, and what a person wants to read in the console. Refusals that
a machine retries or catches reach it by their class names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from common.errors import NotFound, Refusal
from common.log import count_for_release, flush, log
from common.machines import ElsewhereNow, Standing

LambdaEvent = dict[str, Any]
Answer = dict[str, Any]
DONE = "DONE"  # nothing is to be done


def step(
    event: LambdaEvent, ask: Callable[[str], Standing], *, missing: tuple[type[NotFound], ...], then: str | None = None
) -> Answer:
    """Ask what concerns the thing of the event. `then` is what comes next on the machine's straight line.

    What is `missing` is DONE: a machine ends silently when there is nothing to move. The hub's task has to miss it as
    well, or the machine would go round for ever.
    Raises ElsewhereNow, when something else is next; what `ask` raises.
    """
    thing_id = event["id"]
    with log.append_context_keys(id=thing_id):
        try:
            standing = ask(thing_id)
        except missing as gone:
            log.warning("nothing to move", extra={"why": gone.detail})
            standing = Standing(DONE, facts={"reason": gone.detail})
        except Refusal:
            raise
        except Exception:  # a person hears of it by the machine that it ends
            log.exception("bug")  # Lambda's own line of it does not say which execution it was
            count_for_release()
            raise
        finally:
            flush()
        log.info("moved", extra={"stage": standing.stage})
    facts = {"status": "", "reason": "", **standing.facts}
    if then is not None and standing.stage != then:
        said = facts["status"], facts["reason"] or f"next is {standing.stage}"
        raise ElsewhereNow(": ".join(word for word in said if word), id=thing_id)
    return {"id": thing_id, "stage": standing.stage, "wait_seconds": standing.wait_seconds, **facts}
