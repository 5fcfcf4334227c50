"""The classifier: three modalities, gradients, and sight or hearing only where it should be."""

from collections.abc import Callable
from unittest.mock import patch

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from avme.config import ClipConfig, ModelConfig
from avme.errors import ConfigError
from avme.models.audio_encoder import AudioEncoder
from avme.models.classifier import Classifier, Modality, Pool
from avme.models.layers.heads import PooledNorm

Inputs = tuple[Tensor, Tensor, Tensor]
MakeConfig = Callable[..., ModelConfig]
MakeInputs = Callable[..., Inputs]
MODALITIES: list[Modality] = ["av", "v", "a"]


@pytest.mark.parametrize("modality", MODALITIES)
def test_classifier_gives_every_parameter_a_gradient(
    modality: Modality, clip: ClipConfig, make_model_config: MakeConfig, make_inputs: MakeInputs
) -> None:
    model = Classifier(make_model_config(variant="talknet"), clip, 5, modality)
    video, mfcc, valid = make_inputs()
    valid[0] = False

    logits = model(video, mfcc, valid)
    torch.autograd.backward(F.cross_entropy(logits, torch.tensor([0, 1, 2])))

    assert logits.shape == (3, 5)
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize(("pool", "value"), [("mean", 2.0), ("max", 5.0)])
def test_pooling_is_the_mean_or_the_largest_value_of_each_channel(
    pool: Pool,
    value: float,
    clip: ClipConfig,
    make_model_config: MakeConfig,
    make_inputs: MakeInputs,
) -> None:
    model = Classifier(make_model_config(), clip, 5, "a", pool=pool)
    tokens = torch.full((3, 4, 8), 1.0)
    tokens[:, 2] = 5.0

    with patch.object(AudioEncoder, "forward", return_value=tokens):
        pooled = model.pool(*make_inputs())

    torch.testing.assert_close(pooled, torch.full((3, 8), value))


def test_pooled_batch_norm_removes_what_all_clips_share(
    clip: ClipConfig, make_model_config: MakeConfig, make_inputs: MakeInputs
) -> None:
    torch.manual_seed(0)
    model = Classifier(make_model_config(), clip, 5, "v", norm="batch")
    video, mfcc, valid = make_inputs(6)
    with torch.no_grad():
        pooled = model.pool(video, mfcc, valid)
        with patch.object(Classifier, "pool", return_value=pooled + 100.0):
            shifted = model(video, mfcc, valid)

        torch.testing.assert_close(model(video, mfcc, valid), shifted, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("modality", MODALITIES)
def test_batch_norm_and_largest_values_train_every_parameter(
    modality: Modality, clip: ClipConfig, make_model_config: MakeConfig, make_inputs: MakeInputs
) -> None:
    model = Classifier(make_model_config(), clip, 5, modality, pool="max", norm="batch")

    torch.autograd.backward(F.cross_entropy(model(*make_inputs()), torch.tensor([0, 1, 2])))

    assert [name for name, p in model.named_parameters() if p.grad is None] == []


@pytest.mark.slow
@pytest.mark.parametrize("modality", MODALITIES)
def test_classifier_overfits_one_batch(
    modality: Modality, clip: ClipConfig, make_model_config: MakeConfig, make_inputs: MakeInputs
) -> None:
    torch.manual_seed(0)
    model = Classifier(make_model_config(), clip, 3, modality)
    inputs, labels = make_inputs(6), torch.tensor([0, 1, 2, 0, 1, 2])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(60):
        loss = F.cross_entropy(model(*inputs), labels)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()

    assert (model(*inputs).argmax(dim=1) == labels).all()


@pytest.mark.parametrize(("modality", "sees", "hears"), [("av", 1, 1), ("v", 1, 0), ("a", 0, 1)])
def test_classifier_of_a_modality_reads_only_its_streams(
    modality: Modality,
    sees: int,
    hears: int,
    clip: ClipConfig,
    make_model_config: MakeConfig,
    make_inputs: MakeInputs,
) -> None:
    model = Classifier(make_model_config(), clip, 5, modality).eval()
    video, mfcc, valid = make_inputs()

    logits = model(video, mfcc, valid)

    assert (not torch.allclose(model(video.flip(0), mfcc, valid), logits)) == bool(sees)
    assert (not torch.allclose(model(video, mfcc.flip(0), valid), logits)) == bool(hears)


def test_seeing_alone_pools_without_the_encoders_norm_as_videomae_does(
    clip: ClipConfig, make_model_config: MakeConfig
) -> None:
    names = Classifier(make_model_config(), clip, 5, "v").state_dict()

    assert not any(name.startswith(("visual.norm", "audio", "fusion")) for name in names)


@pytest.mark.parametrize("norm", ["layer", "batch"])
@pytest.mark.parametrize("modality", MODALITIES)
def test_logits_under_autocast_are_the_float32_head_on_the_float32_mean_of_tokens(
    modality: Modality,
    norm: PooledNorm,
    clip: ClipConfig,
    make_model_config: MakeConfig,
    make_inputs: MakeInputs,
) -> None:
    model = Classifier(make_model_config(), clip, 101, modality, norm=norm, init_scale=0.01)
    given: list[Tensor] = []
    last = {"av": model.fusion, "v": model.visual, "a": model.audio}[modality]
    assert last is not None
    last.register_forward_hook(lambda _module, _inputs, output: given.append(output))

    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        logits = model.eval()(*make_inputs(8))

    exact = given[0].double().mean(dim=1)
    if norm == "layer":
        exact = (exact - exact.mean(1, keepdim=True)) / (
            exact.var(1, unbiased=False, keepdim=True) + 1e-6
        ).sqrt()
    exact = exact @ model.head.weight.double().T
    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits.double(), exact, rtol=1e-4, atol=1e-6)
    assert all(len(row.unique()) == 101 for row in logits)


@pytest.mark.parametrize("modality", MODALITIES)
def test_classify_of_encoded_tokens_equals_forward(
    modality: Modality,
    fusion: dict[str, str],
    clip: ClipConfig,
    make_model_config: MakeConfig,
    make_inputs: MakeInputs,
) -> None:
    if modality == "av" and fusion["kind"] == "none":
        return
    torch.manual_seed(0)
    model = Classifier(make_model_config(**fusion), clip, 5, modality).eval()
    video, mfcc, valid = make_inputs()
    valid[0] = False

    with torch.no_grad():
        tokens = model.encode_video(video)
        for rows, mask in ((mfcc, valid), (mfcc.flip(0), valid.flip(0))):
            logits = model.classify(tokens, model.encode_audio(rows, mask))

            assert torch.equal(logits, model(video, rows, mask))


def make_with_heads(clip: ClipConfig, make_model_config: MakeConfig) -> Classifier:
    torch.manual_seed(0)
    return Classifier(make_model_config(), clip, 5, "av", unimodal=True)


def test_unimodal_heads_read_their_own_stream_alone(
    clip: ClipConfig, make_model_config: MakeConfig, make_inputs: MakeInputs
) -> None:
    model = make_with_heads(clip, make_model_config).eval()
    video, mfcc, valid = make_inputs()

    fused, seen, heard = model(video, mfcc, valid, "every")
    muted = model(video, 0.0 * mfcc, valid, "every")
    blanked = model(0 * video, mfcc, valid, "every")

    assert torch.equal(fused, model(video, mfcc, valid))
    assert torch.equal(seen, model(video, mfcc, valid, "v"))
    assert torch.equal(heard, model(video, mfcc, valid, "a"))
    assert [torch.equal(*pair) for pair in zip((seen, heard), muted[1:], strict=True)] == [
        True,
        False,
    ]
    assert [torch.equal(*pair) for pair in zip((seen, heard), blanked[1:], strict=True)] == [
        False,
        True,
    ]


def test_product_of_heads_multiplies_probabilities_of_clips_with_audio(
    clip: ClipConfig, make_model_config: MakeConfig, make_inputs: MakeInputs
) -> None:
    model = make_with_heads(clip, make_model_config).eval()
    video, mfcc, valid = make_inputs()
    valid[0] = False

    product = model(video, mfcc, valid, "product").softmax(dim=1)

    seen, heard = (model(video, mfcc, valid, name).softmax(dim=1) for name in ("v", "a"))
    both = seen * heard / (seen * heard).sum(dim=1, keepdim=True)
    torch.testing.assert_close(product[1:], both[1:])
    torch.testing.assert_close(product[0], seen[0])


def test_residual_fused_logits_are_added_to_the_product_of_heads(
    clip: ClipConfig, make_model_config: MakeConfig, make_inputs: MakeInputs
) -> None:
    torch.manual_seed(0)
    model = Classifier(make_model_config(), clip, 5, "av", unimodal=True, residual=True).eval()
    plain = make_with_heads(clip, make_model_config).eval()
    plain.load_state_dict(model.state_dict())
    video, mfcc, valid = make_inputs()
    valid[0] = False

    fused = model(video, mfcc, valid)

    expected = plain(video, mfcc, valid) + plain(video, mfcc, valid, "product")
    torch.testing.assert_close(fused, expected)
    assert torch.equal(fused, model(video, mfcc, valid, "every")[0])
    tokens = model.encode_video(video), model.encode_audio(mfcc, valid)
    assert torch.equal(fused, model.classify(*tokens, valid.any(dim=1)))


def test_residual_fused_loss_does_not_reach_the_unimodal_heads(
    clip: ClipConfig, make_model_config: MakeConfig, make_inputs: MakeInputs
) -> None:
    model = Classifier(make_model_config(), clip, 5, "av", unimodal=True, residual=True)

    model(*make_inputs()).square().sum().backward()

    assert model.unimodal is not None
    assert all(weight.grad is None for weight in model.unimodal.parameters())
    assert model.head.weight.grad is not None


def test_classifier_without_unimodal_heads_refuses_their_output(
    clip: ClipConfig, make_model_config: MakeConfig, make_inputs: MakeInputs
) -> None:
    model = Classifier(make_model_config(), clip, 5, "av")

    with pytest.raises(ConfigError, match="output v: the classifier has no unimodal heads"):
        model(*make_inputs(), "v")


def test_classifier_of_every_head_gives_every_parameter_a_gradient(
    clip: ClipConfig, make_model_config: MakeConfig, make_inputs: MakeInputs
) -> None:
    model = make_with_heads(clip, make_model_config)

    torch.autograd.backward(model(*make_inputs(), "every").square().sum())

    assert [name for name, p in model.named_parameters() if p.grad is None] == []
