"""What every test has: a settled environment without AWS, and a desk when it asks for one."""

import gc
import io
import logging
import os
from collections import Counter
from collections.abc import Iterator
from functools import cache, partial
from typing import Any

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

from tests.settled import ENVIRONMENT

os.environ |= {**ENVIRONMENT, "MPLBACKEND": "agg"}

# After the environment, which the logger reads when it is made.
from common.log import log, metrics
from common.owner import Owner
from tests.comparing import compared
from tests.compiled import compile_all
from tests.depth import left_out
from tests.desk import Desk
from tests.harness.apart import apart, in_large_pages

# The same examples in every run: what one run found, the next one plays too.
settings.register_profile("decided", derandomize=True, deadline=None)
settings.load_profile("decided")

SHARED = {  # what is dear and made once in a process: the files that ask for it go to one worker
    "tests/journeys/": ("test_",),
    "tests/web/": ("test_console", "test_pictures"),
    "tests/infra/": (
        "test_alarms_of_payouts",
        "test_console",
        "test_environment",
        "test_machines",
        "test_pages",
        "test_stack",
        "test_streams",
    ),
}

HEAVIEST = (  # in this order before all others: whoever is left alone in the end has little to do
    "tests/journeys/",
    "tests/planted/",
    "tests/web/test_console.py",
    "tests/clients/test_trial.py",
    "tests/market_making/test_crash_matrix.py",
    "tests/billing/test_crash_matrix_refunds.py",
    "tests/market_making/test_more_faulty_lives.py",
    "tests/market_making/test_faulty_lives.py",
    "tests/operations/test_reconciliation.py",
    "tests/offramp/test_more_faulty_lives.py",
    "tests/offramp/test_faulty_lives.py",
    "tests/offramp/test_lying_lives.py",
    "tests/infra/",
    "tests/billing/test_crash_matrix_payments.py",
    "tests/purchases/test_contention.py",
    "tests/purchases/test_lying_lives.py",
    "tests/market_making/test_crash_matrix_",
    "tests/test_http_failures.py",
    "tests/test_crash_matrix.py",
    "tests/purchases/test_crash_matrix.py",
    "tests/offramp/test_crash_matrix.py",
    "tests/operations/test_acts.py",
    "tests/harness/test_alike.py",
    "tests/test_bench.py",
    "tests/test_budget.py",
    "tests/market_making/",
    "tests/billing/",
    "tests/operations/",
    "tests/orders/test_contention.py",
    "tests/purchases/",
    "tests/test_http_",
)

MANY = 100  # tests, for which it pays to arrange memory (half a second)


class SharedScheduling(LoadFileScheduling):  # type: ignore[misc]
    """A file at a time to a worker, and those that share a stack or a synthesis one after the other to one of them."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, _ = nodeid.partition("::")
        for folder, names in SHARED.items():
            if file.startswith(tuple(folder + name for name in names)):
                return folder
        return file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    compile_all(config)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    return SharedScheduling(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The heaviest first, and of long tables what this depth plays."""

    @cache
    def place_of(file: str) -> int:
        return next((n for n, begin in enumerate(HEAVIEST) if file.startswith(begin)), len(HEAVIEST))

    def place(item: pytest.Item) -> int:
        return place_of(item.nodeid.partition("::")[0])

    if out := left_out(items):
        config.hook.pytest_deselected(items=out)
        gone = set(out)
        items[:] = [item for item in items if item not in gone]
    items.sort(key=place)


def pytest_configure(config: pytest.Config) -> None:
    gc.disable()  # until all is collected: little of it is garbage
    config.addinivalue_line("markers", "sampled(n): every day one in n of its cases")
    config.addinivalue_line(
        "markers", "apart(made=…): in a process of its own; what `made` makes is there beforehand; no other with None"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """A test that is marked `apart` changes something that is dear to make: with its fixtures it runs in a process of
    its own, and whoever comes next finds the thing as it was made.

    That a test has begun and ended well is told to nobody, unless durations are asked for: to tell it took a worker and
    its master as long as hundreds of tests take."""
    hook = item.ihook
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    marker = item.get_closest_marker("apart")
    if marker is None or marker.kwargs["made"] is None:
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
    else:
        marker.kwargs["made"]()
        told = apart(partial(_reports, item, nextitem))
        reports = [hook.pytest_report_from_serializable(config=item.config, data=each) for each in told]
    for report in reports:
        if report.when == "call" or not report.passed or item.config.getoption("durations") is not None:
            hook.pytest_runtest_logreport(report=report)
    if marker is not None and marker.kwargs["made"] is not None:
        item.session._setupstate.teardown_exact(nextitem)  # what only the item before needed has ended here, too
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _reports(item: pytest.Item, nextitem: pytest.Item | None) -> list[dict[str, Any]]:
    reports = runtestprotocol(item, log=False, nextitem=nextitem)
    return [item.ihook.pytest_report_to_serializable(config=item.config, report=report) for report in reports]


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is there now stays to the end: the collector need not look at it again and again. Of the rest little is
    garbage that it alone can find, some kilobytes of a life: to look for it took a tenth of all time."""
    gc.freeze()
    gc.set_threshold(500_000, 10, 10)
    gc.enable()
    if len(session.items) > MANY:
        in_large_pages()


@pytest.fixture(autouse=True)
def statements_are_as_declared() -> Iterator[None]:
    """In every test, prepared statements say what the functions that declare them say."""
    with compared():
        yield


@pytest.fixture
def desk() -> Iterator[Desk]:
    """The order desk with BTC at $100; its books are checked when the test is over."""
    desk = Desk()
    desk.list_asset("BTC", "100")
    yield desk
    desk.check()


@pytest.fixture
def ann(desk: Desk) -> Owner:
    """A customer who may sell and be paid, with $1,000 and 10 BTC that have cost her $1,000."""
    ann = desk.customer(usd="2000.00")
    desk.clients(ann)
    desk.buy(ann, "10")
    return ann


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each metric was counted: what the alarms see."""
    seen: Counter[str] = Counter()

    def add(*, name: str, value: float, **_: Any) -> None:
        seen[name] += int(value)

    monkeypatch.setattr(metrics, "add_metric", add)
    return seen


@pytest.fixture
def lines() -> Iterator[io.BytesIO]:
    """What is logged, as the log's reader gets it: UTF-8."""
    written = io.BytesIO()
    (handler,) = log.handlers
    assert isinstance(handler, logging.StreamHandler)
    before = handler.setStream(io.TextIOWrapper(written, encoding="utf-8", write_through=True))
    log.setLevel("INFO")
    yield written
    handler.setStream(before)
    log.setLevel("CRITICAL")


@pytest.fixture
def written_down() -> Iterator[io.StringIO]:
    """What is logged by whatever library, down to the least important. pytest's own plugin for that is off: all other
    tests would pay for it."""
    written, root = io.StringIO(), logging.getLogger()
    handler, before = logging.StreamHandler(written), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield written
    root.setLevel(before)
    root.removeHandler(handler)
