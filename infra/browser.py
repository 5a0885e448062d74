"""What a browser is told with each file of the console: what it is, from where it may take what, and whom it may ask.
In one home, since a laptop's server says the same as what stands before the files on AWS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}
_SWAGGER_UI = {  # which writes styles and HTML of its own: it has no session to steal, and asks this origin alone
    **{name: told for name, told in _POLICY.items() if "trusted-types" not in name},
    "style-src": "'self' 'unsafe-inline'",
}
HEADERS = {
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",  # a browser heeds it over TLS alone
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
POLICY = "Content-Security-Policy"
TYPES = {  # of what a browser takes, by the ending; what has none of them is a page of the console's own
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
    ".LICENSE": "text/plain; charset=utf-8",
}
API = "/api"  # where the HTTP API is under the console's address


def headers(pools: Sequence[str]) -> Mapping[str, str]:
    """Of the console, whose pages ask user pools at these origins."""
    return _with({**_POLICY, "connect-src": " ".join(["'self'", *sorted(set(pools))])})


def headers_of_swagger_ui() -> Mapping[str, str]:
    return _with(_SWAGGER_UI)


def type_of(name: str) -> str | None:
    """None: it is no file."""
    return next((told for ending, told in TYPES.items() if name.endswith(ending)), None)


def _with(policy: Mapping[str, str]) -> Mapping[str, str]:
    return {**HEADERS, POLICY: "; ".join(f"{name} {told}" for name, told in policy.items())}
