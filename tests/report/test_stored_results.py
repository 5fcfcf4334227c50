"""Results of another form are named, not shown."""

from pathlib import Path

import pytest

from avme.errors import ArtifactError
from avme.report.stored_results import Controls, Summary, require_content
from tests.report_files import controls, summary


def test_require_content_accepts_what_eval_writes() -> None:
    require_content(Summary, summary(12), Path("summary.json"))
    require_content(Controls, controls(), Path("controls.json"))


@pytest.mark.parametrize(
    ("kind", "content", "line"),
    [
        (Summary, {}, r"summary\.json is not what `avme eval` writes \(n: field required\)"),
        (Summary, summary(12, views={"segments": "x"}), r"\(views\.segments: input should be"),
        (Controls, {"table": [{"clips": "all"}]}, r"\(table\.0\.audio: field required\)"),
        (Controls, {"degradation": 3}, r"\(degradation: input should be a valid list\)"),
    ],
)
def test_require_content_of_another_form_names_the_value(
    kind: type[Summary] | type[Controls], content: object, line: str
) -> None:
    with pytest.raises(ArtifactError, match=line):
        require_content(kind, content, Path("summary.json"))
