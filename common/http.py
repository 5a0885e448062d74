"""The HTTP face of a context: an API Gateway resolver in which a Refusal becomes an RFC 9457 problem.

`type` of a problem is `/problems/` and the class name of the refusal: it never changes, and docs/problems/ has a page
of it. `detail` is for people, `instance` is of this one request, by which our logs know it; further members are the
refusal's facts. Order of the checks: body size and form, token, fair use, sign-outs, route, shape of the
request, domain.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Collection
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestUnsupportedContentType, RequestValidationError
from aws_lambda_powertools.event_handler.openapi.params import Header
from aws_lambda_powertools.utilities.typing import LambdaContext

from common import aws, clock, fair_use, identity, sign_outs
from common.errors import Conflict, Denied, NotFound, Refusal, Rejected, Unavailable
from common.log import count, flush, log
from common.settings import settings
from common.wire import IDEMPOTENCY_KEY_PATTERN

BodyT = TypeVar("BodyT")

BODY_BYTES_MAX = 16 * 1024
SIGNED_BYTES_MAX = 64 * 1024  # of what others send us signed: as much as we read of their answers

# Who has what is written to no disk of a browser that others use after him, and no cache on the way tells it to them.
NEVER_KEPT = {"Cache-Control": "no-store"}
PROBLEMS, REQUESTS = "/problems/", "/requests/"  # where `type` and `instance` begin: relative, as each stage has a host

# From 3.13 on, Python calls it otherwise.
_TITLE = {HTTPStatus.UNPROCESSABLE_ENTITY: "Unprocessable Entity"}

IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        pattern=IDEMPOTENCY_KEY_PATTERN,
        description="Yours, one for each thing you want done; a repeat with the same key gets the first answer.",
    ),
]


OptionalKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=IDEMPOTENCY_KEY_PATTERN,
        description="Yours, one for each thing you want done; a repeat with the same key gets the first answer.",
    ),
]


class BodyRefused(Refusal):
    """The body is too large, not JSON, or not text. Nothing of it was looked at."""


class InvalidRequest(Rejected):
    """A parameter, a header or a field of the body is missing, unknown, or not of its form."""


class RouteNotFound(NotFound):
    """There is no such route."""


class MethodNotAllowed(Refusal):
    """The path takes other methods, which `Allow` names.

    API Gateway sends no such request: it answers 404 itself."""


STATUS = {
    Denied: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    Rejected: HTTPStatus.UNPROCESSABLE_ENTITY,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    MethodNotAllowed: HTTPStatus.METHOD_NOT_ALLOWED,
    fair_use.TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
}


def problem(refusal: Refusal, request_id: str) -> Response[str]:
    """`application/problem+json`. A dict body would be serialised only for `application/json`."""
    status = next((code for kind, code in STATUS.items() if isinstance(refusal, kind)), HTTPStatus.BAD_REQUEST)
    facts = {"retry_after_seconds": 1, **refusal.facts} if isinstance(refusal, Unavailable) else refusal.facts
    return _problem(type(refusal).__name__, status, refusal.detail, facts, request_id)


def _problem(kind: str, status: HTTPStatus, detail: str, facts: dict[str, Any], request_id: str) -> Response[str]:
    retry = {"Retry-After": str(facts["retry_after_seconds"])} if "retry_after_seconds" in facts else {}
    return Response(
        status_code=status,
        content_type="application/problem+json",
        headers=dict(retry),
        body=json.dumps(
            {
                "type": f"{PROBLEMS}{kind}",
                "title": _TITLE.get(status, status.phrase),
                "status": status,
                "detail": detail,
                "instance": f"{REQUESTS}{request_id}",
                **facts,
            }
        ),
    )


def api() -> APIGatewayHttpResolver:
    """A resolver that validates requests and answers every refusal with a problem."""
    app = APIGatewayHttpResolver(
        enable_validation=True,
        json_body_deserializer=_parsed,
        # Without it an answer of ours that has not its form would be told as the caller's mistake.
        response_validation_error_http_code=HTTPStatus.INTERNAL_SERVER_ERROR,
    )

    app.use(middlewares=[_known_queries_only])

    def told(refusal: Refusal) -> Response[str]:
        return problem(refusal, app.current_event.request_context.request_id)

    @app.exception_handler(Refusal)
    def refused(refusal: Refusal) -> Response[str]:
        say = log.warning if isinstance(refusal, Unavailable) else log.info  # what is down, production tells too
        say("refused", extra={"refusal": type(refusal).__name__, "detail": refusal.detail})
        return told(refusal)

    @app.exception_handler(RequestValidationError)
    def invalid(error: RequestValidationError) -> Response[str]:
        errors = [{"where": ".".join(map(str, e["loc"])), "what": e["msg"]} for e in error.errors()[:20]]
        log.info("refused", extra={"refusal": InvalidRequest.__name__, "errors": errors})
        return told(InvalidRequest("the request is not of the form this route takes", errors=errors))

    @app.exception_handler(RequestUnsupportedContentType)
    def not_json(_: RequestUnsupportedContentType) -> Response[str]:
        return told(BodyRefused("send the body as application/json"))

    @app.exception_handler(RecursionError)
    def too_deep(_: RecursionError) -> Response[str]:
        return told(BodyRefused("the body is nested too deeply"))

    @app.not_found
    def unknown(_: NotFoundError) -> Response[str]:
        if not (methods := _methods(app, app.current_event.path)):
            return told(RouteNotFound("there is no such route"))
        answer = told(MethodNotAllowed(f"this path takes {', '.join(methods)}", methods=methods))
        answer.headers["Allow"] = ", ".join(methods)
        return answer

    @app.exception_handler(Exception)
    def bug(_: Exception) -> Response[str]:
        return _bug(app.current_event.request_context.request_id)

    return app


def _methods(app: APIGatewayHttpResolver, path: str) -> list[str]:
    """Those of the routes that have this path."""
    routes = [*app._static_routes, *app._dynamic_routes]
    return sorted({route.method for route in routes if route.rule.match(path)})


def _bug(request_id: str) -> Response[str]:
    """Of the exception that is handled now."""
    log.exception("bug")
    count("Bugs")
    return _problem(
        "InternalError",
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "this is a bug or an outage, not your doing; send the same request again with the same Idempotency-Key",
        {},
        request_id,
    )


def _known_queries_only(app: APIGatewayHttpResolver, go_on: Callable[[APIGatewayHttpResolver], Any]) -> Any:
    """A query says what it says, as a body does: a filter that is misspelt would else be no filter at all. What is
    signed is exempt: its sender's system may append to the address what it likes, and the signature covers the body.

    Raises InvalidRequest, with the names that are known."""
    event = app.current_event
    known = sorted(parameter.alias for parameter in app.context["_route"].dependant.query_params)
    unknown = sorted({*(event.query_string_parameters or {})} - {*known})
    if unknown and event.request_context.authorizer:
        errors = [{"where": f"query.{name[:100]}", "what": "there is no such parameter here"} for name in unknown[:20]]
        raise InvalidRequest("the request is not of the form this route takes", errors=errors, known_parameters=known)
    return go_on(app)


def _parsed(text: str) -> dict[str, Any]:
    """The body. Raises BodyRefused."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise BodyRefused("a field is there more than once")
        return found

    def no_constant(constant: str) -> Any:
        raise BodyRefused(f"{constant} is not JSON")

    try:
        body = json.loads(text, object_pairs_hook=once, parse_constant=no_constant, parse_float=_number)
    except ValueError:  # also an integer of thousands of digits
        raise BodyRefused("the body is not JSON") from None
    if not isinstance(body, dict):
        raise BodyRefused("the body is not a JSON object")
    return body


def _number(written: str) -> int | float:
    """3.0 is the whole number 3, as JSON Schema has it and some programs write it. No amount is a number."""
    whole, _, part = written.partition(".")
    return int(whole) if part and not part.strip("0") else float(written)


def answer(body: BodyT, status: HTTPStatus, *, replayed: bool = False) -> Response[BodyT]:
    """`body` under another status than 200. A repeat says so in a header and is otherwise the first answer."""
    headers: dict[str, str | list[str]] = {"Idempotent-Replayed": "true"} if replayed else {}
    return Response(status_code=status, content_type="application/json", headers=headers, body=body)


def document(made: bytes, content_type: str) -> Response[str]:
    """What is no text, in base64 as API Gateway wants it; the caller gets its bytes."""
    response = Response(status_code=HTTPStatus.OK, content_type=content_type, body=base64.b64encode(made).decode())
    response.base64_encoded = True
    return response


def caller(app: APIGatewayHttpResolver) -> identity.Caller:
    """Who is asking. Raises TokenRefused; a route without an authorizer has nobody asking."""
    authorizer = app.current_event.request_context.authorizer
    claims = authorizer.jwt_claim if authorizer else None
    return identity.caller(claims or {}, settings(), clock.now(), app.current_event.path)


def raw_body(app: APIGatewayHttpResolver) -> bytes:
    """The bytes of the body as they were sent: what is signed, and not yet looked at."""
    return (app.current_event.body or "").encode()


def serve(
    app: APIGatewayHttpResolver,
    compose: Callable[[], object],
    *,
    open_routes: Collection[str] = (),
    stops: Collection[str] = (),
) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """The Lambda handler of an API. In Lambda the service is composed at once: start-up has more CPU than a request,
    and the first customer does not wait for it.

    `open_routes` (`POST /webhooks/baas`) are asked without a token, and prove by a signature who is asking. It is over
    the body as it was sent, so nothing is said against their body but its length before that is checked.

    `stops` (`POST /operations/flows/{flow}/halt`) are never refused for how often somebody has asked: who halts is in a
    hurry.
    """
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        compose()

    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        asked = event["requestContext"]
        log.append_keys(
            request_id=asked["requestId"],
            route=f"{asked['http']['method']} {asked['http']['path']}",
            function_request_id=context.aws_request_id,
        )
        try:
            open_ = event.get("routeKey") in open_routes
            answer = _checked(event, signed=open_) or (
                None if open_ else _identified(event, limited=event.get("routeKey") not in stops)
            )
            if answer is None and asked["http"]["path"].endswith("\n"):  # which the router's pattern does not see
                answer = _answer(RouteNotFound("there is no such route"), event)
            answer = answer or app.resolve(event, context)
            answer["headers"] = {**answer.get("headers", {}), **NEVER_KEPT}
            log.info("answered", extra={"status": answer["statusCode"]})
            return answer
        finally:
            log.clear_state()
            flush()

    return handler


def _checked(event: dict[str, Any], *, signed: bool) -> dict[str, Any] | None:
    """The refusal of a body that should not even be parsed. What is base64 becomes text here."""
    body = event.get("body")
    if not body or signed:  # the form is not asked of nothing, nor of what proves itself
        event.get("headers", {}).pop("content-type", None)
    if not body:
        return None
    most = SIGNED_BYTES_MAX if signed else BODY_BYTES_MAX
    too_long = BodyRefused(f"a body has at most {most} bytes")
    if len(body) > (most + 2) // 3 * 4:  # in base64
        return _answer(too_long, event)
    raw = body.encode("utf-8", "surrogatepass")
    if event.get("isBase64Encoded"):
        raw = base64.b64decode(body)
    if len(raw) > most:
        return _answer(too_long, event)
    content_type = event.get("headers", {}).get("content-type", "application/json")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        return _answer(BodyRefused("send the body as application/json"), event)
    try:
        event["body"], event["isBase64Encoded"] = raw.decode("utf-8"), False
    except UnicodeDecodeError:
        return _answer(BodyRefused("the body is not UTF-8"), event)
    return None


def _identified(event: dict[str, Any], *, limited: bool) -> dict[str, Any] | None:
    """The refusal of a token that is not ours, or that asks too often, or whose operator was signed out, before the
    request is looked at. Who asks too often is refused before the table is asked."""
    claims = event["requestContext"].get("authorizer", {}).get("jwt", {}).get("claims", {})
    try:
        asking = identity.caller(claims, settings(), clock.now(), event["rawPath"])
        if limited:
            method = event["requestContext"]["http"]["method"]
            fair_use.must_be_fair(asking, method, settings(), clock.now())
        if asking.operator:
            sign_outs.must_be_signed_in(aws.table(), asking)
    except Refusal as refusal:
        return _answer(refusal, event)
    except Exception:  # no resolver is about it yet
        return _told(_bug(event["requestContext"]["requestId"]))
    return None


def _answer(refusal: Refusal, event: dict[str, Any]) -> dict[str, Any]:
    log.info("refused", extra={"refusal": type(refusal).__name__, "detail": refusal.detail})
    return _told(problem(refusal, event["requestContext"]["requestId"]))


def _told(response: Response[str]) -> dict[str, Any]:
    return {
        "statusCode": int(response.status_code),
        "headers": {"Content-Type": "application/problem+json", **response.headers},
        "body": response.body,
    }
