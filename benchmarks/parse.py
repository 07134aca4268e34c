"""What the migration files cost whenever Airflow parses the DAG files.

    make bench NAME=parse

Each round takes fresh processes, interleaved: one that only imports Airflow's SDK, one that also runs every DAG file
over 1 migration file, one over 50. The last line is one JSON object with the medians; `parse_…_s` is what comes on
top of importing the SDK, all DAG files together. Bar: 50 files in at most 3 s.
"""

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROUNDS = 5
SIZES = (1, 50)

CHILD = """
import json, resource, runpy, sys, time
from pathlib import Path

began = time.perf_counter()
from airflow.sdk import DAG, BaseOperator, Param, get_parsing_context
imported = time.perf_counter()
dag_ids = []
for file in sorted(Path(sys.argv[1]).glob("*.py")):
    made = runpy.run_path(str(file))
    dag_ids += [dag.dag_id for dag in made.get("DAGS", ())]
parsed = time.perf_counter()
print(json.dumps({
    "import_s": imported - began,
    "parse_s": parsed - imported,
    "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    "dags": len(dag_ids),
}))
"""


def folder_with(migrations: int, parent: Path) -> Path:
    """A copy of dags/ that holds `migrations` migration files, each with its own name."""
    folder = parent / f"dags-{migrations}"
    shutil.copytree(ROOT / "dags", folder)
    sample = (folder / "migrations" / "flights.yaml").read_text()
    (folder / "migrations" / "flights.yaml").unlink()
    for number in range(migrations):
        text = sample.replace("migration: flights", f"migration: flights_{number}", 1)
        (folder / "migrations" / f"flights_{number}.yaml").write_text(text)
    return folder


def measure(folder: Path) -> dict[str, float]:
    """One fresh process over `folder`."""
    command = [sys.executable, "-c", CHILD, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    """Print each round, then the medians as one JSON object."""
    taken: dict[int, list[dict[str, float]]] = {size: [] for size in SIZES}
    with tempfile.TemporaryDirectory() as scratch:
        folders = {size: folder_with(size, Path(scratch)) for size in SIZES}
        for number in range(ROUNDS):
            for size, folder in folders.items():
                one = measure(folder)
                if one["dags"] % size or not one["dags"]:
                    sys.exit(f"{size} migration files made {one['dags']} DAGs: nothing was measured")
                taken[size].append(one)
                print(
                    f"round {number + 1}: {size:2d} file(s), {one['dags']:.0f} DAGs: SDK {one['import_s']:.2f} s,"
                    f" parse {one['parse_s']:.2f} s, peak {one['peak_rss_mb']:.0f} MB",
                    flush=True,
                )
    every = [one for rounds in taken.values() for one in rounds]
    result = {
        "bench": "parse",
        "airflow_sdk_import_s": round(statistics.median(one["import_s"] for one in every), 3),
        **{
            f"parse_{size}_file{'s' * (size > 1)}_s": round(statistics.median(o["parse_s"] for o in taken[size]), 3)
            for size in SIZES
        },
        "peak_rss_mb": round(max(one["peak_rss_mb"] for one in every), 1),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
