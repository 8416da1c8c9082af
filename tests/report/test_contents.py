"""Report contents refuse tables that lack what the report reads."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cartsim.errors import CartsimError


def test_a_table_without_a_needed_column_is_refused_by_name(six):
    with pytest.raises(CartsimError, match=r"'parameters' lacks columns.*contraction"):
        replace(six, parameters=six.parameters.drop(columns="contraction"))


def test_a_sentence_where_a_list_is_meant_is_refused(six):
    with pytest.raises(CartsimError, match="list"):
        replace(six, warnings="one sentence")
