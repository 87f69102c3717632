"""whywin: where the win rate moved, what would move it, and whether what was tried worked."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for editors and type checkers; at run time a name is imported when it is first asked for
    from whywin.config import load_plan
    from whywin.deals.contract import Contract
    from whywin.errors import WhywinError
    from whywin.evidence import Evidence
    from whywin.plan import Plan
    from whywin.report import plot
    from whywin.sources import read
    from whywin.studies import Run, study

_HOMES = {
    "Contract": "deals.contract",
    "Evidence": "evidence",
    "Plan": "plan",
    "Run": "studies",
    "WhywinError": "errors",
    "load_plan": "config",
    "plot": "report",
    "read": "sources",
    "study": "studies",
}

__all__ = ["Contract", "Evidence", "Plan", "Run", "WhywinError", "load_plan", "plot", "read", "study"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that `import whywin` itself costs nothing."""
    if name not in _HOMES:
        msg = f"module 'whywin' has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"whywin.{_HOMES[name]}"), name)
