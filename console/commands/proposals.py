"""What another operator has proposed."""

from __future__ import annotations

from console.commands import acts
from console.commands.groups import group_of

group = group_of("What another operator has proposed. A dry run unless --yes.")

acts.with_reason(group, "proposals", "confirm", "Do what another operator has proposed.")
acts.with_reason(group, "proposals", "dismiss", "Nothing is to be done about what was proposed, also by yourself.")
