"""The change of the migration file that `retire` proposes and `provision` applies: Pulumi owns the resources."""

import json
from typing import Any

from keyspaces_migration.config import Migration
from keyspaces_migration.config.sections import CheckEngine
from keyspaces_migration.retirement.proposal import CapacityProposal, units_text


def changed_migration(migration: Migration, proposal: CapacityProposal | None) -> Migration:
    """Return the migration as it is with the change made: proof that the file would be valid.

    Args:
        migration: As it is in force.
        proposal: Of the tables' throughput; None where nothing could be proposed.
    """
    content: dict[str, Any] = json.loads(migration.canonical_json())
    for table in proposal.changes if proposal else ():
        content["tables"][table.table]["throughput"] = table.proposed.model_dump(mode="json")
    content["comparison_lambda"] = None
    content["consistency"]["engine"] = CheckEngine.AIRFLOW.value
    return Migration.from_canonical_json(json.dumps(content))


def as_yaml(migration: Migration, proposal: CapacityProposal | None) -> str:
    """Return the change as YAML text to paste, with comments that say what goes where; empty where there is none."""
    changed = changed_migration(migration, proposal)
    lines = [f"# In the file of migration {migration.name}, in place of what is there:"]
    if changes := proposal.changes if proposal else ():
        lines.append("tables:")
        for table in changes:
            lines += [f"  {table.table}:", f"    throughput: {units_text(table.proposed)}"]
            lines.append(f"    # before: {units_text(table.now)}; the rest of the table stays")
    if migration.consistency.engine is not changed.consistency.engine:
        lines += ["consistency:", f"  engine: {changed.consistency.engine} # as the function goes"]
    if migration.comparison_lambda is not None:
        lines.append("# Remove the section comparison_lambda: the function, its role and its schedule go with it.")
    return "\n".join(lines) + "\n" if changed.digest != migration.digest else ""
