"""Readers of files and logs: lines in, records out, one at a time."""

from keyspaces_migration.statements.readers.detect import detect, read

__all__ = ["detect", "read"]
