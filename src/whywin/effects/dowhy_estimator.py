"""Our methods as estimators of DoWhy, for people who live there.

DoWhy finds an estimator by the name of its class: any method of this room that compares deals by adjustment is a class of this module, and
its settings are the estimator's::

    model.estimate_effect(
        model.identify_effect(),
        method_name="backdoor.whywin.effects.dowhy_estimator.Matching",
        target_units="att",
        method_params={"init_params": {"neighbours": 5}},
    )

Every estimate refits everything from the data that DoWhy hands over, writes nothing into them, and has the method's own interval and
two-sided p-value, so that DoWhy's refuters refute the method and not a propensity that an earlier fit left behind.
This module imports DoWhy, and is imported by nothing of ours.
"""

from dataclasses import fields
from functools import cache
from importlib import import_module
from typing import Any, ClassVar, Final

import numpy as np
import pandas as pd
from dowhy.causal_estimator import CausalEstimate, CausalEstimator
from scipy.stats import norm

from whywin.effects.question import Effect
from whywin.errors import QuestionError
from whywin.evidence import Estimate

POINTS: Final = 100.0  # an effect on a rate is in points here, and in shares in DoWhy
TARGETS: Final = {"ate": "all", "att": "treated"}


class WhywinEstimator(CausalEstimator):  # type: ignore[misc]  # DoWhy has no types
    """A method of ours behind the face that DoWhy's estimators have.

    Settings of the method come from `init_params`; `seed`, `cluster`, `logs` and `level` of the question may stand among them.
    """

    owner: ClassVar[Any]

    def __init__(self, identified_estimand: Any, **given: Any) -> None:
        """Take DoWhy's arguments, and the method's settings from `init_params`.

        Raises:
            QuestionError: the effect is not identified by the back door, or a setting is unknown.
        """
        settings = dict(given.pop("init_params", None) or {})
        super().__init__(identified_estimand, **given)
        self.seed = int(settings.pop("seed", 0))
        self.asked = {name: settings.pop(name) for name in ("cluster", "logs", "level") if name in settings}
        known = {field.name for field in fields(self.owner)}
        faults = [
            f"init_params: {name!r} is no setting of {self.owner.__name__}; there are {', '.join(sorted(known))}"
            for name in settings
            if name not in known
        ]
        if not str(identified_estimand.identifier_method).startswith("backdoor"):
            faults.append(
                f"method_name: {self.owner.__name__} adjusts by the back door, got {identified_estimand.identifier_method!r}; write backdoor."
            )
        if faults:
            raise QuestionError(faults)
        self.method = self.owner(**settings)
        self.told: Estimate | None = None

    def fit(self, data: pd.DataFrame, effect_modifier_names: list[str] | None = None, **_: Any) -> "WhywinEstimator":
        """Keep nothing of the data: they are learnt from when the effect is asked for."""
        self.reset_encoders()
        self._set_effect_modifiers(data, effect_modifier_names)
        return self

    def estimate_effect(
        self, data: pd.DataFrame, treatment_value: Any = 1, control_value: Any = 0, target_units: Any = None, **_: Any
    ) -> CausalEstimate:
        """Return the effect, as a share for an outcome of 0 and 1 and in its own unit otherwise.

        Raises:
            QuestionError: the target is neither ate nor att, or treatment and control are not 1 and 0.
        """
        question = self._question(treatment_value, control_value, target_units)
        self._target_units, self._treatment_value, self._control_value = (
            target_units,
            treatment_value,
            control_value,
        )  # refuters ask
        evidence = self.method.answer(question, data.copy(), np.random.default_rng(self.seed))
        row = evidence.of(question.quantity)
        self.told = row
        estimate = CausalEstimate(
            data=data,
            treatment_name=self._target_estimand.treatment_variable,
            outcome_name=self._target_estimand.outcome_variable,
            estimate=_share(row.value, row),
            target_estimand=self._target_estimand,
            realized_estimand_expr=self.construct_symbolic_estimator(self._target_estimand),
            control_value=control_value,
            treatment_value=treatment_value,
        )
        estimate.add_estimator(self)
        return estimate

    def construct_symbolic_estimator(self, estimand: Any) -> str:
        """Return what is computed, in words."""
        adjusted = ", ".join(estimand.get_adjustment_set()) or "nothing"
        return f"{self.method!r} adjusting for {adjusted}"

    def _question(self, treatment_value: Any, control_value: Any, target_units: Any) -> Effect:
        faults = []
        target = "ate" if target_units is None else target_units
        if not isinstance(target, str) or target not in TARGETS:
            faults.append(f"target_units: must be 'ate' or 'att', got {target!r}; ask for one of them")
        if (treatment_value, control_value) != (1, 0):
            faults.append(
                f"treatment_value, control_value: must be 1 and 0, got {treatment_value!r} and {control_value!r}; recode the treatment"
            )
        if faults:
            raise QuestionError(faults)
        estimand = self._target_estimand
        (treatment,), (outcome,) = estimand.treatment_variable, estimand.outcome_variable
        adjusted = tuple(estimand.get_adjustment_set())
        return Effect(treatment, adjusted, outcome=outcome, estimand=TARGETS[target], **self.asked)  # type: ignore[arg-type]

    def _estimate_confidence_intervals(
        self, confidence_level: float | None = None, method: Any = None, **_: Any
    ) -> tuple[float, float]:
        row, wanted = self._row(), self.confidence_level if confidence_level is None else confidence_level
        stretch = norm.ppf(0.5 + wanted / 2) / norm.ppf(0.5 + row.level / 2)
        low, high = (row.value + stretch * (end - row.value) for end in (row.low, row.high))
        return _share(low, row), _share(high, row)

    def _estimate_std_error(self, method: Any = None, **_: Any) -> float:
        row = self._row()
        return _share((row.high - row.low) / (2 * float(norm.ppf(0.5 + row.level / 2))), row)

    def _test_significance(self, estimate_value: float, method: Any = None, **_: Any) -> dict[str, float]:
        error = self._estimate_std_error()
        return {"p_value": float(2 * norm.sf(abs(estimate_value) / error)) if error > 0 else float(estimate_value == 0)}

    def _row(self) -> Estimate:
        if self.told is None:
            raise QuestionError("nothing was estimated yet; call estimate_effect first")
        return self.told


def _share(number: float, row: Estimate) -> float:
    return number / POINTS if row.unit == "points" else number


@cache
def __getattr__(name: str) -> type[WhywinEstimator]:
    """Return the estimator of the method of that name: Matching, Weighting, DoublyRobust, or any other file of methods/."""
    small = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
    try:
        owner = getattr(import_module(f"whywin.effects.methods.{small}"), name)
    except (ImportError, AttributeError) as missing:
        raise AttributeError(name) from missing
    return type(name, (WhywinEstimator,), {"owner": owner, "__module__": __name__, "__doc__": owner.__doc__})
