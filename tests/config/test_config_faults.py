"""Every mistake that a config can hold is one sentence with file, line, key, value, rule and way out."""

from collections.abc import Callable

import pytest

from whywin.config import plan_of
from whywin.errors import ConfigError

Found = Callable[..., tuple[str, ...]]

PLAN = """\
name: a
question:
  kind: winrates
  segments: [region]
methods:
  - observed
"""


def plan(**settings: str) -> str:
    """A sound plan with further top-level keys, each on a line of its own from line 7."""
    return PLAN + "".join(f"{key}: {value}\n" for key, value in settings.items())


def asked(text: str) -> str:
    """A plan whose question has one more key, in line 5."""
    return PLAN.replace("methods:", f"  {text}\nmethods:")


def answered(*items: str) -> str:
    """A plan with these methods, from line 6."""
    return PLAN.replace("  - observed\n", "".join(f"  - {item}\n" for item in items))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        pytest.param(plan(sed="1"), ("plan.yaml:7: sed: ", "unknown key", "did you mean 'seed'?"), id="unknown key"),
        pytest.param(plan(zzz="1"), ("plan.yaml:7: zzz: ", "there are name, description, question"), id="unknown, none near"),
        pytest.param(asked("margn: 1"), ("plan.yaml:5: question.margn: ", "'margin'"), id="unknown key of the question"),
        pytest.param(
            answered("hierarchical: {drows: 500}"),
            ("plan.yaml:6: methods.0.hierarchical.drows: ", "'draws'"),
            id="unknown setting of a method",
        ),
        pytest.param(asked("margin: '2'"), ("plan.yaml:5: question.margin: ", "a number", "'2'"), id="text for a number"),
        pytest.param(asked("margin: true"), (":5: question.margin: ", "a number", "true"), id="bool for a number"),
        pytest.param(plan(seed="1.5"), (":7: seed: ", "a whole number", "1.5"), id="fraction for a whole number"),
        pytest.param(plan(seed="'1'"), (":7: seed: ", "a whole number", "'1'"), id="text for a whole number"),
        pytest.param(plan(seed="true"), (":7: seed: ", "a whole number", "true"), id="bool for a whole number"),
        pytest.param(plan(description="3"), (":7: description: ", "text", "3", "quote"), id="number for text"),
        pytest.param(plan(deals="{drop_duplicate_rows: 1}"), ("true or false", "got 1"), id="number for a bool"),
        pytest.param(asked("rep: [a]"), (":5: question.rep: ", "text", '["a"]'), id="list for text"),
        pytest.param(asked("cross: region"), (":5: question.cross: ", "a list", "'region'"), id="text for a list"),
        pytest.param(asked("cross: [[a]]"), (":5: question.cross.0: ", "too few"), id="a pair of one"),
        pytest.param(asked("cross: [[a, b, c]]"), (":5: question.cross.0: ", "too many"), id="a pair of three"),
        pytest.param(plan(deals="{columns: [a]}"), (":7: deals.columns: ", "a mapping"), id="list for a mapping"),
        pytest.param(plan(deals="[a]"), (":7: deals: ", "a mapping"), id="list for a part"),
        pytest.param(asked("margin: -1"), (":5: question.margin: ", "at least 0", "got -1"), id="below a bound"),
        pytest.param(asked("level: 1"), (":5: question.level: ", "less than 1", "got 1"), id="on an open bound"),
        pytest.param(plan(seed="-1"), (":7: seed: ", "at least 0", "got -1"), id="top-level bound"),
        pytest.param(plan(deals="{max_bad_share: 7}"), ("at most 1", "got 7"), id="above a bound"),
        pytest.param(answered("hierarchical: {chains: 1}"), ("methods.0.hierarchical.chains: ", "at least 2"), id="bound"),
        pytest.param(PLAN.replace("[region]", "[]"), (":4: question.segments: ", "at least 1"), id="an empty list"),
        pytest.param(asked("grain: quartr"), (":5: question.grain: ", "month, quarter, year", "'quarter'"), id="choice"),
        pytest.param(answered("obsrved"), (":6: ", "unknown method", "'observed'", "hierarchical"), id="unknown method"),
        pytest.param(answered("fixed"), (":6: ", "fixed", "kind trial", "hierarchical", "observed"), id="of another kind"),
        pytest.param(
            plan(checks="[{thin_lvels: {}}]"), (":7: ", "unknown check", "'thin_levels'", "open_deals"), id="unknown check"
        ),
        pytest.param(plan(checks="[{few_units: {}}]"), (":7: ", "kind trial"), id="check of another kind"),
        pytest.param(
            plan(checks="[{thin_levels: {least_deals: 0}}]"), ("checks.0.thin_levels.least_deals: ", "at least 1"), id="check"
        ),
        pytest.param(
            PLAN.replace("winrates", "winrate"), (":3: question.kind: ", "'winrates'", "effect, trial"), id="unknown kind"
        ),
        pytest.param(PLAN.replace("  kind: winrates\n", ""), (":2: question: ", "kind is missing"), id="no kind"),
        pytest.param(PLAN.replace("name: a\n", ""), (":1: ", "name is missing"), id="no name"),
        pytest.param(
            PLAN.replace("  segments: [region]\n", ""), (":2: question: ", "segments is missing", "region or"), id="no segments"
        ),
        pytest.param("name: a\nquestion:\nmethods: [observed]\n", (":2: question: ", "kind"), id="empty question"),
        pytest.param(PLAN.replace("\n  - observed", " []"), (":5: methods: ", "at least one method"), id="no method"),
        pytest.param(PLAN.replace("\n  - observed", " observed"), (":5: methods: ", "a list"), id="methods are no list"),
        pytest.param(answered("3"), (":6: methods.0: ", "name of a method"), id="a number for a method"),
        pytest.param(answered("{observed: {}, hierarchical: {}}"), (":6: methods.0: ", "name of a method"), id="two in one"),
        pytest.param(answered("{observed: {}, as: 3}"), (":6: methods.0.as: ", "a label", "3"), id="label is no text"),
        pytest.param(answered("observed", "observed"), (":7: methods.1: ", "twice", "as: observed_2"), id="labels twice"),
        pytest.param(plan(source="[a]"), (":7: source: ", "a mapping"), id="source is a list"),
        pytest.param(plan(source="{pth: a}"), (":7: source: ", "path", "world"), id="neither path nor world"),
        pytest.param(plan(source="{world: {deal: 9}}"), (":7: source.world.deal: ", "'deals'"), id="unknown knob"),
        pytest.param(plan(source="{world: {}, table: trail}"), (":7: source.table: ", "'trial'"), id="unknown table"),
        pytest.param(plan(source="{path: a, join: [{path: b}]}"), (":7: source.join.0: ", "on is missing"), id="join"),
        pytest.param(plan(source="{path: a, join: {path: b}}"), (":7: source.join: ", "a list"), id="join is no list"),
        pytest.param(plan(deals="{as_of: 2024-03-31 10:00:00}"), (":7: deals.as_of: ", "a date"), id="date with a time"),
        pytest.param(plan(deals="{as_of: 2024-13-31}"), (":7: deals.as_of: ", "2024-13-31"), id="no such day"),
        pytest.param(plan(deals="{as_of: 20240331}"), (":7: deals.as_of: ", "2024-03-31"), id="number for a date"),
        pytest.param(plan(deals="{won: [yes]}"), (":7: deals.won.0: ", "text", "quote"), id="Norway: yes"),
        pytest.param(plan(deals="{lost: [no]}"), (":7: deals.lost.0: ", "text", "quote"), id="Norway: no"),
        pytest.param(plan(deals="{won: [1]}"), (":7: deals.won.0: ", "text", "quote"), id="a number as a label"),
        pytest.param(
            plan(source="{path: a, replace: {product: {no: off}}}"),
            (":7: source.replace.product.no: ", "quote"),
            id="Norway: a label replaced",
        ),
        pytest.param(plan(track="{tags: {a: 1}}"), (":7: track.tags.a: ", "text", "quote"), id="a tag is text"),
        pytest.param(plan(seed="!days 1"), (":7: seed: ",), id="a YAML tag"),
        pytest.param(
            "experiment: noise\n",
            ("plan.yaml:1: ", "config of an experiment", "python experiments/"),
            id="an experiment's config",
        ),
        pytest.param(plan(source="{path: a, world: {}}"), (":7: source", "world"), id="path and world"),
        pytest.param(
            asked("margin: 1e-3"), ("question.margin: ", "1.0e-3"), id="a power without a point"
        ),  # YAML 1.1 reads 1e-3 as text: the sentence does not say how to write it
        pytest.param(plan(source="{world: {rate_shift: .nan}}"), ("rate_shift: ", "finite"), id="not a number"),
        pytest.param(asked("margin: .inf"), ("question.margin: ", "finite"), id="infinity"),
        pytest.param(plan(deals="{won: [yes]}"), ("yes",), id="a label as it was written"),
        pytest.param(plan(deals="{won: [007]}"), ("007",), id="a number as it was written"),
        pytest.param(plan(source="{path: '${DATA'}"), ("source.path: ", "}"), id="a variable not closed"),
        pytest.param(plan(source="{path: ''}"), ("source.path: ", "empty"), id="an empty path"),
        pytest.param(plan(description=r'"\ud800"'), ("description: ", "letter"), id="half a letter"),
    ],
)
def test_a_mistake_is_told_with_line_key_rule_and_way_out(text: str, parts: tuple[str, ...], faults_of: Found) -> None:
    """Some sentence about the file has the line, the key path, what is wrong and what to do."""
    faults = faults_of(text)

    assert any(all(part in fault for part in parts) for fault in faults), faults
    assert all("\n" not in fault and "pydantic" not in fault.lower() for fault in faults)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        pytest.param("name: [a\nseed: 1\n", ("plan.yaml:2: ", "column", "seed: 1"), id="a bracket left open"),
        pytest.param("name: a\ndescription: b: c\n", ("plan.yaml:2: ", "column 15", "b: c"), id="a colon in text"),
        pytest.param("name: 'a\nseed: 1\n", ("plan.yaml:", "column"), id="a quote left open"),
        pytest.param("name: *there\n", ("plan.yaml:1: ", "alias", "there"), id="an unknown alias"),
        pytest.param("name: a\nquestion:\n\tkind: b\n", ("plan.yaml:3: ", "tab", "spaces"), id="a tab"),
        pytest.param("name: a\nquestion:\n  kind: b\n\trep: c\n", ("plan.yaml:4: ", "tab", "spaces"), id="a tab later"),
        pytest.param("name: a\n---\nname: b\n", ("plan.yaml:2: ", "document"), id="two documents"),
        pytest.param("", ("plan.yaml: ", "empty", "name, question"), id="an empty file"),
        pytest.param("# nothing\n", ("plan.yaml: ", "empty"), id="comments alone"),
        pytest.param("- a\n- b\n", ("plan.yaml: ", "a mapping", "a list"), id="a list"),
        pytest.param("hello\n", ("plan.yaml: ", "a mapping", "one value"), id="a scalar"),
        pytest.param(b"name: caf\xe9\n", ("plan.yaml: ", "UTF-8"), id="Latin-1"),
        pytest.param(PLAN.encode("utf-16"), ("plan.yaml: ", "UTF-8"), id="UTF-16"),
        pytest.param("name: a\x00\n", ("plan.yaml", "special characters"), id="a NUL"),
        pytest.param("name: &a [*a]\n", ("plan.yaml",), id="an alias within itself"),  # RecursionError
        pytest.param("name: " + "[" * 3000 + "]" * 3000, ("plan.yaml", "deep"), id="3,000 lists deep"),  # likewise
        pytest.param("name: " + "[" * 101 + "]" * 101, ("plan.yaml", "deep"), id="101 lists deep"),  # within Python's limit
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence(text: str | bytes, parts: tuple[str, ...], faults_of: Found) -> None:
    """What is no mapping of keys at all is told in one sentence, with the line and the place where there is one."""
    (fault,) = faults_of(text)

    assert all(part in fault for part in parts), fault


def test_a_bomb_of_aliases_is_refused(faults_of: Found) -> None:
    """Nine aliases of nine aliases of … are not spelled out."""
    lines = [f"k{i}: &k{i} [{', '.join([f'*k{i - 1}'] * 9)}]\n" for i in range(1, 9)]

    (fault,) = faults_of("k0: &k0 [x]\n" + "".join(lines))

    assert "aliases" in fault


def test_a_key_that_stands_twice_is_told_with_both_lines(faults_of: Found) -> None:
    """PyYAML takes the last of two silently; here every pair is told, at any depth."""
    faults = faults_of(plan(seed="1", name="b") + "track: {experiment: a, experiment: b}\n")

    assert any("name: " in fault and "lines 1 and 8" in fault for fault in faults), faults
    assert any("track.experiment: " in fault and "twice" in fault for fault in faults), faults
    assert len(faults) == 2


def test_every_fault_of_a_file_is_told_at_once(faults_of: Found) -> None:
    """Nine mistakes of seven kinds in one file are nine sentences, each at its own line."""
    faults = faults_of(
        "nme: a\n"
        "question:\n"
        "  kind: winrates\n"
        "  segments: region\n"
        "  margin: -1\n"
        "methods:\n"
        "  - obsrved\n"
        "  - hierarchical: {drows: 1, draws: x}\n"
        "deals: {max_bad_share: 2}\n"
        "seed: 1\n"
        "seed: 2\n"
    )

    expected = {
        ("1", "nme"),
        ("1", "name is missing; a plan has at least name, question, source and methods"),
        ("4", "question.segments"),
        ("5", "question.margin"),
        ("7", "methods.0.obsrved"),
        ("8", "methods.1.hierarchical.drows"),
        ("8", "methods.1.hierarchical.draws"),
        ("9", "deals.max_bad_share"),
        ("11", "seed"),
    }
    assert {(fault.split(":")[1], fault.split(": ")[1]) for fault in faults} == expected
    assert len(faults) == len(expected)


def test_an_unknown_kind_does_not_hide_the_faults_of_methods(faults_of: Found) -> None:
    """Where the kind is a typo, methods are looked for among those of every kind."""
    faults = faults_of(PLAN.replace("winrates", "winrate").replace("- observed", "- hierarchical: {draws: 1}"))

    assert [fault.split(": ")[1] for fault in faults] == ["question.kind", "methods.0.hierarchical.draws"]


def test_plain_values_have_the_same_faults_without_lines() -> None:
    """A plan made in Python of plain values is held to the same rules; its faults name the key path."""
    with pytest.raises(ConfigError) as caught:
        plan_of({"name": "a", "question": {"kind": "winrates", "segments": ["a"], "margn": 1}, "methods": ["obsrved"]})

    assert caught.value.faults[0] == "question.margn: unknown key; did you mean 'margin'?"
    assert caught.value.faults[1].startswith("methods.0.obsrved: unknown method; did you mean 'observed'?")


def test_words_that_yaml_takes_for_true_and_false_are_keys() -> None:
    """`on` is the key of a join, and a label such as `no` may be replaced: keys are their own text."""
    text = plan(source="{path: a.csv, join: [{path: b.csv, on: id}], replace: {sent: {no: 'No', 1: one}}}")

    made = loaded(text)

    assert made.source.join[0].on == "id"
    assert made.source.replace == {"sent": {"no": "No", "1": "one"}}


def loaded(text: str) -> object:
    """The plan of a text, read by way of a file."""
    import tempfile
    from pathlib import Path

    from whywin.config import load_plan

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "plan.yaml")
        path.write_text(text, encoding="utf-8")
        return load_plan(path)


def test_anchors_merges_and_the_byte_order_mark_are_fine() -> None:
    """YAML's own ways of not repeating oneself work, and so does a file as Windows editors save it."""
    text = "\ufeff" + asked("baseline: &periods [2023Q3]\n  current: *periods").replace("\n", "\r\n")
    merged = plan(deals="{columns: &names {rep: Owner}}", track="{tags: {<<: *names, team: a}}")

    assert loaded(text).question.current == ("2023Q3",)
    assert loaded(merged).track.tags == {"rep": "Owner", "team": "a"}


def test_whole_numbers_and_dates_are_taken_as_people_write_them() -> None:
    """A whole number will do for a fraction, and a date may be quoted or not."""
    made = loaded(asked("margin: 2"))

    assert (made.question.margin, type(made.question.margin)) == (2.0, float)
    assert loaded(plan(deals="{as_of: 2024-03-31}")).deals == loaded(plan(deals="{as_of: '2024-03-31'}")).deals
