"""What the secrets of the entry points have in common: strict JSON, and messages that repeat nothing of it."""

import ssl
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from keyspaces_migration.config.problems import near_miss, path_text
from keyspaces_migration.errors import MigrationError


class SecretError(MigrationError):
    """A secret, or its name in the environment, can't be used, and nothing was contacted: correct it."""


class SecretModel(BaseModel):
    """A secret's JSON object: frozen, strict, and without keys that nobody reads."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True
    )


def _check_pem(value: str) -> str:
    try:
        ssl.create_default_context(cadata=value)
    except (ssl.SSLError, ValueError):
        # Neither the text nor OpenSSL's words about it: whatever was put here by mistake may be a key.
        raise ValueError("found no certificate; allowed: certificates in PEM, one after the other") from None
    return value


Pem = Annotated[str, StringConstraints(min_length=1), AfterValidator(_check_pem)]
Text = Annotated[str, StringConstraints(min_length=1)]

Model = TypeVar("Model", bound=SecretModel)


def parse_secret(text: str, model: type[Model], *, name: str) -> Model:
    """Read the JSON of the secret called `name`.

    Raises:
        SecretError: It is no JSON, or a key is missing, unknown or wrong. The message names the known keys only, and
            repeats no value.
    """
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        problems = [_problem(each, model) for each in found]
    raise SecretError(f"Secret {name} can't be used: {'; '.join(problems)}")


def _problem(found: ErrorDetails, model: type[SecretModel]) -> str:
    place = found["loc"]
    if found["type"] == "json_invalid":
        return "it is not JSON; allowed: a JSON object"
    if found["type"] == "extra_forbidden":
        keys = [field.alias or key for key, field in model.model_fields.items()]
        hint = near_miss(str(place[-1]), keys)
        return f"it has an unknown key; allowed: {', '.join(keys)}{f'; {hint}' if hint else ''}"
    return f"{path_text(place) or 'the whole'}: {found['msg']}"
