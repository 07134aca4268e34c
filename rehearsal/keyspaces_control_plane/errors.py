"""The errors that the service models have, as exceptions."""

from __future__ import annotations


class ServiceError(Exception):
    """An answer other than success; subclasses are named after the service model's shapes."""

    http_status = 400

    @property
    def code(self) -> str:
        """The shape's name in the service model."""
        return type(self).__name__.removesuffix("Error") + "Exception"


class ValidationError(ServiceError):
    """The request breaks a rule of the service model or of Keyspaces."""


class ConflictError(ServiceError):
    """What is asked for exists already, or is being changed."""


class ResourceNotFoundError(ServiceError):
    """There is no such keyspace, table or operation."""


class ServiceQuotaExceededError(ServiceError):
    """A quota of the account would be exceeded."""


class AccessDeniedError(ServiceError):
    """The keyspace is the service's own."""


class InternalServerError(ServiceError):
    """The stand-in or its Cassandra node failed; clients retry it."""

    http_status = 500


class ObjectNotFoundError(ServiceError):
    """Application Auto Scaling has no such scalable target or policy."""


class InvalidNextTokenError(ServiceError):
    """The token is none that Application Auto Scaling gave."""


class TooManyTagsError(ServiceError):
    """A scalable target would have more tags than it may."""


class LimitExceededError(ServiceError):
    """A limit of Application Auto Scaling would be exceeded."""


class InternalServiceError(InternalServerError):
    """InternalServerError, as Application Auto Scaling names it."""
