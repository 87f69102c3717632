"""Why the numbers of two recorded runs differ: what the record can tell, and no more."""

from dataclasses import replace

import pytest

from whywin.tracking import compare, is_rounding, numbers, recorded, recording, why

VERSIONS = (("whywin", "0.1.0"), ("numpy", "2.5.0"))
NEWER = (("whywin", "0.1.0"), ("numpy", "2.6.0"))


@pytest.fixture
def pair(store, made):
    """Record two runs and return them as they were recorded, at one commit without further changes."""

    def write(first, second, params=None):
        found = []
        for how, given in zip((first, second), params or ({}, {}), strict=True):
            with recording(store, name="hand", experiment="whywin", tags={}, params=given, plan_text="name: hand\n") as recorder:
                recorder.write_run(made(**how), page="", figures={})
            run = recorded(store, recorder.run_id)
            found.append(replace(run, tags={**run.tags, "git.dirty": "no", "mlflow.source.git.commit": "abc"}))
        return found

    return write


def reason(one, other):
    """Say why two runs differ."""
    return why(one, other, numbers(one, other))


def test_the_same_numbers_are_said_to_be_the_same(pair):
    """Equal to the last bit is equal, whatever else differs, and what differs is named."""
    assert reason(*pair({}, {})) == "The numbers are the same to the last bit."
    assert "although versions differ: numpy (2.5.0, then 2.6.0)" in reason(*pair({}, {"versions": NEWER}))


def test_one_cause_is_given_as_the_reason_with_its_doubt(pair):
    """Where one recorded thing differs it is the reason, unless something unrecorded changed."""
    says = reason(*pair({}, {"shift": 1.0, "versions": NEWER}))

    assert "one thing differs: versions differ: numpy (2.5.0, then 2.6.0). It is the reason, unless" in says


def test_several_causes_are_not_told_apart(pair):
    """Deals come before the plan, the plan before versions, and none of them is called the reason."""
    changed = {"shift": 1.0, "fingerprint": "cd" * 32, "versions": NEWER}
    params = ({"question.level": 0.9, "seed": 1}, {"question.level": 0.8, "seed": 1})
    says = reason(*pair({}, changed, params))

    order = [
        says.index(part)
        for part in ("(1) the deals differ", "(2) the plan differs in question.level (0.9, then 0.8)", "(3) versions")
    ]
    assert order == sorted(order)
    assert "cannot tell" in says
    assert "It is the reason" not in says


def test_deals_taken_from_elsewhere_are_one_cause(pair):
    """A changed source is told with the deals that it changed, not as a change of the plan; with the same deals it is no cause."""
    params = ({"source.path": "a.csv"}, {"source.path": "b.csv"})
    one, other = pair({}, {"shift": 1.0, "fingerprint": "cd" * 32}, params)
    more = replace(other, metrics={**other.metrics, "deals/kept": 332.0})

    assert (
        "the deals differ: 312 more (20, then 332); the plan takes them from elsewhere: source.path (a.csv, then b.csv). It is"
        in reason(one, more)
    )
    assert "source.path" not in reason(*pair({}, {"shift": 1.0}, params))


def test_nothing_recorded_differs(pair):
    """Without a cause in the record none is invented."""
    assert "Nothing that is recorded differs" in reason(*pair({}, {"shift": 1.0}))


def test_uncommitted_changes_are_a_doubt(pair):
    """Changes of the code that nobody committed are said, since the record does not hold them."""
    one, other = pair({}, {"shift": 1.0})

    assert "not committed" in reason(one, replace(other, tags={**other.tags, "git.dirty": "yes"}))


def test_the_methods_that_moved_are_named(pair):
    """Where one method's numbers are the same, it is said which moved."""
    one, other = pair({"methods": ("observed", "beside")}, {"methods": ("observed", "beside")})
    moved = other.estimates.assign(value=other.estimates["value"] + (other.estimates["method"] == "beside"))

    assert "The numbers of beside differ; the same as before: those of observed." in reason(one, replace(other, estimates=moved))


def test_the_last_bit_counts_and_is_called_rounding(pair):
    """One bit is a difference; so small a one is said to be rounding, and a larger one is not."""
    one, other = pair({}, {})
    value = other.estimates["value"].copy()
    value[0] = value[0] * (1 + 2.0**-52)
    found = numbers(one, replace(other, estimates=other.estimates.assign(value=value)))

    assert found["number"].tolist() == ["value"]
    assert is_rounding(found)
    assert "by rounding alone" in why(one, other, found)
    assert not is_rounding(numbers(*pair({}, {"shift": 1e-4})))


def test_a_check_that_changed_is_a_difference(pair):
    """Checks are compared too, and a failed one is no number of an estimate."""
    one, other = pair({}, {"failed": True})

    assert numbers(one, other)[["what", "number"]].values.tolist() == [["check enough", "passed"]]
    assert reason(one, other).startswith("The estimates are the same; checks differ.")


def test_an_estimate_that_is_not_there_any_more_is_a_difference(pair):
    """What only one run has is listed, with nothing on the other side."""
    found = numbers(*pair({}, {"segments": ("industry=FinTech",)}))

    assert set(found["segment"]) == {"industry=Health"}
    assert found["is"].isna().all()


def test_a_run_without_estimates_is_not_compared(pair):
    """A failed run has no numbers, and its reason is told instead of a cause."""
    one, other = pair({}, {})
    failed = replace(other, estimates=other.estimates.head(0), tags={"failure": "the disk was full"}, status="FAILED")

    assert "has no estimates to compare: the disk was full." in reason(one, failed)


def test_a_comparison_says_why(store, pair):
    """`compare` gives the reason of every run against the first."""
    one, other = pair({}, {"shift": 9.0, "fingerprint": "cd" * 32})

    assert "the deals differ" in compare(store, [one.run_id, other.run_id]).why[other.run_id[:8]]
