"""Recognition of exported graphs, which other programs run: avme reads weights."""

from pathlib import Path
from typing import Final

from avme.errors import ArtifactError
from avme.io.filenames import EXPORT

_READERS: Final = {".onnx": "ONNX Runtime", ".pt2": "torch.export.load"}
"""What reads a graph, by the ending of its file."""


def require_no_graph(path: Path) -> Path:
    """Return the path; raises ArtifactError if it is an exported graph, or the folder of one."""
    files = [path] if path.is_file() else path.iterdir() if (path / EXPORT).is_file() else []
    for file in files:
        if reader := _READERS.get(file.suffix):
            raise ArtifactError(
                f"{path} holds a graph for {reader} (got {file.name}, expected weights): give the "
                "run that it was exported from, or export that with --format safetensors"
            )
    return path
