"""The gate before an outside system: a system that has asked us to wait is not asked by anybody until then.

    exchange = gated(CcxtExchange(…), ExchangeUnavailable, Ban(table, "binance", now))

A system tells one caller how long to wait (`Retry-After`, with whatever status) and means all of us: whoever goes on
asking makes the ban longer. So the ban is kept in the table, one item for each system, and looked up before the system
is asked. A ban is a courtesy and no rule of money: if it can not be read, the system is asked; if it can not be
written, this process alone keeps to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import wraps
from math import ceil
from typing import Any, TypeVar, cast

from common import keys
from common.errors import Conflict, Refusal, Unavailable
from common.log import count, log
from common.table.items import InstantAttribute, Item
from common.table.prepared import prepared
from common.table.table import Table
from common.table.transaction import Write

READ_SECONDS = 5  # for so long after a look-up that found no ban a process does not look again
BELIEVED_MAX = timedelta(hours=1)  # of a longer ban no more is believed: then the system is asked again
WRITING_SECONDS_MAX = 0.5  # for the table to take a ban; it is the time of a caller, who waits for something else

G = TypeVar("G")


class LongerBan(Conflict):
    """The table has a ban that lasts longer. No caller of a gate meets it."""


class BanItem(Item, discriminator=keys.BAN.entity):
    until = InstantAttribute()


@dataclass
class Ban:
    """Until when one outside system is not to be asked, as this process knows it."""

    table: Table
    system: str
    now: Callable[[], datetime]
    _until: datetime | None = None
    _read_at: datetime | None = None

    def seconds_left(self) -> int:
        """Whole seconds until the ban ends, rounded up; 0 when there is none. Costs one read of the table at most, and
        none within READ_SECONDS of the last."""
        now = self.now()
        if self._until is None or self._until <= now:
            self._until = self._read(now)
        return 0 if self._until is None else max(0, ceil((self._until - now).total_seconds()))

    def _read(self, now: datetime) -> datetime | None:
        if self._read_at is not None and 0 <= (now - self._read_at).total_seconds() < READ_SECONDS:
            return None
        try:
            item = self.table.get(BanItem, keys.BAN(system=self.system))
        except Unavailable as silent:
            log.warning("ban not read", extra={"system": self.system, "why": silent.detail})
            return None
        self._read_at = now
        return None if item is None else item.until

    def lengthen(self, seconds: int) -> None:
        """The system has asked us to wait so long from now on. The longer of two bans counts. Raises nothing."""
        at = self.now()
        until = at + min(timedelta(seconds=seconds), BELIEVED_MAX)
        if until <= (self._until or at):
            return
        self._until = until
        count("BansTold")
        log.warning("told to wait", extra={"system": self.system, "seconds": seconds})
        hasty = replace(self.table, patience=replace(self.table.patience, budget_seconds=WRITING_SECONDS_MAX))
        try:
            longer = LongerBan(f"{self.system} is not to be asked for longer")
            hasty.write(_lengthen(keys.BAN(system=self.system), until, at).refused_with(longer))
        except Refusal as no:
            log.info("ban not written", extra={"system": self.system, "why": no.detail})


@prepared
def _lengthen(key: keys.PrimaryKey, until: datetime, at: datetime) -> Write:
    item = BanItem
    return Write.update(
        item(*key),
        item.entity_type.set(item),
        item.until.set(until),
        item.created_at.set(item.created_at | at),
        item.updated_at.set(at),
        when=item.until.does_not_exist() | (item.until < until),
    )


class Gate:
    """A gateway whose methods reach the outside system only while there is no ban.

    While there is one, they raise `unavailable`, with `what` = rate_limit and `retry_after_seconds`, and nothing is
    sent. A refusal that says how long to wait begins a ban. One that a person has to mend (it has an `alarm`) is
    counted under that name.
    """

    def __init__(self, gateway: object, unavailable: type[Unavailable], ban: Ban) -> None:
        self._gateway = gateway
        self._unavailable = unavailable
        self._ban = ban

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._gateway, name)
        if not callable(member):
            return member

        @wraps(member)
        def asked(*args: Any, **kwargs: Any) -> Any:
            seconds = self._ban.seconds_left()
            if seconds:
                raise self._unavailable(
                    f"{self._ban.system} has asked us to wait {seconds} s more; nothing was sent",
                    what="rate_limit",
                    retry_after_seconds=seconds,
                )
            try:
                return member(*args, **kwargs)
            except Refusal as no:
                self._listen(no)
                raise

        return asked

    def _listen(self, no: Refusal) -> None:
        if isinstance(no, self._unavailable) and "retry_after_seconds" in no.facts:
            self._ban.lengthen(no.facts["retry_after_seconds"])
        if alarm := getattr(no, "alarm", None):
            count(alarm)
            log.error("outside needs a person", extra={"alarm": alarm, "system": self._ban.system, "why": no.detail})


def gated(gateway: G, unavailable: type[Unavailable], ban: Ban) -> G:
    """The gateway behind its gate: it keeps the same port."""
    return cast(G, Gate(gateway, unavailable, ban))
