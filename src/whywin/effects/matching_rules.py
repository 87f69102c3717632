"""Which settings of matching contradict one another, and which questions it cannot answer."""

from typing import Any

from whywin.effects.question import Effect


def contradictions(method: Any) -> list[str]:
    """Return every way in which settings of `matching` contradict one another, one sentence each."""
    found = []
    if method.pairs != "greedy" and method.replacement:
        found.append(
            f"pairs: {method.pairs} is a way of matching without replacement; set replacement to false, or leave pairs out"
        )
    if method.pairs != "greedy" and method.neighbours > 1:
        found.append(
            f"pairs: {method.pairs} has no number of neighbours, got {method.neighbours}; leave neighbours out, or use greedy"
        )
    if method.model == "boosting" and method.ridge:
        found.append(f"ridge: {method.ridge:g} is a penalty of logistic regression, and the model is boosting; leave one out")
    if method.model == "boosting" and method.distance == "mahalanobis" and method.caliper is None:
        found.append(
            "model: boosting decides nothing when nearness is of the covariates and there is no caliper; leave it out, or give one"
        )
    found += [f"exact: {name!r} stands there twice; leave one out" for name in _twice(method.exact)]
    return found


def unfit(method: Any, question: Effect) -> list[str]:
    """Return why `matching` with these settings cannot answer a question, one sentence each."""
    found = []
    if question.estimand == "overlap":
        found.append(
            "estimand: matching asks about the treated or about all deals, and dropping deals is not weighting them; "
            "use weighting for the overlap"
        )
    if question.estimand == "all" and not method.replacement:
        found.append(
            "replacement: without it matching tells the effect on the treated only; ask for treated, or match with replacement"
        )
    for name in method.exact:
        if name in (question.treatment, question.outcome):
            found.append(f"exact: {name!r} is what is compared, so that nobody could match; leave it out")
        elif name in question.late:
            found.append(f"exact: {name!r} is known only after the treatment; leave it out")
    return found


def _twice(names: tuple[str, ...]) -> list[str]:
    return [name for name in dict.fromkeys(names) if names.count(name) > 1]
