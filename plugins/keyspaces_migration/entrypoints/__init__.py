"""What AWS calls: each module is one entry point over the core, with neither Airflow nor Pulumi."""
