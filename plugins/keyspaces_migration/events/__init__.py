"""What people are told: events with their texts. Nothing here sends them."""

from keyspaces_migration.events.event import Event, Place
from keyspaces_migration.events.texts import WORDINGS, failed_task, happening

__all__ = ["WORDINGS", "Event", "Place", "failed_task", "happening"]
