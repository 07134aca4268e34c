"""What Airflow finds in plugins/: the status page, as an application of its API server and a view in its UI."""

from airflow.plugins_manager import AirflowPlugin

from keyspaces_provider.status_page import PREFIX, URL_ROUTE, StatusPage


class KeyspacesMigrationPlugin(AirflowPlugin):
    """The status page of all migrations."""

    name = "keyspaces_migration"
    fastapi_apps = [{"app": StatusPage(), "url_prefix": PREFIX, "name": "Keyspaces migrations"}]  # noqa: RUF012 -- Airflow's form
    external_views = [  # noqa: RUF012 -- Airflow's form
        {
            "name": "Migrations",
            "href": f"{PREFIX}/",
            "destination": "nav",
            "url_route": URL_ROUTE,
            "nav_top_level": True,
        }
    ]
