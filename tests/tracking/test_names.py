"""Names that MLflow accepts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.utils.validation import MAX_ENTITY_KEY_LENGTH, _validate_metric_name, _validate_param_name

from whywin.tracking.names import file_name, key, metric_name


@pytest.mark.parametrize(
    ("segment", "name"),
    [
        ("all", "estimate/win rate.all"),
        ("industry=FinTech", "estimate/win rate.industry.FinTech"),
        ("rep=J. Smith", "estimate/win rate.rep.J. Smith"),
        ("region=Zürich", "estimate/win rate.region.Zürich"),
    ],
)
def test_plain_segments_keep_readable_names(segment, name):
    """A segment whose signs MLflow takes stands in the metric's name as it is, with a point for the equals sign."""
    assert name == metric_name("estimate", "win rate", segment)


@settings(deadline=None)
@given(st.text(max_size=400), st.text(max_size=400))
def test_any_text_becomes_a_name_that_mlflow_takes(quantity, segment):
    """No text whatever makes a name that MLflow refuses."""
    for name in (metric_name("estimate", quantity, segment), key(segment)):
        _validate_metric_name(name)
        _validate_param_name(name)
        assert len(name) <= MAX_ENTITY_KEY_LENGTH
    assert metric_name("low", quantity, segment).count("/") == 1


SIGNS = st.text(alphabet="ab=.%[]/ ", max_size=6)


@settings(deadline=None)
@given(st.tuples(SIGNS, SIGNS), st.tuples(SIGNS, SIGNS))
def test_two_segments_never_share_a_name(one, other):
    """Different segments have different metric names, however alike they look without their signs."""
    if one != other:
        assert metric_name("low", *one) != metric_name("low", *other)


def test_a_long_name_is_cut_and_still_its_own():
    """Two texts of 300 signs that differ in the last one keep apart though both are cut."""
    one, other = (metric_name("high", "win rate", f"rep={'x' * 300}{end}") for end in "ab")

    assert len(one) == len(other) == MAX_ENTITY_KEY_LENGTH
    assert one != other


@pytest.mark.parametrize("text", ["", ".", "..", "../../etc/passwd", "a/b", "<script>", "x" * 400, "a\0b"])
def test_a_file_name_stays_in_its_folder(text):
    """A file's name made from any text has no slash, is not a folder's shorthand, and is short enough for every disk."""
    name = file_name(text)

    assert name not in {"", ".", ".."}
    assert not {"/", "\\", "\0"} & set(name)
    assert len(name) <= 80
