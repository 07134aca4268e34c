"""The AWS account and Region that everything is made in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi_aws as aws

from keyspaces_migration.config.addresses import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keyspaces_migration.config import Migration


def is_stand_in(endpoints: Mapping[str, str]) -> bool:
    """Whether the endpoints are those of a stand-in: there are some, and all are on loopback.

    With an endpoint of a VPC among them it is AWS, whose account is checked and whose roles are assumed.
    """
    return bool(endpoints) and all(is_loopback(url) for url in endpoints.values())


def account_provider(migration: Migration, *, endpoints: Mapping[str, str]) -> aws.Provider:
    """Make the provider of the migration's account.

    Args:
        migration: Names the Region, the account, and the roles that are assumed.
        endpoints: Address by service, such as `{"keyspaces": "http://127.0.0.1:9170"}`, of a stand-in of AWS, or of VPC
            endpoints. A stand-in has no account to check and no roles to assume, so both are off then, and only then.
    """
    target = migration.target
    stand_in = is_stand_in(endpoints)
    roles = () if stand_in else target.role_chain
    return aws.Provider(
        "account",
        region=target.region,
        allowed_account_ids=None if stand_in else [target.account_id],
        assume_roles=[aws.ProviderAssumeRoleArgs(role_arn=role) for role in roles] or None,
        default_tags=aws.ProviderDefaultTagsArgs(tags=migration.resource_tags),
        endpoints=[_endpoints(endpoints)] if endpoints else None,
        s3_use_path_style=stand_in or None,
        skip_credentials_validation=stand_in,
        skip_metadata_api_check=stand_in,
        skip_requesting_account_id=stand_in,
        skip_region_validation=stand_in,
    )


def _endpoints(endpoints: Mapping[str, str]) -> aws.ProviderEndpointArgs:
    # Python keeps the word for itself.
    named = {"lambda_" if service == "lambda" else service: url for service, url in endpoints.items()}
    return aws.ProviderEndpointArgs(**named)
