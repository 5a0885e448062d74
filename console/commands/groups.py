"""A group of commands."""

from __future__ import annotations

import typer


def group_of(does: str, *, completes: bool = False, is_command: bool = False) -> typer.Typer:
    """With its help. `completes`: it can be made known to a shell; `is_command`: it does something by itself."""
    return typer.Typer(
        help=does,
        no_args_is_help=not is_command,
        add_completion=completes,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
