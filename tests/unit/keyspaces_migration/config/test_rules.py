"""Each rule of the migration file, by name: what breaks it is refused at its path, and what is just inside is not."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from keyspaces_migration.config import Migration, Problem

Content = dict[str, Any]
Load = Callable[[Content], Migration]
Problems = Callable[[Content], list[Problem]]

TABLE = "tables.order_lines"
SCHEMA = f"{TABLE}.schema"


def put(content: Content, path: str, value: Any) -> Content:
    *outer, last = path.split(".")
    part: Any = content
    for name in outer:
        part = part[int(name)] if isinstance(part, list) else part[name]
    part[int(last) if isinstance(part, list) else last] = value
    return content


def columns(content: Content) -> list[dict[str, str]]:
    found: list[dict[str, str]] = content["tables"]["order_lines"]["schema"]["columns"]
    return found


def test_the_full_example_is_valid(load: Load, content: Content) -> None:
    migration = load(content)
    assert migration.tables["order_lines"].schema_.primary_key == ("shop", "day", "order_id", "line")
    assert [column.name for column in migration.tables["order_lines"].schema_.regular_columns] == ["amount", "labels"]
    assert migration.target.account_id == "012345678901"
    assert migration.tables["order_lines"].default_ttl_s == 90 * 86_400
    assert migration.tables["order_lines"].history_column("amount") == "AMOUNT_EUR"
    assert migration.tables["order_lines"].history_column("shop") == "SHOP"
    assert migration.table_type("orders_unarchived") == "unarchived"
    assert migration.table_type("order_lines") == "standard"
    assert migration.load_order("order_lines") == "HISTORY_FIRST"
    assert migration.load_order("orders_unarchived") == "DUAL_WRITES_FIRST"


def test_spark_on_one_machine_needs_no_secret_names(load: Load, content: Content) -> None:
    spark = load(put(content, "backfill.spark", {"spark_submit": {}, "executors": 3})).backfill.spark
    assert spark is not None
    assert spark.spark_submit is not None
    assert spark.spark_submit.is_local
    assert (spark.workers, spark.secrets) == (3, None)


# path in the content, value there, path of the problem, text that the problem must say
BROKEN = {
    "migration name begins a DAG id": ("migration", "Orders", "migration", "lower-case"),
    "migration name has no dots": ("migration", "a.b", "migration", "DAG id"),
    "migration name is short": ("migration", "a" * 29, "migration", "1 to 28"),
    "owner has no spaces at its ends": ("owner", " me", "owner", "without spaces"),
    "keyspace name is no longer than 48": ("source.keyspace", "a" * 49, "source.keyspace", "48"),
    "keyspace name begins with no underscore": ("target.keyspace", "_a", "target.keyspace", "underscore"),
    "region is a region": ("target.region", "Frankfurt", "target.region", "us-east-1"),
    "account id has twelve digits": ("target.account_id", "1234", "target.account_id", "12 digits"),
    "account id is no number": ("target.account_id", 12345678901, "target.account_id", "put it in quotes"),
    "role is named without its ARN": ("target.role_name", "arn:aws:iam::0:role/x", "target.role_name", "role/"),
    "connection is an id and no address": ("connections.source", "cql://u:p@h", "connections.source", "never its"),
    "source and target differ": ("connections.target", "orders_cassandra", "connections.target", "onto itself"),
    "environment name is a tag": ("environment.name", "Prod!", "environment.name", "lower-case"),
    "report path is no empty text": ("reports.path", " ", "reports.path", "object storage"),
    "report path climbs nowhere": ("reports.path", "/a/../b", "reports.path", ".."),
    "report path holds no password": ("reports.path", "s3://a:hunter2@bucket/x", "reports.path", "password"),
    "unload stage is not only a name": ("backfill.unload.stage", "KM", "backfill.unload.stage", "session's defaults"),
    "unload stage has no @": ("backfill.unload.stage", "@A.B.KM", "backfill.unload.stage", "leave out the @"),
    "unload path is no relative one": ("backfill.unload.path", "unloaded", "backfill.unload.path", "absolute folder"),
    "unload path holds no password": (
        "backfill.unload.path",
        "s3://a:hunter2@bucket/x",
        "backfill.unload.path",
        "password",
    ),
    "unload path climbs nowhere": ("backfill.unload.path", "s3://bucket/../b", "backfill.unload.path", ".."),
    "report path outlives the machine": ("reports.path", "reports", "reports.path", "disposable"),
    "approvers are listed": ("approvals.approvers", [], "approvals.approvers", "at least 1"),
    "approver is a user name": ("approvals.approvers.1", "Grace Hopper", "approvals.approvers[1]", "Airflow user"),
    "approver counts once": ("approvals.approvers.2", "ada", "approvals.approvers[2]", "once"),
    "approvals are no more than approvers": ("approvals.required", 4, "approvals.required", "fewer"),
    "approvals are one at least": ("approvals.required", 0, "approvals.required", "greater than or equal to 1"),
    "engine is known": ("backfill.engine", "spark", "backfill.engine", "did you mean 'SPARK'?"),
    "order is known": ("backfill.order", "HISTORY", "backfill.order", "HISTORY_FIRST"),
    "budget is above nothing": ("backfill.budget.max_cost_usd", 0, "backfill.budget.max_cost_usd", "greater than 0"),
    "write units are whole": (
        "backfill.budget.max_write_units_per_s",
        1.5,
        "backfill.budget.max_write_units_per_s",
        "whole",
    ),
    "Spark has its section": ("backfill.spark", None, "backfill.spark", "the engine is SPARK"),
    "Spark's section is read": ("backfill.engine", "AIRFLOW", "backfill.spark", "or engine: SPARK"),
    "Spark runs in one place": (
        "backfill.spark.spark_submit",
        {"master": "yarn"},
        "backfill.spark.spark_submit",
        "one of emr_serverless and spark_submit",
    ),
    "Spark runs somewhere": (
        "backfill.spark.emr_serverless",
        None,
        "backfill.spark.emr_serverless",
        "one of emr_serverless and spark_submit",
    ),
    "executors on other machines are told where secrets are": (
        "backfill.spark",
        {"spark_submit": {"master": "yarn"}},
        "backfill.spark.secrets",
        "Secrets Manager",
    ),
    "local threads follow from the executors": (
        "backfill.spark",
        {"spark_submit": {"master": "local[4]"}},
        "backfill.spark.spark_submit.master",
        "write local alone",
    ),
    "speculation stays off": (
        "backfill.spark.conf",
        {"spark.speculation": "true"},
        "backfill.spark.conf['spark.speculation']",
        "of your own",
    ),
    "property is Spark's": ("backfill.spark.conf", {"HOME": "/"}, "backfill.spark.conf.HOME", "a property of Spark"),
    "application is an id": (
        "backfill.spark.emr_serverless.application_id",
        "arn:aws:x",
        "backfill.spark.emr_serverless.application_id",
        "00f1r2s3t4u5v6w7",
    ),
    "schedule has five fields": ("consistency.schedule", "0 5 * *", "consistency.schedule", "this has 4 fields"),
    "schedule is in range": ("consistency.schedule", "0 24 * * *", "consistency.schedule", "hour"),
    "schedule preset is known": ("consistency.schedule", "@dayly", "consistency.schedule", "did you mean '@daily'?"),
    "confidence is below 1": ("consistency.confidence", 1, "consistency.confidence", "less than 1"),
    "confidence is 0.9 at least": ("consistency.confidence", 0.5, "consistency.confidence", "0.9"),
    "bound is above 0": ("consistency.max_mismatch_rate", 0, "consistency.max_mismatch_rate", "greater than 0"),
    "bound is 1 % at most": ("consistency.max_mismatch_rate", 0.02, "consistency.max_mismatch_rate", "0.01"),
    "tolerance is below the bound": (
        "consistency.tolerated_mismatch_rate",
        0.001,
        "consistency.tolerated_mismatch_rate",
        "less than",
    ),
    "settle time has a floor": ("consistency.settle_time", "PT9S", "consistency.settle_time", "at least PT10S"),
    "waiting period has a floor": ("cutover.waiting_period", "PT47H", "cutover.waiting_period", "at least P2D"),
    "passes have a floor": ("cutover.consecutive_passes", 1, "cutover.consecutive_passes", "at least 2"),
    "check age has a ceiling": ("cutover.max_check_age", "P3D", "cutover.max_check_age", "at most P2D"),
    "bake time has a floor": ("cutover.bake_time", "PT9M", "cutover.bake_time", "at least PT10M"),
    "bake time has AppConfig's ceiling": ("cutover.bake_time", "PT25H", "cutover.bake_time", "AppConfig"),
    "letters have a ceiling": ("dead_letters.max_age", "PT25H", "dead_letters.max_age", "at most P1D"),
    "a canary is looked at often": ("cutover.watch.interval", "PT6M", "cutover.watch.interval", "at most PT5M"),
    "lag has a ceiling": ("dead_letters.max_follower_lag", "PT61M", "dead_letters.max_follower_lag", "at most PT1H"),
    "bucket is a name alone": ("dead_letters.payload_bucket", "s3://b/c", "dead_letters.payload_bucket", "S3 bucket"),
    "a bucket that is made has a name": (
        "dead_letters.payload_bucket",
        None,
        "dead_letters.provision_bucket",
        "the name that the bucket shall have",
    ),
    "S3 counts days": ("dead_letters.keep_payloads", "P20DT1H", "dead_letters.keep_payloads", "whole days"),
    "content outlives its letter": ("dead_letters.keep_payloads", "P14D", "dead_letters.keep_payloads", "P15D or more"),
    "compared reads have a floor": ("cutover.min_compared_reads", 99, "cutover.min_compared_reads", "at least 100"),
    "source is kept for a while": ("cutover.retire_after", "P1D", "cutover.retire_after", "at least P2D"),
    "steps ascend": ("cutover.canary_steps", [5, 5, 100], "cutover.canary_steps[1]", "more than the step before"),
    "steps end at 100": ("cutover.canary_steps", [5, 50], "cutover.canary_steps", "end at 100"),
    "steps are there": ("cutover.canary_steps", [], "cutover.canary_steps", "end at 100"),
    "step is a percentage": ("cutover.canary_steps", [5, 101], "cutover.canary_steps[1]", "100"),
    "step is above 0": ("cutover.canary_steps", [0, 100], "cutover.canary_steps[0]", "1"),
    "duration is ISO 8601": ("cutover.bake_time", "2 hours", "cutover.bake_time", "ISO 8601"),
    "duration has no years": ("cutover.waiting_period", "P1Y", "cutover.waiting_period", "no fixed length"),
    "duration has no months": ("cutover.waiting_period", "P1M", "cutover.waiting_period", "no fixed length"),
    "duration is no number": ("cutover.waiting_period", 3600, "cutover.waiting_period", "write PT3600S"),
    "duration is not empty": ("cutover.waiting_period", "P", "cutover.waiting_period", "ISO 8601"),
    "duration has an hour after its T": ("cutover.waiting_period", "P1DT", "cutover.waiting_period", "ISO 8601"),
    "duration is in capitals": ("cutover.waiting_period", "p10d", "cutover.waiting_period", "P10D"),
    "own tags are not overwritten": ("tags.Environment", "x", "tags.Environment", "provision"),
    "aws: tags are AWS's": ("tags.aws:x", "x", "tags['aws:x']", "AWS keeps"),
    "tag value has a length": ("tags.Team", "x" * 257, "tags.Team", "256"),
    "table name is Keyspaces'": ("tables.has-dash", {}, "tables.has-dash", "underscores"),
    "columns are there": ("tables.order_lines.schema.columns", [], f"{SCHEMA}.columns", "at least 1"),
    "column is a one-key map": (
        "tables.order_lines.schema.columns.4",
        {"a": "int", "b": "int"},
        f"{SCHEMA}.columns[4]",
        "map of one",
    ),
    "column name is no longer than 48": (
        "tables.order_lines.schema.columns.4",
        {"a" * 49: "int"},
        f"{SCHEMA}.columns[4]",
        "48",
    ),
    "column name is in lower case for pulumi_aws": (
        "tables.order_lines.schema.columns.4",
        {"Amount": "int"},
        f"{SCHEMA}.columns[4]",
        "#43068",
    ),
    "column name begins with no underscore": (
        "tables.order_lines.schema.columns.4",
        {"_a": "int"},
        f"{SCHEMA}.columns[4]",
        "underscore",
    ),
    "column name is once": (
        "tables.order_lines.schema.columns.5",
        {"amount": "int"},
        f"{SCHEMA}.columns[5]",
        "columns[4]",
    ),
    "type is known": (
        "tables.order_lines.schema.columns.4",
        {"amount": "decimel"},
        f"{SCHEMA}.columns[4]",
        "did you mean 'decimal'?",
    ),
    "type is text": ("tables.order_lines.schema.columns.4", {"amount": 5}, f"{SCHEMA}.columns[4]", "CQL type"),
    "type is whole": (
        "tables.order_lines.schema.columns.4",
        {"amount": "list<int"},
        f"{SCHEMA}.columns[4]",
        "at character",
    ),
    "counters are not dual-written": (
        "tables.order_lines.schema.columns.4",
        {"amount": "counter"},
        f"{SCHEMA}.columns[4]",
        "dual-written",
    ),
    "duration is no type of Keyspaces": (
        "tables.order_lines.schema.columns.4",
        {"amount": "duration"},
        f"{SCHEMA}.columns[4]",
        "no duration",
    ),
    "vector is no type of Keyspaces": (
        "tables.order_lines.schema.columns.4",
        {"amount": "vector<float, 3>"},
        f"{SCHEMA}.columns[4]",
        "vectors",
    ),
    "custom types are not known": (
        "tables.order_lines.schema.columns.4",
        {"amount": "'org.x.Y'"},
        f"{SCHEMA}.columns[4]",
        "custom",
    ),
    "user types are not created": (
        "tables.order_lines.schema.columns.4",
        {"amount": "frozen<geo_point>"},
        f"{SCHEMA}.columns[4]",
        "user type",
    ),
    "inner collections are frozen": (
        "tables.order_lines.schema.columns.4",
        {"amount": "list<set<int>>"},
        f"{SCHEMA}.columns[4]",
        "frozen<set<int>>",
    ),
    "scalars are not frozen": (
        "tables.order_lines.schema.columns.4",
        {"amount": "frozen<int>"},
        f"{SCHEMA}.columns[4]",
        "around a collection",
    ),
    "collections nest eight deep": (
        "tables.order_lines.schema.columns.4",
        {"amount": "frozen<list<" * 9 + "int" + ">>" * 9},
        f"{SCHEMA}.columns[4]",
        "Keyspaces takes 8",
    ),
    "partition key is there": (
        "tables.order_lines.schema.partition_keys",
        [],
        f"{SCHEMA}.partition_keys",
        "at least 1",
    ),
    "partition key is a column": (
        "tables.order_lines.schema.partition_keys.1",
        "dya",
        f"{SCHEMA}.partition_keys[1]",
        "did you mean 'day'?",
    ),
    "partition key is once": (
        "tables.order_lines.schema.partition_keys.1",
        "shop",
        f"{SCHEMA}.partition_keys[1]",
        "partition key already",
    ),
    "clustering key is a column": (
        "tables.order_lines.schema.clustering_keys.0",
        {"order": "ASC"},
        f"{SCHEMA}.clustering_keys[0]",
        "did you mean 'order_id'?",
    ),
    "clustering key has an order": (
        "tables.order_lines.schema.clustering_keys.0",
        "order_id",
        f"{SCHEMA}.clustering_keys[0]",
        "{event_id: ASC}",
    ),
    "clustering order is ASC or DESC": (
        "tables.order_lines.schema.clustering_keys.0",
        {"order_id": "asc"},
        f"{SCHEMA}.clustering_keys[0]",
        "did you mean 'ASC'?",
    ),
    "clustering order is text": (
        "tables.order_lines.schema.clustering_keys.0",
        {"order_id": ["ASC"]},
        f"{SCHEMA}.clustering_keys[0]",
        "ASC or DESC",
    ),
    "clustering key is no partition key": (
        "tables.order_lines.schema.clustering_keys.0",
        {"shop": "ASC"},
        f"{SCHEMA}.clustering_keys[0]",
        "partition key already",
    ),
    "key is one plain value": (
        "tables.order_lines.schema.clustering_keys.0",
        {"labels": "ASC"},
        f"{SCHEMA}.clustering_keys[0]",
        "set<text>",
    ),
    "static column is a column": (
        "tables.order_lines.schema.static_columns.0",
        "shopname",
        f"{SCHEMA}.static_columns[0]",
        "did you mean 'shop_name'?",
    ),
    "static column is no key": (
        "tables.order_lines.schema.static_columns.0",
        "shop",
        f"{SCHEMA}.static_columns[0]",
        "partition key already",
    ),
    "static columns need clustering keys": (
        "tables.order_lines.schema.clustering_keys",
        [],
        f"{SCHEMA}.static_columns",
        "one row",
    ),
    "throughput mode is known": (
        "tables.order_lines.throughput.mode",
        "PROVISIOND",
        f"{TABLE}.throughput.mode",
        "did you mean 'PROVISIONED'?",
    ),
    "provisioned has read units": (
        "tables.order_lines.throughput",
        {"mode": "PROVISIONED", "wcu": 1},
        f"{TABLE}.throughput.rcu",
        "from 1 on",
    ),
    "provisioned has write units": (
        "tables.order_lines.throughput",
        {"mode": "PROVISIONED", "rcu": 1},
        f"{TABLE}.throughput.wcu",
        "from 1 on",
    ),
    "on demand has no units": (
        "tables.order_lines.throughput.mode",
        "PAY_PER_REQUEST",
        f"{TABLE}.throughput.rcu",
        "no units",
    ),
    "scaling is for provisioned capacity": (
        "tables.orders_unarchived.throughput.auto_scaling",
        {"rcu": {"min": 1, "max": 2}, "wcu": {"min": 1, "max": 2}},
        "tables.orders_unarchived.throughput.auto_scaling",
        "scales by itself",
    ),
    "scaling goes from less to more": (
        "tables.order_lines.throughput.auto_scaling.rcu",
        {"min": 4000, "max": 3999},
        f"{TABLE}.throughput.auto_scaling.rcu.max",
        "at least min, which is 4000",
    ),
    "units begin within the scaling": (
        "tables.order_lines.throughput.auto_scaling.wcu",
        {"min": 1001, "max": 5000},
        f"{TABLE}.throughput.wcu",
        "1001 to 5000",
    ),
    "utilisation is Keyspaces' range": (
        "tables.order_lines.throughput.auto_scaling.target_utilization_percent",
        91,
        f"{TABLE}.throughput.auto_scaling.target_utilization_percent",
        "90",
    ),
    "key is no alias": (
        "target.encryption_key_arn",
        "arn:aws:kms:eu-central-1:012345678901:alias/mine",
        "target.encryption_key_arn",
        "another key",
    ),
    "chain of roles ends in the account": ("target.role_name", None, "target.role_name", "may assume"),
    "role of a chain is an ARN": ("target.via_roles.0", "Deployer", "target.via_roles[0]", "arn:aws:iam"),
    "a look needs a moment": ("cutover.watch.interval", "PT1S", "cutover.watch.interval", "at least PT5S"),
    "own alarms leave room for provision's": (
        "cutover.alarm_arns",
        ["arn:aws:cloudwatch:eu-central-1:012345678901:alarm:a"] * 5,
        "cutover.alarm_arns",
        "at most 4",
    ),
    "backend holds no secret": (
        "provisioning.backend",
        "https://u:p@state.example",
        "provisioning.backend",
        "don't belong here",
    ),
    "secrets provider is Pulumi's": (
        "provisioning.secrets_provider",
        "none",
        "provisioning.secrets_provider",
        "awskms",
    ),
    "function has code": ("comparison_lambda.zip", None, "comparison_lambda.zip", "one of zip and image"),
    "function has one code": (
        "comparison_lambda.image",
        "ecr.example/a:1",
        "comparison_lambda.image",
        "one of zip and image",
    ),
    "Zip is an object of S3": ("comparison_lambda.zip", "comparison.zip", "comparison_lambda.zip", "s3://bucket"),
    "call ends within Lambda's limit": ("comparison_lambda.timeout", "PT16M", "comparison_lambda.timeout", "PT15M"),
    "call waits a minute at least": (
        "comparison_lambda.max_event_age",
        "PT59S",
        "comparison_lambda.max_event_age",
        "PT1M to PT6H",
    ),
    "memory is within Lambda's limit": ("comparison_lambda.memory_mb", 127, "comparison_lambda.memory_mb", "128"),
    "layers are five at most": (
        "comparison_lambda.layers",
        [f"arn:aws:lambda:eu-central-1:012345678901:layer:a:{version}" for version in range(1, 7)],
        "comparison_lambda.layers",
        "at most 5",
    ),
    "VPC has subnets": ("comparison_lambda.vpc.subnet_ids", [], "comparison_lambda.vpc.subnet_ids", "at least 1"),
    "secret is named and not addressed": (
        "comparison_lambda.secrets.source",
        "arn:aws:secretsmanager:eu-central-1:012345678901:secret:orders/source-AbCdEf",
        "comparison_lambda.secrets.source",
        "give the name alone",
    ),
    "secret has a name": ("comparison_lambda.secrets.target", "", "comparison_lambda.secrets.target", "1 to 512"),
    "secret's name is short enough": (
        "comparison_lambda.secrets.history",
        "a" * 513,
        "comparison_lambda.secrets.history",
        "1 to 512",
    ),
    "secrets are named in one place": (
        "comparison_lambda.environment_variables",
        {"SOURCE_SECRET": "other"},
        "comparison_lambda.environment_variables.SOURCE_SECRET",
        "the section sets this one",
    ),
    "results' address is set in one place": (
        "comparison_lambda.environment_variables",
        {"RESULTS": "s3://other/prefix"},
        "comparison_lambda.environment_variables.RESULTS",
        "the section sets this one",
    ),
    "results have a prefix of their own": (
        "comparison_lambda.results",
        "s3://artifacts",
        "comparison_lambda.results",
        "the function may write under it, and nowhere else",
    ),
    "results' prefix has no slash behind": (
        "comparison_lambda.results",
        "s3://artifacts/comparison/",
        "comparison_lambda.results",
        "leave out the slash",
    ),
    "a scheduled call needs results": (
        "comparison_lambda.results",
        None,
        "comparison_lambda.schedule",
        "beside results, where its calls leave theirs",
    ),
    "a check by the function needs the function": (
        "comparison_lambda",
        None,
        "consistency.engine",
        "LAMBDA beside a comparison_lambda",
    ),
    "the function's schedule is Scheduler's": (
        "comparison_lambda.schedule",
        "0 3 * * *",
        "comparison_lambda.schedule",
        "the five fields of consistency.schedule are Airflow's",
    ),
    "AWS's namespaces are AWS's": (
        "consistency.cloudwatch_namespace",
        "AWS/Cassandra",
        "consistency.cloudwatch_namespace",
        "names that begin with AWS/",
    ),
    "alarm tells a topic": ("alarms.topic_arns", ["me@example.com"], "alarms.topic_arns[0]", "SNS topic"),
    "units are 1 at least": ("tables.order_lines.throughput.wcu", 0, f"{TABLE}.throughput.wcu", "1"),
    "history table has three parts": (
        "tables.order_lines.history.table",
        "PUBLIC.ORDERS",
        f"{TABLE}.history.table",
        "name the database",
    ),
    "history table is a name": (
        "tables.order_lines.history.table",
        "a.b.c; drop",
        f"{TABLE}.history.table",
        "DATABASE.SCHEMA.TABLE",
    ),
    "history column is in the schema": (
        "tables.order_lines.history.columns.amout",
        "A",
        f"{TABLE}.history.columns.amout",
        "did you mean 'amount'?",
    ),
    "history column is Snowflake's name": (
        "tables.order_lines.history.columns.amount",
        "a b",
        f"{TABLE}.history.columns.amount",
        "Snowflake",
    ),
    "history column has one owner": (
        "tables.order_lines.history.columns.amount",
        "SHOP",
        f"{TABLE}.history.columns.amount",
        "shop has this one",
    ),
    "time to live is above 0": ("tables.order_lines.default_ttl", "PT0S", f"{TABLE}.default_ttl", "for ever"),
    "time to live is 20 years at most": ("tables.order_lines.default_ttl", "P7301D", f"{TABLE}.default_ttl", "P7300D"),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_rule_is_told_at_its_path(
    problems: Problems, content: Content, broken: tuple[str, Any, str, str]
) -> None:
    where, value, path, says = broken
    found = problems(put(content, where, value))
    at_path = [str(problem) for problem in found if problem.path == path]
    assert at_path, [str(problem) for problem in found]
    assert any(says in text for text in at_path), at_path


def test_a_check_by_the_function_needs_a_place_for_results(problems: Problems, load: Load, content: Content) -> None:
    content["comparison_lambda"] |= {"schedule": None, "results": None}
    [problem] = problems(content)
    assert (problem.path, problem.found) == ("consistency.engine", "LAMBDA without comparison_lambda.results")
    assert "or AIRFLOW" in problem.allowed
    content["consistency"]["engine"] = "AIRFLOW"
    load(content)


def test_the_migration_of_one_table_is_the_same_but_for_the_others(load: Load, content: Content) -> None:
    whole = load(content)
    assert whole.digest
    one = whole.of_table("order_lines")
    assert list(one.tables) == ["order_lines"]
    assert one.digest == Migration.from_canonical_json(one.canonical_json()).digest
    assert one.tables["order_lines"] == whole.tables["order_lines"]
    assert one.digest != whole.digest
    assert one.model_copy(update={"tables": whole.tables}) == whole


def test_a_call_has_left_its_result_once_its_age_and_every_try_are_over(load: Load, content: Content) -> None:
    function = load(content).comparison_lambda
    assert function is not None
    assert function.longest_wait == dt.timedelta(hours=3) + 2 * dt.timedelta(minutes=10)


def test_a_password_in_a_path_is_not_repeated(problems: Problems, content: Content) -> None:
    assert "hunter2" not in str(problems(put(content, "reports.path", "s3://a:hunter2@bucket/x"))[0])


def test_an_expiring_table_needs_a_time_in_its_history(problems: Problems, content: Content) -> None:
    for name in ("expiry_column", "write_time_column"):
        del content["tables"]["order_lines"]["history"][name]
    [problem] = problems(content)
    assert problem.path == f"{TABLE}.history"
    assert "start its life anew" in problem.allowed


@pytest.mark.parametrize("name", ["expiry_column", "write_time_column"])
def test_one_time_in_the_history_is_enough(load: Load, content: Content, name: str) -> None:
    del content["tables"]["order_lines"]["history"][name]
    load(content)


@pytest.mark.parametrize(("expires", "limit"), [(True, 166), (False, 225)])
def test_columns_outside_the_key_are_as_many_as_one_statement_takes(
    load: Load, problems: Problems, content: Content, *, expires: bool, limit: int
) -> None:
    table = content["tables"]["order_lines"]
    if not expires:
        del table["default_ttl"], table["history"]["expiry_column"]
    columns(content).extend({f"c{number}": "int"} for number in range(limit - 3))
    load(content)
    columns(content).append({"last": "int"})
    [problem] = problems(content)
    assert problem.path == f"{SCHEMA}.columns"
    assert str(limit) in problem.allowed


@pytest.mark.parametrize(("section", "count"), [("partition_keys", 128), ("clustering_keys", 53)])
def test_keys_of_fixed_width_stay_within_their_bytes(
    load: Load, problems: Problems, content: Content, section: str, count: int
) -> None:
    table = content["tables"]["orders_unarchived"]["schema"]
    names = [f"u{number}" for number in range(count + 1)]
    table["columns"].extend({name: "uuid"} for name in names)
    entries = [{name: "ASC"} for name in names] if section == "clustering_keys" else names
    table[section] = entries[:count]
    load(content)
    table[section] = entries
    [problem] = problems(content)
    assert problem.path == f"tables.orders_unarchived.schema.{section}"
    assert "bytes together" in problem.allowed


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("consistency.settle_time", "PT0S"),
        ("cutover.waiting_period", "PT1S"),
        ("cutover.consecutive_passes", 1),
        ("cutover.max_check_age", "P30D"),
        ("cutover.bake_time", "PT1S"),
        ("cutover.min_compared_reads", 1),
        ("cutover.retire_after", "PT0S"),
        ("reports.path", "reports/flights"),
    ],
)
def test_a_disposable_environment_may_go_beyond_the_limits(
    load: Load, content: Content, where: str, value: object
) -> None:
    content["environment"]["disposable"] = True
    load(put(content, where, value))


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("consistency.settle_time", "PT10S"),
        ("cutover.waiting_period", "PT48H"),
        ("cutover.bake_time", "PT10M"),
        ("cutover.bake_time", "P1D"),
        ("cutover.max_check_age", "P2D"),
        ("cutover.canary_steps", [100]),
        ("consistency.schedule", "*/15 0-6/2 1,15 * sun"),
        ("consistency.confidence", 0.9),
        ("consistency.max_mismatch_rate", 0.01),
        ("reports.path", "/srv/reports"),
        ("reports.path", "file:///srv/reports"),
        ("tables.order_lines.default_ttl", "P7300D"),
        ("tables.order_lines.schema.columns.4", {"amount": "frozen<list<" * 8 + "int" + ">>" * 8}),
        ("tables.orders_unarchived.schema.columns.1", {"no": "int"}),
        ("tables.order_lines.throughput.wcu", 100_000),
    ],
)
def test_what_lies_on_the_limit_is_allowed(load: Load, content: Content, where: str, value: object) -> None:
    load(put(content, where, value))


def test_sections_with_defaults_may_be_left_out(load: Load, content: Content) -> None:
    for name in ("description", "consistency", "cutover", "tags"):
        del content[name]
    assert load(content).cutover.canary_steps == (1, 5, 25, 50, 100)


def test_all_problems_of_a_file_are_told_at_once(problems: Problems, content: Content) -> None:
    put(content, "migration", "A B")
    put(content, "cutover.bake_time", "PT1S")
    put(content, "cutover.canary_steps", [1, 2])
    put(content, "tables.order_lines.throughput.mode", "NONE")
    put(content, "tables.orders_unarchived.schema.partition_keys", ["nothing_like_it"])
    paths = [problem.path for problem in problems(content)]
    assert paths == [
        "migration",
        "cutover.canary_steps",
        "tables.order_lines.throughput.mode",
        "tables.orders_unarchived.schema.partition_keys[0]",
    ]


def test_an_image_has_neither_layers_nor_an_objects_version(content: Content, problems: Problems) -> None:
    put(content, "comparison_lambda.zip", None)
    put(content, "comparison_lambda.image", "012345678901.dkr.ecr.eu-central-1.amazonaws.com/comparison:1")
    assert [problem.path for problem in problems(content)] == [
        "comparison_lambda.zip_version",
        "comparison_lambda.layers",
    ]


def test_a_tables_own_key_goes_before_the_files(load: Load, content: Content) -> None:
    migration = load(content)
    assert str(migration.encryption_key_arn("order_lines")).endswith("abcd1234-12ab-34cd-56ef-1234567890ab")
    assert migration.encryption_key_arn("orders_unarchived") == migration.target.encryption_key_arn
