"""Source of features: a file of an earlier extraction, or a checkpoint whose features are computed.

Features of a checkpoint are stored in its run, under a name of what was computed, and read from
there by later commands. A file of other weights or data is never read in their place.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py

from avme import __version__
from avme.config.train import AudioProtocol
from avme.data.clip_reader import ClipReader
from avme.data.eval_dataset import EvalDataset
from avme.data.protocol import donor_reader, select_clips, view_audio
from avme.errors import MismatchError, UsageError
from avme.evaluation.dataset import own_dataset, report_other_dataset
from avme.evaluation.seen_clips import require_unseen
from avme.features.extract import FeatureExtractor, FeatureOptions, Lists
from avme.features.file import FeatureTable, read_features, require_same
from avme.features.network import load_network
from avme.features.tokens import Stage
from avme.features.writer import FeatureWriter
from avme.io.atomic import replacing
from avme.io.disk import try_write
from avme.progress import Reporter
from avme.shards.dataset import ClipEntry, PreparedDataset, Subset
from avme.train.distributed.interrupt import ended_by_signals
from avme.train.distributed.process_group import Distributed, pick_device, pick_precision
from avme.weights.load_classifier import results_of

SUFFIX = ".h5"
_SUBSETS: dict[Lists, tuple[Subset, ...]] = {
    "all": ("train", "test"),
    "train": ("train",),
    "test": ("test",),
}
_BYTES_PER_CLIP = 500
"""Bytes of a row besides id and features."""


class FeatureSource:
    """Checkpoint and dataset, whose features are computed or read."""

    def __init__(self, checkpoint: Path, options: FeatureOptions, report: Reporter) -> None:
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise UsageError(
                f"features are computed by one process (got WORLD_SIZE {os.environ['WORLD_SIZE']}):"
                " run the command without torchrun"
            )
        self.options, self.report = options, report
        self.network = load_network(checkpoint)
        facts = self.network.weights.facts
        self.prepared = PreparedDataset.open(options.data or own_dataset(facts, report))
        self.split = options.split or self.network.settings.clip.split
        self.device = pick_device(options.device)
        self.precision = pick_precision(options.precision, self.device)
        for warning in self.network.weights.warnings:
            report.log(warning)
        report_other_dataset(facts, self.prepared, report)

    def path(self, stage: Stage, lists: Lists) -> Path:
        """Return the file in the run's folder for the features of a stage."""
        weights, facts = self.network.weights, self.facts(stage, lists)
        checkpoint = Path(weights.file.name.removesuffix(".index.json")).stem
        words = (facts["dataset"], f"split{self.split}", lists, checkpoint, stage, facts["pool"])
        name = f"{'-'.join(words)}-{facts['segments']}{SUFFIX}"
        return results_of(weights, "features") / name

    def load(self, stages: Sequence[Stage]) -> list[FeatureTable]:
        """Return the features of all clips; stages without a file are computed in one pass.

        Raises MismatchError if a file holds others.
        """
        paths = {stage: self.path(stage, "all") for stage in stages}
        there = [s for s, path in paths.items() if path.is_file() and not self.options.overwrite]
        for stage in there:
            require_same(paths[stage], self.facts(stage, "all"))
            self.report.log(f"reading {paths[stage]}")
        missing = {stage: path for stage, path in paths.items() if stage not in there}
        if missing:
            self.compute(missing, "all")
        return [read_features(path) for path in paths.values()]

    def compute(self, paths: Mapping[Stage, Path], lists: Lists) -> None:
        """Compute the features of some stages in one pass, and write a file for each.

        Memory does not grow with the number of clips, except for their names.

        Args:
            paths: File of each stage.
            lists: Lists of the split; with `all` the train list comes first.

        Raises:
            SystemRequirementError: The disk has too little room.
            StoppedBySignal: SIGTERM or SIGUSR1 arrived.
        """
        entries, subsets = self._clips(lists)
        settings = self.network.settings
        facts = {stage: self.facts(stage, lists) for stage in paths}
        for path in paths.values():
            try_write(path.parent, self._estimate_bytes(entries))
        with ended_by_signals():
            model = self.network.model.to(self.device)
            reader = ClipReader(self.prepared, entries, self._statistics())
            clips = EvalDataset(
                reader,
                settings.clip,
                self.options.segments or 1,
                1,
                audio=view_audio(self._protocol, reader, self._donors()),
            )
            extractor = FeatureExtractor(
                clips,
                stages=tuple(paths),
                pool=self.options.pool or "mean",
                slots=self.network.slots,
                batch=self.options.batch_size,
                workers=self.options.workers,
                device=self.device,
                precision=self.precision,
                processes=Distributed(),
            )
            with ExitStack() as stack:
                writers = []
                for stage, path in paths.items():
                    file = h5py.File(stack.enter_context(replacing(path)), "w")
                    stack.enter_context(file)
                    classes = self.prepared.classes
                    writers.append(FeatureWriter(file, facts[stage], classes, entries, subsets))
                with self.report.task("embed", len(entries)) as task:
                    for chunk in extractor.chunks(model):
                        for writer in writers:
                            writer.add(chunk)
                        task.advance(len(chunk.clip))
                for writer in writers:
                    writer.close()

    def facts(self, stage: Stage, lists: Lists) -> dict[str, Any]:
        """Return the attributes of the file of a stage."""
        weights, prepared = self.network.weights, self.prepared
        return {
            "avme": __version__,
            "checkpoint": str(weights.file),
            "checkpoint_sha256": self._sha256,
            "checkpoint_step": int(weights.facts.get("step") or 0),
            "trained_by": weights.stage,
            "dataset": prepared.name,
            "fingerprint": prepared.fingerprint,
            "split": self.split,
            "protocol": self._protocol,
            "list": lists,
            "train_list_sha256": prepared.list_sha256(self.split, "train"),
            "test_list_sha256": prepared.list_sha256(self.split, "test"),
            "stage": stage,
            "pool": self.options.pool or "mean",
            "segments": self.options.segments or 1,
            "precision": str(self.precision).removeprefix("torch."),
            "leak": self._leak if "test" in _SUBSETS[lists] else "",
        }

    @cached_property
    def _sha256(self) -> str:
        return self.network.weights.sha256()

    @cached_property
    def _leak(self) -> str:
        """Reason why the checkpoint may have been trained on test clips; empty if it was not."""
        tested = self.prepared.subset(self.split, "test", allow_empty=True)
        try:
            facts = self.network.weights.facts
            require_unseen(tested, self.prepared, facts, self.split, self.report)
        except MismatchError as error:
            return str(error)
        return ""

    def _clips(self, lists: Lists) -> tuple[list[ClipEntry], list[str]]:
        listed = [
            (entry, subset)
            for subset in _SUBSETS[lists]
            for entry in select_clips(
                self._protocol,
                self.prepared.subset(self.split, subset),
                f"{self.prepared.folder}, split {self.split}, {subset}",
            )
        ]
        return [entry for entry, _ in listed], [subset for _, subset in listed]

    @property
    def _protocol(self) -> AudioProtocol:
        return self.network.settings.train.protocol

    def _donors(self) -> ClipReader | None:
        return donor_reader(self._protocol, self.prepared, self.split, self._statistics())

    def _statistics(self) -> dict[str, Any]:
        given: dict[str, Any] | None = self.network.weights.facts.get("mfcc")
        if given is not None:
            return given
        mean, deviation = self.prepared.mfcc_statistics(self.split)
        return {"mean": mean.tolist(), "deviation": deviation.tolist()}

    def _estimate_bytes(self, entries: Sequence[ClipEntry]) -> int:
        slots = self.network.slots if self.options.pool == "slots" else 1
        values = 2 * self.network.settings.model.visual.dim * slots
        longest = max((len(entry.id.encode()) for entry in entries), default=0)
        return len(entries) * (4 * values + longest + _BYTES_PER_CLIP)


def load_features(source: Path, options: FeatureOptions, report: Reporter) -> FeatureTable:
    """Return features of train and test clips, from a file or of a checkpoint.

    Args:
        source: File of features, or a run, checkpoint or weights.
        options: What to compute; a file must agree with what is given.
        report: Receives progress.

    Raises:
        MismatchError: The file holds other features, or the checkpoint was trained on test clips.
    """
    if source.suffix == SUFFIX:
        table = read_features(source)
        given: dict[str, Any] = {
            name: getattr(options, name) for name in ("stage", "pool", "segments", "split")
        }
        for name, value in given.items():
            if value is not None and value != table.facts[name]:
                raise MismatchError(
                    f"{source} holds features of {name} {table.facts[name]} (got {value}): leave "
                    f"--{name} out, or give the checkpoint"
                )
    else:
        opened = FeatureSource(source, options, report)
        (table,) = opened.load([opened.network.choose_stage(options.stage)])
    require_untrained(table)
    return table


def require_untrained(table: FeatureTable) -> None:
    """Raise MismatchError if the checkpoint may have been trained on test clips of the file."""
    if table.facts["leak"]:
        raise MismatchError(str(table.facts["leak"]))
