"""How the desk is asked over HTTP: as its 503 says, once more a little later."""

from __future__ import annotations

import time
from http import HTTPStatus

import httpx

TRIES = 4
WAIT_SECONDS_MAX = 5  # what is halted says a minute: whoever asks is told so, and decides


class AskingAgain(httpx.HTTPTransport):
    """A machine that does much else answers 503 at times, with a `Retry-After`. What says the same when it is repeated,
    a question or whatever has an Idempotency-Key, is asked again after so long; what is unavailable for longer is
    answered as it is."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        for _ in range(TRIES - 1):
            answer = super().handle_request(request)
            if answer.status_code != HTTPStatus.SERVICE_UNAVAILABLE or not _may_be_repeated(request):
                return answer
            seconds = int(answer.headers.get("Retry-After", "1"))
            if seconds > WAIT_SECONDS_MAX:
                return answer
            answer.close()
            time.sleep(seconds)
        return super().handle_request(request)


def _may_be_repeated(request: httpx.Request) -> bool:
    return request.method == "GET" or "Idempotency-Key" in request.headers
