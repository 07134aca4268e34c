"""The AWS account and Region that everything is made in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi_aws as aws

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keyspaces_migration.config import Migration


def account_provider(migration: Migration, *, endpoints: Mapping[str, str]) -> aws.Provider:
    """Make the provider of the migration's account.

    Args:
        migration: Names the Region, the account, and the role that is assumed in it.
        endpoints: Address by service, such as `{"keyspaces": "http://127.0.0.1:9170"}`, for a stand-in of AWS. A
            stand-in has no STS to ask for the account, so these checks of the provider are off then, and only then.
    """
    target = migration.target
    role = f"arn:aws:iam::{target.account_id}:role/{target.role_name}" if target.role_name else None
    stand_in = bool(endpoints)
    return aws.Provider(
        "account",
        region=target.region,
        allowed_account_ids=None if stand_in else [target.account_id],
        assume_roles=None if stand_in or role is None else [aws.ProviderAssumeRoleArgs(role_arn=role)],
        endpoints=[aws.ProviderEndpointArgs(**endpoints)] if stand_in else None,
        skip_credentials_validation=stand_in,
        skip_metadata_api_check=stand_in,
        skip_requesting_account_id=stand_in,
        skip_region_validation=stand_in,
    )
