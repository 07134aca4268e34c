"""Moving reads to the target and back: the flag's writer, and whether the migration is ready."""
