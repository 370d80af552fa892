"""What the app's searches give does not hang on what nobody says of Splunk: every choice, and its other answer."""
import json

import pytest

from tests.compliance.test_vectors import FOLDER
from tests.standin.spl import choices

NAMES = [name for name in vars(choices) if name.isupper() and name != "CHOICES"]


@pytest.mark.parametrize("name", NAMES)
def test_a_choice_has_a_vector_of_each_answer(name):
    assert getattr(choices, name) in choices.CHOICES
    shown = [name in vector.get("others", ()) for file in FOLDER.glob("*.json")
             for vector in json.loads(file.read_text("utf-8")) if vector["known_from"].startswith("choice: " + name)]
    assert set(shown) == {False, True}
