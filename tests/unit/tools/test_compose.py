from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from keyspaces_migration.config import load_migration
from rehearsal.servers.airflow import COMMANDS, GATE_READER, LEDGER_KEYS, USERS
from rehearsal.servers.connections import SAMPLE, connection_ids
from rehearsal.settings import Component, WorldPorts, WorldSettings
from rehearsal.world import World

ROOT = Path(__file__).parents[3]
COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text()
ONE_SHOT = {"airflow-init"}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    return found


@pytest.fixture(scope="module")
def environment(services: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = services["scheduler"]["environment"]
    return found


def stages() -> dict[str, list[str]]:
    """The instructions of each stage of the Dockerfile, by its name."""
    joined = re.sub(r"\\\n", " ", DOCKERFILE)
    parts = re.split(r"^FROM \S+ AS (\S+)$", joined, flags=re.MULTILINE)[1:]
    return {name: body.splitlines() for name, body in zip(parts[::2], parts[1::2], strict=True)}


def test_it_is_what_the_compose_specification_allows() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_every_service_that_stays_up_has_a_health_check_and_starts_again(services: dict[str, Any]) -> None:
    staying = {name: service for name, service in services.items() if name not in ONE_SHOT}
    assert set(COMMANDS) < set(staying)
    assert [name for name, service in staying.items() if "healthcheck" not in service] == []
    assert [name for name, service in staying.items() if name != "local-world" and service["restart"] == "no"] == []


@pytest.mark.parametrize("process", sorted(set(COMMANDS) - {"api-server"}))
def test_each_process_of_airflow_is_asked_for_its_own_job(process: str, services: dict[str, Any]) -> None:
    test = services[process]["healthcheck"]["test"]
    assert test[1:4] == ["airflow", "jobs", "check"]
    assert test[test.index("--job-type") + 1].lower() == f"{process.replace('-', '')}job"
    assert "--local" in test


def test_the_processes_are_those_of_the_rehearsal(services: dict[str, Any]) -> None:
    for process, command in COMMANDS.items():
        assert services[process]["command"][: len(command) + 1] == ["airflow", *command]


def test_every_image_that_is_not_built_here_has_a_full_version(services: dict[str, Any]) -> None:
    fetched = [service["image"] for service in services.values() if "build" not in service]
    fetched += [image for image in re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) if image not in stages()]
    assert fetched
    assert [image for image in fetched if not re.search(r":\d+\.\d+(\.\d+)?(-|$)", image)] == []


@pytest.mark.parametrize("stage", sorted(stages()))
def test_no_image_runs_as_root(stage: str) -> None:
    users = [line.split()[1] for line in stages()[stage] if line.startswith("USER ")]
    assert users[-1] == "airflow"


def test_every_user_of_the_rehearsal_is_there(environment: dict[str, str]) -> None:
    users = dict(user.split(":") for user in environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"].split(","))
    assert users == USERS


def test_every_connection_of_the_sample_is_there(services: dict[str, Any], tmp_path: Path) -> None:
    named = vars(load_migration(ROOT / "dags" / "migrations" / "flights.yaml").connections).values()
    imported = {each.connection_id for each in World(WorldSettings(home=tmp_path)).connections()}
    for process in COMMANDS:
        environment = services[process]["environment"]
        given = {name.removeprefix("AIRFLOW_CONN_").lower() for name in environment if name.startswith("AIRFLOW_CONN_")}
        assert set(filter(None, named)) == imported | given


def test_the_connection_to_airflow_itself_is_its_readers(environment: dict[str, str]) -> None:
    text = environment["AIRFLOW_CONN_FLIGHTS_AIRFLOW"]
    found = yaml.safe_load(text)
    assert (found["conn_type"], found["login"], found["port"]) == ("http", GATE_READER, 8080)


def test_the_status_page_finds_the_samples_ledger(environment: dict[str, str]) -> None:
    assert environment["AIRFLOW__KEYSPACES_MIGRATION__LEDGER_CONN_IDS"] == connection_ids(SAMPLE)["ledger"]


def test_tasks_find_the_ledgers_keys_and_the_stacks_passphrase(environment: dict[str, str]) -> None:
    assert f"AIRFLOW_VAR_{LEDGER_KEYS.upper()}" in environment
    assert "PULUMI_CONFIG_PASSPHRASE" in environment


def test_the_engine_attaches_to_the_worlds_provider(environment: dict[str, str], tmp_path: Path) -> None:
    world = World(WorldSettings(home=tmp_path))
    assert {name: environment[name] for name in world.pulumi_provider.environment} == world.pulumi_provider.environment
    assert str(WorldPorts().pulumi_provider) in environment["PULUMI_DEBUG_PROVIDERS"]


def test_the_local_world_has_every_part_but_airflow() -> None:
    (command,) = (line for line in stages()["local-world"] if line.startswith("CMD"))
    assert set(re.findall(r'"--only",\s+"([a-z-]+)"', command)) == {
        part.value for part in Component if part is not Component.AIRFLOW
    }


def test_the_image_installs_the_pulumi_cli_that_the_driver_takes() -> None:
    assert any("PINNED_VERSION" in line and "PulumiCommand.install" in line for line in stages()["airflow"])
    driver = (ROOT / "infra" / "keyspaces_infra" / "command.py").read_text()
    script = re.search(r"sed -n '(.+?)' /tmp/command\.py", DOCKERFILE)
    assert script is not None
    answer = subprocess.run(["sed", "-n", script[1]], input=driver, capture_output=True, text=True, check=True)
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", answer.stdout)


def test_everything_that_the_images_copy_reaches_docker() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    sent = [line.removeprefix("!").rstrip("/") for line in ignored if line.startswith("!")]
    copied = [line.split()[1:-1] for lines in stages().values() for line in lines if line.startswith("COPY ")]
    for source in [each for sources in copied for each in sources]:
        assert (ROOT / source).exists()
        assert any(source == each or source.startswith(f"{each}/") for each in sent), source


def asked_for() -> set[str]:
    return set(re.findall(r"\$\{([A-Z_]+):\?", COMPOSE.read_text()))


@pytest.mark.parametrize("of_an_earlier_version", [False, True])
def test_make_env_writes_every_secret_once(of_an_earlier_version: bool, tmp_path: Path) -> None:  # noqa: FBT001
    (tmp_path / "docker").mkdir()
    script = shutil.copy(ROOT / "docker" / "make-env.sh", tmp_path / "docker")
    subprocess.run([script], check=True, capture_output=True)
    file = tmp_path / ".env"
    assert file.stat().st_mode & 0o777 == 0o600
    first = dict(line.split("=", 1) for line in file.read_text().splitlines())
    assert set(first) == asked_for()
    if of_an_earlier_version:
        file.write_text(f"POSTGRES_PASSWORD={first['POSTGRES_PASSWORD']}\n")
    subprocess.run([script], check=True, capture_output=True)
    again = dict(line.split("=", 1) for line in file.read_text().splitlines())
    assert again["POSTGRES_PASSWORD"] == first["POSTGRES_PASSWORD"]
    assert {"LEDGER_SECRET_KEYS", "GATE_READER_PASSWORD", "PULUMI_PASSPHRASE"} <= set(again)


def test_the_first_start_gives_the_reader_its_password_alone(services: dict[str, Any], tmp_path: Path) -> None:
    text = services["airflow-init"]["command"][-1]
    code = re.search(r"python - <<'END'\n(.*?)\nEND\n", text, re.DOTALL)
    assert code is not None
    file = tmp_path / "passwords.json"
    file.write_text('{"admin": "kept", "gate-reader": "old"}')
    environment = {"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(file), "GATE_READER_PASSWORD": "new"}
    subprocess.run([sys.executable, "-c", code[1]], env=environment, check=True)
    assert yaml.safe_load(file.read_text()) == {"admin": "kept", "gate-reader": "new"}
