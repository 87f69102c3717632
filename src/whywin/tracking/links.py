"""Deep links into the MLflow UI."""

from collections.abc import Mapping
from urllib.parse import quote

ADDRESS = "127.0.0.1"
_RUNS = "workflowType=machine_learning"  # without it the UI opens among chat traces and shows no runs
_FLAT = f"orderByKey={quote('metrics.`sound`', safe='')}&orderByAsc=false"  # ordered by a metric, child runs are listed flat


def links(experiment_id: str, run_id: str, port: int) -> Mapping[str, str]:
    """Return the addresses of a run, of its page, and of its methods side by side as charts and as tables."""
    experiment = f"http://{ADDRESS}:{port}/#/experiments/{experiment_id}"
    children = quote(f"tags.`mlflow.parentRunId` = '{run_id}'", safe="")
    methods = f"{experiment}/runs?{_RUNS}&searchFilter={children}&{_FLAT}"
    return {
        "Run in MLflow": f"{experiment}/runs/{run_id}?{_RUNS}",
        "Page in MLflow": f"{experiment}/runs/{run_id}/artifacts/page.html?{_RUNS}",
        "Methods as charts": f"{methods}&compareRunsMode=CHART",
        "Methods as tables": f"{methods}&compareRunsMode=ARTIFACT",
    }
