from avme.evaluation.controls.seeds import clip_generator


def draws(seed: int, *names: str | int) -> list[int]:
    return [int(n) for n in clip_generator(seed, *names).integers(1 << 30, size=4)]


def test_clip_generator_of_equal_names_draws_the_same() -> None:
    assert draws(0, "donor", "A/a.avi") == draws(0, "donor", "A/a.avi")


def test_clip_generator_of_another_seed_or_name_draws_differently() -> None:
    found = [draws(0, "a", 1), draws(1, "a", 1), draws(0, "b", 1), draws(0, "a", 2), draws(0, "a1")]

    assert len({tuple(each) for each in found}) == len(found)
