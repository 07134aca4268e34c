"""The local world: every part of a migration on one machine, with no cloud account."""
