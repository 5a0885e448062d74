"""The API does what its document says, whatever is asked: schemathesis asks."""

from tests.calls import World
from tests.depth import deep


def test_every_answer_is_as_the_document_says_and_no_good_request_is_bad() -> None:
    """No 5xx but a 503 with a name, no answer that the document does not know, no request that it lets pass refused for
    its form, none that it does not let pass accepted; and the books balance."""
    from tests.clients.trial import tried  # dear to import, and for no other test

    world = World.made()
    trial = tried(world.desk, one_in=deep(40, 1), random=2, rounds_of_chains=deep(0, 4))
    assert trial.wrong == []
    assert trial.requests >= deep(20, 5_000)
    assert trial.in_chains >= deep(0, 200)
    world.desk.check()
