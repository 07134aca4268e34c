"""The consistency check: samples, three-way comparison, settling, verdict, report. Layer 3: no Airflow.

`kinds` is light; the other modules load the driver, scipy or both.
"""
