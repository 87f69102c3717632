"""A causal graph in a config: edges, text, or a file of its own, and what is said when it is none of these."""

from collections.abc import Callable
from pathlib import Path

import pytest

from whywin.config import document_of, load_plan, plan_of
from whywin.plan import Plan

CONFIG = "name: a\nquestion:\n  kind: effect\n  treatment: t\n  graph: {graph}\nmethods: [difference]\n"
TEXT = "dag { a -> t; a -> won; t -> won }"
EDGES = (("a", "t"), ("a", "won"), ("t", "won"))


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Plan]:
    """Read a plan whose graph is given, beside a file that holds one."""
    monkeypatch.chdir(tmp_path)
    Path("configs").mkdir()
    Path("configs/model.dag").write_text(TEXT, encoding="utf-8")

    def made(graph: str, *overrides: str) -> Plan:
        Path("configs/plan.yaml").write_text(CONFIG.format(graph=graph), encoding="utf-8")
        return load_plan("configs/plan.yaml", overrides)

    return made


@pytest.mark.parametrize(
    "graph", ["[[a, t], [a, won], [t, won]]", f"'{TEXT}'", "model.dag", "${GRAPHS:-configs}/model.dag", f"|\n    {TEXT}\n"]
)
def test_a_graph_is_edges_text_or_a_file(planned: Callable[..., Plan], graph: str) -> None:
    """However the graph is given, the plan has its edges; a file is found beside the config or from the current folder."""
    assert planned(graph).question.edges == EDGES


def test_a_plan_holds_the_text_of_its_graph(planned: Callable[..., Plan]) -> None:
    """What is recorded repeats the run without the file."""
    plan = planned("model.dag")
    Path("configs/model.dag").unlink()

    assert plan.question.graph == TEXT
    assert plan_of(document_of(plan)).question == plan.question


def test_an_override_names_a_file_of_the_current_folder(planned: Callable[..., Plan]) -> None:
    """On the command line a path belongs to where one stands."""
    Path("other.dot").write_text("digraph { t -> won }", encoding="utf-8")

    assert planned("model.dag", "question.graph=other.dot").question.edges == (("t", "won"),)


@pytest.mark.parametrize(
    ("graph", "says"),
    [
        ("model.dat.dag", "plan.yaml:5: question.graph: there is no file model.dat.dag"),
        ("configs/modle.dag", "there is no file configs/modle.dag; did you mean 'model.dag'?"),
        ("${NO_SUCH_FOLDER}/model.dag", "the environment variable NO_SUCH_FOLDER is not set"),
        ("5", "question.graph: must be a list, got 5"),
        ("[[a, t], [t]]", "question.graph.1: has too few items, got"),
        ("[[a, t], [t, 3]]", "question.graph.1.1: must be text, got 3"),
    ],
)
def test_what_is_no_graph_is_said_once(faults_of: Callable[..., tuple[str, ...]], graph: str, says: str) -> None:
    """One sentence with file, line and key, about the shape that was meant."""
    Path("configs").mkdir()
    Path("configs/model.dag").write_text(TEXT, encoding="utf-8")
    faults = faults_of(CONFIG.format(graph=graph))

    assert len(faults) == 1, faults
    assert says in faults[0]


def test_a_file_that_is_no_text_is_said(faults_of: Callable[..., tuple[str, ...]]) -> None:
    """A file in another encoding is no reason to break."""
    Path("model.gml").write_bytes(b"\xff\xfe\x00g")

    (fault,) = faults_of(CONFIG.format(graph="model.gml"))

    assert "model.gml is not UTF-8" in fault
