"""Products as data: what a product's patients are given."""

import numpy as np
import pytest

from cartsim.cohort.products import FILE, TrialPopulation, read_products
from cartsim.errors import ConfigError, ModelError
from cartsim.models import load_model

MODEL = load_model("bcma_myeloma")
PRODUCTS = read_products()


def treated(name: str, count: int = 600):
    return TrialPopulation(MODEL, name, PRODUCTS, 5).treated(0, count)


def test_every_product_has_its_medians_in_the_model():
    assert set(PRODUCTS.products) <= set(MODEL.scenarios)


def test_local_medians_lie_half_way_between_the_products_and_are_not_tuned():
    fast, slow, local = (MODEL.vector(scenario=name) for name in ("fast", "slow", "local"))
    assert np.allclose(local, np.sqrt(fast * slow), rtol=0.02)


def test_doses_are_flat_or_per_kg():
    flat, per_kg = treated("fast"), treated("slow")
    amounts = [np.array([r.doses[0].amount for r in group.regimens]) for group in (flat, per_kg)]
    assert np.median(amounts[0]) == pytest.approx(450e6, rel=0.05)
    assert np.median(amounts[1] / per_kg.weights) == pytest.approx(0.75e6, rel=0.05)


def test_policies_are_followed_by_their_shares_and_tocilizumab_goes_by_weight():
    group = treated("fast")
    limits = np.array([r.rules[0].above for r in group.regimens])
    assert set(limits) == {38.5, 39.0}
    assert np.mean(limits == 38.5) == pytest.approx(0.5, abs=0.06)
    mg = np.array([r.rules[0].give[0].amount for r in group.regimens])
    assert np.allclose(mg, np.minimum(8.0 * group.weights, 800.0))
    assert {r.rules[0].above for r in treated("local", 50).regimens} == {38.0}


def test_a_patient_is_the_same_whatever_is_asked_for():
    whole, part = treated("slow", 60), TrialPopulation(MODEL, "slow", PRODUCTS, 5).treated(40, 60)
    assert part.regimens == whole.regimens[40:]
    assert np.array_equal(part.rows, whole.rows[40:])


def test_a_wrong_file_is_refused_with_every_fault(tmp_path):
    text = FILE.read_text(encoding="utf-8")
    text = text.replace("share = 1.0", "share = 0.9").replace("dose = 450e6 ", "dose = -1 ")
    path = tmp_path / "products.toml"
    path.write_text(text + "\n[products.other]\ntitle = 3\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_products(path)
    for part in ("products.local", "0.9", "products.fast.dose", "products.other.title"):
        assert part in str(caught.value)


def test_an_unknown_product_is_named():
    with pytest.raises(ModelError, match="fast, slow, local"):
        TrialPopulation(MODEL, "medium", PRODUCTS, 1)
