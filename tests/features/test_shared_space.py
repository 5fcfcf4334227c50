"""The shared space against scikit-learn's and planted relations."""

import numpy as np
import pytest
from sklearn.cross_decomposition import CCA

from avme.features.shared_space import fit_shared_space


def planted(count: int, noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return two streams that mix three shared sources with sources of their own."""
    rng = np.random.default_rng(seed)
    source = rng.normal(size=(count, 3))
    mixes = np.random.default_rng(9)
    streams = []
    for width in (6, 5):
        own = rng.normal(size=(count, width))
        streams.append(source @ mixes.normal(size=(3, width)) + noise * own + 3.0)
    return streams[0], streams[1]


def test_correlations_equal_those_of_scikit_learn() -> None:
    first, second = planted(400, 0.7)
    oracle = CCA(n_components=5, scale=False, max_iter=5000, tol=1e-10).fit(first, second)
    mapped = oracle.transform(first, second)
    expected = [np.corrcoef(a, b)[0, 1] for a, b in zip(mapped[0].T, mapped[1].T, strict=True)]

    space = fit_shared_space(first, second, 0.0)

    np.testing.assert_allclose(space.correlation, expected, atol=2e-3)


def test_mapped_streams_have_the_correlations_as_variance_and_covariance() -> None:
    first, second = planted(400, 0.7)

    space = fit_shared_space(first, second, 0.0)

    one, other = space.map_first(first), space.map_second(second)
    squared = np.diag(space.correlation**2)
    np.testing.assert_allclose(one.T @ one / 400, squared, atol=1e-4)
    np.testing.assert_allclose(one.T @ other / 400, squared * space.correlation, atol=1e-4)


def test_map_does_not_depend_on_the_basis_of_a_stream() -> None:
    first, second = planted(300, 0.5)
    turned = second @ np.random.default_rng(4).normal(size=(5, 5)) - 2.0

    usual, other = (fit_shared_space(first, each, 0.0) for each in (second, turned))

    np.testing.assert_allclose(usual.correlation, other.correlation, atol=1e-8)
    np.testing.assert_allclose(
        np.abs(usual.map_second(second)), np.abs(other.map_second(turned)), atol=1e-4
    )


def test_ridge_shrinks_the_correlations() -> None:
    first, second = planted(40, 0.7)

    none, some, much = (fit_shared_space(first, second, r).correlation for r in (0.0, 0.1, 10.0))

    assert (some < none).all()
    assert (much < some).all()


def test_directions_without_variance_are_left_out() -> None:
    first, second = planted(100, 0.5)
    constant = np.concatenate([first, np.full((100, 2), 7.0), first[:, :1]], axis=1)

    space = fit_shared_space(constant, second, 0.0)

    expected = fit_shared_space(first, second, 0.0).correlation
    np.testing.assert_allclose(space.correlation[:5], expected, atol=1e-6)
    assert np.isfinite(space.map_first(constant)).all()


@pytest.mark.parametrize("ridge", [0.0, 1.0])
def test_constant_streams_map_to_zero(ridge: float) -> None:
    space = fit_shared_space(np.ones((5, 3)), np.ones((5, 2)), ridge)

    np.testing.assert_array_equal(space.map_first(np.ones((2, 3))), 0.0)
    np.testing.assert_array_equal(space.map_second(np.full((2, 2), 9.0)), 0.0)
