"""The checks of a change: `nox` runs tests, lint and types; the other sessions run on request."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2024.10"
nox.options.sessions = ["tests", "lint", "types"]
nox.options.reuse_existing_virtualenvs = True

HEAVY = Path(".nox/dev").resolve()  # one environment for all sessions that need torch: it is several GB
REFERENCES = ("pycocoevalcap>=1.2", "lmms-eval==0.7.3", "anls-star>=1.0", "munkres", "anls>=0.0.2")
UNBOUNDED = ("av>=12",)
"""Dependencies without a lower bound in pyproject.toml, whose first versions cannot be built any more."""
LOWEST_TESTS = ("tests/config", "tests/declared", "tests/plan", "tests/test_golden.py")
LMMS_EVAL = (
    "accelerate", "colorama", "datasets", "dill", "evaluate", "filelock<4", "loguru", "lxml", "multiprocess", "pandas",
    "portalocker", "python-dateutil", "pytz", "sacrebleu", "six", "tabulate", "tenacity", "xxhash",
)  # fmt: skip
"""What lmms-eval imports to measure a model, beside what is installed for development; it asks for much more."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
ON_REQUEST = ("_", "damage_", "fuzz_", "kill", "packaged_", "same_bytes", "sweep_", "video_forms")
"""Prefixes of scripts that are no benchmarks: shared modules, and trials that take hours or arguments."""


def install(session: nox.Session) -> None:
    """Install the package for development, and the references of metrics, without their dependencies."""
    if not (HEAVY / "pyvenv.cfg").exists():
        session.run(sys.executable, "-m", "venv", str(HEAVY), external=True)
    run(session, "python", "-m", "pip", "install", "--quiet", "-e", ".[dev,docs]")
    run(session, "python", "-m", "pip", "install", "--quiet", "--no-deps", *REFERENCES)


def run(session: nox.Session, program: str, *arguments: str, **variables: str) -> None:
    """Run a program of the shared environment, with one thread."""
    folder = HEAVY / ("Scripts" if os.name == "nt" else "bin")
    session.run(str(folder / program), *arguments, env=ONE_THREAD | variables, external=True)


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """Run the fast tests; further arguments go to pytest, for instance `nox -s tests -- -m slow`."""
    install(session)
    # Two processes with one thread each: two OpenMP pools on two cores would slow each other down.
    run(session, "pytest", "-n", "2", "--durations=40", *(session.posargs or ["-m", "not slow"]))


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, format and the direction of imports."""
    session.install("ruff>=0.8", "import-linter>=2.1")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports", "--no-cache", env={"PYTHONPATH": "."})


@nox.session(venv_backend="none")
def types(session: nox.Session) -> None:
    """Check all annotations."""
    install(session)
    run(session, "mypy")


@nox.session(venv_backend="none")
def tutorials(session: nox.Session) -> None:
    """Run the tutorials; the site then has their outputs."""
    install(session)
    run(session, "pytest", "-m", "slow", "tests/test_tutorials.py", *session.posargs)


@nox.session(venv_backend="none")
def lmms_eval(session: nox.Session) -> None:
    """Let lmms-eval measure a model. What it pins lies in a folder of its own, before the shared environment."""
    install(session)
    apart = Path(".nox/lmms-eval").resolve()
    pip = ("-m", "pip", "install", "--quiet", "--upgrade", "--no-deps", "--target", str(apart))
    run(session, "python", *pip, *LMMS_EVAL)
    run(session, "pytest", "-m", "slow", "tests/inference/test_lmms_eval_model.py", PYTHONPATH=str(apart))


@nox.session(venv_backend="none")
def docs(session: nox.Session) -> None:
    """Build the site into build/docs, offline; a warning, such as a link that leads nowhere, is an error."""
    install(session)
    run(session, "sphinx-build", "--fail-on-warning", "--keep-going", "-q", "docs", "build/docs")


@nox.session(venv_backend="none")
def packages(session: nox.Session) -> None:
    """Build wheel and sdist, check their contents, and run the wheel from a bare folder."""
    install(session)
    run(session, "pytest", "-m", "slow", "tests/test_packages.py")


@nox.session(python="3.10", venv_backend="uv")
def lowest(session: nox.Session) -> None:
    """Import every module and check experiments on Python 3.10, with the lowest versions that pyproject.toml claims.

    It needs uv and 8 GB, and other tests may be named: `nox -s lowest -- tests/report`.
    """
    session.install("--resolution", "lowest-direct", "-e", ".[dev]", *UNBOUNDED)
    session.run("pytest", "-m", "slow", "tests/test_imports.py", env=ONE_THREAD)
    session.run("pytest", "-m", "not slow", *(session.posargs or LOWEST_TESTS), env=ONE_THREAD)


@nox.session(venv_backend="none")
def bench(session: nox.Session) -> None:
    """Run the benchmarks with one thread; `nox -s bench -- speed/NAME.py` runs one script, of any kind."""
    install(session)
    scripts = [path for path in sorted(Path("speed").glob("*.py")) if not path.name.startswith(ON_REQUEST)]
    for script in session.posargs or map(str, scripts):
        run(session, "python", script)
