"""An operator who is signed out or disabled is refused at once, whatever the user pool does meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from common import sign_outs
from common.domain import audit
from common.domain.audit import AuditEntry
from common.domain.flow_halts import Flow
from common.operator_pool import OperatorPoolUnavailable
from common.sign_outs import SignOut
from common.table.table import TableUnavailable
from common.table.transaction import Busy
from functions.operations.service.operators import DISABLED, SIGNED_OUT
from tests.desk import Clock, Desk
from tests.doors import Client, Doors, Token, opened
from tests.harness.errors import client_error
from tests.harness.user_pool import InMemoryUserPool
from tests.seen import before_next_write

WHY = "his laptop was stolen"
OLEG = Token("oleg", "sub-oleg", ("operators", "approvers"))


class Stopped(Clock):
    """A time that moves only when told."""

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def desk() -> Desk:
    return Desk(clock=Stopped())


@pytest.fixture
def doors(desk: Desk) -> Iterator[Doors]:
    with opened(desk) as doors:
        yield doors


def pool(desk: Desk) -> InMemoryUserPool:
    client = desk.operator_pool.client
    assert isinstance(client, InMemoryUserPool)
    return client


def signed_in(doors: Doors, ago: float = 0) -> Client:
    """Oleg, who has signed in so many seconds ago."""
    at = int((doors.desk.clock.at - timedelta(seconds=ago)).timestamp())
    return doors.as_(Token(OLEG.username or "", OLEG.sub, OLEG.groups, {"auth_time": str(at)}))


def good(asking: Client) -> bool:
    answer = asking.get("/operations/halts")
    assert answer.status == 200 or (answer.status, answer.problem) == (403, "TokenRefused")
    return answer.status == 200


def out(desk: Desk) -> SignOut:
    found = sign_outs.find(desk.table, "oleg")
    assert found is not None
    return found


def test_who_is_signed_out_is_refused_at_once_and_signs_in_anew(desk: Desk, doors: Doors) -> None:
    before = signed_in(doors, ago=600)
    assert good(before)
    told = doors.operator("olga").post("/operations/operators/oleg/sign-out", {"reason": WHY})
    assert (told.json["before"], told.json["after"], told.json["done"]) == (None, SIGNED_OUT, True)
    assert not good(before)
    assert pool(desk).signed_out == ["oleg"]
    desk.clock.forward(seconds=1)
    assert good(signed_in(doors))
    assert not good(signed_in(doors, ago=600)), "a refreshed token is of the sign-in that it was refreshed from"


def test_a_sign_in_of_the_very_second_is_no_good(desk: Desk, doors: Doors) -> None:
    """A token tells whole seconds: whether he has signed in before or after is not known."""
    desk.clock.forward(seconds=0.7)
    desk.operators.sign_out("oleg", WHY, "olga", dry_run=False)
    assert not good(signed_in(doors))
    desk.clock.forward(seconds=0.3)
    assert good(signed_in(doors))


def test_a_token_that_does_not_say_when_is_refused(doors: Doors) -> None:
    for auth_time in (None, "", "never", "-1"):
        refused = doors.as_(Token("oleg", "sub-oleg", OLEG.groups, {"auth_time": auth_time})).get("/operations/halts")
        assert refused.problem == "TokenRefused"


def test_who_is_disabled_is_refused_and_the_pool_knows_it(desk: Desk, doors: Doors) -> None:
    oleg = signed_in(doors)
    desk.operators.disable("oleg", "he has left", "olga", dry_run=False)
    assert not good(oleg)
    assert pool(desk).disabled == {"oleg"}
    assert (out(desk).barred, out(desk).disabled_at) == (False, desk.clock.at)


def test_whom_the_pools_administrator_enables_signs_in_anew(desk: Desk, doors: Doors) -> None:
    desk.operators.disable("oleg", "he has left", "olga", dry_run=False)
    pool(desk).disabled.clear()
    desk.clock.forward(seconds=1)
    assert good(signed_in(doors))
    assert not good(signed_in(doors, ago=1))


@pytest.mark.parametrize("fault", ["down", "lost"])
def test_whom_the_pool_was_not_told_of_is_refused_whatever_he_brings(desk: Desk, doors: Doors, fault: str) -> None:
    """It may still let him sign in: so not even a sign-in that comes afterwards is good, until it has answered."""
    setattr(pool(desk), fault, True)
    with pytest.raises(OperatorPoolUnavailable, match="Of oleg whatever is brought is refused here; ask again"):
        desk.operators.disable("oleg", "he has left", "olga", dry_run=False)
    desk.clock.forward(hours=1)
    assert not good(signed_in(doors))
    setattr(pool(desk), fault, False)
    assert desk.operators.disable("oleg", "he has left", "olga", dry_run=False).before == DISABLED
    assert (out(desk).barred, pool(desk).disabled) == (False, {"oleg"})


def test_a_sign_out_that_the_pool_was_not_told_of_holds(desk: Desk, doors: Doors) -> None:
    oleg = signed_in(doors)
    pool(desk).down = True
    answer = doors.operator("olga").post("/operations/operators/oleg/sign-out", {"reason": WHY})
    assert (answer.status, answer.problem, answer.headers["retry-after"]) == (503, "OperatorPoolUnavailable", "5")
    assert not good(oleg)


def test_a_sign_out_lets_nobody_in_who_is_barred(desk: Desk, doors: Doors) -> None:
    pool(desk).down = True
    with pytest.raises(OperatorPoolUnavailable):
        desk.operators.disable("oleg", "he has left", "olga", dry_run=False)
    pool(desk).down = False
    desk.operators.sign_out("oleg", WHY, "olga", dry_run=False)
    desk.clock.forward(hours=1)
    assert not good(signed_in(doors))


def test_who_signs_in_while_the_pool_is_told_gets_in_no_more(desk: Desk, doors: Doors) -> None:
    told = pool(desk).admin_disable_user

    def slow(**asked: str) -> dict[str, Any]:
        desk.clock.forward(seconds=3)
        return told(**asked)

    pool(desk).admin_disable_user = slow  # type: ignore[method-assign]
    desk.operators.disable("oleg", "he has left", "olga", dry_run=False)
    assert not out(desk).barred
    assert not good(signed_in(doors, ago=1))


def test_who_acts_all_the_time_is_stopped_all_the_same(desk: Desk, doors: Doors) -> None:
    def acts() -> None:
        desk.table.write(*audit.entry(desk.table, AuditEntry(desk.clock.at, "oleg", "books", "all", "again")))

    before_next_write(desk, acts)
    assert desk.operators.sign_out("oleg", WHY, "olga", dry_run=False).done
    before_next_write(desk, acts)
    assert desk.operators.disable("oleg", WHY, "olga", dry_run=False).done
    before_next_write(desk, acts)
    assert desk.flows.halt(Flow.PAYOUTS, None, WHY, "olga", dry_run=False).done


def test_of_two_who_disable_at_once_neither_lifts_the_others_bar(desk: Desk) -> None:
    pool(desk).down = True
    with pytest.raises(OperatorPoolUnavailable):
        desk.operators.disable("oleg", "he has left", "olga", dry_run=False)
    first = out(desk)
    desk.clock.forward(seconds=1)
    with pytest.raises(OperatorPoolUnavailable):
        desk.operators.disable("oleg", "he has left", "otto", dry_run=False)
    assert first.disabled_at is not None
    with pytest.raises(Busy):
        desk.table.write(sign_outs.unbarred("oleg", first.disabled_at, desk.clock.at))
    assert out(desk).barred


def test_a_sign_out_of_the_same_moment_forgets_no_bar(desk: Desk) -> None:
    pool(desk).down = True

    def disabled() -> None:
        with pytest.raises(OperatorPoolUnavailable):
            desk.operators.disable("oleg", "he has left", "otto", dry_run=False)

    before_next_write(desk, disabled)
    with pytest.raises(Busy):
        desk.operators.sign_out("oleg", WHY, "olga", dry_run=False)
    assert out(desk).barred


def test_a_sign_out_never_goes_back_in_time(desk: Desk) -> None:
    """The clocks of two functions differ."""
    desk.operators.sign_out("oleg", WHY, "olga", dry_run=False)
    at = desk.clock.at
    desk.clock.forward(seconds=-2)
    desk.operators.sign_out("oleg", WHY, "olga", dry_run=False)
    assert out(desk).at == at


def test_where_the_list_can_not_be_read_no_operator_gets_in(desk: Desk, doors: Doors) -> None:
    class Silent:
        def get_item(self, **_: object) -> None:
            raise client_error("ThrottlingException", "", "GetItem")

    desk.client = Silent()
    answer = signed_in(doors).get("/operations/halts")
    assert (answer.status, answer.problem) == (503, TableUnavailable.__name__)
    assert answer.headers["retry-after"] == "1"


def test_customers_are_not_asked_for_in_the_list(desk: Desk, doors: Doors) -> None:
    """Nor is one signed out who has an operator's name: his tokens are those of another pool."""
    desk.customer("oleg", usd="1.00")
    desk.operators.sign_out("oleg", WHY, "olga", dry_run=False)
    assert doors.customer("oleg").get("/me").status == 200


def test_who_there_is_is_listed_with_groups_and_sign_outs(desk: Desk, doors: Doors) -> None:
    desk.operators.disable("vera", "she has left", "olga", dry_run=False)
    pool(desk).groups["viewers"].remove("vera")
    desk.clock.forward(seconds=1)
    items = {item["username"]: item for item in signed_in(doors).get("/operations/operators").json["items"]}
    assert list(items) == ["oleg", "olga", "vera"]
    assert (items["olga"]["groups"], items["olga"]["enabled"]) == (["operators", "approvers"], True)
    assert (items["vera"]["groups"], items["vera"]["enabled"], items["vera"]["barred"]) == ([], None, False)
    assert (items["vera"]["signed_out_at"] is None, items["olga"]["signed_out_at"]) == (False, None)
