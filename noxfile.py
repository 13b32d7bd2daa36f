"""Everything that a change must pass: `nox` runs tests, lint and types; `nox -s docs` and `nox -s bench` on request."""

from __future__ import annotations

from pathlib import Path

import nox

nox.needs_version = ">=2024.10"
nox.options.sessions = ["tests", "lint", "types"]
nox.options.reuse_existing_virtualenvs = True

HEAVY = ".nox/dev"  # one environment for all sessions that need torch: it is several GB
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def install(session: nox.Session) -> None:
    """Install the package with what its development needs, and CIDEr's reference without its dependencies."""
    session.install("-e", ".[dev]")
    session.install("--no-deps", "pycocoevalcap>=1.2")


@nox.session(venv_location=HEAVY)
def tests(session: nox.Session) -> None:
    """Run the fast tests; further arguments go to pytest, for instance `nox -s tests -- -m slow`."""
    install(session)
    # Two processes with one thread each: two OpenMP pools on two cores would spin against each other.
    arguments = session.posargs or ["-m", "not slow"]
    session.run("pytest", "-n", "2", *arguments, env=ONE_THREAD)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, format and the direction of imports."""
    session.install("ruff>=0.8", "import-linter>=2.1")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports", "--no-cache", env={"PYTHONPATH": "."})


@nox.session(venv_location=HEAVY)
def types(session: nox.Session) -> None:
    """Check all annotations."""
    install(session)
    session.run("mypy")


@nox.session(venv_location=HEAVY)
def docs(session: nox.Session) -> None:
    """Check that what the documents say still runs and that their links lead somewhere."""
    install(session)
    session.run("pytest", "tests/test_docs.py", "tests/test_experiments.py", env=ONE_THREAD)


@nox.session(venv_location=HEAVY)
def bench(session: nox.Session) -> None:
    """Measure; one thread, so that figures compare. `nox -s bench -- bench/NAME.py` runs one."""
    install(session)
    for script in session.posargs or sorted(map(str, Path("bench").glob("*.py"))):
        session.run("python", script, env=ONE_THREAD)
