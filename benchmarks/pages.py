"""What a page costs once its evidence is there, for the demonstrations of each room; not a test.

    python benchmarks/pages.py             every demonstration
    python benchmarks/pages.py --quick     with fewer deals

There is no peer: the time of answering the plan stands beside that of drawing its page, in one process.
"""

import argparse
import json
import logging
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from sides import ran, row, told

CONFIGS = Path(__file__).parent.parent / "configs"
TASK = "report"


def drawn(config: Path, words: list[str]) -> dict[str, Any]:
    """Answer a plan, then draw its page and its figures."""
    from whywin.config import load_plan, to_yaml
    from whywin.report import figures, page
    from whywin.runner import answer

    plan = load_plan(config, words)
    start = time.perf_counter()
    run = answer(plan)
    middle, used = time.perf_counter(), time.process_time()
    text = page(run, plan_text=to_yaml(plan), repeat="", recorded={})
    pictures = figures(run)
    seconds, used = time.perf_counter() - middle, time.process_time() - used
    found = {"seconds": seconds, "of cores": used, "answering": middle - start, "kilobytes": len(text.encode()) / 1024}
    return found | {"figures": len(pictures), "deals": len(run.deals.table)}


def main() -> None:
    """Print a row for each demonstration, or, as a process of one, its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="1,500 deals each")
    parser.add_argument("--json", type=Path, help="write the rows here too")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        print("RESULT", json.dumps(drawn(given.one, ["source.world.deals=1500"] if given.quick else [])))
        return
    rows = []
    for config in sorted(CONFIGS.glob("*/demo.yaml")):
        if config.parent.name != "quarterly":  # that page is made of recorded runs
            found = ran([sys.executable, __file__, "--one", config, *(["--quick"] if given.quick else [])])
            rows.append(row(TASK, config.parent.name, int(found.pop("deals", 0)), found))
    told(rows, given.json)


if __name__ == "__main__":
    main()
