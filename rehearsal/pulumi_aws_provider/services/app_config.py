"""aws:appconfig: Application, Environment, ConfigurationProfile and DeploymentStrategy.

Ids: that of the application and of the strategy; ENVIRONMENT:APPLICATION and PROFILE:APPLICATION. AppConfig tells no
ARN, so the real provider makes it of the account, and so does this one. AppConfig lets two things have one name.
Ministack 1.5.33 does not keep the KMS key of a profile: of it a read says what the program said.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rehearsal.pulumi_aws_provider.description import Description
from rehearsal.pulumi_aws_provider.shapes import from_api, to_api
from rehearsal.pulumi_aws_provider.tagging import Tagging

if TYPE_CHECKING:
    from rehearsal.pulumi_aws_provider.account import Account
    from rehearsal.pulumi_aws_provider.resources import Properties

_TAGGING = Tagging(
    service="appconfig",
    of="arn",
    parameter="ResourceArn",
    list_with="list_tags_for_resource",
    tag_with="tag_resource",
    untag_with="untag_resource",
)


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """One of AppConfig's kinds of things: how its operations and its ids are made.

    Attributes:
        noun: In the operations' names, such as `Environment` in `CreateEnvironment`.
        method: In boto3's methods, such as `environment` in `create_environment`.
        in_application: Whether it belongs to an application.
        path: In its ARN.
        own_id: The output with its own id, None where that is the resource's id.
        emptied: What the API takes for nothing of it, by property.
        defaults: As in its description.
    """

    noun: str
    method: str
    in_application: bool
    path: str
    own_id: str | None
    emptied: dict[str, object]
    defaults: dict[str, object] = field(default_factory=dict)

    def create(self, account: Account, inputs: Properties) -> str:
        client = account.client("appconfig")
        request = to_api(client, f"Create{self.noun}", self._settings(inputs))
        made = getattr(client, f"create_{self.method}")(**request, **_TAGGING.for_create(inputs))
        return f"{made['Id']}:{made['ApplicationId']}" if self.in_application else str(made["Id"])

    def read(self, account: Account, resource_id: str, given: Properties) -> Properties:
        del given
        client = account.client("appconfig")
        answer = getattr(client, f"get_{self.method}")(**self._key(resource_id))
        found = from_api(client, f"Get{self.noun}", answer)
        found.pop("id", None)
        own = {self.own_id: resource_id.partition(":")[0]} if self.own_id else {}
        return {**found, **own, "arn": self._arn(account, resource_id), "region": account.region}

    def update(self, account: Account, resource_id: str, old: Properties, new: Properties) -> None:
        client = account.client("appconfig")
        emptied = {name: value for name, value in self.emptied.items() if old.get(name) and not new.get(name)}
        request = to_api(client, f"Update{self.noun}", {**self._settings(new), **emptied})
        getattr(client, f"update_{self.method}")(**{**request, **self._key(resource_id)})

    def delete(self, account: Account, resource_id: str, outputs: Properties) -> None:
        del outputs
        getattr(account.client("appconfig"), f"delete_{self.method}")(**self._key(resource_id))

    def _settings(self, inputs: Properties) -> Properties:
        return {name: value for name, value in {**self.defaults, **inputs}.items() if name not in ("tags", "tagsAll")}

    def _key(self, resource_id: str) -> dict[str, str]:
        own, _, application = resource_id.partition(":")
        key = {f"{self.noun}Id": own}
        return {**key, "ApplicationId": application} if self.in_application else key

    def _arn(self, account: Account, resource_id: str) -> str:
        own, _, application = resource_id.partition(":")
        within = f"application/{application}/" if self.in_application else ""
        return f"arn:aws:appconfig:{account.region}:{account.account_id}:{within}{self.path}/{own}"


_APPLICATION = _Kind(
    noun="Application",
    method="application",
    in_application=False,
    path="application",
    own_id=None,
    emptied={"description": ""},
)
_ENVIRONMENT = _Kind(
    noun="Environment",
    method="environment",
    in_application=True,
    path="environment",
    own_id="environmentId",
    emptied={"description": "", "monitors": []},
)
_PROFILE = _Kind(
    noun="ConfigurationProfile",
    method="configuration_profile",
    in_application=True,
    path="configurationprofile",
    own_id="configurationProfileId",
    defaults={"type": "AWS.Freeform"},
    emptied={"description": "", "validators": [], "retrievalRoleArn": "", "kmsKeyIdentifier": ""},
)
_STRATEGY = _Kind(
    noun="DeploymentStrategy",
    method="deployment_strategy",
    in_application=False,
    path="deploymentstrategy",
    own_id=None,
    emptied={"description": ""},
    defaults={"finalBakeTimeInMinutes": 0, "growthType": "LINEAR"},
)

APPLICATION = Description(
    token="aws:appconfig/application:Application",  # noqa: S106 - a type token of Pulumi's
    source="internal/service/appconfig/application.go",
    served=("name", "description"),
    required=("name",),
    computed=("arn",),
    name_is_taken=False,
    tagging=_TAGGING,
    create=_APPLICATION.create,
    read=_APPLICATION.read,
    update=_APPLICATION.update,
    delete=_APPLICATION.delete,
)

ENVIRONMENT = Description(
    token="aws:appconfig/environment:Environment",  # noqa: S106 - as above
    source="internal/service/appconfig/environment.go",
    served=("applicationId", "name", "description", "monitors"),
    required=("applicationId", "name"),
    replacing=("applicationId",),
    computed=("arn", "environmentId", "state"),
    unordered=("monitors",),
    name_is_taken=False,
    tagging=_TAGGING,
    create=_ENVIRONMENT.create,
    read=_ENVIRONMENT.read,
    update=_ENVIRONMENT.update,
    delete=_ENVIRONMENT.delete,
)

CONFIGURATION_PROFILE = Description(
    token="aws:appconfig/configurationProfile:ConfigurationProfile",  # noqa: S106 - as above
    source="internal/service/appconfig/configuration_profile.go",
    served=(
        "applicationId",
        "name",
        "description",
        "kmsKeyIdentifier",
        "locationUri",
        "retrievalRoleArn",
        "type",
        "validators",
    ),
    required=("applicationId", "name", "locationUri"),
    replacing=("applicationId", "locationUri", "type"),
    computed=("arn", "configurationProfileId"),
    defaults=_PROFILE.defaults,
    remembered=("kmsKeyIdentifier",),
    documents=("validators.content",),
    unordered=("validators",),
    name_is_taken=False,
    tagging=_TAGGING,
    create=_PROFILE.create,
    read=_PROFILE.read,
    update=_PROFILE.update,
    delete=_PROFILE.delete,
)

DEPLOYMENT_STRATEGY = Description(
    token="aws:appconfig/deploymentStrategy:DeploymentStrategy",  # noqa: S106 - as above
    source="internal/service/appconfig/deployment_strategy.go",
    served=(
        "name",
        "description",
        "deploymentDurationInMinutes",
        "finalBakeTimeInMinutes",
        "growthFactor",
        "growthType",
        "replicateTo",
    ),
    required=("name", "deploymentDurationInMinutes", "growthFactor", "replicateTo"),
    replacing=("name", "replicateTo"),
    computed=("arn",),
    defaults=_STRATEGY.defaults,
    name_is_taken=False,
    tagging=_TAGGING,
    create=_STRATEGY.create,
    read=_STRATEGY.read,
    update=_STRATEGY.update,
    delete=_STRATEGY.delete,
)

DESCRIPTIONS = (APPLICATION, ENVIRONMENT, CONFIGURATION_PROFILE, DEPLOYMENT_STRATEGY)
