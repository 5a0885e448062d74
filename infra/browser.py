"""What a browser is told with each file of the console: from where it may take what, and whom it may ask. In one home,
since a laptop's server says the same as what stands before the files on AWS."""

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


def headers(pools: Sequence[str]) -> Mapping[str, str]:
    """Of the console, whose pages ask user pools at these origins."""
    return _with({**_POLICY, "connect-src": " ".join(["'self'", *sorted(set(pools))])})


def headers_of_swagger_ui() -> Mapping[str, str]:
    return _with(_SWAGGER_UI)


def _with(policy: Mapping[str, str]) -> Mapping[str, str]:
    return {**HEADERS, POLICY: "; ".join(f"{name} {told}" for name, told in policy.items())}
