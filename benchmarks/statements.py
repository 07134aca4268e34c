"""How fast statements of a log are read and judged, and that memory does not grow with the log.

    make bench NAME=statements

A log as FileAuditLogger writes it is generated: 40 kinds of statements with their values written into the text, which
is the dear case (prepared statements have the same text each time); one in a thousand is not understood, one in fifty
is a line of another logger. A fresh process judges it with a schema, at one and at ten times the size, in interleaved
rounds. The last line is one JSON object with the medians; `peak_rss_ratio` is the larger log's peak memory over the
smaller one's, `imported_rss_mb` what the process has before it reads a line. Bars: at least 10,000 statements a second
of processor time; a ratio of at most 1.1.
"""

import json
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
STATEMENTS = 30_000
TIMES = (1, 10)
ROUNDS = 3
KINDS = 40
SEED = 7
KEY = "customer = '{name}' AND day = '2026-11-{day:02}' AND id = {number:08x}-29bb-11e5-b345-feff819cdc9f"

CHILD = """
import json, resource, sys, time
from keyspaces_migration.statements import judge_statements, read_schema_file

schema = read_schema_file([sys.argv[2]])
imported = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
began = time.perf_counter()
cpu = time.process_time()
with open(sys.argv[1], encoding="utf-8") as lines:
    report = judge_statements(lines, schema=schema)
print(json.dumps({
    "s": time.perf_counter() - began,
    "cpu_s": time.process_time() - cpu,
    "imported_rss_mb": imported,
    "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    "statements": report.statements,
    "chars": report.chars,
    "shapes": len(report.shapes),
    "must_change": sum(shape.must_change for shape in report.shapes),
    "not_understood": report.not_understood_count,
    "unreadable": report.unreadable_count,
}))
"""
SCHEMA = (
    "CREATE TABLE shop.orders (customer text, day date, id timeuuid, total int, note text, tags list<text>, "
    f"{', '.join(f'c{number} text' for number in range(KINDS))}, PRIMARY KEY ((customer, day), id));"
)


def statement(chance: random.Random, number: int) -> str:
    """One statement, with values of its own."""
    kind = chance.randrange(KINDS)
    key = KEY.format(name=f"it''s {chance.randrange(10**6)}", day=1 + number % 30, number=number)
    value = f"'{'x' * chance.randrange(60)}{number}'"
    match kind % 5:
        case 0:
            return f"SELECT c{kind}, total FROM shop.orders WHERE {key}"
        case 1:
            return f"UPDATE shop.orders USING TTL 86400 SET c{kind} = {value}, total = {number} WHERE {key}"
        case 2:
            return f"UPDATE shop.orders SET tags = tags + [{value}, 'b'], c{kind} = {value} WHERE {key} -- appended"
        case 3:
            return f"DELETE c{kind}, note FROM shop.orders WHERE {key}"
    return f"INSERT INTO shop.orders (customer, day, id, c{kind}) VALUES ({value}, '2026-11-01', now(), {value})"


def write_log(path: Path, statements: int) -> None:
    """The same log for the same size."""
    chance = random.Random(SEED)  # noqa: S311 - no secret
    with path.open("w", encoding="utf-8") as log:
        for number in range(statements):
            if number % 50 == 0:
                log.write("2026-11-26 06:42:24,599 INFO  [OptionalTasks:1] o.a.c.db.ColumnFamilyStore Initializing\n")
            text = "SELECT FROM WHERE" if number % 1000 == 999 else statement(chance, number)
            log.write(
                f"2026-11-26 06:42:24,642 INFO  [Native-Transport-Requests-6] o.a.c.audit.FileAuditLogger user:app|"
                f"host:/127.0.0.1:9042|source:/127.0.0.{number % 9}|port:35470|timestamp:{1795675344619 + number}|"
                f"type:UPDATE|category:DML|ks:shop|scope:orders|operation:{text}\n"
            )


def measure(path: Path) -> dict[str, float]:
    """One fresh process over `path`."""
    command = [sys.executable, "-c", CHILD, str(path), SCHEMA]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={"PYTHONPATH": str(ROOT / "plugins")}
    )
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    """Print each round, then the medians as one JSON object."""
    taken: dict[int, list[dict[str, float]]] = {times: [] for times in TIMES}
    with tempfile.TemporaryDirectory() as scratch:
        for times in TIMES:
            write_log(Path(scratch) / f"{times}.log", STATEMENTS * times)
        for number in range(ROUNDS):
            for times in TIMES:
                one = measure(Path(scratch) / f"{times}.log")
                if one["statements"] != STATEMENTS * times or not one["must_change"] or one["unreadable"]:
                    sys.exit(f"the log was not judged as it was written: {one}")
                taken[times].append(one)
                print(
                    f"round {number + 1}: {one['statements']:,.0f} statements in {one['s']:.1f} s "
                    f"({one['statements'] / one['s']:,.0f}/s), {one['shapes']:.0f} shapes, "
                    f"peak {one['peak_rss_mb']:.1f} MB",
                    flush=True,
                )
    small, large = (statistics.median(one["peak_rss_mb"] for one in taken[times]) for times in TIMES)
    every = [one for rounds in taken.values() for one in rounds]
    result = {
        "bench": "statements",
        "statements_per_s": round(statistics.median(one["statements"] / one["s"] for one in every)),
        "statements_per_cpu_s": round(statistics.median(one["statements"] / one["cpu_s"] for one in every)),
        "mb_per_s": round(statistics.median(one["chars"] / one["s"] / 1e6 for one in every), 1),
        "imported_rss_mb": round(statistics.median(one["imported_rss_mb"] for one in every), 1),
        **{f"peak_rss_{times}x_mb": round(peak, 1) for times, peak in zip(TIMES, (small, large), strict=True)},
        "peak_rss_ratio": round(large / small, 3),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
