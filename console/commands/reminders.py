"""Bills that dealers are to be reminded of."""

from __future__ import annotations

from console.commands import acts
from console.commands.groups import group_of

group = group_of("Bills that dealers are to be reminded of. A dry run unless --yes.")

acts.with_reason(group, "reminders", "snooze", "The dealer was reminded: ask again in a week, if it is not paid.")
