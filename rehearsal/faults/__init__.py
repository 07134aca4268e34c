"""Faults on the way: the lifecycle goes on while what it stands on breaks, and a full audit follows each fault."""
