"""Names in a migration file: what each may look like, and why."""

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, StringConstraints, WithJsonSchema

from keyspaces_migration.config.problems import broken


@dataclass(frozen=True)
class NameRule:
    """What a name may look like.

    Attributes:
        pattern: What all of the name must match.
        allowed: The same in words.
        hints: Patterns that wrong names may match somewhere, each with what to do about it.
    """

    pattern: str
    allowed: str
    hints: tuple[tuple[str, str], ...] = ()

    def check(self, value: str) -> str:
        """Return `value` if it keeps the rule.

        Raises:
            RuleError: It does not.
        """
        if re.fullmatch(self.pattern, value):
            return value
        hint = next((text for wrong, text in self.hints if re.search(wrong, value)), "")
        raise broken(value, self.allowed, hint)

    @property
    def schema(self) -> WithJsonSchema:
        """The rule for the JSON Schema."""
        return WithJsonSchema({"type": "string", "pattern": f"^{self.pattern}$"})


_STRICT = StringConstraints(strict=True)
_TOO_LONG = (".{49,}", "shorten it: Amazon Keyspaces takes 48 characters")

KEYSPACES_NAME = NameRule(
    pattern="[a-zA-Z0-9][a-zA-Z0-9_]{0,47}",
    allowed="a name of Amazon Keyspaces: 1 to 48 letters, digits and underscores, the first no underscore",
    hints=(_TOO_LONG,),
)
COLUMN_NAME = NameRule(
    pattern="[a-z0-9][a-z0-9_]{0,47}",
    allowed="a column name: 1 to 48 lower-case letters, digits and underscores, the first no underscore",
    hints=(
        _TOO_LONG,
        (
            "[A-Z]",
            "capitals are refused by pulumi_aws (terraform-provider-aws #43068): rename the column before migrating it",
        ),
    ),
)
MIGRATION_NAME = NameRule(
    # Longer, and names of AWS that are made of it would have more than their 64 characters.
    pattern="[a-z][a-z0-9_-]{0,27}",
    allowed="1 to 28 lower-case letters, digits, underscores and dashes, the first a letter: it begins every DAG id "
    "and names the Pulumi stack and the AWS resources",
)
CONNECTION_ID = NameRule(
    pattern="[A-Za-z0-9][A-Za-z0-9_.-]{0,199}",
    allowed="the id of an Airflow connection: 1 to 200 letters, digits, and _ . -",
    hints=((r"://", "give the id of a connection, never its address: addresses and secrets stay in Airflow"),),
)
SNOWFLAKE_COLUMN = NameRule(
    pattern=r'(?:[A-Za-z_][A-Za-z0-9_$]{0,254}|"(?:[^"\x00]|""){1,255}")',
    allowed="a column of Snowflake: a plain name, which Snowflake reads in capitals, or one in double quotes",
)
SNOWFLAKE_TABLE = NameRule(
    pattern=r"\.".join([SNOWFLAKE_COLUMN.pattern] * 3),
    allowed="DATABASE.SCHEMA.TABLE of Snowflake, each part a plain name or one in double quotes",
    hints=((r"^[^.]*(\.[^.]*)?$", "name the database and the schema too: a session's defaults may change"),),
)
SNOWFLAKE_STAGE = NameRule(
    pattern=SNOWFLAKE_TABLE.pattern,
    allowed="DATABASE.SCHEMA.STAGE of Snowflake, each part a plain name or one in double quotes",
    hints=(
        ("^@", "leave out the @"),
        (r"^[^.]*(\.[^.]*)?$", "name the database and the schema too: a session's defaults may change"),
    ),
)
REGION = NameRule(pattern="[a-z]{2}(-[a-z]+)+-[0-9]", allowed="an AWS Region, such as us-east-1")
ACCOUNT_ID = NameRule(pattern="[0-9]{12}", allowed="the 12 digits of an AWS account, in quotes")
ROLE_NAME = NameRule(
    pattern=r"[A-Za-z0-9_+=,.@-]{1,64}",
    allowed="the name of an IAM role, without its ARN",
    hints=(("^arn:", "give only what follows role/"),),
)
_ARN = "arn:aws[a-z-]*"
ROLE_ARN = NameRule(
    pattern=_ARN + r":iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]{1,512}",
    allowed="the ARN of an IAM role, such as arn:aws:iam::123456789012:role/migrator",
)
KMS_KEY_ARN = NameRule(
    pattern=_ARN + r":kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]{1,64}",
    allowed="the ARN of a KMS key, such as arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    hints=((":alias/", "an alias may come to mean another key: give the key itself"),),
)
TOPIC_ARN = NameRule(
    pattern=_ARN + r":sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?",
    allowed="the ARN of an SNS topic, such as arn:aws:sns:us-east-1:123456789012:on-call",
)
ALARM_ARN = NameRule(
    pattern=_ARN + r":cloudwatch:[a-z0-9-]+:[0-9]{12}:alarm:[^\x00-\x1f]{1,255}",
    allowed="the ARN of a CloudWatch alarm, such as arn:aws:cloudwatch:us-east-1:123456789012:alarm:orders-errors",
)
SECRET_NAME = NameRule(
    pattern=r"[A-Za-z0-9/_+=.@-]{1,512}",
    allowed="the name of a Secrets Manager secret: 1 to 512 letters, digits, and / _ + = . @ -",
    hints=(("^arn:", "give the name alone: what follows secret:, without the dash and the six characters at its end"),),
)
LAYER_ARN = NameRule(
    pattern=_ARN + r":lambda:[a-z0-9-]+:[0-9]{12}:layer:[A-Za-z0-9_-]{1,140}:[0-9]+",
    allowed="the ARN of a version of a Lambda layer, which ends in its number",
)
S3_OBJECT = NameRule(
    pattern=r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^\s\x00?#]{1,1024}",
    allowed="an object of S3, such as s3://bucket/comparison.zip",
)
S3_BUCKET = NameRule(
    pattern=r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
    allowed="the name of an S3 bucket: 3 to 63 lower-case letters, digits, dots and dashes",
    hints=(("^s3:", "give the bucket's name alone, without s3:// and without a key"),),
)
S3_PREFIX = NameRule(
    # Its object's keys are at most 1,024 bytes long, and what comes after it takes some of them.
    pattern=r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9!_.'()=-]{1,100}){1,8}",
    allowed="a bucket of S3 and a prefix in it, such as s3://bucket/comparison",
    hints=(
        ("/$", "leave out the slash at the end"),
        ("^s3://[^/]+$", "name a prefix too: the function may write under it, and nowhere else"),
    ),
)
SCHEDULE_EXPRESSION = NameRule(
    pattern=r"rate\([1-9][0-9]* (minutes?|hours?|days?)\)|cron\(([^\s()]+ ){5}[^\s()]+\)",
    allowed="a schedule of EventBridge Scheduler, UTC: rate(6 hours), or cron(0 3 * * ? *) with its six fields",
    hints=((r"^[^(]*$", "write rate(…) or cron(…); the five fields of consistency.schedule are Airflow's"),),
)
METRIC_NAMESPACE = NameRule(
    pattern=r"(?!AWS/)[A-Za-z0-9_.#/-]{1,255}",
    allowed="a namespace of CloudWatch: 1 to 255 letters, digits, and _ . # / -",
    hints=(("^AWS/", "AWS keeps names that begin with AWS/ for itself"),),
)
IMAGE_URI = NameRule(
    pattern=r"[A-Za-z0-9.-]+(:[0-9]+)?/[a-z0-9._/-]+(:[A-Za-z0-9._-]{1,128}|@sha256:[0-9a-f]{64})",
    allowed="a container image with its tag or digest, such as "
    "123456789012.dkr.ecr.us-east-1.amazonaws.com/comparison@sha256:...",
)
SUBNET_ID = NameRule(pattern="subnet-[0-9a-f]{8,17}", allowed="the id of a subnet, such as subnet-0a1b2c3d4e5f60718")
SECURITY_GROUP_ID = NameRule(
    pattern="sg-[0-9a-f]{8,17}", allowed="the id of a security group, such as sg-0a1b2c3d4e5f60718"
)
EMR_APPLICATION_ID = NameRule(
    pattern="[0-9a-z]{1,64}", allowed="the id of an application of EMR Serverless, such as 00f1r2s3t4u5v6w7"
)
SPARK_MASTER = NameRule(
    pattern=r"local|yarn|spark://[^\s\x00@/]+:[0-9]+(,[^\s\x00@/]+:[0-9]+)*|k8s://[^\s\x00@]+",
    allowed="local, yarn, spark://host:port or k8s://https://host:port",
    hints=((r"^local\[", "write local alone: executors and cores_per_executor say how many load at a time"),),
)
SPARK_PROPERTY = NameRule(
    pattern=r"spark\.[A-Za-z0-9._-]{1,200}",
    allowed="a property of Spark, such as spark.executor.memoryOverhead",
)
VARIABLE_NAME = NameRule(
    pattern="[A-Za-z][A-Za-z0-9_]{1,127}",
    allowed="the name of an environment variable: 2 to 128 letters, digits and underscores, the first a letter",
)
BACKEND_URL = NameRule(
    pattern=r"(file:///|s3://|gs://|azblob://|https://)[^\s\x00@]+",
    allowed="a backend of Pulumi, such as s3://bucket/prefix, https://api.pulumi.com or file:///folder",
    hints=(("@", "secrets don't belong here: give the workers the backend's credentials"),),
)
SECRETS_PROVIDER = NameRule(
    pattern=r"passphrase|default|(awskms|gcpkms|azurekeyvault|hashivault)://[^\s\x00]+",
    allowed="passphrase, default (Pulumi Cloud's own), or a key such as awskms://alias/pulumi?region=us-east-1",
)
ENVIRONMENT_NAME = NameRule(
    pattern="[a-z][a-z0-9-]{0,31}",
    allowed="1 to 32 lower-case letters, digits and dashes, the first a letter",
)
OWNER = NameRule(
    pattern=r"\S(?:[^\r\n\x00]{0,98}\S)?",
    allowed="1 to 100 characters in one line, without spaces at the ends",
)
AIRFLOW_ROLE = NameRule(
    pattern=r"\w(?:[\w .@-]{0,62}\w)?",
    allowed="the name of an Airflow role: 1 to 64 letters, digits, and _ . @ - or spaces inside",
)
CHANNEL_NAME = NameRule(
    pattern="[a-z][a-z0-9_-]{0,31}",
    allowed="1 to 32 lower-case letters, digits, underscores and dashes, the first a letter",
)
NOTIFIER_PATH = NameRule(
    pattern=r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+",
    allowed="the import path of a class, such as airflow.providers.amazon.aws.notifications.sns.SnsNotifier",
    hints=(("[:/]", "separate module and class by a dot"),),
)
ARGUMENT_NAME = NameRule(pattern=r"[A-Za-z_]\w{0,63}", allowed="the name of an argument of the notifier's class")
WEB_ADDRESS = NameRule(
    pattern=r"https?://[^\s\x00@]{1,1000}",
    allowed="a web address, such as https://wiki.example.com/keyspaces/runbooks",
    hints=(("@", "messages show it: give it without user and password"),),
)
USER_NAME = NameRule(pattern=r"[^\s\x00]{1,128}", allowed="the name of an Airflow user, without spaces")

KeyspacesName = Annotated[str, _STRICT, AfterValidator(KEYSPACES_NAME.check), KEYSPACES_NAME.schema]
ColumnName = Annotated[str, _STRICT, AfterValidator(COLUMN_NAME.check), COLUMN_NAME.schema]
MigrationName = Annotated[str, _STRICT, AfterValidator(MIGRATION_NAME.check), MIGRATION_NAME.schema]
ConnectionId = Annotated[str, _STRICT, AfterValidator(CONNECTION_ID.check), CONNECTION_ID.schema]
SnowflakeColumn = Annotated[str, _STRICT, AfterValidator(SNOWFLAKE_COLUMN.check), SNOWFLAKE_COLUMN.schema]
SnowflakeTable = Annotated[str, _STRICT, AfterValidator(SNOWFLAKE_TABLE.check), SNOWFLAKE_TABLE.schema]
SnowflakeStage = Annotated[str, _STRICT, AfterValidator(SNOWFLAKE_STAGE.check), SNOWFLAKE_STAGE.schema]
Region = Annotated[str, _STRICT, AfterValidator(REGION.check), REGION.schema]
AccountId = Annotated[str, _STRICT, AfterValidator(ACCOUNT_ID.check), ACCOUNT_ID.schema]
RoleName = Annotated[str, _STRICT, AfterValidator(ROLE_NAME.check), ROLE_NAME.schema]
EnvironmentName = Annotated[str, _STRICT, AfterValidator(ENVIRONMENT_NAME.check), ENVIRONMENT_NAME.schema]
UserName = Annotated[str, _STRICT, AfterValidator(USER_NAME.check), USER_NAME.schema]
RoleArn = Annotated[str, _STRICT, AfterValidator(ROLE_ARN.check), ROLE_ARN.schema]
KmsKeyArn = Annotated[str, _STRICT, AfterValidator(KMS_KEY_ARN.check), KMS_KEY_ARN.schema]
TopicArn = Annotated[str, _STRICT, AfterValidator(TOPIC_ARN.check), TOPIC_ARN.schema]
AlarmArn = Annotated[str, _STRICT, AfterValidator(ALARM_ARN.check), ALARM_ARN.schema]
SecretName = Annotated[str, _STRICT, AfterValidator(SECRET_NAME.check), SECRET_NAME.schema]
LayerArn = Annotated[str, _STRICT, AfterValidator(LAYER_ARN.check), LAYER_ARN.schema]
S3Object = Annotated[str, _STRICT, AfterValidator(S3_OBJECT.check), S3_OBJECT.schema]
S3Bucket = Annotated[str, _STRICT, AfterValidator(S3_BUCKET.check), S3_BUCKET.schema]
S3Prefix = Annotated[str, _STRICT, AfterValidator(S3_PREFIX.check), S3_PREFIX.schema]
ScheduleExpression = Annotated[str, _STRICT, AfterValidator(SCHEDULE_EXPRESSION.check), SCHEDULE_EXPRESSION.schema]
MetricNamespace = Annotated[str, _STRICT, AfterValidator(METRIC_NAMESPACE.check), METRIC_NAMESPACE.schema]
ImageUri = Annotated[str, _STRICT, AfterValidator(IMAGE_URI.check), IMAGE_URI.schema]
SubnetId = Annotated[str, _STRICT, AfterValidator(SUBNET_ID.check), SUBNET_ID.schema]
SecurityGroupId = Annotated[str, _STRICT, AfterValidator(SECURITY_GROUP_ID.check), SECURITY_GROUP_ID.schema]
EmrApplicationId = Annotated[str, _STRICT, AfterValidator(EMR_APPLICATION_ID.check), EMR_APPLICATION_ID.schema]
SparkMaster = Annotated[str, _STRICT, AfterValidator(SPARK_MASTER.check), SPARK_MASTER.schema]
SparkProperty = Annotated[str, _STRICT, AfterValidator(SPARK_PROPERTY.check), SPARK_PROPERTY.schema]
VariableName = Annotated[str, _STRICT, AfterValidator(VARIABLE_NAME.check), VARIABLE_NAME.schema]
AirflowRole = Annotated[str, _STRICT, AfterValidator(AIRFLOW_ROLE.check), AIRFLOW_ROLE.schema]
ChannelName = Annotated[str, _STRICT, AfterValidator(CHANNEL_NAME.check), CHANNEL_NAME.schema]
NotifierPath = Annotated[str, _STRICT, AfterValidator(NOTIFIER_PATH.check), NOTIFIER_PATH.schema]
ArgumentName = Annotated[str, _STRICT, AfterValidator(ARGUMENT_NAME.check), ARGUMENT_NAME.schema]
WebAddress = Annotated[str, _STRICT, AfterValidator(WEB_ADDRESS.check), WEB_ADDRESS.schema]
BackendUrl = Annotated[str, _STRICT, AfterValidator(BACKEND_URL.check), BACKEND_URL.schema]
SecretsProvider = Annotated[str, _STRICT, AfterValidator(SECRETS_PROVIDER.check), SECRETS_PROVIDER.schema]
Owner = Annotated[str, _STRICT, AfterValidator(OWNER.check), OWNER.schema]
