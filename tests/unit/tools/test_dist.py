from __future__ import annotations

import importlib.util
import io
import re
import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[3]
EPOCH_S = 1_700_000_000
PACKAGES = {
    "keyspaces_infra": ROOT / "infra" / "keyspaces_infra",
    "keyspaces_migration": ROOT / "plugins" / "keyspaces_migration",
    "keyspaces_provider": ROOT / "plugins" / "keyspaces_provider",
}


def load_tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


dist: Any = load_tool("dist")


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    made: dict[str, bytes] = dist.distribution(ROOT, epoch_s=EPOCH_S)
    return made


@pytest.fixture(scope="module")
def wheel_name(files: dict[str, bytes]) -> str:
    (name,) = (name for name in files if name.endswith(".whl"))
    return name


def opened(content: bytes) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(content))


def sources_of(folder: Path) -> set[str]:
    """What is committed of a package."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    parent = folder.parent.relative_to(ROOT)
    return {str(Path(line).relative_to(parent)) for line in listed.stdout.splitlines()}


def test_the_wheel_holds_the_three_packages_and_nothing_else(files: dict[str, bytes], wheel_name: str) -> None:
    names = opened(files[wheel_name]).namelist()
    inside = {name for name in names if ".dist-info/" not in name}
    assert inside == set().union(*(sources_of(folder) for folder in PACKAGES.values()))
    assert len(names) == len(set(names))


def test_the_wheel_names_its_entry_point_its_airflow_and_its_licence(files: dict[str, bytes], wheel_name: str) -> None:
    wheel = opened(files[wheel_name])
    members = [name for name in wheel.namelist() if ".dist-info/" in name]
    by_end = {name.rpartition(".dist-info/")[2]: wheel.read(name).decode() for name in members}
    assert "[apache_airflow_provider]" in by_end["entry_points.txt"]
    assert "provider_info = keyspaces_provider:get_provider_info" in by_end["entry_points.txt"]
    assert re.search(r"^Requires-Dist: apache-airflow<3\.4,>=3\.3$", by_end["METADATA"], re.MULTILINE)
    assert "licenses/LICENSE" in by_end


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_each_package_is_imported_from_the_wheel(
    package: str, files: dict[str, bytes], wheel_name: str, tmp_path: Path
) -> None:
    wheel = tmp_path / wheel_name
    wheel.write_bytes(files[wheel_name])
    code = f"import sys; sys.path.insert(0, {str(wheel)!r}); import {package} as found; print(found.__file__)"
    # Without the tests' PYTHONPATH, and before what this environment has installed.
    answer = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert answer.stdout.strip() == str(wheel / package / "__init__.py")


def test_plugins_zip_holds_the_wheel_and_the_plugin_file_alone(files: dict[str, bytes], wheel_name: str) -> None:
    archive = opened(files["plugins.zip"])
    plugin_files = sorted(path.name for path in (ROOT / "plugins").glob("*.py"))
    assert len(plugin_files) <= 1
    assert archive.namelist() == sorted([wheel_name, *plugin_files])
    assert archive.read(wheel_name) == files[wheel_name]


def test_one_plugin_file_is_taken_and_two_are_refused(tmp_path: Path) -> None:
    plugins = tmp_path / "plugins"
    (plugins / "keyspaces_provider").mkdir(parents=True)
    (plugins / "keyspaces_provider" / "flag.py").write_text("")
    assert dist.plugin_file(tmp_path) == {}
    (plugins / "page_plugin.py").write_text("# one")
    assert dist.plugin_file(tmp_path) == {"page_plugin.py": b"# one"}
    (plugins / "other_plugin.py").write_text("# two")
    with pytest.raises(dist.DistributionError, match=r"other_plugin\.py, page_plugin\.py"):
        dist.plugin_file(tmp_path)


def test_the_dags_are_there_without_the_sample_migration(files: dict[str, bytes]) -> None:
    names = set(opened(files["dags.zip"]).namelist())
    assert names == {path.name for path in (ROOT / "dags").glob("*.py")}
    assert "cutover.py" in names


def test_the_same_sources_give_the_same_bytes(files: dict[str, bytes]) -> None:
    assert dist.distribution(ROOT, epoch_s=EPOCH_S) == files


def test_archives_are_sorted_of_one_time_and_readable_by_everybody(files: dict[str, bytes]) -> None:
    for name in ("dags.zip", "plugins.zip"):
        entries = opened(files[name]).infolist()
        assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
        assert {entry.date_time for entry in entries} == {(2023, 11, 14, 22, 13, 20)}
        assert {entry.external_attr >> 16 & 0o777 for entry in entries} == {0o644}


def test_the_time_is_the_environments_or_the_commits(tmp_path: Path) -> None:
    assert dist.epoch_s(tmp_path, {"SOURCE_DATE_EPOCH": "17"}) == 17
    committed = subprocess.run(
        ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"], capture_output=True, text=True, check=True
    )
    assert dist.epoch_s(ROOT, {}) == int(committed.stdout)


def test_constraints_have_every_locked_version_and_no_hash(files: dict[str, bytes]) -> None:
    lines = files["constraints.txt"].decode().splitlines()
    locked = (ROOT / "requirements" / "locked.txt").read_text()
    assert len(lines) == len(re.findall(r"^\S+==", locked, re.MULTILINE))
    assert all(re.match(r"^[a-z0-9._-]+==\S+( ; .+)?$", line) for line in lines)
    pins = dist.pinned_versions(ROOT)
    assert {f"{name}=={version}" for name, version in pins.items()} <= set(lines)


def test_requirements_of_mwaa_name_the_wheel_where_mwaa_unpacks_it(files: dict[str, bytes], wheel_name: str) -> None:
    lines = [line for line in files["mwaa/requirements.txt"].decode().splitlines() if not line.startswith("#")]
    assert lines == [
        '--constraint "/usr/local/airflow/dags/constraints.txt"',
        f"/usr/local/airflow/plugins/{wheel_name}",
    ]


def test_astronomer_gets_every_dependency_pinned_but_not_airflow(files: dict[str, bytes], wheel_name: str) -> None:
    lines = [line for line in files["astronomer/requirements.txt"].decode().splitlines() if not line.startswith("#")]
    pins = dist.pinned_versions(ROOT)
    assert {re.sub(r"\[.*\]", "", line) for line in lines} == {
        f"{name}=={version}" for name, version in pins.items() if name != "apache-airflow"
    }
    assert any(line.startswith("apache-airflow-providers-amazon[s3fs]==") for line in lines)
    assert f"include/{wheel_name}" in files["astronomer/Dockerfile-lines"].decode()


def test_no_template_keeps_a_word_that_was_not_replaced(files: dict[str, bytes]) -> None:
    texts = {name: content.decode() for name, content in files.items() if "/" in name}
    assert set(texts) == {
        "astronomer/Dockerfile-lines",
        "astronomer/packages.txt",
        "astronomer/requirements.txt",
        "mwaa/requirements.txt",
        "mwaa/startup.sh",
    }
    assert not [name for name, text in texts.items() if re.search(r"@[A-Z_]+@", text)]
    with pytest.raises(dist.DistributionError, match="@NOBODY@"):
        dist.filled("@NOBODY@", {"WHEEL": "x"})


def test_the_startup_script_is_a_shell_script_that_does_nothing_without_a_bucket(
    files: dict[str, bytes], tmp_path: Path
) -> None:
    script = tmp_path / "startup.sh"
    script.write_bytes(files["mwaa/startup.sh"])
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "MWAA_AIRFLOW_COMPONENT": "worker"}
    subprocess.run(["sh", str(script)], env=environment, check=True)
    assert [path.name for path in tmp_path.iterdir()] == ["startup.sh"]


@pytest.mark.parametrize(("digest_of", "taken"), [(b"the CLI", True), (b"another", False)])
def test_the_startup_script_takes_the_cli_only_with_its_digest(
    digest_of: bytes,
    taken: bool,  # noqa: FBT001
    files: dict[str, bytes],
    tmp_path: Path,
) -> None:
    script = tmp_path / "startup.sh"
    script.write_bytes(files["mwaa/startup.sh"])
    bucket = tmp_path / "boto3.py"
    bucket.write_text(
        "from pathlib import Path\n\n\nclass client:\n    def __init__(self, service): assert service == 's3'\n\n"
        "    def download_file(self, bucket, key, path):\n"
        "        assert bucket == 'ours' and key.startswith('pulumi-3.')\n        Path(path).write_bytes(b'the CLI')\n"
    )
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "MWAA_AIRFLOW_COMPONENT": "worker",
        "PYTHONPATH": str(tmp_path),
        "PULUMI_BUCKET": "ours",
        "PULUMI_SHA256": sha256(digest_of).hexdigest(),
    }
    answer = subprocess.run(["sh", str(script)], env=environment, check=False, capture_output=True, text=True)
    found = [path.name for path in (tmp_path / ".cache" / "keyspaces-migration").iterdir() if path.suffix != ".new"]
    if taken:
        assert answer.returncode == 0, answer.stderr
        assert found == [f"pulumi-{dist.words_of(ROOT, wheel='x')['PULUMI_VERSION']}"]
    else:
        assert answer.returncode == 1
        assert "has not the digest" in answer.stderr
        assert found == []


def test_sums_cover_every_other_file(files: dict[str, bytes]) -> None:
    lines = [line.split("  ") for line in files["SHA256SUMS"].decode().splitlines()]
    said = {name: digest for digest, name in lines}
    assert said == {name: sha256(content).hexdigest() for name, content in files.items() if name != "SHA256SUMS"}


def test_it_writes_what_it_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dist.main(["--out", str(tmp_path / "out")])
    assert '"folder"' in capsys.readouterr().out
    assert (tmp_path / "out" / "mwaa" / "startup.sh").is_file()
