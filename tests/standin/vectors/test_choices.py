"""Each answer to each choice of the language has a vector. (tests/system/end_to_end: the app depends on none.)"""

import json

import pytest

from tests.standin.spl import choices
from tests.standin.vectors.test_vectors import FOLDER

NAMES = ["NULL_IN_LOOKUP", "MISSING_PATH", "NULL_ELEMENT", "NESTED_ARRAY", "INDEX_LATEST"]
"""EMPTY_CELL is not a choice of the language: tests/standin/test_runner_command.py shows both of its answers."""


def test_all_choices_are_listed():
    assert {*(getattr(choices, name) for name in NAMES), choices.EMPTY_CELL} == set(choices.CHOICES)


@pytest.mark.parametrize("name", NAMES)
def test_a_choice_has_a_vector_of_each_answer(name):
    shown = [
        name in vector.get("others", ())
        for file in FOLDER.glob("*.json")
        for vector in json.loads(file.read_text("utf-8"))
        if vector["known_from"].startswith("choice: " + name)
    ]
    assert set(shown) == {False, True}
