"""Reconstruction figures during pretraining, of the same clips of the train list each time.

The test list is never read during training.
"""

from typing import cast

from avme.config import PretrainConfig
from avme.figures.drawing import not_drawn
from avme.figures.reconstruction import paint_reconstruction
from avme.models.autoencoder import MaskedAutoencoder
from avme.reconstruction.gallery import COLUMNS, ListedClips, ReconstructionGrid, choose_clips
from avme.shards.dataset import PreparedDataset
from avme.train.distributed.fsdp import unsharded
from avme.train.job import EpochCallback, TrainJob
from avme.train.metrics.loggers import MetricLoggers
from avme.train.trainer import Trainer

NAME = "reconstruction"
_CLIPS, _FRAMES, _SEED = 4, 4, 0


def reconstruct_each_epoch(job: TrainJob, prepared: PreparedDataset) -> EpochCallback | None:
    """Return a callback that draws every `train.log_images_every_epochs` epochs and after the last.

    None if no figures are requested. Only rank 0 draws; random states are unchanged.
    """
    config = cast(PretrainConfig, job.config)
    every, epochs = config.train.log_images_every_epochs, config.train.epochs
    if every is None:
        return None
    num_clips = len(job.reader.entries)
    entries = choose_clips(job.reader.entries, _CLIPS, _SEED)
    gallery = ReconstructionGrid(prepared, entries, job.facts["mfcc"], _SEED, job.reader)

    def end_epoch(trainer: Trainer, epoch: int, record: MetricLoggers | None) -> str:
        if epoch % every and epoch != epochs:
            return ""
        with trainer.averaged(), unsharded(job.model):
            if record is not None:
                model = cast(MaskedAutoencoder, job.model)
                drawn = gallery.draw(model, config, job.device, _FRAMES)
                listed = ListedClips(prepared.name, config.clip.split, "train", num_clips)
                title = listed.title(drawn, job.run.folder.name, trainer.step)
                try:
                    pixels = paint_reconstruction(drawn.rows, COLUMNS, drawn.note, title)
                except Exception as error:
                    job.run.report.log(not_drawn(f"{NAME} at step {trainer.step}", error))
                else:
                    record.log_image(NAME, trainer.step, pixels)
        return ""

    return end_epoch
