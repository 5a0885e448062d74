"""The one Logger and the one Metrics. Every line is JSON and carries the request; order lines carry `order_id`.

No Tracer: importing it costs 50 ms of every cold start. X-Ray is switched on in the stack, and the request id on
each line joins them.
"""

import os

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit, single_metric

NAMESPACE = "Cryptodesk"
BUGS, RELEASE_BUGS = "Bugs", "ReleaseBugs"

# Two environments of one account count apart: their alarms look for the name that their functions are given.
_SERVICE = os.environ.get("POWERTOOLS_SERVICE_NAME", "cryptodesk")

_RELEASE = os.environ.get("RELEASE")  # what is deployed; on a laptop nothing is

log = Logger(service=_SERVICE)
metrics = Metrics(namespace=NAMESPACE, service=_SERVICE)


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
