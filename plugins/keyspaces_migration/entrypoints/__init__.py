"""What AWS and Spark call: each entry point is over the core, with neither Airflow nor Pulumi."""
