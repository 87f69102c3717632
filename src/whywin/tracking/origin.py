"""Where a run comes from: who made it, with which program, at which commit."""

import getpass
import os
import platform
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Final

_PATIENCE: Final = 5.0  # seconds; a folder on a slow disk is no reason to wait longer


def origin() -> dict[str, str]:
    """Return the tags that say who ran what; those of git only inside a repository."""
    return {
        "mlflow.user": _user(),
        "mlflow.source.name": Path(sys.argv[0]).name or "python",
        "mlflow.source.type": "LOCAL",
        "version.python": sys.version.partition(" ")[0],
        "version.mlflow": version("mlflow"),
        "version.whywin": version("whywin"),
        **_machine(),
        **_commit(),
    }


def _machine() -> dict[str, str]:
    """Return what else the last bits of a number depend on: the kind of processor, the library of linear algebra, its threads."""
    import scipy.linalg  # noqa: F401 - so that its library counts, whatever was imported before
    from threadpoolctl import threadpool_info

    blas = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    named = {f"{pool['internal_api']} {pool['version']} {pool.get('architecture', '')}".strip() for pool in blas}
    return {
        "version.machine": f"{platform.system()} {platform.machine()}",
        "version.blas": ", ".join(sorted(named)) or "unknown",
        "version.threads": str(max((pool["num_threads"] for pool in blas), default=1)),
    }


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may run under a number without a name
        return "unknown"


def _commit() -> dict[str, str]:
    commit = _git("rev-parse", "HEAD")
    if not commit:
        return {}
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return {"mlflow.source.git.commit": commit, **({} if changed is None else {"git.dirty": "yes" if changed else "no"})}


def _git(*arguments: str) -> str | None:
    program = shutil.which("git")
    if program is None:
        return None
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}  # never get in the way of a git command of the user's
    try:
        done = subprocess.run(  # noqa: S603 - the arguments are ours
            [program, *arguments],
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=True,
            env=environment,
            errors="replace",
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
