"""The masks are torchaudio's to the bit, drawn numbers included, with and without torchaudio."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch
from torch import Tensor

from avme.data import spec_augment as masks
from avme.data.spec_augment import mask_along_axis, spec_augment

PROGRAM = """
import json, sys
sys.path.insert(0, sys.argv[1])
for name in [each for each in sys.modules if each.split(".")[0] == "torchaudio"]:
    del sys.modules[name]
import torch
from avme.data.spec_augment import spec_augment
torch.manual_seed(7)
masked = [spec_augment(torch.ones(32, 13), 16, 4).tolist() for _ in range(20)]
loaded = "torchaudio.functional" in sys.modules
print(json.dumps([loaded, masked, float(torch.rand(()))]))
"""


@pytest.fixture
def theirs(lacking: Callable[[str], NoReturn]) -> Callable[..., Tensor]:
    try:
        from torchaudio.functional import mask_along_axis
    except Exception as error:
        lacking(f"torchaudio beside torch {torch.__version__} ({error})")
    function: Callable[..., Tensor] = mask_along_axis
    return function


@pytest.mark.parametrize("size", [(13, 32), (1, 1), (40, 400)])
@pytest.mark.parametrize("mask_param", [0, 1, 2, 5, 33, 1000])
@pytest.mark.parametrize("axis", [0, 1])
def test_mask_along_axis_equals_torchaudio_and_draws_as_much(
    size: tuple[int, int], mask_param: int, axis: int, theirs: Callable[..., Tensor]
) -> None:
    values = torch.randn(size, generator=torch.Generator().manual_seed(1))
    is_masked = False
    for seed in range(40):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed visits devices
        expected, then = theirs(values, mask_param, 0.0, axis), torch.rand(1)
        torch.default_generator.manual_seed(seed)
        found = mask_along_axis(values, mask_param, 0.0, axis)

        assert torch.equal(found, expected)
        assert torch.equal(torch.rand(1), then)
        is_masked |= bool((found == 0).any())
    assert is_masked == (mask_param > 1)


@pytest.fixture
def without_torchaudio(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    masks._torchaudio_mask.cache_clear()
    monkeypatch.setitem(sys.modules, "torchaudio", None)  # an import of it raises ImportError
    yield
    masks._torchaudio_mask.cache_clear()


@pytest.mark.usefixtures("without_torchaudio")
def test_spec_augment_without_torchaudio_masks_time_and_frequency() -> None:
    torch.manual_seed(0)
    shares = []
    for _ in range(200):
        hidden = spec_augment(torch.ones(32, 13), 16, 4) == 0
        rows, coefficients = hidden.all(1), hidden.all(0)
        assert torch.equal(hidden, rows[:, None] | coefficients[None])
        for line in (rows, coefficients):
            index = line.nonzero().flatten()
            assert len(index) == 0 or len(index) == index[-1] - index[0] + 1
        shares.append((int(rows.sum()), int(coefficients.sum())))

    assert {rows for rows, _ in shares} == set(range(16))
    assert {coefficients for _, coefficients in shares} == set(range(4))


@pytest.mark.parametrize("error", ["RuntimeError", "OSError", "ImportError", "AttributeError"])
@pytest.mark.slow
def test_spec_augment_without_loadable_torchaudio_is_unchanged(
    error: str, tmp_path: Path, start: Callable[..., Any]
) -> None:
    broken = tmp_path / "site" / "torchaudio"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text(f"raise {error}('built for another CUDA version')\n")

    whole = start(["-c", PROGRAM, str(tmp_path / "nothing")])
    without = start(["-c", PROGRAM, str(broken.parent)])
    assert (whole.wait(), without.wait()) == (0, 0), whole.said + without.said

    loaded, *expected = json.loads(whole.printed)
    fell_back, *found = json.loads(without.printed)
    assert (loaded, fell_back) == (True, False)
    assert found == expected
