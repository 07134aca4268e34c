"""When a gate that waits may be answered: once the scheduler has seen the end of the process that began to wait."""

from pathlib import Path

from rehearsal.servers.airflow import AirflowServer

FINISHED = (
    "[info     ] TaskInstance Finished: dag_id=flights.cutover, task_id=approve_1, run_id=r, map_index=-1, "
    "ti_id={ti}, run_end_date=None, state={state}, executor=LocalExecutor(parallelism=4), executor_state=success\n"
)


def test_a_gate_may_be_answered_only_once_its_own_process_is_known_to_have_ended(tmp_path: Path) -> None:
    airflow = AirflowServer(home=tmp_path, port=1, ca_file=None, connections=())
    assert not airflow.has_let_go("one")
    log = tmp_path / "logs" / "airflow-scheduler.log"
    log.parent.mkdir()
    log.write_text(FINISHED.format(ti="other", state="awaiting_input") + FINISHED.format(ti="one", state="queued"))
    assert not airflow.has_let_go("one")
    with log.open("a") as more:
        more.write(FINISHED.format(ti="one", state="awaiting_input"))
    assert airflow.has_let_go("one")
