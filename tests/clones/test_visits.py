"""A succession's samples and its three phases."""

import numpy as np

from cartsim.clones.succession import Succession
from cartsim.clones.visits import clone_names, phases, sampled_table


def followed(memory, effectors):
    """Two clones, 3 : 1, with these cells by day."""
    days = np.arange(1.0, len(memory) + 1.0)
    cells = np.zeros((len(days), 5, 2))
    for row, total in ((0, memory), (3, effectors)):
        cells[:, row] = np.outer(total, [0.75, 0.25])
    return Succession(days, cells, np.array([0.25, 0.75]), np.ones((4, 2)), 0.0)


def test_phases_are_growth_then_contraction_then_memory_for_good():
    found = phases(followed([1, 1, 1, 1, 1, 1], [1, 9, 6, 3, 0.5, 0.1]))
    assert found == [("proliferation", 1.0, 2.0), ("stress", 2.0, 5.0), ("persistence", 5.0, 6.0)]


def test_memory_cells_that_are_most_for_a_while_are_no_persistence():
    found = phases(followed([1, 1, 1, 1, 1, 1], [1, 9, 0.5, 3, 0.5, 0.1]))
    assert found[1:] == [("stress", 2.0, 5.0), ("persistence", 5.0, 6.0)]


def test_samples_hold_the_product_and_no_more_cells_than_there_are():
    one = followed([0.0, 40.0], [100.0, 0.0])
    table = sampled_table(one, np.array([1.0, 2.0]), 60, np.random.default_rng(1))
    total = table.rows.groupby(["compartment", "time"])["count"].sum()
    assert total.to_dict() == {("blood", 1.0): 60, ("blood", 2.0): 40, ("product", 0.0): 60}
    blood = table.rows[table.rows["compartment"] == "blood"]
    assert set(zip(blood["time"], blood["phenotype"], strict=True)) == {(1.0, "effector_2"), (2.0, "memory")}
    assert clone_names(one) == ["clone_2", "clone_1"], "by rank in the product"
