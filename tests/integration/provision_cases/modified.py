"""The driver with a program that somebody has edited: `python modified.py EDIT …` with the driver's own arguments.

EDIT is `no-protect`: nothing is protected any more.
"""

from __future__ import annotations

import sys

import pulumi

import keyspaces_infra.workspace
from keyspaces_infra.__main__ import main
from keyspaces_infra.program import declare


def unprotected(migration: object, **options: object) -> None:
    """The program less its protection."""
    pulumi.runtime.register_stack_transformation(_less_protection)
    declare(migration, **options)  # type: ignore[arg-type]


def _less_protection(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
    options = pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(protect=False))
    return pulumi.ResourceTransformationResult(props=args.props, opts=options)


if __name__ == "__main__":
    assert sys.argv[1] == "no-protect"
    keyspaces_infra.workspace.declare = unprotected
    sys.exit(main(sys.argv[2:]))
