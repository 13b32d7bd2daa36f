"""The report: from the artifacts of a run to tables, charts and pages, with the paper's numbers beside ours."""

from pali3kit.report.collect import collect
from pali3kit.report.model import Report
from pali3kit.report.table import print_table
from pali3kit.report.write import rebuild, redraw, report_store, timings, write_report

__all__ = ["Report", "collect", "print_table", "rebuild", "redraw", "report_store", "timings", "write_report"]


def __dir__() -> list[str]:
    return __all__
