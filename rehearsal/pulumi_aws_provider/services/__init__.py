"""Resource types other than Keyspaces' own, a module for each family; each has DESCRIPTIONS.

What makes a type anew, what AWS fills in and what a default is, was read from the file of terraform-provider-aws that
`source` names, on which pulumi_aws stands; members and their names from pulumi_aws 7.51.1 itself.
"""
