"""What takes two operators: one proposes it, saying what has happened and by which reference that can be looked up, and
another one confirms it.

        ┌───────────────────┐    the same is proposed again, by whomever
        ▼                   │
    PROPOSED ─┬─▶ CONFIRMED ┤    by another operator, in the transaction that does what was proposed
              └─▶ DISMISSED ┘    by any operator

A proposal's id is derived from all that is proposed: whoever confirms an id confirms what he was shown. What was
dismissed, or confirmed and came to nothing, may be proposed again under the same id. Until it is decided a proposal
waits for a person.
"""
