from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import BadRequest
from service.training.fields import FIELDS
from service.training.recipe import PRESETS, SENTENCES, Recipe, read, told


def test_every_choice_has_its_line_in_the_form() -> None:
    assert [one.name for one in FIELDS] == [one.name for one in fields(Recipe)]
    assert PRESETS.keys() == SENTENCES.keys()
    assert PRESETS["standard"] == Recipe()


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_keep_to_the_bounds(preset: str) -> None:
    recipe = PRESETS[preset]
    assert read(told(recipe), preset) == recipe
    assert read(told(recipe.protected())).replay >= 0.15


def test_the_form_changes_a_preset() -> None:
    recipe = read({"rate": 0.001, "rank": 4.0}, "smoke")
    assert (recipe.rate, recipe.rank, recipe.steps) == (0.001, 4, PRESETS["smoke"].steps)
    assert type(recipe.rank) is int
    assert type(read({"alpha": 8}).alpha) is float


def test_every_wrong_field_is_told() -> None:
    with pytest.raises(BadRequest) as caught:
        read({"rate": 5, "rank": 1.5, "batch": True, "schedule": "steep", "lr": 1})
    assert len(caught.value.details["reasons"]) == 5
    assert "rank must be a whole number" in caught.value.message
    with pytest.raises(BadRequest, match="no preset"):
        read({}, "huge")


anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.lists(st.integers())
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([one.name for one in FIELDS]), anything, max_size=4))
def test_whatever_is_sent_is_a_recipe_or_a_sentence(said: dict[str, object]) -> None:
    try:
        recipe = read(said)
    except BadRequest:
        return
    assert read(told(recipe)) == recipe
