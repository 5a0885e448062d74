"""What takes two operators: one proposes an act, with what has happened and a reference where that can be looked up;
another one confirms it, and it is done.

        ┌───────────────────┐    the same is proposed again, by whomever
        ▼                   │
    PROPOSED ─┬─▶ CONFIRMED ┤    by another operator, within LASTS, in the transaction that does what was proposed
              └─▶ DISMISSED ┘    by any operator

A proposal's id is derived from all that is proposed, except the reason: whoever confirms an id confirms what he was
shown. The same may be proposed again under the same id when it was dismissed, or was confirmed and came to nothing.
Until it is decided, a proposal waits for a person. One that has ended, or whose proposer was signed out since, is only
dismissed.
"""
