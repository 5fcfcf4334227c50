"""Labels of a fraction of the train list: nested, from every class, by clip id alone."""

from collections import Counter
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from avme.config import FinetuneConfig, TrainConfig
from avme.sources.clip_table import SourceClip
from avme.sources.split_strategies import divide_train_list, draw_per_class, hold_out


def clip(class_name: str, group: int, number: int) -> SourceClip:
    clip_id = f"{class_name}/g{group:02d}_c{number}.avi"
    return SourceClip(clip_id, Path(clip_id), class_name, f"{class_name}/g{group}", None, 1, 1)


CLIPS = [clip(name, group, n) for name in "ABC" for group in range(25) for n in range(2)]


@st.composite
def train_lists(draw: st.DrawFn) -> list[SourceClip]:
    names = draw(st.lists(st.sampled_from("ABCD"), max_size=40))
    return [clip(name, 0, number) for number, name in enumerate(names)]


@settings(max_examples=100, deadline=None)
@given(clips=train_lists(), fractions=st.tuples(st.floats(0.01, 1.0), st.floats(0.01, 1.0)))
def test_draw_per_class_is_nested_and_takes_its_share_of_every_class(
    clips: list[SourceClip], fractions: tuple[float, float]
) -> None:
    low, high = sorted(fractions)

    less, more = (draw_per_class(clips, fraction) for fraction in (low, high))

    assert {c.id for c in less} <= {c.id for c in more}
    listed, drawn = (Counter(c.class_name for c in some) for some in (clips, less))
    assert drawn.keys() == listed.keys()
    assert all(
        drawn[name] == 1 or abs(drawn[name] - low * n) <= 0.501 for name, n in listed.items()
    )


def test_draw_per_class_of_all_is_all() -> None:
    assert draw_per_class(CLIPS, 1.0) == tuple(CLIPS)


def test_draw_per_class_depends_on_neither_order_nor_other_classes() -> None:
    drawn = draw_per_class(CLIPS, 0.1)

    assert Counter(c.class_name for c in drawn) == {"A": 5, "B": 5, "C": 5}
    assert draw_per_class(CLIPS[::-1], 0.1) == drawn[::-1]
    alone = [c for c in CLIPS if c.class_name == "B"]
    assert draw_per_class(alone, 0.1) == tuple(c for c in drawn if c.class_name == "B")


def test_draw_per_class_takes_other_clips_of_every_class_than_the_first() -> None:
    numbers = [
        {c.id[1:] for c in draw_per_class(CLIPS, 0.1) if c.class_name == name} for name in "ABC"
    ]

    assert len(set(map(frozenset, numbers))) == 3


def test_divide_train_list_holds_out_the_same_groups_at_every_fraction() -> None:
    whole, most, few = (
        divide_train_list(CLIPS, FinetuneConfig(label_fraction=fraction))
        for fraction in (1.0, 0.3, 0.1)
    )

    assert whole == (*hold_out(CLIPS, 0.1, seed=0), ())
    for drawn, held, unused in (most, few):
        assert held == whole[1]
        assert sorted((*drawn, *unused), key=lambda c: c.id) == list(whole[0])
    assert {c.id for c in few[0]} < {c.id for c in most[0]}


def test_divide_train_list_draws_the_same_labels_at_every_seed() -> None:
    first, second = (
        divide_train_list(
            CLIPS,
            FinetuneConfig(label_fraction=0.3, val_fraction=0.0, train=TrainConfig(seed=seed)),
        )
        for seed in (0, 1)
    )

    assert first == second
    assert len(first[0]) == 45
