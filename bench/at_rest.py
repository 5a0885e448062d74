"""What a month costs in which nobody comes: what the stack consists of, as it is synthesised for production, and the
rounds of the clock, each run once on the in-memory table.
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bench import custody, lives, prices
from bench.custody import Watched
from bench.lives import Cpu, Usage
from bench.report import Say, Section, table
from common import log
from common.gateways import configured
from functions.market_making.model import SHARDS
from infra.contexts import Context, contexts
from infra.environment import EnvironmentName
from sandbox.prices.oracle import Oracle
from tests.desk import Desk
from tests.harness.invocation import Invocation
from tests.harness.meter import Meter
from tests.infra.conftest import synthesised
from tests.market_making.market import Market

MINUTES = 30 * 24 * 60
UNITS = ("write_units", "read_units")
ASSETS = ("BTC", "ETH", "SOL", "ADA", "XRP")
SERVICES = (
    "anchoring",
    "book",
    "catalogue",
    "comparing_bank",
    "comparing_billing",
    "comparing_exchange",
    "cross_checking",
    "deliveries",
    "pooling",
    "reconciliation",
    "recurring_buys",
    "sweeper",
)  # what the schedules ask: each a property of a desk
MARKETS = ("balancing", "campaigning", "sending", "comparing")  # and of a market
DEALERSHIPS = ("rounds", "refunding")  # and of a dealership


@dataclass(frozen=True)
class Round:
    times: int  # in a month
    usage: Usage
    metrics: frozenset[str]


@dataclass(frozen=True)
class AtRest:
    cpu: Cpu
    alarms: int
    dashboards: int
    secrets: int
    keys: int
    web_acls: Sequence[int]  # how many rules each has
    rounds: Mapping[str, Round]
    watched: Watched
    ticked: Watched  # of one shard


def measured(say: Say) -> AtRest:
    cpu = lives.cpu(say)
    say("the stack, for production")
    with tempfile.TemporaryDirectory() as code:
        made = synthesised(Path(code), EnvironmentName.PRODUCTION)
    say("rounds of the clock")
    return AtRest(
        cpu,
        len(made.of("CloudWatch::Alarm")),
        len(made.of("CloudWatch::Dashboard")),
        len(made.of("SecretsManager::Secret")),
        len(made.of("KMS::Key")),
        [len(acl["Properties"]["Rules"]) for acl in made.edge.resources.values()],
        dict(rounds()),
        custody.watched(),
        custody.ticked(),
    )


def rounds() -> Iterator[tuple[str, Round]]:
    """Each as it is when nothing is to be done but to write down the prices of a few assets."""
    for context in contexts():
        for name, minutes in context.every_minutes.items():
            usage, metrics = _round(context, name)
            yield f"{context.name}.{name}", Round(MINUTES // minutes, usage, metrics)


def _round(context: Context, name: str) -> tuple[Usage, frozenset[str]]:
    desk = Desk()
    oracle = Oracle(desk.clock, seed=1)
    for asset_id in ASSETS:
        desk.list_asset(asset_id, "100")
        oracle.set_price(asset_id, "100", walk=True)
    module = importlib.import_module(f"functions.{context.name}.schedule")
    asked = Invocation()
    with _serving(module, desk, oracle), _seen() as metrics:
        getattr(module, name)({}, asked)  # the first has more to do
        desk.clock.forward(minutes=1)
        with Meter(desk.dynamo).measure() as cost:
            getattr(module, name)({}, asked)
    usage = Usage(
        requests=0,
        tasks=1,
        calls=cost.requests,
        transactions=sum(call.operation == "TransactWriteItems" for call in cost.calls),
        outside=0,
        write_units=cost.write_units,
        read_units=cost.read_units,
        executions=0,
        transitions=0,
        machine_log_bytes=0,
    )
    return usage, frozenset(metrics)


@contextmanager
def _serving(module: Any, desk: Desk, oracle: Oracle) -> Iterator[None]:
    """Within the block the schedule works on this desk, as `tests.outside` has tasks work on one."""
    with ExitStack() as patched:
        for name in SERVICES:
            if hasattr(module, name):
                patched.enter_context(patch.object(module, name, partial(getattr, desk, name)))
        market = Market(dynamo=desk.dynamo, clock=desk.clock)
        for name in MARKETS:
            if hasattr(module, name):
                patched.enter_context(patch.object(module, name, partial(getattr, market, name)))
        for name in DEALERSHIPS:
            if hasattr(module, name):
                patched.enter_context(patch.object(module, name, partial(getattr, desk.dealership, name)))
        patched.enter_context(patch.object(configured, "prices", lambda _: oracle))
        patched.enter_context(patch.object(configured, "tickers", lambda: desk.world.exchange))
        yield


@contextmanager
def _seen() -> Iterator[set[str]]:
    """The names of the metrics that are reported."""
    names: set[str] = set()
    add = log.metrics.add_metric

    def seen(name: str, **more: Any) -> None:
        names.add(name)
        add(name=name, **more)

    with patch.object(log.metrics, "add_metric", seen):
        yield names


def told(found: AtRest) -> str:
    rounds = found.rounds.values()
    metrics: frozenset[str] = frozenset().union(*(r.metrics for r in rounds))
    write_units, read_units = (sum(r.times * getattr(r.usage, name) for r in rounds) for name in UNITS)
    paid = {kind: sum(r.times * r.usage.dollars(found.cpu)[kind] for r in rounds) for kind in ("Lambda", "DynamoDB")}
    rows = [
        _counted("CloudWatch metrics that are reported in every round", len(metrics), prices.METRIC),
        _counted("alarms", found.alarms, prices.ALARM),
        _counted("dashboard, of more than 50 metrics", found.dashboards, prices.DASHBOARD),
        _counted("secrets", found.secrets, prices.SECRET),
        _counted("keys of KMS", found.keys, prices.KEY),
        _counted("web ACL", len(found.web_acls), prices.WEB_ACL),
        _counted("its rules and groups of rules", sum(found.web_acls), prices.WEB_ACL_RULE),
        ("Lambda", f"{sum(r.times for r in rounds):,} calls", paid["Lambda"]),
        ("DynamoDB", f"{write_units:,.0f} write and {read_units:,.0f} read units", paid["DynamoDB"]),
    ]
    rows.append(_minutely("the poller of the custody", "polls", found.watched, found.cpu, 1))
    rows.append(_minutely("the ticker of quotes, without orders", "ticks", found.ticked, found.cpu, len(SHARDS)))
    together = sum(dollars for _, _, dollars in rows)
    return "\n\n".join(
        [
            f"A month without a customer, with prices of {len(ASSETS)} assets, at list prices of us-east-1 of "
            f"{prices.DATED} and without the free tier; production, as it is synthesised. Storage and recovery of the "
            f"table come to 0.45 for each GB, a year of its monthly copies to {12 * prices.BACKUP_GIGABYTE}; logs, "
            "SNS, SQS and EventBridge to cents. What AWS itself asks KMS for tables, logs, alarms, at 0.03 for 10,000 "
            "times, was never measured; each keeps what it was told for minutes. A metric of what should "
            f"never happen costs {prices.METRIC} in a month in which it does.",
            table(
                ("what", "reckoning", "US$"),
                [
                    *((what, how, f"{dollars:.2f}") for what, how, dollars in rows),
                    ("**together**", "", f"**{together:.2f}**"),
                ],
            ),
        ]
    )


def _minutely(what: str, of: str, minute: Watched, cpu: Cpu, several: int) -> tuple[str, str, Decimal]:
    paid = minute.dollars(cpu)
    how = f"{several * minute.usage.tasks} {of} a minute; {', '.join(paid)}"
    return what, how, several * sum(paid.values(), Decimal(0))


def _counted(what: str, number: int, price: Decimal) -> tuple[str, str, Decimal]:
    return what, f"{number} × {price}", number * price


SECTION = Section("What it costs at rest", measured, told)
