"""Causal graphs as people write them: edges, or text in GML, DOT or dagitty's language, read without a further package.

Sources: Gansner and North (2000), An open graph visualization system (DOT); Textor, van der Zander, Gilthorpe, Liskiewicz and
Ellison (2016), Robust causal inference using directed acyclic graphs: the R package dagitty, Int. J. Epidemiology 45, 1887-1894.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise, product
from typing import Final, NamedTuple, NoReturn

Edge = tuple[str, str]
TOKEN: Final = re.compile(
    r'(?P<blank>\s+|//[^\n]*|\#[^\n]*|/\*.*?\*/)|(?P<arrow><->|->|<-|--|@-@|@->|<-@|@--|--@)|(?P<quoted>"(?:[^"\\]|\\.)*")'
    r"|(?P<mark>[{}\[\];,=:])|(?P<name>-?(?:\d+(?:\.\d*)?|\.\d+)(?![\w.])|[\w.]+)",
    re.DOTALL,
)
HEAD: Final = re.compile(r"\s*(?:strict\s+)?(?P<kind>\w+)\b[^{\[\]]*?(?P<opens>[{\[])", re.DOTALL | re.IGNORECASE)
UNOBSERVED: Final = {"latent", "unobserved", "l", "u"}
NO_GRAPH: Final = (
    "is no graph: write edges as [[cause, effect], …], or GML (graph [ directed 1 … ]), DOT (digraph { a -> b }) or dagitty's "
    "dag { a -> b }"
)
ONLY_ARROWS: Final = "only a -> b, a <- b and, for something unobserved that moves both, a <-> b can be used"


@dataclass(frozen=True)
class Graph:
    """A causal graph as it was read.

    Attributes:
        edges: (cause, effect) each; something unobserved that moves two nodes is a node of its own.
        latent: nodes that are unobserved even where a column has their name.
        exposure: nodes that the text calls the exposure.
        outcome: nodes that the text calls the outcome.
        faults: what could not be read, one sentence each, with its line.
    """

    edges: tuple[Edge, ...] = ()
    latent: tuple[str, ...] = ()
    exposure: tuple[str, ...] = ()
    outcome: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes in the order of the edges."""
        return tuple(dict.fromkeys(node for edge in self.edges for node in edge))


@lru_cache(maxsize=64)
def read_graph(given: tuple[Edge, ...] | str) -> Graph:
    """Return a graph given as edges or as text; its faults say what cannot be read, and then it has no edges."""
    if not isinstance(given, str) or not given.strip():
        return Graph(() if isinstance(given, str) else tuple(given))
    text = given.lstrip("\ufeff")
    head = HEAD.match(text)
    kind = head["kind"].lower() if head else ""
    if head and head["opens"] == "[" and kind in {"graph", "creator", "version", "comment"}:
        return _gml(text)
    refused = _refused(text, kind)
    return Graph(faults=(refused,)) if refused else _Reader(text).graph()


def _refused(text: str, kind: str) -> str:
    """Return why a text is no graph of causes; empty when it may be one."""
    if kind in {"pdag", "mag", "pag"}:
        return f"a {kind} leaves the direction of edges open; {ONLY_ARROWS} in a dag {{ … }}"
    if kind == "graph":
        return "is an undirected graph, which names no cause: write digraph { a -> b }"
    if kind not in {"digraph", "dag"} and not re.search(r"->|<-|--", text):
        return f"{_shown(text)} {NO_GRAPH}"
    return ""


def unobserved_cause(first: str, second: str) -> str:
    """Return the name of what moves two nodes and is no column."""
    return f"unobserved cause of {' and '.join(sorted((first, second)))}"


class _Token(NamedTuple):
    kind: str
    text: str
    line: int


class _Fault(Exception):  # noqa: N818 - it never leaves this file
    """What cannot be read; the whole text is given up at the first."""


@dataclass
class _Reader:
    """Reads statements of DOT or dagitty: node sets joined by arrows, with attributes that say what a node is."""

    text: str
    tokens: list[_Token] = field(default_factory=list)
    place: int = 0
    depth: int = 0
    edges: dict[Edge, None] = field(default_factory=dict)
    roles: dict[str, dict[str, None]] = field(default_factory=lambda: {"latent": {}, "exposure": {}, "outcome": {}})

    def graph(self) -> Graph:
        try:
            self.tokens = list(_tokens(self.text))
            wrapped = self._head()
            self._statements(until="}" if wrapped else None)
            if wrapped and self.place < len(self.tokens):
                self._fail("nothing may stand behind the graph's last }")
        except _Fault as fault:
            return Graph(faults=(str(fault),))
        if not self.edges:
            return Graph(faults=("has no edge: write at least treatment -> outcome",))
        return Graph(tuple(self.edges), *(tuple(self.roles[role]) for role in ("latent", "exposure", "outcome")))

    def _head(self) -> bool:
        """Step over `strict digraph name {`; a bare list of edges has none of it."""
        start = self.place
        while self._next().kind in {"name", "quoted"} and self.place - start < len(("strict", "digraph", "name")):
            self.place += 1
        first = self.tokens[start].text.lower() if self.tokens else ""
        if first in {"strict", "digraph", "dag"} and self._is("{"):
            self.place += 1
            return True
        self.place = start
        return False

    def _statements(self, until: str | None) -> list[str]:
        """Read statements up to a mark; return the nodes that they name, which is what a subgraph stands for."""
        named: dict[str, None] = {}
        while self._next().kind != "end":
            if until and self._is(until):
                self.place += 1
                return list(named)
            if self._is(";") or (until and self.depth and self._is(",")):
                self.place += 1
                continue
            named |= dict.fromkeys(self._statement())
        if until:
            self._fail(f"the graph ends before its {until}: add it")
        return list(named)

    def _statement(self) -> list[str]:
        start = self._next()
        if start.text.lower() in {"node", "edge", "graph"} and start.kind == "name" and self._is("[", ahead=1):
            self.place += 1
            self._attributes()
            return []
        sides = [self._nodes()]
        if self._is("="):  # an attribute of the graph, such as dagitty's bb="0,0,1,1"
            self.place += 1
            self._value()
            return []
        arrows: list[str] = []
        while (arrow := self._next()).kind == "arrow":
            if arrow.text not in {"->", "<-", "<->"}:
                self._fail(f"{arrow.text} names no cause; {ONLY_ARROWS}")
            arrows.append(arrow.text)
            self.place += 1
            sides.append(self._nodes())
        attributes = self._attributes() if self._is("[") else {}
        for (left, right), text in zip(pairwise(sides), arrows, strict=True):
            self._join(left, right, text)
        if not arrows:
            self._call(sides[0], attributes)
        return [node for side in sides for node in side]

    def _join(self, left: Sequence[str], right: Sequence[str], arrow: str) -> None:
        for first, second in product(left, right):
            if arrow == "<->":
                hidden = unobserved_cause(first, second)
                self.roles["latent"][hidden] = None
                self.edges |= {(hidden, first): None, (hidden, second): None}
            else:
                self.edges[(first, second) if arrow == "->" else (second, first)] = None

    def _call(self, nodes: Iterable[str], attributes: dict[str, str]) -> None:
        flags = {name.lower() for name, value in attributes.items() if value == ""}
        if {"selected", "s"} & flags:
            self._fail(
                "deals that were selected by a node are beyond this graph: leave [selected] out, and compare all of them", -1
            )
        hidden = bool(flags & UNOBSERVED) or attributes.get("observed", "yes").lower() in {"no", "false", "0"}
        for node in nodes:
            self.roles["latent"] |= {node: None} if hidden else {}
            self.roles["exposure"] |= {node: None} if flags & {"exposure", "e"} else {}
            self.roles["outcome"] |= {node: None} if flags & {"outcome", "o"} else {}

    def _nodes(self) -> list[str]:
        token = self._next()
        if token.kind == "name" and token.text.lower() == "subgraph":
            self.place += 1
            self.place += self._next().kind in {"name", "quoted"}
        if self._is("{"):
            self.place, self.depth = self.place + 1, self.depth + 1
            inside = self._statements(until="}")
            self.depth -= 1
            return inside
        token = self._next()
        if token.kind not in {"name", "quoted"}:
            self._fail(f"a node is expected, got {token.text or 'the end'!r}; quote names that are not plain words")
        self.place += 1
        if self._is(":"):
            self._fail("a node's port means nothing here: leave it out, or quote a name with a colon in it")
        return [token.text]

    def _attributes(self) -> dict[str, str]:
        found: dict[str, str] = {}
        while self._is("["):
            self.place += 1
            while not self._is("]"):
                token = self._next()
                if token.kind == "end":
                    self._fail("the attributes end before their ]: add it")
                self.place += 1
                if token.kind not in {"name", "quoted"}:
                    if token.text not in {",", ";"}:
                        self._fail(f"an attribute is expected, got {token.text!r}", -1)
                    continue
                found[token.text] = ""
                if self._is("="):
                    self.place += 1
                    found[token.text] = self._value()
            self.place += 1
        return found

    def _value(self) -> str:
        token = self._next()
        if token.kind not in {"name", "quoted"}:
            self._fail("a value is expected behind =; quote it")
        self.place += 1
        return token.text

    def _next(self, ahead: int = 0) -> _Token:
        place = self.place + ahead
        return self.tokens[place] if place < len(self.tokens) else _Token("end", "", self.tokens[-1].line if self.tokens else 1)

    def _is(self, mark: str, ahead: int = 0) -> bool:
        token = self._next(ahead)
        return token.kind == "mark" and token.text == mark

    def _fail(self, says: str, ahead: int = 0) -> NoReturn:
        raise _Fault(f"line {self._next(ahead).line}: {says}")


def _tokens(text: str) -> Iterator[_Token]:
    place, line = 0, 1
    while place < len(text):
        found = TOKEN.match(text, place)
        if found is None:
            rest = text[place:].partition("\n")[0]
            unclosed = "the quotation mark or comment is not closed" if text[place] in '"/' else "cannot be read"
            raise _Fault(f"line {line}: {rest[:40]!r} {unclosed}; quote names that are not plain words")
        if found.lastgroup != "blank":
            whole = found.group()
            yield _Token(str(found.lastgroup), _unquoted(whole) if found.lastgroup == "quoted" else whole, line)
        line += found.group().count("\n")
        place = found.end()


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def _shown(text: str) -> str:
    first = text.strip().partition("\n")[0]
    return repr(first if len(first) <= 40 else f"{first[:39]}…")  # noqa: PLR2004 - a glimpse


def _gml(text: str) -> Graph:
    """Read GML by networkx, which never evaluates it."""
    import networkx as nx

    try:
        found = nx.parse_gml(text)
    except (nx.NetworkXError, ValueError, TypeError, AttributeError) as error:
        return Graph(
            faults=(f"is no GML ({str(error).rstrip('.')}): a node has an id and a label, an edge a source and a target",)
        )
    if not found.is_directed():
        return Graph(faults=("is undirected GML, which names no cause: write directed 1 behind graph [",))
    if not found.number_of_edges():
        return Graph(faults=("has no edge: write at least one from the treatment to the outcome",))
    hidden = tuple(
        str(node)
        for node, about in found.nodes(data=True)
        if str(about.get("observed", "yes")).lower() in {"no", "false", "0"} or about.get("latent") in {1, "1", "yes"}
    )
    edges = dict.fromkeys((str(cause), str(effect)) for cause, effect in found.edges())
    return Graph(tuple(edges), hidden)
