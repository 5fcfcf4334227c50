"""Names of the files and folders in a prepared dataset and in a run folder."""

from typing import Final

DATASET_MANIFEST: Final = "dataset.json"
INDEX: Final = "index.csv"
JOURNAL: Final = "prep.jsonl"
PLAN: Final = "plan.json"
QUARANTINE: Final = "quarantine.csv"
RUN_STATUS: Final = "status.json"
SHARDS: Final = "shards"
SPLITS: Final = "splits"
