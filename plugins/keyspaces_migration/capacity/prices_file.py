"""Reads a table of prices from a file."""

import json
from pathlib import Path

from pydantic import ValidationError

from keyspaces_migration.capacity.prices import Prices
from keyspaces_migration.config.explain import explain
from keyspaces_migration.config.problems import MigrationFileError
from keyspaces_migration.config.yaml_text import read_yaml


def load_prices(path: Path) -> Prices:
    """Read prices from a YAML file with the keys of `prices.Prices`, all of them.

    Raises:
        MigrationFileError: It can't be read or breaks a rule; its `problems` hold line, found and allowed.
    """
    file = read_yaml(path)
    try:
        return Prices.model_validate_json(json.dumps(file.content))
    except ValidationError as error:
        raise MigrationFileError(path=path, problems=explain(file, error, Prices)) from None
