"""The end of a migration: whether the source may be let go, what the target's capacity should be, and what was done."""
