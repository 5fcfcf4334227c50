"""Network of a checkpoint, whose stages give features: a pretraining or a classifier."""

from dataclasses import dataclass
from pathlib import Path

from avme.config import FinetuneConfig, PretrainConfig
from avme.errors import MismatchError
from avme.features.tokens import Stage, stages_of
from avme.io.run_status import require_finished_run
from avme.models.build import Network, load_model_of
from avme.weights.load import ImportedWeights, read_weights
from avme.weights.settings import settings_of


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedNetwork:
    """Network on the CPU, with its settings and provenance."""

    model: Network
    settings: PretrainConfig | FinetuneConfig
    weights: ImportedWeights

    @property
    def slots(self) -> int:
        """Number of time slots of a window."""
        return self.settings.clip.num_frames // self.settings.model.visual.tubelet_size

    def choose_stage(self, wanted: Stage | None) -> Stage:
        """Return the wanted stage, or the deepest one that the network has.

        Raises MismatchError if it lacks the wanted one.
        """
        there = stages_of(self.model)
        if wanted is None:
            return there[-1]
        if wanted not in there:
            names = " or ".join(f"--stage {stage}" for stage in there)
            raise MismatchError(
                f"{self.weights.file} has no stage {wanted} (it has {', '.join(there)}): "
                f"choose {names}"
            )
        return wanted


def load_network(path: Path) -> TrainedNetwork:
    """Build the network of a run, a checkpoint, or a file or folder of weights of any form.

    Raises:
        ArtifactError: The file cannot be read completely.
        MismatchError: The weights are an encoder alone, which belongs to no stage.
    """
    weights = read_weights(require_finished_run(path))
    settings = settings_of(weights)
    model = load_model_of(settings, max(1, weights.num_classes), weights.tensors)
    return TrainedNetwork(model=model, settings=settings, weights=weights)
