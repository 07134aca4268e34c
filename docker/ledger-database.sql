-- The migration's ledger beside Airflow's own database: it outlives any reset of Airflow.
CREATE DATABASE ledger OWNER airflow;
