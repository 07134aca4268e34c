"""DataFrames of Arrow tables."""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from keyspaces_migration.errors import MigrationError

if TYPE_CHECKING:
    import pyarrow as pa

FrameType = Literal["pandas", "polars"]
PandasFrame = Any
"""pandas.DataFrame: pandas comes without types."""
PolarsFrame = Any
"""polars.DataFrame: polars need not be there."""

_LIBRARIES = ("pandas", "polars")


class FrameLibraryError(MigrationError):
    """There is no such library of DataFrames, or it is not installed; nothing was read."""


def require(df_type: str) -> None:
    """Check that a library is there.

    Raises:
        FrameLibraryError: It is not one that is known, or not installed.
    """
    if df_type not in _LIBRARIES:
        raise FrameLibraryError(f"df_type is {df_type!r}. Allowed: {', '.join(_LIBRARIES)}.")
    if find_spec(df_type) is None:
        raise FrameLibraryError(f"{df_type} is not installed. Install it beside Airflow, or use the other one.")


def frame_of(table: "pa.Table", df_type: FrameType) -> PandasFrame | PolarsFrame:
    """Return an Arrow table as a DataFrame, its values exact: pandas' own types know no whole numbers with nulls."""
    if df_type == "polars":
        import polars as pl  # type: ignore[import-not-found,unused-ignore]

        return pl.from_arrow(table)
    import pandas as pd  # type: ignore[import-untyped,unused-ignore]

    return table.to_pandas(types_mapper=pd.ArrowDtype)
