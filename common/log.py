"""The one Logger and the one Metrics. Every line is JSON and says whose it is: `request_id` of a request, `execution`
and `state` of a machine's task, `function_request_id` of any call of a function, by which Lambda's own lines know it.

No Tracer: importing it costs 50 ms of every cold start. X-Ray is switched on in the stack, and the request id on
each line joins them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit, single_metric

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

E = TypeVar("E", bound=Mapping[str, Any])
A = TypeVar("A")

NAMESPACE = "Cryptodesk"
BUGS, RELEASE_BUGS = "Bugs", "ReleaseBugs"

# Two environments of one account count apart: their alarms look for the name that their functions are given.
_SERVICE = os.environ.get("POWERTOOLS_SERVICE_NAME", "cryptodesk")

_RELEASE = os.environ.get("RELEASE")  # what is deployed; on a laptop nothing is

log = Logger(service=_SERVICE)
metrics = Metrics(namespace=NAMESPACE, service=_SERVICE)


def logged(handler: Callable[[E, LambdaContext], A]) -> Callable[[E, LambdaContext], A]:
    """A handler, each of whose lines says which call it is of; a task's says also which execution has called it, in
    which of its states (`common.workflow` puts both into what a task is asked). An API's are named by
    `common.http.serve`."""

    @wraps(handler)
    def named(event: E, context: LambdaContext) -> A:
        # An execution that began before its machine told its name goes on without.
        caller = {name: event[name] for name in ("execution", "state") if name in event}
        with log.append_context_keys(function_request_id=context.aws_request_id, **caller):
            return handler(event, context)

    return named


def flush() -> None:
    """Print the metrics of this invocation, if it counted anything: Powertools warns where there is nothing."""
    if metrics.metric_set:
        metrics.flush_metrics()


def count(name: str, value: int = 1) -> None:
    """Add to a metric of this invocation; it is printed with the others when the invocation ends."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
    if name == BUGS:
        count_for_release()


def count_for_release() -> None:
    """A bug, told of the release that has it: while that is being deployed, it is taken back (infra/releases.py). It is
    printed by itself, since what is printed together has the same dimensions."""
    if _RELEASE:
        with single_metric(name=RELEASE_BUGS, unit=MetricUnit.Count, value=1, namespace=NAMESPACE) as metric:
            metric.add_dimension("service", _SERVICE)
            metric.add_dimension("release", _RELEASE)
