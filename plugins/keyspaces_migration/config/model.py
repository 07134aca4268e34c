"""What every model of the migration file has in common."""

from collections.abc import Mapping
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict

_Name = TypeVar("_Name", bound=str)
_Value = TypeVar("_Value")


class FileModel(BaseModel):
    """A part of the migration file: frozen, strict, and without keys that nobody reads."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        use_attribute_docstrings=True,
        validate_default=False,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )


def _in_order_of_names(value: Mapping[_Name, _Value]) -> Mapping[_Name, _Value]:
    return dict(sorted(value.items()))


# A map's order in the file carries no meaning: sorted, a migration from the ledger behaves as one from the file.
ByName = Annotated[Mapping[_Name, _Value], AfterValidator(_in_order_of_names)]
