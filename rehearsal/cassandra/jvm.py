"""The command line that runs a node: where the jars are, what Java must be told, and the archive of loaded classes."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from enum import Enum
from pathlib import Path

from rehearsal.processes import WorldError

VERSION = "5.0.6"
DAEMON = "org.apache.cassandra.service.CassandraDaemon"

# From Cassandra's conf/jvm17-server.options, and java.base/java.nio, which its off-heap memtables need.
EXPORTS = (
    "java.base/java.lang.ref java.base/java.lang.reflect java.base/jdk.internal.misc java.base/jdk.internal.ref "
    "java.base/sun.nio.ch java.management.rmi/com.sun.jmx.remote.internal.rmi java.rmi/sun.rmi.registry "
    "java.rmi/sun.rmi.server java.rmi/sun.rmi.transport java.rmi/sun.rmi.transport.tcp java.sql/java.sql "
    "jdk.attach/sun.tools.attach jdk.unsupported/sun.misc"
)
OPENS = (
    "java.base/java.io java.base/java.lang java.base/java.lang.module java.base/java.lang.reflect java.base/java.math "
    "java.base/java.net java.base/java.nio java.base/java.util java.base/java.util.concurrent "
    "java.base/java.util.concurrent.atomic java.base/jdk.internal.loader java.base/jdk.internal.math "
    "java.base/jdk.internal.module java.base/jdk.internal.ref java.base/jdk.internal.reflect "
    "java.base/jdk.internal.util.jar java.base/sun.nio.ch java.rmi/sun.rmi.transport.tcp "
    "jdk.compiler/com.sun.tools.javac.file jdk.management/com.sun.management.internal"
)


class Compiler(Enum):
    """What the node is for: it decides the compilers and the collector."""

    QUICK = "quick"
    """First compiler and serial collector only: starts in half the time, and is right for tests."""
    FULL = "full"
    """Both compilers and G1, as in production: for benchmarks, after a warm-up of some million rows."""


def jar_folder() -> Path:
    """Where Cassandra's jars are.

    Raises:
        WorldError: There are none; the message names the command that fetches them.
    """
    named = os.environ.get("CASSANDRA_LIB")
    folder = Path(named) if named else user_cache() / f"cassandra-{VERSION}"
    if not (folder / f"cassandra-all-{VERSION}.jar").exists():
        raise WorldError(
            f"no jars of Cassandra {VERSION} in {folder}. Run tools/setup.sh, which fetches them, "
            "or name the folder that has them in CASSANDRA_LIB."
        )
    return folder


def user_cache() -> Path:
    """Folder of the user's that outlives clones of the repository."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "keyspaces-migration"


def java() -> str:
    """The Java to run.

    Raises:
        WorldError: None is installed.
    """
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(home) / "bin") if home else None)
    if found is None:
        raise WorldError("no java found on PATH or in JAVA_HOME. Cassandra needs Java 17 (openjdk-17-jre-headless).")
    return found


def command(
    *, home: Path, heap_mb: int, compiler: Compiler, options: tuple[str, ...] = (), class_path: tuple[Path, ...] = ()
) -> tuple[str, ...]:
    """The command that runs a node whose configuration and data are in `home`."""
    jars = jar_folder()
    return (
        java(),
        f"-Xms{heap_mb}m",
        f"-Xmx{heap_mb}m",
        "-Xss512k",
        *_engine(compiler, jars),
        "-XX:+ExitOnOutOfMemoryError",
        "-XX:+PerfDisableSharedMem",
        *_archive(jars, compiler=compiler),
        "-Djava.net.preferIPv4Stack=true",
        "-Djdk.attach.allowAttachSelf=true",
        "-Dio.netty.tryReflectionSetAccessible=true",
        f"-Djava.io.tmpdir={home / 'tmp'}",
        f"-Dcassandra.config=file://{home / 'cassandra.yaml'}",
        f"-Dcassandra.storagedir={home}",
        f"-Dcassandra.logdir={home}",
        f"-Dlogback.configurationFile={Path(__file__).with_name('logback.xml')}",
        "-Dcassandra-foreground=yes",
        # One node waits for nobody, and tells nobody that it goes.
        "-Dcassandra.skip_wait_for_gossip_to_settle=0",
        "-Dcassandra.ring_delay_ms=0",
        "-Dcassandra.shutdown_announce_in_ms=0",
        "-Dcassandra.superuser_setup_delay_ms=0",
        *options,
        *(part for module in EXPORTS.split() for part in ("--add-exports", f"{module}=ALL-UNNAMED")),
        *(part for module in OPENS.split() for part in ("--add-opens", f"{module}=ALL-UNNAMED")),
        "-cp",
        ":".join([*(str(jar) for jar in sorted(jars.glob("*.jar"))), *(str(path) for path in class_path)]),
        DAEMON,
    )


def keep_archive(home: Path) -> None:
    """Move the class archive that a stopped node left in `home`, if it did, to where the next start finds it."""
    for made in home.glob("*.jsa.new"):
        kept = user_cache() / "java-classes" / made.name.removesuffix(".new")
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(made, staged := kept.with_suffix(f".{os.getpid()}"))
        staged.replace(kept)
        made.unlink()


def _engine(compiler: Compiler, jars: Path) -> tuple[str, ...]:
    if compiler is Compiler.QUICK:
        # No jamm agent: Java refuses a class archive beside an agent, and jamm falls back to reading sizes by Unsafe.
        return ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
    return ("-XX:+UseG1GC", f"-javaagent:{next(jars.glob('jamm-*.jar'))}")


def _archive(jars: Path, *, compiler: Compiler) -> tuple[str, ...]:
    """Options that load the class archive, or that have the node write one when it ends (it takes it 3 s more)."""
    if compiler is Compiler.FULL:
        return ()
    name = f"cassandra-{VERSION}-{_archive_key(jars)}.jsa"
    kept = user_cache() / "java-classes" / name
    if kept.exists():
        return ("-Xshare:auto", f"-XX:SharedArchiveFile={kept}")
    return (f"-XX:ArchiveClassesAtExit={name}.new",)


def _archive_key(jars: Path) -> str:
    """An archive fits one Java and one set of jars: Java compares their names, sizes and times."""
    version = subprocess.run([java(), "-version"], check=True, capture_output=True).stderr
    listing = [(jar.name, jar.stat().st_size, jar.stat().st_mtime_ns) for jar in sorted(jars.glob("*.jar"))]
    return hashlib.sha256(version + repr((str(jars), listing)).encode()).hexdigest()[:16]
