"""Pages, as botocore's own paginators turn them."""

import functools
from typing import Any

import botocore.loaders
from botocore import xform_name
from botocore.exceptions import OperationNotPageableError
from botocore.paginate import Paginator, PaginatorModel

from tests.harness import errors


def can_paginate(operation_name: str) -> bool:
    return operation_name in _paginators()


def paginator(client: Any, operation_name: str) -> Any:
    """botocore's own paginator over any client of this shape. `operation_name` as in `query`."""
    if operation_name not in _paginators():
        raise OperationNotPageableError(operation_name=operation_name)
    name, settings = _paginators()[operation_name]
    return Paginator(getattr(client, operation_name), settings, errors.service_model().operation_model(name))


@functools.cache
def _paginators() -> dict[str, tuple[str, dict[str, Any]]]:
    """Operations that have pages: by method name, their API name and how their pages go on."""
    description = botocore.loaders.Loader().load_service_model("dynamodb", "paginators-1")
    model = PaginatorModel(description)
    return {xform_name(name): (name, model.get_paginator(name)) for name in description["pagination"]}
