from pathlib import Path

import pytest

from avme.errors import ArtifactError
from avme.io.exported_graph import require_no_graph


@pytest.mark.parametrize(
    ("file", "reader"), [("model.onnx", "ONNX Runtime"), ("model.pt2", "torch.export.load")]
)
def test_require_no_graph_of_an_exported_graph_names_its_reader_and_a_way_out(
    file: str, reader: str, tmp_path: Path
) -> None:
    (tmp_path / "export.json").touch()
    (tmp_path / file).touch()

    for path in (tmp_path, tmp_path / file):
        with pytest.raises(ArtifactError, match=rf"holds a graph for {reader}.*--format safeten"):
            require_no_graph(path)


def test_require_no_graph_of_weights_and_other_folders_returns_the_path(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").touch()  # no export of avme: perhaps beside Hugging Face weights
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "export.json").touch()
    weights = tmp_path / "sub" / "weights.safetensors"
    weights.touch()

    for path in (tmp_path, tmp_path / "sub", weights, tmp_path / "gone"):
        assert require_no_graph(path) == path
