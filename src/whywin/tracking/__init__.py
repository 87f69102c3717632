"""The record of runs, kept in MLflow below one folder; the only part of whywin that knows MLflow.

A plan is one parent run and each of its methods one child run. Names are the same for all three questions, so that MLflow's
compare page and charts line up; rates are in percent and differences in percentage points:

============================================== =====================================================================
metric                                         what it is
============================================== =====================================================================
``estimate/<quantity>.<segment>``              the estimate; on the parent run, that of the method that answers
``low/<quantity>.<segment>``, ``high/…``       the ends of its interval
``truth/<quantity>.<segment>``                 the true number, when the deals come from a made-up market (parent only)
``check/<name>``                               1 where every check of that name passed, else 0
``sound``                                      1 where no check failed that would undo the answer, else 0
``quality/score``, ``quality/<dimension>``     how good the deal table is, 0 to 100 (parent only)
``deals/kept``, ``deals/quarantined``          number of deals (parent only)
``<quantity> by <period column>``              one step a period, as in ``win rate by created_quarter``
``held``                                       1 where an experiment's statement held, else 0
============================================== =====================================================================

The segment ``industry=FinTech`` is written ``industry.FinTech``, since MLflow refuses ``=``; any other sign that it refuses
becomes ``_``, with six digits of the name's hash behind it, so that two names never fall together (`names.metric_name`).

Artifacts: ``page.html``, ``plan.yaml``, ``tables/<name>.json`` (shown by MLflow as tables), ``figures/<name>.svg``,
``quarantine.csv`` where rows were left out, ``posterior.nc`` on the child run of a method that has one, and ``traceback.txt``
where a run failed. A fitted model of win rates is kept as the MLflow model ``winrates`` of the child run, with a signature and an
input example; ``mlflow.pyfunc.load_model("runs:/<child run>/winrates")`` gives what predicts new deals.
"""

from whywin.tracking.comparison import Comparison, compare
from whywin.tracking.ledger import append, ledger
from whywin.tracking.links import links
from whywin.tracking.reading import Recorded, kept_model, latest, method_table, recorded
from whywin.tracking.recording import Recording, recording
from whywin.tracking.store import Store, open_store
from whywin.tracking.ui import serve_ui, ui_command, ui_environment

__all__ = [
    "Comparison",
    "Recorded",
    "Recording",
    "Store",
    "append",
    "compare",
    "kept_model",
    "latest",
    "ledger",
    "links",
    "method_table",
    "open_store",
    "recorded",
    "recording",
    "serve_ui",
    "ui_command",
    "ui_environment",
]
