"""The root of the core's errors."""


class MigrationError(Exception):
    """Something a person can act on: the message says where, what was found, what is allowed and what to do.

    Every error that the core raises on purpose derives from this class, one class for each decision that a
    caller can take. Anything else that escapes from the core is a defect.
    """


class StandingError(MigrationError):
    """What stands in the way stays there until a person acts: a task that meets it is not tried again by itself."""
