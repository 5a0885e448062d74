"""How many of a function may run at once: as many are kept free for it, whatever the others do, and no more are run.

What is reserved is taken from what the account has, which staging and production may share; the rest is for APIs,
rounds of schedules and streams together. API Gateway lets 100 requests in a second, each of a few tens of milliseconds:
they need ten. A task that finds no place is tried again for three hours by its machine, the bank sends its webhook
again, and the next round of the sweeper does what this one did not.
"""

from __future__ import annotations

from collections.abc import Mapping

from infra.contexts import contexts

OF_ACCOUNT = 1_000  # what AWS lets an account run at once in a region, once it has asked; new ones may have less
UNRESERVED_MIN = 100  # AWS wants so many left for what nothing is reserved for

TASK = 10  # money is under way: a flood of requests stops no machine. An exchange takes some ten of our calls a second
WEBHOOK = 10  # the bank tells of some hundred payouts a second, and none waits behind customers
SWEEPER = 2  # a round each minute; the second is for one that was started late

RESERVED: Mapping[str, int] = {
    **{f"{context.name}.{task}": TASK for context in contexts() for task in context.tasks},
    "payouts.webhook": WEBHOOK,
    "operations.sweep": SWEEPER,
}
