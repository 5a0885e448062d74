"""docs/problems/: a page for each problem of the API's document, under the name that its `type` ends with."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from common import http
from common.http import MethodNotAllowed
from docgen.problems import problem

Json = dict[str, Any]

FOLDER = "docs/problems"
LISTED_MAX = 30  # operations: who has more of them reads the document

_WHAT_TO_DO = {
    400: "Send the body in the form that is asked for. Nothing of the request was looked at.",
    403: "Ask with a token that may do this: the same request under the same token gets the same answer.",
    404: "Look at the ids of the request: nothing is known under them that is yours.",
    405: "Ask by one of the methods that `Allow` names.",
    409: "Look at what it is about, which is not, or not any more, as the request needs it. The same request may be "
    "answered otherwise once that has changed.",
    422: "Change the request: the same one gets the same answer.",
    429: "Wait for the seconds that `Retry-After` says, and send the same request again, with the same "
    "Idempotency-Key. A program that is told news by webhooks need not ask for them so often. API Gateway answers 429 "
    "as well, in its own form, when all who ask together are too many.",
    503: "Nothing is decided. Send the same request again, with the same Idempotency-Key, after the seconds that "
    "`Retry-After` says.",
}

_BY_WHOEVER_IS_ASKED_OTHERWISE = (
    'no operation over the API: there API Gateway answers `404 {"message": "Not Found"}` itself, for a path that there '
    "is not and for a method that a path has not. A function that is called past it answers so."
)

_BUG = """# InternalError

500 Internal Server Error · `/problems/InternalError`

This is a bug or an outage, not your doing.

**What to do.** Send the same request again, with the same Idempotency-Key: what was done before is not done twice. Tell
us the `instance` of the answer: our logs know the request by it.

**Answered by** any operation.
"""


def pages(document: Json) -> dict[str, str]:
    """By path below the root."""
    answered = _answered(document["paths"], document["components"]["responses"])
    examples = document["components"]["examples"]
    return {
        f"{FOLDER}/{name}.md": _page(name, example["value"], _by(answered[name])) for name, example in examples.items()
    } | {
        f"{FOLDER}/InternalError.md": _BUG,
        f"{FOLDER}/{MethodNotAllowed.__name__}.md": _page(
            MethodNotAllowed.__name__, problem(MethodNotAllowed), _BY_WHOEVER_IS_ASKED_OTHERWISE
        ),
    }


def _answered(paths: Mapping[str, Json], shared: Mapping[str, Json]) -> dict[str, list[str]]:
    """By the name of a problem, the operations that answer so."""
    found: dict[str, list[str]] = defaultdict(list)
    for path, operations in sorted(paths.items()):
        for method, operation in sorted(operations.items()):
            for told in operation["responses"].values():
                response = shared[told["$ref"].rpartition("/")[2]] if "$ref" in told else told
                for name in response.get("content", {}).get("application/problem+json", {}).get("examples", ()):
                    found[name].append(f"`{method.upper()} {path}`")
    return found


def _by(operations: list[str]) -> str:
    if len(operations) > LISTED_MAX:
        return f"{len(operations)} operations: the [document](../openapi.json) says which."
    return f"{len(operations)} operation{'' if len(operations) == 1 else 's'}: {', '.join(operations)}"


def _page(name: str, example: Json, by: str) -> str:
    status = example["status"]
    return f"""# {name}

{status} {example["title"]} · `{http.PROBLEMS}{name}`

{example["detail"]}

**What to do.** {_WHAT_TO_DO[status]}

```json
{json.dumps(example, indent=2, ensure_ascii=False)}
```

**Answered by** {by}
"""
