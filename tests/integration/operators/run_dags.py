"""Runs the DAG of each file given by `dag.test()`, and prints for each a line of what became of its tasks."""

import json
import runpy
import sys
from typing import Any

from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from sqlalchemy.orm import Session


def outcome(run: DagRun) -> dict[str, Any]:
    with create_session() as session:
        tasks = session.merge(run).get_task_instances(session=session)
        return {
            "state": run.state,
            "tasks": [
                {
                    "task_id": task.task_id,
                    "state": task.state,
                    "returned": returned(task, session),
                }
                for task in tasks
            ],
        }


def returned(task: TaskInstance, session: Session) -> Any:
    return task.xcom_pull(task.task_id, map_indexes=task.map_index, session=session)


def main() -> None:
    conf = json.loads(sys.argv[1])
    for file in sys.argv[2:]:
        dag = runpy.run_path(file)["dag"]
        given = {name: value for name, value in conf.items() if name in dag.params}
        for _ in range(2):
            run = dag.test(run_conf=given)
            sys.stdout.write(f"\nRAN {json.dumps({'dag_id': dag.dag_id, **outcome(run)}, default=str)}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
