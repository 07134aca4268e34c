"""The program's resources, by Pulumi's own test mode: what each is asked to be, with no engine and no AWS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from keyspaces_infra.changes import CLOUD_CONTROL_TYPE, KEYSPACE_TYPE, TABLE_TYPE
from keyspaces_infra.components.tables import SCALED_UNITS
from keyspaces_infra.errors import TableNotExpressibleError
from keyspaces_infra.program import declare
from keyspaces_migration.config import Migration, infrastructure, load_migration
from keyspaces_migration.config.rights import writer_policy
from tests.unit.keyspaces_infra.pulumi_recorder import Recorder, declared

QUEUE, BUCKET, WRITERS = "aws:sqs/queue:Queue", "aws:s3/bucket:Bucket", "aws:iam/policy:Policy"
FLIGHTS = Path(__file__).parents[3] / "dags/migrations/flights.yaml"


def asked_for(migration: Migration, **endpoints: str) -> Recorder:
    return declared(lambda: declare(migration, endpoints=endpoints))


def edited(edit: Any = None) -> Migration:
    whole = load_migration(FLIGHTS).model_dump(mode="json", by_alias=True)
    if edit is not None:
        edit(whole)
    return Migration.model_validate_json(json.dumps(whole))


def test_a_table_is_asked_for_exactly_as_the_file_says() -> None:
    def edit(whole: dict[str, Any]) -> None:
        whole["tables"]["departures"]["default_ttl"] = "P30D"
        whole["tables"]["departures"]["history"]["write_time_column"] = "WRITTEN_AT"

    table = asked_for(edited(edit)).asked[(TABLE_TYPE, "departures")].inputs
    definition = table["schemaDefinition"]
    assert table["tableName"] == "departures"
    assert table["keyspaceName"] == "flights"
    assert [(column["name"], column["type"]) for column in definition["columns"]][:3] == [
        ("origin", "text"),
        ("flight_date", "date"),
        ("carrier", "text"),
    ]
    assert definition["partitionKeys"] == [{"name": "origin"}, {"name": "flight_date"}]
    assert definition["clusteringKeys"][0] == {"name": "carrier", "orderBy": "ASC"}
    assert definition["staticColumns"] == [{"name": "airport_name"}, {"name": "visibility_miles"}]
    assert table["capacitySpecification"] == {"throughputMode": "PAY_PER_REQUEST"}
    for setting in ("clientSideTimestamps", "pointInTimeRecovery", "ttl"):
        assert table[setting] == {"status": "ENABLED"}
    assert table["defaultTimeToLive"] == 30 * 24 * 3600
    assert "comment" not in table


def test_provisioned_units_and_descending_keys_are_handed_on() -> None:
    asked = asked_for(edited()).asked
    assert asked[(TABLE_TYPE, "flights_unarchived")].inputs["capacitySpecification"] == {
        "throughputMode": "PROVISIONED",
        "readCapacityUnits": 3000,
        "writeCapacityUnits": 4000,
    }
    keys = asked[(TABLE_TYPE, "weather")].inputs["schemaDefinition"]["clusteringKeys"]
    assert keys == [{"name": "time_hour", "orderBy": "DESC"}]


def test_tags_are_the_files_and_the_four_of_the_design() -> None:
    asked = asked_for(edited()).asked
    shared = {"CostCentre": "rehearsal", "Project": "flights", "Environment": "rehearsal"}
    assert json.loads(asked[("pulumi:providers:aws", "account")].inputs["defaultTags"]) == {"tags": shared}
    assert asked[(KEYSPACE_TYPE, "flights")].inputs["tags"] == {"Type": "keyspace"}
    for name, kind in (("flights_unarchived", "unarchived"), ("weather", "standard")):
        assert asked[(TABLE_TYPE, name)].inputs["tags"] == {"Type": "table", "Table-type": kind}
    state = json.loads(asked[(CLOUD_CONTROL_TYPE, "planes")].inputs["desiredState"])
    own = {tag["Key"]: tag["Value"] for tag in state["Tags"]}
    assert own == {**shared, "Type": "table", "Table-type": "standard"}


def test_a_tables_comment_and_key_are_handed_on() -> None:
    key = "arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab"

    def edit(whole: dict[str, Any]) -> None:
        whole["target"]["encryption_key_arn"] = key
        whole["tables"]["weather"] |= {"comment": "Hourly.", "encryption_key_arn": key.replace("1234abcd", "abcd1234")}

    asked = asked_for(edited(edit)).asked
    weather = asked[(TABLE_TYPE, "weather")].inputs
    assert weather["comment"] == {"message": "Hourly."}
    assert weather["encryptionSpecification"]["kmsKeyIdentifier"] == key.replace("1234abcd", "abcd1234")
    departures = asked[(TABLE_TYPE, "departures")].inputs
    assert departures["encryptionSpecification"] == {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyIdentifier": key}
    state = json.loads(asked[(CLOUD_CONTROL_TYPE, "planes")].inputs["desiredState"])
    assert state["EncryptionSpecification"] == {"EncryptionType": "CUSTOMER_MANAGED_KMS_KEY", "KmsKeyIdentifier": key}


def test_a_scaled_table_has_a_target_and_a_policy_for_reads_and_for_writes() -> None:
    scaling = {"rcu": {"min": 100, "max": 5000}, "wcu": {"min": 200, "max": 6000}, "target_utilization_percent": 60}

    def edit(whole: dict[str, Any]) -> None:
        whole["tables"]["flights_unarchived"]["throughput"]["auto_scaling"] = scaling

    asked = asked_for(edited(edit)).asked
    for kind, between in (("Read", (100, 5000)), ("Write", (200, 6000))):
        name = f"flights_unarchived-{kind.lower()}"
        target = asked[("aws:appautoscaling/target:Target", name)].inputs
        assert (target["minCapacity"], target["maxCapacity"]) == between
        assert target["resourceId"] == "keyspace/flights/table/flights_unarchived"
        assert target["scalableDimension"] == f"cassandra:table:{kind}CapacityUnits"
        policy = asked[("aws:appautoscaling/policy:Policy", name)].inputs
        aim = policy["targetTrackingScalingPolicyConfiguration"]
        assert aim["targetValue"] == 60
        assert aim["predefinedMetricSpecification"] == {"predefinedMetricType": f"Cassandra{kind}CapacityUtilization"}


def test_a_type_that_the_keyspaces_resource_refuses_goes_through_cloud_control() -> None:
    asked = asked_for(edited()).asked
    assert (TABLE_TYPE, "planes") not in asked
    resource = asked[(CLOUD_CONTROL_TYPE, "planes")].inputs
    assert resource["typeName"] == "AWS::Cassandra::Table"
    state = json.loads(resource["desiredState"])
    assert (state["KeyspaceName"], state["TableName"]) == ("flights", "planes")
    assert state["PartitionKeyColumns"] == [{"ColumnName": "tailnum", "ColumnType": "text"}]
    assert {"ColumnName": "recent_delays", "ColumnType": "frozen<list<int>>"} in state["RegularColumns"]
    assert state["ClientSideTimestampsEnabled"]
    assert state["PointInTimeRecoveryEnabled"]
    assert state["BillingMode"] == {"Mode": "ON_DEMAND"}


def test_a_table_that_no_resource_can_make_is_refused_by_name() -> None:
    def edit(whole: dict[str, Any]) -> None:
        whole["tables"]["departures"]["schema"]["columns"].append({"codes": "frozen<list<int>>"})

    with pytest.raises(TableNotExpressibleError, match=r"departures.*codes \(frozen<list<int>>\)"):
        asked_for(edited(edit))


def test_scaling_can_be_taken_off_again_and_leaves_units_that_it_moved() -> None:
    scaling = {"rcu": {"min": 100, "max": 5000}, "wcu": {"min": 200, "max": 6000}}

    def edit(whole: dict[str, Any]) -> None:
        whole["tables"]["flights_unarchived"]["throughput"]["auto_scaling"] = scaling

    asked = asked_for(edited(edit)).asked
    assert not [each.name for each in asked.values() if each.typ.startswith("aws:appautoscaling") and each.protect]
    name = "flights_unarchived"
    scaled = declared(lambda: declare(edited(edit), endpoints={}, scaled=frozenset({name}))).asked
    assert asked[(TABLE_TYPE, name)].ignored == ()
    assert set(scaled[(TABLE_TYPE, name)].ignored) == set(SCALED_UNITS)
    assert scaled[(TABLE_TYPE, "weather")].ignored == ()


def test_endpoints_of_a_vpc_are_aws_whose_account_is_checked_and_roles_assumed() -> None:
    def edit(whole: dict[str, Any]) -> None:
        whole["target"] |= {"account_id": "123456789012", "role_name": "migrator"}

    recorder = asked_for(edited(edit), sts="https://vpce-1.sts.us-east-1.vpce.amazonaws.com")
    provider = recorder.asked[("pulumi:providers:aws", "account")].inputs
    assert json.loads(provider["endpoints"]) == [{"sts": "https://vpce-1.sts.us-east-1.vpce.amazonaws.com"}]
    assert json.loads(provider["allowedAccountIds"]) == ["123456789012"]
    assert json.loads(provider["assumeRoles"])[0]["roleArn"].endswith(":role/migrator")
    assert provider["skipCredentialsValidation"] == "false"


def test_the_provider_acts_on_the_files_account_alone_and_assumes_its_role() -> None:
    def edit(whole: dict[str, Any]) -> None:
        hub = "arn:aws:iam::210987654321:role/hub"
        whole["target"] |= {"account_id": "123456789012", "role_name": "migrator", "via_roles": [hub]}

    provider = asked_for(edited(edit)).asked[("pulumi:providers:aws", "account")].inputs
    assert provider["region"] == "us-east-1"
    assert json.loads(provider["allowedAccountIds"]) == ["123456789012"]
    assert [each["roleArn"] for each in json.loads(provider["assumeRoles"])] == [
        "arn:aws:iam::210987654321:role/hub",
        "arn:aws:iam::123456789012:role/migrator",
    ]
    assert "endpoints" not in provider
    assert provider["skipCredentialsValidation"] == "false"


def test_a_stand_in_of_aws_is_asked_at_its_own_address() -> None:
    provider = asked_for(edited(), keyspaces="http://127.0.0.1:1").asked[("pulumi:providers:aws", "account")].inputs
    assert json.loads(provider["endpoints"]) == [{"keyspaces": "http://127.0.0.1:1"}]
    assert "allowedAccountIds" not in provider


def test_everything_uses_the_accounts_provider() -> None:
    asked = asked_for(edited()).asked
    users = [args for (kind, _), args in asked.items() if kind.startswith("aws:")]
    assert len(users) > 30
    assert all("pulumi:providers:aws::account" in args.provider for args in users)


def test_what_holds_data_is_protected_and_nothing_else() -> None:
    protected = {(each.typ, each.name) for each in asked_for(edited()).asked.values() if each.protect}
    assert protected == {
        (KEYSPACE_TYPE, "flights"),
        *((TABLE_TYPE, name) for name in ("flights_unarchived", "departures", "weather")),
        (CLOUD_CONTROL_TYPE, "planes"),
        (QUEUE, "keyspaces-migration-flights-dead-letters"),
    }
    unprotected = declared(lambda: declare(edited(), endpoints={}, protect=False)).asked
    assert not [each.name for each in unprotected.values() if each.protect]


def test_the_flag_watches_the_targets_trouble_and_the_files_own_alarms() -> None:
    own = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:errors"

    def edit(whole: dict[str, Any]) -> None:
        whole["cutover"] |= {"alarm_arns": [own], "bake_time": "PT90S"}
        whole["alarms"]["topic_arns"] = ["arn:aws:sns:us-east-1:000000000000:on-call"]

    asked = asked_for(edited(edit))
    name = "keyspaces-migration-flights"
    environment = asked.inputs("aws:appconfig/environment:Environment", name)
    assert environment["name"] == "rehearsal"
    trouble = f"{name}-target"
    assert [each["alarmArn"] for each in environment["monitors"]] == [
        f"arn:cloudwatch/compositeAlarm:{trouble}",
        own,
    ]
    composite = asked.inputs("aws:cloudwatch/compositeAlarm:CompositeAlarm", trouble)
    watched = {alarm.name for alarm in asked.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")}
    of_the_target = {each for each in watched if "-comparison" not in each}
    assert composite["alarmRule"].count("ALARM(") == len(of_the_target)
    assert all(f'ALARM("arn:cloudwatch/metricAlarm:{each}")' in composite["alarmRule"] for each in of_the_target)
    assert composite["alarmActions"] == ["arn:aws:sns:us-east-1:000000000000:on-call"]
    canary = asked.inputs("aws:appconfig/deploymentStrategy:DeploymentStrategy", f"{name}-canary")
    assert canary["finalBakeTimeInMinutes"] == 2


def test_letters_are_kept_for_14_days_and_alarmed_of_after_one() -> None:
    asked = asked_for(edited())
    name = "keyspaces-migration-flights-dead-letters"
    assert asked.inputs(QUEUE, name)["messageRetentionSeconds"] == 14 * 86_400
    assert asked.inputs("aws:cloudwatch/metricAlarm:MetricAlarm", f"{name}-age")["threshold"] == 86_400


def with_writers(whole: dict[str, Any]) -> None:
    whole["writers"]["policy"] = True
    whole["dead_letters"] |= {"payload_bucket": "my-letters", "provision_bucket": True, "keep_payloads": "P30D"}


def test_nothing_is_made_for_writers_unless_the_file_asks_for_it() -> None:
    asked = asked_for(edited())
    assert asked.of_type(BUCKET) == asked.of_type(WRITERS) == []
    assert len(asked_for(edited(with_writers)).asked) == len(asked.asked) + 8


def test_the_writers_policy_names_what_the_program_makes() -> None:
    asked, name = asked_for(edited(with_writers)), "keyspaces-migration-flights"
    made = asked.inputs(WRITERS, f"{name}-writers")
    flag = f"application/{name}-id/environment/{name}-environment/configuration/{name}-profile"
    assert json.loads(made["policy"]) == writer_policy(
        edited(with_writers),
        queue_arn=f"arn:sqs/queue:{name}-dead-letters",
        flag_arn=f"arn:aws:appconfig:us-east-1:000000000000:{flag}",
        letters_bucket="my-letters",
    )


def test_a_policy_may_name_a_bucket_that_is_there_already() -> None:
    def edit(whole: dict[str, Any]) -> None:
        whole["writers"]["policy"] = True
        whole["dead_letters"]["payload_bucket"] = "not-ours"

    asked = asked_for(edited(edit))
    assert asked.of_type(BUCKET) == []
    assert "arn:aws:s3:::not-ours/" in asked.of_type(WRITERS)[0].inputs["policy"]


@pytest.mark.parametrize("disposable", [True, False])
def test_letters_in_s3_are_protected_and_deleted_with_their_bucket_only_where_all_is_disposable(
    *, disposable: bool
) -> None:
    def edit(whole: dict[str, Any]) -> None:
        with_writers(whole)
        for section in () if disposable else ("consistency", "cutover"):
            del whole[section]
        whole["reports"]["path"] = "s3://bucket/reports"
        whole["environment"]["disposable"] = disposable

    made = asked_for(edited(edit)).asked[(BUCKET, "my-letters")]
    assert made.protect
    assert made.inputs["forceDestroy"] is disposable
    unprotected = declared(lambda: declare(edited(edit), endpoints={}, protect=False)).asked
    assert not unprotected[(BUCKET, "my-letters")].protect


def comparison(**section: Any) -> Recorder:
    def edit(whole: dict[str, Any]) -> None:
        whole["comparison_lambda"] |= section

    return asked_for(edited(edit))


def test_the_comparison_lambda_may_read_its_secrets_and_the_tables_and_write_neither() -> None:
    name = "keyspaces-migration-flights-comparison"
    statements = json.loads(comparison().inputs("aws:iam/rolePolicy:RolePolicy", name)["policy"])["Statement"]
    by_sid = {statement["Sid"]: statement for statement in statements}
    assert by_sid["Secrets"]["Action"] == ["secretsmanager:GetSecretValue"]
    assert all(each.endswith("-??????") for each in by_sid["Secrets"]["Resource"])
    assert by_sid["Tables"]["Action"] == ["cassandra:Select"]
    assert "arn:aws:cassandra:us-east-1:000000000000:/keyspace/flights/table/*" in by_sid["Tables"]["Resource"]
    assert by_sid["Results"]["Action"] == ["s3:PutObject"]
    assert by_sid["Results"]["Resource"] == ["arn:aws:s3:::keyspaces-migration-artifacts/results/*"]
    known = {"Secrets", "Tables", "Results", "Logs", "Key", "OnFailureSend", "OnFailureKey"}
    assert not [each for each in by_sid if each not in known]
    without = comparison(results=None)
    statements = json.loads(without.inputs("aws:iam/rolePolicy:RolePolicy", name)["policy"])["Statement"]
    assert "Results" not in {statement["Sid"] for statement in statements}
    assert "RESULTS" not in without.inputs("aws:lambda/function:Function", name)["environment"]["variables"]


def test_the_comparison_lambda_is_what_the_file_says() -> None:
    name = "keyspaces-migration-flights-comparison"
    asked = comparison(
        architecture="arm64", memory_mb=2048, timeout="PT10M", reserved_concurrency=3, max_retries=2,
        max_event_age="PT2H", environment_variables={"LOG_LEVEL": "DEBUG"},
    )  # fmt: skip
    function = asked.inputs("aws:lambda/function:Function", name)
    assert (function["memorySize"], function["timeout"], function["architectures"]) == (2048, 600, ["arm64"])
    assert function["s3Bucket"] == "keyspaces-migration-artifacts"
    assert function["s3Key"] == "comparison.zip"
    assert function["environment"]["variables"] == {
        "LOG_LEVEL": "DEBUG",
        "SOURCE_SECRET": "keyspaces-migration/flights/source",
        "TARGET_SECRET": "keyspaces-migration/flights/target",
        "HISTORY_SECRET": "keyspaces-migration/flights/history",
        "RESULTS": "s3://keyspaces-migration-artifacts/results",
    }
    invoked = asked.inputs("aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig", name)
    assert (invoked["maximumEventAgeInSeconds"], invoked["maximumRetryAttempts"]) == (7200, 2)


def test_airflow_calls_the_comparison_lambda_by_the_names_that_it_has() -> None:
    asked = comparison()
    alias = asked.inputs("aws:lambda/alias:Alias", "keyspaces-migration-flights-comparison")
    assert alias["name"] == infrastructure.ALIAS
    dead_letters = f"{load_migration(FLIGHTS).comparison_function}-{infrastructure.DEAD_LETTERS}"
    assert asked.inputs(QUEUE, dead_letters)["name"] == dead_letters


def test_each_table_has_a_schedule_whose_event_carries_that_table_alone() -> None:
    assert comparison().of_type("aws:scheduler/schedule:Schedule") == []
    schedules = comparison(schedule="rate(6 hours)").of_type("aws:scheduler/schedule:Schedule")
    schedules.sort(key=lambda each: each.inputs["name"])
    assert [each.inputs["name"].rpartition("-")[2] for each in schedules] == ["t0", "t1", "t2", "t3"]
    targets = [each.inputs["target"] for each in schedules]
    assert {each.inputs["scheduleExpression"] for each in schedules} == {"rate(6 hours)"}
    assert all(target["deadLetterConfig"]["arn"] for target in targets)
    events = [json.loads(target["input"]) for target in targets]
    assert {each["table"] for each in events} == {"flights_unarchived", "departures", "planes", "weather"}
    assert all(list(each["migration"]["tables"]) == [each["table"]] for each in events)
    assert {(each["version"], each["scheduled_at"], each["tables"]) for each in events} == {
        (2, "<aws.scheduler.scheduled-time>", 4)
    }


def test_the_comparison_lambda_may_be_an_image_or_none() -> None:
    image = "000000000000.dkr.ecr.us-east-1.amazonaws.com/comparison:1"
    (function,) = comparison(zip=None, image=image).of_type("aws:lambda/function:Function")
    assert (function.inputs["packageType"], function.inputs["imageUri"]) == ("Image", image)
    without = asked_for(edited(lambda whole: whole.update(comparison_lambda=None)))
    assert without.of_type("aws:lambda/function:Function") == []
    assert without.of_type("aws:kms/key:Key") == []


@pytest.mark.parametrize("longest", ["a" * 28])
def test_the_longest_name_of_a_migration_fits_every_resource(longest: str) -> None:
    def edit(whole: dict[str, Any]) -> None:
        whole["migration"] = longest

    limits = {
        "aws:lambda/function:Function": 64,
        "aws:iam/role:Role": 64,
        "aws:appconfig/application:Application": 64,
        "aws:appconfig/deploymentStrategy:DeploymentStrategy": 64,
        QUEUE: 80,
    }
    asked = asked_for(edited(edit))
    for kind, limit in limits.items():
        assert all(len(each.inputs["name"]) <= limit for each in asked.of_type(kind)), kind
