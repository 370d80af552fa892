"""A Splunk of somebody else's, played by the stand-in: touched only with its owner's permission, and only in what is
ours.
"""

import pytest

from tests.docker.elsewhere import CONSENT, SplunkElsewhere
from tests.docker.engine import NotStarted
from tests.standin.process import StandinProcess
from tests.support.administrator import APP, Administrator


@pytest.fixture(scope="module")
def owners(tmp_path_factory):
    with StandinProcess(tmp_path_factory.mktemp("splunk")) as splunk:
        yield splunk


def elsewhere(owners, **variables):
    return SplunkElsewhere(
        {
            "SPLUNK_URL": owners.management,
            "SPLUNK_WEB_URL": owners.web,
            "SPLUNK_HEC_URL": owners.hec,
            "SPLUNK_PASSWORD": owners.password,
            CONSENT: "yes",
            **variables,
        }
    )


@pytest.fixture
def admin(owners):
    return Administrator(owners.management, owners.web, owners.hec, owners.password, app="search")


def test_the_owner_can_permit_its_use(owners):
    elsewhere(owners).check()


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({CONSENT: ""}, "its owner must set %s=yes" % CONSENT),
        ({"SPLUNK_PASSWORD": "fake-other"}, "does not answer at .* as admin"),
        ({"SPLUNK_URL": "https://127.0.0.1:1"}, "does not answer at https://127.0.0.1:1 "),
    ],
)
def test_one_line_says_why_it_may_not_or_cannot_be_used(owners, variables, reason):
    with pytest.raises(NotStarted, match=reason) as raised:
        elsewhere(owners, **variables).check()
    assert "\n" not in str(raised.value)


def test_an_existing_thing_with_a_name_of_ours_is_not_touched(owners, admin):
    admin.service.post("/services/apps/local", name=APP)
    with pytest.raises(NotStarted, match="is not touched: .*app " + APP):
        elsewhere(owners).check()
    admin.service.delete("/services/apps/local/" + APP)


def test_what_is_ours_is_removed_and_everything_else_stays(owners, admin):
    admin.service.indexes.create("somebodys")
    admin.service.post("/services/apps/local", name=APP)
    admin.add_user(APP + "_sender", "fake-password", "user")
    with elsewhere(owners) as ours:
        Administrator(ours.management, ours.web, ours.hec, ours.password).receive_audit_events()
    elsewhere(owners).check()
    assert "somebodys" in [index.name for index in admin.service.indexes.list()]
