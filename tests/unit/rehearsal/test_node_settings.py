from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from rehearsal.cassandra import jvm
from rehearsal.cassandra.jvm import Compiler
from rehearsal.cassandra.node import NodeSettings, NodeTls, configuration
from rehearsal.processes import WorldError

HOME = Path("/node")


def settings(**given: object) -> NodeSettings:
    return NodeSettings(**{"home": HOME, "native_port": 1042, "storage_port": 1700, **given})  # type: ignore[arg-type]


def test_the_configuration_keeps_everything_on_the_nodes_address_and_in_its_home() -> None:
    made = configuration(settings(address="127.0.0.9"))
    assert {made[name] for name in ("listen_address", "rpc_address")} == {"127.0.0.9"}
    assert made["seed_provider"][0]["parameters"] == [{"seeds": "127.0.0.9:1700"}]
    folders = [value for name, value in made.items() if name.endswith("_directory")] + made["data_file_directories"]
    assert len(folders) == 5
    assert all(folder.startswith("/node/") for folder in folders)
    assert yaml.safe_load(yaml.safe_dump(made)) == made


def test_a_plain_node_asks_no_password_and_a_secure_one_speaks_tls_only() -> None:
    plain = configuration(settings())
    assert not {"authenticator", "client_encryption_options"} & set(plain)
    tls = NodeTls(keystore=HOME / "key.p12", password="secret", ca_file=HOME / "ca.pem")
    secure = configuration(settings(authentication=True, tls=tls))
    assert secure["authenticator"] == "PasswordAuthenticator"
    assert (secure["client_encryption_options"]["enabled"], secure["client_encryption_options"]["optional"]) == (
        True,
        False,
    )
    assert "secret" not in repr(tls)


def test_overrides_win() -> None:
    assert configuration(settings(overrides={"num_tokens": 4}))["num_tokens"] == 4


@pytest.fixture
def jars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (f"cassandra-all-{jvm.VERSION}.jar", "jamm-0.4.0.jar"):
        (tmp_path / name).touch()
    monkeypatch.setenv("CASSANDRA_LIB", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.mark.usefixtures("jars")
def test_tests_get_the_quick_compiler_and_benchmarks_the_full_ones() -> None:
    quick = jvm.command(home=HOME, heap_mb=512, compiler=Compiler.QUICK)
    full = jvm.command(home=HOME, heap_mb=2048, compiler=Compiler.FULL)
    assert {"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m"} <= set(quick)
    assert {"-XX:+UseG1GC", "-Xmx2048m"} <= set(full)
    assert "-XX:TieredStopAtLevel=1" not in full
    assert any(part.startswith("-javaagent:") for part in full)


@pytest.mark.usefixtures("jars")
def test_no_option_opens_jmx() -> None:
    assert not [
        part for part in jvm.command(home=HOME, heap_mb=512, compiler=Compiler.QUICK) if "jmx.local.port" in part
    ]


def test_a_class_archive_is_kept_for_the_next_start_and_made_anew_for_other_jars(jars: Path, tmp_path: Path) -> None:
    node = tmp_path / "node"
    node.mkdir()
    (making,) = [part for part in _quick(node) if part.startswith("-XX:ArchiveClassesAtExit=")]
    (node / making.partition("=")[2]).write_bytes(b"classes")
    jvm.keep_archive(node)
    (loading,) = [part for part in _quick(node) if part.startswith("-XX:SharedArchiveFile=")]
    assert Path(loading.partition("=")[2]).read_bytes() == b"classes"
    (jars / "another.jar").touch()
    assert any(part.startswith("-XX:ArchiveClassesAtExit=") for part in _quick(node))


def _quick(home: Path) -> tuple[str, ...]:
    return jvm.command(home=home, heap_mb=512, compiler=Compiler.QUICK)


def test_missing_jars_are_said_with_the_command_that_fetches_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CASSANDRA_LIB", str(tmp_path))
    with pytest.raises(WorldError, match=r"no jars of Cassandra 5\.0\.6 in .*tools/setup\.sh"):
        jvm.jar_folder()
