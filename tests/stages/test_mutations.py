"""Artifacts that were damaged or forged: the same result, or a refusal in one line.

Damage changes bytes of a file; forgery changes values and then renews the checksums. Of damage the
result must stay the same, bit by bit, where it is not refused; a forged value may be a valid one,
so that only the end counts. AVME_MUTATIONS sets how many of each kind are made (docs/mutations.md).
"""

import copy
import json
import os
import random
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
import yaml
from safetensors import safe_open
from safetensors.torch import save_file
from typer.testing import CliRunner

from avme.config import FinetuneConfig, PretrainConfig
from avme.errors import StoppedBySignal
from avme.io.atomic import read_json, write_json
from avme.io.hashing import sha256_of
from avme.io.json_checksum import with_checksum
from avme.shards.dataset import PreparedDataset
from avme.shards.manifest import fingerprint
from avme.stages.finetune import finetune
from avme.stages.pretrain import pretrain
from avme.weights import tensor_files
from avme.weights.export import write_weights
from avme.weights.load import read_weights
from avme_cli.app import app

pytestmark = pytest.mark.slow

COUNT = int(os.environ.get("AVME_MUTATIONS", "6"))
FIRST = int(os.environ.get("AVME_FIRST_MUTATION", "0"))
LOG = os.environ.get("AVME_MUTATIONS_LOG")
"""File to which a line for every mutation is added."""
REFUSED = (2, 3, 4, 5, 6)
SECONDS = 60
RUN_SETTINGS = ("--device", "cpu", "--workers", "0")


# What is changed: bytes ------------------------------------------------------------------------


def damage(data: bytes, rng: random.Random) -> bytes:
    """The bytes with one kind of damage, somewhere."""
    changed = bytearray(data)
    start = rng.randrange(max(1, len(data)))
    size = min(len(data) - start, rng.choice([1, 2, 7, 64, 512, 4096]))
    kind = rng.randrange(8)
    if kind == 0:
        changed[start] ^= 1 << rng.randrange(8)
    elif kind == 1:
        changed[start : start + size] = rng.randbytes(size)
    elif kind == 2:
        changed[start : start + size] = bytes(size)
    elif kind == 3:
        del changed[start:]
    elif kind == 4:
        del changed[start : start + size]
    elif kind == 5:
        changed[start:start] = changed[start : start + size]
    elif kind == 6:
        changed[start:start] = rng.randbytes(size)
    else:  # digits and letters stay what they are: the text can still be parsed
        indices = [i for i, byte in enumerate(data) if chr(byte).isalnum()]
        for index in rng.sample(indices, min(len(indices), rng.randint(1, 3))):
            digits = b"0123456789" if chr(data[index]).isdigit() else b"abcdefXYZ"
            changed[index] = rng.choice(digits)
    return bytes(changed)


# What is changed: values -----------------------------------------------------------------------


def odd_value(rng: random.Random, value: Any) -> Any:
    """A value that a stranger may have written in place of this one."""
    choices: list[Any] = [None, [], {}, "", "x", -1, 0, 1, 3, 2**31, 2**63, -(2**70), 1e308]
    choices += [-0.5, True, "a\nb", "\x1b[31m", "$$x$$", "9" * 5000, [[[[1]]]]]
    choices += ["../../up", "/etc/hostname"]
    if isinstance(value, int | float) and not isinstance(value, bool):
        choices += [value + 1, -value, value * 1000, str(value), float(value), [value]] * 2
    if isinstance(value, str):
        choices += [value + "x", value[:-1], [value], value.upper()] * 2
    if isinstance(value, list):
        choices += [value[:-1], [*value, *value[:1]], value[::-1], dict(enumerate(value))] * 2
    return rng.choice(choices)


def forge(content: Any, rng: random.Random) -> Any:
    """The tree with one value changed, taken out or added."""
    content = copy.deepcopy(content)
    indices: list[tuple[Any, Any]] = []

    def walk(node: Any, depth: int = 0) -> None:
        if depth > 12 or not isinstance(node, dict | list):
            return
        for key in list(node) if isinstance(node, dict) else range(len(node)):
            indices.append((node, key))
            walk(node[key], depth + 1)

    walk(content)
    if not indices:
        return odd_value(rng, content)
    depth_first = rng.choice([indices, indices[: max(1, len(indices) // 20)]])
    node, key = rng.choice(depth_first)
    kind = rng.randrange(8)
    if kind == 0 and not isinstance(node[key], torch.Tensor):
        del node[key]
    elif kind == 1 and isinstance(node, dict):
        node[f"{key}-more"] = odd_value(rng, node[key])
    elif isinstance(node[key], torch.Tensor):
        node[key] = odd_tensor(rng, node[key])
    else:
        node[key] = odd_value(rng, node[key])
    return content


def odd_tensor(rng: random.Random, tensor: torch.Tensor) -> Any:
    choices: list[Callable[[], Any]] = [
        lambda: tensor.to(torch.complex64),
        lambda: tensor.to(torch.int64),
        lambda: tensor.to(torch.bool),
        lambda: tensor.double(),
        lambda: tensor[None],
        lambda: tensor.flatten()[:-1],
        lambda: torch.cat([tensor.flatten(), tensor.flatten()]),
        lambda: torch.zeros(0),
        lambda: tensor.to_sparse(),
        lambda: torch.full_like(tensor, 1),
        lambda: odd_value(rng, 1),
    ]
    if tensor.is_floating_point():
        choices += [lambda: tensor * float("nan"), lambda: tensor * float("inf")]
    return rng.choice(choices)()


def forge_text(data: bytes, rng: random.Random) -> bytes:
    """A table or a list with one cell or line changed."""
    lines = data.decode().split("\n")[:-1]
    row = rng.randrange(len(lines))
    cells = lines[row].split(",")
    kind = rng.randrange(5)
    if kind == 0:
        del lines[row]
    elif kind == 1:
        lines.insert(row, rng.choice(lines))
    else:
        cells[rng.randrange(len(cells))] = str(odd_value(rng, rng.choice(cells)))
        lines[row] = ",".join(cells)
    return "".join(f"{line}\n" for line in lines).encode()


def forge_shard(path: Path, rng: random.Random) -> None:
    with h5py.File(path, "r+") as file:
        name = rng.choice([*file, "attrs"])
        if name == "attrs":
            key = rng.choice(list(file.attrs))
            if rng.random() < 0.3:
                del file.attrs[key]
            else:
                value = odd_value(rng, 1)
                file.attrs[key] = value if isinstance(value, int | float | str) else 7.5
                return
            return
        column = file[name][()]
        kind = rng.randrange(7)
        del file[name]
        if kind == 0:
            return
        if kind == 1:
            column = column[:-1]
        elif kind == 2:
            column = np.concatenate([column, column[:1]])
        elif kind == 3:
            column = column[None]
        elif kind == 4 and column.dtype.kind != "S":
            column = column.astype(rng.choice(["f2", "i1", "u2", "c8", "?"]))
        elif kind == 5 and column.dtype.kind in "iuf" and column.size:
            index = np.unravel_index(rng.randrange(column.size), column.shape)
            info = np.iinfo(column.dtype) if column.dtype.kind in "iu" else np.finfo(column.dtype)
            column[index] = rng.choice([0, 1, info.max, info.min])
        else:
            column = column[::-1].copy()
        file[name] = column


# What reads it ---------------------------------------------------------------------------------


class Sandbox:
    """A copy of a set and of runs on it, in which one artifact is changed and a command run."""

    def __init__(self, folder: Path, originals: Path, videos: Path) -> None:
        self.folder, self.originals, self.videos = folder, originals, videos
        self.expected: dict[str, Any] = {}

    def renew(self, *names: str) -> None:
        for name in names:
            target = self.folder / name
            if target.is_dir():
                shutil.rmtree(target)
            shutil.copytree(self.originals / name, target)

    def call(self, *argv: object) -> tuple[int, str]:
        before = os.getcwd()
        os.chdir(self.folder)
        try:
            with in_time():
                result = CliRunner().invoke(app, [str(arg) for arg in argv], prog_name="avme")
        finally:
            os.chdir(before)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            return 1, repr(result.exception)
        return result.exit_code, result.stderr

    def scores(self, *argv: object) -> tuple[int, str, Any]:
        """`avme eval`: exit code, stderr, and the scores of every clip."""
        out = self.folder / "scores"
        shutil.rmtree(out, ignore_errors=True)
        how = ("--segments", 1, "--crops", 1, "--topk", "1", "--out", "scores", *RUN_SETTINGS)
        code, said = self.call("--quiet", "eval", *argv, *how)
        if code:
            return code, said, None
        with np.load(out / "predictions.npz") as found:
            parts = {name: found[name].tolist() for name in ("id", "label", "probability")}
        return code, said, (parts, "warning" in said)

    def resumed(self) -> tuple[int, str, Any]:
        """`avme pretrain --resume` of the stopped run: exit code, stderr, the final weights."""
        argv = ("pretrain", "--resume", "--data", "data/set", "--out", "runs/stopped")
        code, said = self.call("--quiet", *argv, *RUN_SETTINGS)
        if code:
            return code, said, None
        with safe_open(self.folder / "runs/stopped/weights.safetensors", "pt") as file:
            return code, said, {name: file.get_tensor(name).tolist() for name in file.keys()}  # noqa: SIM118

    def prepared(self) -> tuple[int, str, Any]:
        """`avme prep` of the same videos: exit code, stderr, every byte of the set."""
        how = ("--out", "data/set", "--set", "shard_clips=4", "--workers", 1)
        code, said = self.call("--quiet", "prep", "ucf101", self.videos, *how)
        if code:
            return code, said, None
        paths = [*(self.folder / "data/set").rglob("*")]
        made = [path for path in paths if path.suffix in (".h5", ".csv", ".txt")]
        made.append(self.folder / "data/set/dataset.json")
        return code, said, {str(path): sha256_of(path) for path in sorted(made)}

    def verified(self) -> tuple[int, str, Any]:
        """`avme verify --all`, and then the scores."""
        code, said = self.call("--quiet", "verify", "data/set", "--all")
        return self.scores("runs/done", "--data", "data/set") if code == 0 else (code, said, None)


@contextmanager
def in_time() -> Iterator[None]:
    def late(number: int, frame: object) -> None:
        raise TimeoutError(f"not done after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


class StopAfter:
    """A reporter that sends SIGTERM to the run after some steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def log(self, line: str) -> None:
        pass

    @contextmanager
    def task(self, title: str, total: int, done: int = 0) -> Iterator["StopAfter"]:
        yield self

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.left -= steps
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture(scope="module")
def sandbox(
    tmp_path_factory: pytest.TempPathFactory,
    videos: Path,
    finished: PreparedDataset,
    finetuned: Path,
    make_pretrain_config: Callable[..., PretrainConfig],
    make_finetune_config: Callable[..., FinetuneConfig],
) -> Sandbox:
    root = tmp_path_factory.mktemp("mutations")
    originals = root / "originals"
    shutil.copytree(finished.folder, originals / "data" / "set")
    shutil.copytree(finetuned, originals / "runs" / "done")
    data = originals / "data" / "set"
    with pytest.raises(StoppedBySignal):
        pretrain(
            make_pretrain_config(epochs=2),
            data=data,
            out=originals / "runs" / "stopped",
            report=StopAfter(3),
        )
    config = make_finetune_config(modality="v")
    seen = finetune(config, data=data, out=root / "seen", init=None, preset="tiny")
    write_weights(read_weights(seen), originals / "exported", "huggingface")
    box = Sandbox(root / "sandbox", originals, videos)
    box.renew("data", "runs", "exported")
    return box


def resealed(path: Path, reseal: Callable[..., None]) -> None:
    """Checksums in the manifest that fit a changed shard, table or list."""
    folder = next(parent for parent in path.parents if (parent / "dataset.json").is_file())
    manifest = read_json(folder / "dataset.json")
    if path.suffix == ".h5":
        facts = {"sha256": sha256_of(path), "bytes": path.stat().st_size}
        manifest["shards"][path.name] |= facts
        hashed = ("classes", "settings", "splits", "shards")
        manifest["fingerprint"] = fingerprint({key: manifest[key] for key in hashed})
        write_json(folder / "dataset.json", manifest)
    reseal(folder)


# The mutations ---------------------------------------------------------------------------------

Change = Callable[[Path, random.Random], None]


def damaged(path: Path, rng: random.Random) -> None:
    path.write_bytes(damage(path.read_bytes(), rng))


def forged_json(path: Path, rng: random.Random) -> None:
    content = forge(json.loads(path.read_text()), rng)
    if isinstance(content, dict) and "checksum" in content:
        content = with_checksum(content)
    path.write_text(json.dumps(content))


def forged_yaml(path: Path, rng: random.Random) -> None:
    path.write_text(yaml.safe_dump(forge(yaml.safe_load(path.read_text()), rng)))


def forged_lines(path: Path, rng: random.Random) -> None:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in forge(lines, rng)))


def forged_table(path: Path, rng: random.Random) -> None:
    path.write_bytes(forge_text(path.read_bytes(), rng))


def forged_checkpoint(path: Path, rng: random.Random) -> None:
    torch.save(forge(torch.load(path, weights_only=True), rng), path)


def forged_safetensors(path: Path, rng: random.Random) -> None:
    with safe_open(path, "pt") as file:
        metadata = dict(file.metadata() or {})
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if "avme" in metadata and rng.random() < 0.5:
        metadata["avme"] = json.dumps(forge(json.loads(metadata["avme"]), rng))
    else:
        tensors = forge(tensors, rng)
    tensors = {k: v.to_dense().contiguous() for k, v in tensors.items() if torch.is_tensor(v)}
    metadata = tensor_files.with_checksum(tensors, metadata)
    save_file(tensors, path, metadata)


SET, DONE, STOPPED = "data/set", "runs/done", "runs/stopped"
KINDS: dict[str, tuple[str, Callable[[Sandbox], tuple[int, str, Any]]]] = {
    "shard": (f"{SET}/shards/shard-00001.h5", Sandbox.verified),
    "dataset.json": (f"{SET}/dataset.json", lambda box: box.scores(DONE, "--data", SET)),
    "index": (f"{SET}/index.csv", lambda box: box.scores(DONE, "--data", SET)),
    "plan": (f"{SET}/plan.json", Sandbox.prepared),
    "splits": (f"{SET}/splits/split1-test.txt", lambda box: box.scores(DONE, "--data", SET)),
    "config.yaml": (f"{STOPPED}/config.yaml", Sandbox.resumed),
    "metrics.jsonl": (f"{STOPPED}/metrics.jsonl", Sandbox.resumed),
    "status.json": (f"{DONE}/status.json", lambda box: box.scores(DONE, "--data", SET)),
    "last.pt": (f"{STOPPED}/checkpoints/last.pt", Sandbox.resumed),
    "best.pt": (f"{DONE}/checkpoints/best.pt", lambda box: box.scores(DONE, "--data", SET)),
    "weights.safetensors": (
        f"{DONE}/weights.safetensors",
        lambda box: box.scores(f"{DONE}/weights.safetensors", "--data", SET),
    ),
    "exported tensors": (
        "exported/model.safetensors",
        lambda box: box.scores("exported", "--data", SET),
    ),
    "exported settings": (
        "exported/config.json",
        lambda box: box.scores("exported", "--data", SET),
    ),
}
"""By kind: the file, and what a command makes of it."""
FORGERIES: dict[str, Change] = {
    "shard": forge_shard,
    "dataset.json": forged_json,
    "index": forged_table,
    "plan": forged_json,
    "splits": forged_table,
    "config.yaml": forged_yaml,
    "metrics.jsonl": forged_lines,
    "status.json": forged_json,
    "last.pt": forged_checkpoint,
    "best.pt": forged_checkpoint,
    "weights.safetensors": forged_safetensors,
    "exported tensors": forged_safetensors,
    "exported settings": forged_json,
}
RESEALED = ("shard", "index", "splits")


def ends(
    sandbox: Sandbox, kind: str, change: Change, name: str
) -> Iterator[tuple[int, int, str, bool]]:
    """Number, exit code, stderr and whether the result is the usual one, for every mutation."""
    file, consume = KINDS[kind]
    folders = ("data", "runs", "exported")
    expected = sandbox.expected.get(kind)
    if expected is None:
        sandbox.renew(*folders)
        code, said, expected = consume(sandbox)
        assert code == 0, said
        sandbox.expected[kind] = expected
    for number in range(FIRST, FIRST + COUNT):
        sandbox.renew(*folders)
        change(sandbox.folder / file, random.Random(f"{name} {kind} {number}"))
        code, said, found = consume(sandbox)
        same = found == expected
        if LOG:
            with open(LOG, "a") as log:
                log.write(json.dumps([name, kind, number, code, same, said[-400:]]) + "\n")
        yield number, code, said, same
    sandbox.renew(*folders)


def one_line(code: int, said: str) -> bool:
    """Whether a refusal is one line beside those that warn."""
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    return code == 0 or (len(errors) == 1 and len(errors[0]) <= 400 and said.endswith("\n"))


@pytest.mark.parametrize("kind", KINDS)
def test_mutated_artifact_gives_the_same_or_is_refused(sandbox: Sandbox, kind: str) -> None:
    wrong = [
        (number, code, said)
        for number, code, said, same in ends(sandbox, kind, damaged, "damage")
        if not one_line(code, said) or (code not in REFUSED if code else not same)
    ]

    assert wrong == []


@pytest.mark.parametrize("kind", FORGERIES)
def test_forged_artifact_ends_with_a_known_exit_code(
    sandbox: Sandbox, kind: str, reseal: Callable[..., None]
) -> None:
    def change(path: Path, rng: random.Random) -> None:
        FORGERIES[kind](path, rng)
        if kind in RESEALED:
            resealed(path, reseal)

    wrong = [
        (number, code, said)
        for number, code, said, _ in ends(sandbox, kind, change, "forgery")
        if not one_line(code, said) or code not in (0, 7, *REFUSED)
    ]

    assert wrong == []
