"""Page of a run, which stages write without being asked once their results are stored."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from avme.io.filenames import RUN_STATUS
from avme.message_text import one_line
from avme.progress import Reporter
from avme.report.write import REPORT, write_report

MEDIA_MB: Final = 2.0
"""Megabytes of clips in such a page: 1.6 s of a core for 120 clips of one second."""


def write_page(
    runs: Sequence[Path], data: Path, report: Reporter, *, out: Path | None = None
) -> Path | None:
    """Write the page of runs; a failure is a warning, since all results are stored already.

    Args:
        runs: Run folders, or results folders of evaluations.
        data: Prepared dataset.
        report: Receives the warning.
        out: File to write; None for report.html in the first folder.

    Returns:
        The page, or None if it could not be written.
    """
    try:
        return write_report(runs, out, data=(data,), media_mb=MEDIA_MB)
    except Exception as error:  # whatever it is, the run is complete
        reason = one_line(error) or type(error).__name__
        report.log(f"warning: no {REPORT} of {runs[0]}: {reason}")
        return None


def write_evaluation_page(results: Path, data: Path, report: Reporter) -> Path | None:
    """Write the page of the run that an evaluation is of, or of the evaluation without a run.

    Args:
        results: Results folder.
        data: Prepared dataset.
        report: Receives the warning.

    Returns:
        The page, or None if it could not be written.
    """
    run = results.parent.parent
    is_of_run = results.parent.name == "eval" and (run / RUN_STATUS).is_file()
    return write_page([run if is_of_run else results], data, report)
