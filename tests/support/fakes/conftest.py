"""A plain client: no retries, and no proxies or CA bundles from the environment."""

import pytest
import requests


@pytest.fixture
def client():
    with requests.Session() as session:
        session.trust_env = False
        yield session
