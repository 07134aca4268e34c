"""Components that a Pulumi program of one's own can use; none knows Airflow."""
