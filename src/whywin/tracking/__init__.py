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
``specifications/<name>``                      number of a sweep's plans: all, answered, sound, failed, above and below nought
``design/<name>``                              power, effects, units and weeks of a trial's design (runs of kind design)
============================================== =====================================================================

The segment ``industry=FinTech`` is written ``industry.FinTech``, since MLflow refuses ``=``; any other sign that it refuses
becomes ``_``, with six digits of the name's hash behind it, so that two names never fall together (`names.metric_name`).

Artifacts: ``page.html``, ``plan.yaml``, ``tables/<name>.json`` (shown by MLflow as tables), ``figures/<name>.svg``,
``quarantine.csv`` where rows were left out, ``posterior.nc`` on the child run of a method that has one, and ``traceback.txt``
where a run failed. A fitted model of win rates is kept as the MLflow model ``winrates`` of the child run, with a signature and an
input example; ``mlflow.pyfunc.load_model("runs:/<child run>/winrates")`` gives what predicts new deals. It is registered under
the plan's name: ``models:/<plan>@sound`` is that of the newest sound run, ``models:/<plan>/latest`` the newest of all (MLflow keeps
the word "latest" for itself, so that no alias may have it). Repetitions and plans of a sweep are not registered.

A sweep is a parent run of kind ``sweep`` with one run of a plan below it for each combination, named ``<plan>-01`` and so on, tagged
``sweep.of`` and ``choice.<key>``; it has ``tables/specifications.json``, ``figures/specifications.svg`` and a page. A repetition by
`whywin rerun` is tagged ``rerun.of``, ``rerun.identical`` and ``rerun.says``. The tags ``version.<name>`` say what a number was
computed with, ``period`` from which to which day the deals are, and ``methods`` of which methods an experiment speaks.
"""

from whywin.tracking.causes import is_rounding, numbers, why
from whywin.tracking.comparison import Comparison, compare
from whywin.tracking.contents import as_text
from whywin.tracking.ledger import append, ledger
from whywin.tracking.links import links
from whywin.tracking.reading import Recorded, kept_model, latest, mark, method_table, recorded, table_of
from whywin.tracking.recording import Recording, recording
from whywin.tracking.store import Store, open_store
from whywin.tracking.ui import serve_ui, ui_command, ui_environment

__all__ = [
    "Comparison",
    "Recorded",
    "Recording",
    "Store",
    "append",
    "as_text",
    "compare",
    "is_rounding",
    "kept_model",
    "latest",
    "ledger",
    "links",
    "mark",
    "method_table",
    "numbers",
    "open_store",
    "recorded",
    "recording",
    "serve_ui",
    "table_of",
    "ui_command",
    "ui_environment",
    "why",
]
