"""Parameters by part add up to those of the whole."""

from torch import nn

from avme.models.parameter_count import count_parameters


def test_parts_and_total_are_counted() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2, bias=False))

    assert count_parameters(model) == {"all": 24, "0": 16, "1": 8}


def test_shared_parameters_count_once_in_total() -> None:
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    model[1].weight = model[0].weight

    assert count_parameters(model)["all"] == 4
