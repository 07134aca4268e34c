"""The AWS account and Region that everything is made in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi_aws as aws

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keyspaces_migration.config import Migration, Target


def role_chain(target: Target) -> tuple[str, ...]:
    """The ARNs of the roles that are assumed, one after the other; the last is in the target's account."""
    if target.role_name is None:
        return ()
    return (*target.via_roles, f"arn:aws:iam::{target.account_id}:role/{target.role_name}")


def account_provider(migration: Migration, *, endpoints: Mapping[str, str]) -> aws.Provider:
    """Make the provider of the migration's account.

    Args:
        migration: Names the Region, the account, and the roles that are assumed.
        endpoints: Address by service, such as `{"keyspaces": "http://127.0.0.1:9170"}`, for a stand-in of AWS. A
            stand-in has no STS to ask for the account, so these checks of the provider are off then, and only then.
    """
    target = migration.target
    stand_in = bool(endpoints)
    roles = () if stand_in else role_chain(target)
    return aws.Provider(
        "account",
        region=target.region,
        allowed_account_ids=None if stand_in else [target.account_id],
        assume_roles=[aws.ProviderAssumeRoleArgs(role_arn=role) for role in roles] or None,
        default_tags=aws.ProviderDefaultTagsArgs(tags=migration.resource_tags),
        endpoints=[_endpoints(endpoints)] if stand_in else None,
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
