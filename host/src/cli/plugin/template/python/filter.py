"""Lets events of some types pass, and drops all others."""

from dataclasses import dataclass

from sluicebox_sdk import Event, Verdict, drop, filter, keep, setting


@dataclass
class Settings:
    """The plugin's `config` in the hub file."""

    types: list[str] = setting(doc="The types that pass.")


@filter
def of_type(event: Event, settings: Settings) -> Verdict:
    """Goes on with the event, or tells why not."""
    return keep() if event.type in settings.types else drop(f"of type {event.type}")
