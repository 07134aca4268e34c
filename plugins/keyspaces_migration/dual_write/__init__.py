"""Writing to Cassandra and Amazon Keyspaces at once, so that no write is lost on either side. Needs no Airflow.

`writer.DualWriter` is what an application uses; `registry`, `barrier` and `recopy` are what the stage
`start_dual_writes` uses. docs/writer-contract.md says what a writer in another language must do.
"""
