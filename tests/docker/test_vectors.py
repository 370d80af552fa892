"""The search language's vectors (tests/standin/vectors), each run in the Splunk under test."""

import pytest

from tests.docker.report import OTHER
from tests.docker.vectors import Examiner, why_not
from tests.standin.vectors.test_vectors import vectors
from tests.support.environment import is_real

if not is_real():
    pytest.skip("needs a real Splunk: make test-splunk", allow_module_level=True)

VECTORS = {param.id: param.values[0] for param in vectors()}


@pytest.fixture(scope="module")
def examiner(bridge):
    with Examiner(bridge.splunk) as examiner:
        examiner.index({identity: vector for identity, vector in VECTORS.items() if not why_not(vector)})
        yield examiner


@pytest.mark.parametrize("identity", VECTORS)
def test_splunk_gives_what_the_vector_says(examiner, identity, record_property):
    """Except where the vector marks its result as our own choice: then the report says what Splunk gives."""
    finding = examiner.ask(identity, VECTORS[identity])
    record_property("vector", tuple(finding))
    assert finding.outcome != OTHER, finding.why
