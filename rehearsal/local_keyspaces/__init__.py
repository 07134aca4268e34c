"""Local Keyspaces: a Cassandra node that refuses what Amazon Keyspaces refuses.

`node` starts it; `rules` lists what it refuses, which `docs/reference/local-keyspaces-rules.md` shows; `credentials`
says who may log in; `admin` sets limits, rules and faults and reads metrics while it runs; `metrics` puts these into
CloudWatch; `plugin/` is the server plug-in in Java, built by `tools/build-local-keyspaces.sh`.

The statements on the schema that it takes beyond Cassandra's own are its contract with the control plane, which creates
and alters tables by them and reads the outcome from `system_schema_mcs`:

    CREATE KEYSPACE k WITH REPLICATION = {'class': 'SingleRegionStrategy'} AND TAGS = {'key': 'value'}
    CREATE TABLE k.t (…) WITH CUSTOM_PROPERTIES = {
        'capacity_mode': {'throughput_mode': 'PROVISIONED', 'read_capacity_units': 10, 'write_capacity_units': 20},
        'client_side_timestamps': {'status': 'enabled'},
        'ttl': {'status': 'enabled'},
        'point_in_time_recovery': {'status': 'enabled'},
        'encryption_specification': {'encryption_type': 'CUSTOMER_MANAGED_KMS_KEY', 'kms_key_identifier': 'arn:…'},
        'warm_throughput': {'read_units_per_second': 12000, 'write_units_per_second': 4000}
    } AND CLUSTERING ORDER BY (…) AND default_time_to_live = 3600 AND comment = '…' AND TAGS = {…}
    ALTER TABLE k.t WITH CUSTOM_PROPERTIES = {one of the above}
    ALTER TABLE k.t ADD TAGS {…}, ALTER TABLE k.t DROP TAGS {…}

Tags are checked and left to the control plane. A default time to live above 0 turns `ttl` on. AUTOSCALING_SETTINGS,
RESTORE TABLE, change data capture and keyspaces over several Regions are refused as not modelled.

`system_schema_mcs.keyspaces` shows a keyspace once it has been created (`keyspace_name`, `durable_writes`,
`replication`). `system_schema_mcs.tables` has `keyspace_name`, `table_name`, `status` (CREATING, ACTIVE, UPDATING,
DELETING), `default_time_to_live`, `comment` and `custom_properties` (map of maps of text, with `capacity_mode`,
`encryption_specification` and `point_in_time_recovery` always there; on demand, `capacity_mode` has
`last_update_to_pay_per_request_timestamp` in milliseconds). `system_schema_mcs.columns` has the columns.

Capacity is metered by row, as the guide says. Where the guide is silent, the node does this:

- A batch that is throttled half way has taken the units of its first statements, and has written nothing.
- A read waits for one unit before it is done; what it read beyond that is charged afterwards, and later reads wait.
- A SELECT with IN on the partition key is charged by the bytes it returns, all others by the rows they read.
- A DELETE takes a unit for each row, whatever the row's size.
- Latency is a sum over requests; each injected wait holds one of the node's threads.

What Amazon's service does not have is in the keyspace `local_keyspaces`: `UPDATE local_keyspaces.rules SET enforced =
false WHERE id = '…'` turns a rule off, and `UPDATE local_keyspaces.settings SET value = … WHERE name = '…'` sets
`ddl_delay_ms`, `ddl_frozen` (0 or 1) and `clock_skew_us`. Neither outlives the node.
"""
