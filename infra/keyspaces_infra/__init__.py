"""Infrastructure of a migration as a Pulumi program. Imports of the core only `keyspaces_migration.config`."""
