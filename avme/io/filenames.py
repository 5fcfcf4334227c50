"""Names of the files and folders in datasets, run folders and exports."""

from typing import Final

DATASET_MANIFEST: Final = "dataset.json"
EXPORT: Final = "export.json"
INDEX: Final = "index.csv"
JOURNAL: Final = "prep.jsonl"
PLAN: Final = "plan.json"
QUARANTINE: Final = "quarantine.csv"
RUN_STATUS: Final = "status.json"
SHARDS: Final = "shards"
SPLITS: Final = "splits"
