"""In what a laptop keeps of what it has acknowledged."""

from __future__ import annotations

from tests.planted.plants import Kind, Plant, plant

JOURNAL, AWS = "tests/local/test_journal.py", "tests/local/test_embedded_aws.py"
KILLED = f"{AWS}::test_a_killed_table_has_all_that_was_answered_wherever_it_was_saved"

PLANTS: list[Plant] = [
    plant(
        "kept-after-the-answer",
        Kind.ORDER_OF_WRITES,
        "local/embedded_aws.py:Kept",
        "        await self._journal.keep()\n",
        "",
        "An order is acknowledged, a killed process knows nothing of it, and the exchange has it.",
        KILLED,
        f"{AWS}::test_who_asks_is_not_answered_before_the_disk_has_it",
    ),
    plant(
        "kept-and-not-waited-for-the-disk",
        Kind.ORDER_OF_WRITES,
        "local/journal.py:Journal._append",
        "            os.fsync(self._file.fileno())\n",
        "",
        "A machine that loses its power loses orders that it has acknowledged.",
        f"{JOURNAL}::test_nobody_is_told_before_the_disk_has_it",
        f"{JOURNAL}::test_what_a_disk_does_not_take_is_acknowledged_when_it_does",
    ),
    plant(
        "kept-forgotten-before-it-is-saved",
        Kind.ORDER_OF_WRITES,
        "local/embedded_aws.py:Kept",
        "finished = await self._journal.turn()  #",
        "self._journal.forget(await self._journal.turn()); finished = ()  #",
        "A process that is killed while it saves the table has neither the journal nor the new state.",
        f"{AWS}::test_a_save_that_fails_forgets_nothing",
    ),
    plant(
        "kept-but-for-what-has-begun",
        Kind.ORDER_OF_WRITES,
        "local/embedded_aws.py:keep_changes",
        'journal.note([get_account_id(), get_region(), execution["executionArn"], _BEGUN, None, begun])',
        "pass",
        "An execution that began a moment before a kill leaves no trace; what it moved waits for half an hour.",
        f"{AWS}::test_an_execution_that_had_begun_has_failed_after_a_restart",
    ),
    plant(
        "kept-twice-after-a-save",
        Kind.DEDUPE_KEY,
        "local/journal.py:Journal.read",
        "changes[self._kept + 1 - first :]",
        "changes",
        "What is in the saved state is done again over what came later, and told again.",
        f"{JOURNAL}::test_what_is_in_the_saved_state_is_not_read_again",
    ),
    plant(
        "kept-with-a-hole",
        Kind.CONDITION,
        "local/journal.py:Journal.read",
        "if first > self._kept + 1:",
        "if False:",
        "A desk goes on without changes that are lost, and nobody is told.",
        f"{JOURNAL}::test_changes_of_which_some_are_missing_are_not_read",
        f"{AWS}::test_a_table_that_lacks_changes_is_not_begun",
    ),
]
