"""Signature of a result of features: one line that states what was measured and how."""

from avme.evaluation.intervals import Groups
from avme.features.file import FeatureTable

_DIGITS = 8


def feature_signature(table: FeatureTable, method: str, groups: Groups) -> str:
    """Return the signature, such as `avme 1.0|ucf101/1/test|n=3783,g=707|feat=fused.mean|...`.

    Fields: version; dataset, split and subset; clips and groups; stage and pooling; windows per
    clip; method; training protocol; interval; hashes of checkpoint, test list and train list.

    Args:
        table: Features that were scored.
        method: Method with its parameters.
        groups: Groups of the scored clips.
    """
    facts, spec = table.facts, groups.describe()
    return "|".join(
        (
            f"avme {facts['avme']}",
            f"{facts['dataset']}/{facts['split']}/test",
            f"n={len(groups.index)},g={groups.count}",
            f"feat={facts['stage']}.{facts['pool']}",
            f"views={facts['segments']}x1",
            method,
            f"proto={facts['protocol']}",
            f"ci={spec['unit']}-bs{spec['resamples']}:{spec['seed']}",
            f"ckpt={facts['checkpoint_sha256'][:_DIGITS]}",
            f"list={facts['test_list_sha256'][:_DIGITS]}",
            f"train={facts['train_list_sha256'][:_DIGITS]}",
        )
    )
