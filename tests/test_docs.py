"""What the documents tell people to type and where to look is there."""

import re
import runpy
import shlex
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from avme.bench.run_estimate import derive, training_clips
from avme.config import EvalConfig, FinetuneConfig, PrepConfig, PretrainConfig
from avme.config.docs import describe
from avme.config.presets import RECIPES, STAGES, preset
from avme.config.resolve import resolve
from avme.models.audio_encoder import ROWS_PER_TOKEN
from avme.models.autoencoder import grid_of
from avme.models.masking import TubeMask
from avme_cli.app import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
RECIPES_PAGE = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "data" / "README.md", *sorted(ROOT.glob("docs/*.md"))]
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
TEXT = re.sub(r"^\$ .*\nerror: .*$", "", TEXT, flags=re.M)  # examples of what is refused
COMMANDS = sorted(
    {
        re.split(r" #|\\\||\.\.\.", line)[0].strip()
        for line in re.findall(r"(?:^|`|&& |^\$ )(avme [^`\n]+)", TEXT, re.M)
    }
)
MOST_README_LINES = 150
FILES = {"model.onnx", "model.safetensors", "train.log"}
"""Files whose names could be those of settings."""


def setting_keys() -> set[str]:
    """Return the dotted keys of all stages."""
    models = (PrepConfig, PretrainConfig, FinetuneConfig, EvalConfig)
    return {row.key for model in models for row in describe(model)}


def anchors_of(document: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@cache
def help_of(*names: str) -> tuple[int, str]:
    """Return the exit code and the help of a command; many examples are of the same one."""
    helped = CliRunner().invoke(app, [*names, "--help"], prog_name="avme", env={"COLUMNS": "200"})
    return helped.exit_code, helped.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_documented_commands_exist_with_their_options(command: str) -> None:
    words = shlex.split(command)[1:]
    names = [word for word in words[:2] if re.fullmatch("[a-z0-9]+", word)]

    code, text = help_of(*names)

    assert code == 0
    for option in (word for word in words if word.startswith("--")):
        assert f" {option} " in text


def test_settings_that_documents_name_exist() -> None:
    keys = setting_keys()
    sections = {key.split(".")[0] for key in keys if "." in key}
    assigned = set(re.findall(r"--set \"?([a-z][\w.]*)=", TEXT))
    quoted = set(re.findall(r"`([a-z_]+\.[a-z_.]+)(?:=[^`]*)?`", TEXT))

    assert assigned <= keys
    assert {name for name in quoted - FILES if name.split(".")[0] in sections} <= keys


def test_links_between_documents_lead_somewhere() -> None:
    for document in [*PAGES, *ROOT.glob("*.md"), *ROOT.glob("docs/*/*.md")]:
        for link in re.findall(r"\]\(([^)]+)\)", document.read_text(encoding="utf-8")):
            path, _, anchor = link.partition("#")
            target = document.parent / path if path else document
            assert link.startswith("https://") or target.exists(), link
            if anchor and not link.startswith("https://"):
                assert anchor in anchors_of(target), link


def test_model_figure_equals_the_output_of_its_script() -> None:
    script = ROOT / "docs" / "figures" / "model.py"

    drawn = runpy.run_path(str(script))["draw"]()

    assert drawn == script.with_suffix(".svg").read_text(encoding="utf-8")


def test_model_figure_has_the_sizes_of_the_default_model() -> None:
    figure = (ROOT / "docs" / "figures" / "model.svg").read_text(encoding="utf-8")
    config = PretrainConfig()
    grid = grid_of(config.model, config.clip)
    choice = TubeMask(grid, config.mask.ratio)(torch.zeros(1, dtype=torch.int64))
    visible, masked = choice.keep.shape[1], choice.hide.shape[1]
    rows, width = config.clip.span_rows, config.model.visual.dim

    for size in (
        f">{config.clip.num_frames} frames<",
        f">{config.clip.image_size} x {config.clip.image_size}<",
        f">{visible} x {width}<",
        f">{rows // ROWS_PER_TOKEN} x {width}<",
        f">{rows} x {config.model.audio.num_cepstra}, four rows<",
        f": {visible} x {2 * width}, one<",
        f">{config.model.visual.depth} blocks<",
        f">{config.model.decoder.depth} blocks<",
        f">width {config.model.decoder.dim}<",
        f">{masked} mask tokens<",
        f"no mask: {grid.tokens} video tokens",
    ):
        assert size in figure, size


def test_files_that_documents_name_exist() -> None:
    for path in re.findall(r"`((?:avme|benchmarks|cli|docs|findings|tests)/[\w./-]*)`", TEXT):
        assert (ROOT / path).exists(), path


def test_architecture_page_has_the_folders_and_layers_of_the_code() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    diagram = re.findall(r"```\n(.*?)```", page, re.S)[0]
    folders = {path.parent.name for path in ROOT.glob("avme/*/__init__.py")} | {"cli"}
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = contracts["tool"]["importlinter"]["contracts"][0]["layers"]

    named = re.findall(r"(?:^| {2})([a-z]+)/ {2,}", diagram, re.M)
    rows = re.findall(r"^\| \d+ \| (.*) \|$", page, re.M)

    assert sorted(named) == sorted(folders)
    assert [re.findall(r"`(\w+)`", row) for row in rows] == [
        [name.strip().removeprefix("avme.") for name in layer.split("|")]
        for layer in reversed(layers)
    ]


def test_readme_lines_are_within_the_limit() -> None:
    assert len(README.splitlines()) <= MOST_README_LINES


def test_quarantine_reasons_and_warnings_are_all_documented() -> None:
    text = (ROOT / "docs" / "oddmedia.md").read_text(encoding="utf-8")
    warnings, reasons = (
        set(re.findall("`([a-z-]+)`", "".join(re.findall(r"^\| (`.*?) \|", part, re.M))))
        for part in re.split("## (?:Warnings about clips|Reasons)", text)[1:]
    )
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "avme").rglob("*.py"))
    given = set(re.findall(r'reason="([a-z-]+)"', source)) - {"too-many"}  # this one is prep's own
    media = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "avme/media").rglob("*.py"))
    remarked = set(re.findall(r'yield (?:\(\s+)?f?"([a-z-]+): ', media))

    assert reasons == given
    assert warnings == remarked | {"damaged"}


def test_ci_runs_the_commands_of_the_readme() -> None:
    gate = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    told = next(line for line in README.splitlines() if line.endswith("make check"))

    typed = [line for line in gate.splitlines() if re.match(r"python3|\. |pip|make", line)]
    assert " && ".join(typed) == told


def test_presets_that_documents_name_exist() -> None:
    named = set(re.findall(r"(?:--preset|config show) ([a-z0-9-]+)", TEXT))

    assert named - {"prep", "pretrain"} <= set(RECIPES)


@pytest.mark.parametrize("name", [name for name in RECIPES if name != "tiny"])
@pytest.mark.slow
def test_recipe_table_follows_from_the_recipes(name: str) -> None:
    pattern = rf"^\| `{name}` \| (\w+) \| (.*) \|$"
    rows = dict(re.findall(pattern, RECIPES_PAGE, re.M))

    for stage, model in STAGES.items():
        settings: Any = resolve(model, preset=preset(stage, name))
        clips = RECIPES[name].clips
        assert clips is not None
        derived = derive(settings, clips.classes, training_clips(settings, clips))
        assert derived.steps is not None
        train = settings.train
        repeated = f" x {train.repeat}" if train.repeat > 1 else ""
        mask = f"{settings.mask.ratio:g}" if stage == "pretrain" else ""
        exaflop = derived.steps.windows * derived.flops.step / 1e18
        cells = [
            f"{train.batch_size}",
            f"{train.epochs:,}{repeated}",
            f"{derived.peak_rate:.3g}",
            mask,
            f"{derived.steps.total:,}",
            f"{derived.flops.step / 1e9:,.1f}",
            f"{exaflop:.2g}" if exaflop < 0.01 else f"{exaflop:.3g}",
        ]
        assert rows[stage].split(" | ") == cells


def test_recipe_commands_are_in_their_page() -> None:
    for name in ("paper", "videomae-ucf101", "videomae-k400"):
        assert all(f"\n{command}\n" in RECIPES_PAGE for command in RECIPES[name].commands)


def test_decisions_are_all_in_the_index_and_each_area_once() -> None:
    text = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
    index = [line.split("|")[1:3] for line in text.split("## 1.")[0].splitlines() if "|" in line]
    areas = [area.strip() for area, _ in index[2:]]

    listed = {int(number) for _, numbers in index[2:] for number in re.findall(r"\d+", numbers)}
    written = re.findall(r"^## (\d+)\.", text, re.M)

    assert listed == {int(number) for number in written}
    assert len(set(written)) == len(written)
    assert len(set(areas)) == len(areas)
