"""Collections over REST: pages, batches, transient and permanent errors."""

import pytest

from segment_bridge.errors import DeadlineExceeded, SplunkdError, Unavailable
from segment_bridge.retry import Retry
from segment_bridge.splunk import kvstore
from segment_bridge.splunk.kvstore import Collection
from tests.support.splunkd import DATA, SplunkdDouble


@pytest.fixture
def splunkd():
    return SplunkdDouble()


@pytest.fixture
def waits():
    return []


@pytest.fixture
def users(splunkd, waits):
    return Collection(splunkd.service(), "usersignups", Retry(3, sleep=waits.append, chance=lambda: 1.0))


def record(number, cluster="host"):
    name = "user-%05d" % number
    return {
        "_key": "%s/%s" % (cluster, name),
        "username": name,
        "sso_user_id": str(number),
        "cluster": cluster,
        "updated": 1,
    }


def stored(splunkd):
    return [
        {field: value for field, value in document.items() if field != "_user"}
        for document in splunkd.records("usersignups")
    ]


def failing(*faults):
    """Gives each request its fault in turn, then none."""
    remaining = list(faults)
    return lambda method, path: remaining.pop(0) if remaining else None


class TestReading:
    @pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 35])
    def test_continues_to_the_end(self, splunkd, users, monkeypatch, count):
        monkeypatch.setattr(kvstore, "READ_ROWS", 10)
        users.save([record(number) for number in range(count)])
        users.save([record(number, "other") for number in range(3)])
        assert [each["username"] for each in users.read({"cluster": "host"})] == [
            record(number)["username"] for number in range(count)
        ]

    def test_is_complete_even_if_limits_conf_allows_fewer_rows(self, splunkd, users):
        users.save([record(number) for number in range(25)])
        splunkd.max_rows_per_query = 10
        assert len(list(users.read({"cluster": "host"}))) == 25

    def test_misses_no_record_that_existed_throughout(self, splunkd, users, monkeypatch):
        monkeypatch.setattr(kvstore, "READ_ROWS", 3)
        users.save([record(number) for number in range(0, 20, 2)])
        seen = []
        for document in users.read({"cluster": "host"}):
            seen.append(document["username"])
            if len(seen) == 4:  # records that were read are changed, later ones are deleted, new ones are added
                users.delete_keys(["host/user-00000", "host/user-00012"])
                users.save([record(1), record(15)])
        assert [int(name[-5:]) for name in seen] == [0, 2, 4, 6, 8, 10, 14, 15, 16, 18]

    def test_refuses_an_unreliable_order(self, splunkd, users):
        splunkd.answers_backwards = True
        users.save([record(1), record(2)])
        with pytest.raises(SplunkdError, match='collection usersignups: KV store gave _key "host/user-00001" after'):
            list(users.read({"cluster": "host"}))


class TestSaving:
    @pytest.mark.parametrize("count", [0, 1, 1_000, 1_001, 2_500])
    def test_respects_the_allowed_number_of_documents(self, splunkd, users, count):
        records = [record(number) for number in range(count)]
        users.save(records)
        assert stored(splunkd) == records
        assert splunkd.requests["POST", DATA + "usersignups/batch_save"] == -(-count // 1_000)

    def test_halves_a_batch_that_is_too_large_and_remembers(self, splunkd, users):
        splunkd.max_documents_per_batch_save = 300
        records = [record(number) for number in range(1_000)]
        users.save(records)
        assert stored(splunkd) == records
        assert (
            splunkd.requests["POST", DATA + "usersignups/batch_save"] == 2 + 4
        )  # requests of 1,000 and 500 documents were refused

    def test_a_refused_document_is_an_error(self, splunkd, users):
        with pytest.raises(SplunkdError, match="answered 400: A field does not have the type") as caught:
            users.save([record(1), dict(record(2), sso_user_id=2), record(3)])
        assert "Compare its fields with collections.conf" in str(caught.value)

    def test_a_lost_answer_does_no_harm(self, splunkd, users):
        splunkd.fault = failing("lost")
        users.save([record(1)])
        assert stored(splunkd) == [record(1)]


class TestDeleting:
    def test_deletes_only_the_keys(self, splunkd, users):
        users.save([record(number) for number in range(500)])
        users.delete_keys(record(number)["_key"] for number in range(0, 500, 2))
        assert stored(splunkd) == [record(number) for number in range(1, 500, 2)]

    def test_of_no_keys_sends_no_request(self, splunkd, users):
        users.delete_keys([])
        assert not splunkd.requests

    def test_of_everything_is_refused(self, users):
        with pytest.raises(ValueError, match="would empty the collection usersignups"):
            users.delete({})


class TestKVStoreBeingDown:
    @pytest.mark.parametrize("fault", [503, 500, 429, "cut"])
    def test_is_waited_for(self, splunkd, users, waits, fault):
        splunkd.fault = failing(fault, fault)
        users.save([record(1)])
        assert stored(splunkd) == [record(1)]
        assert waits == [1.0, 2.0]

    def test_is_an_error_in_the_end(self, splunkd, users):
        splunkd.fault = lambda method, path: 503
        with pytest.raises(Unavailable, match="collection usersignups: splunkd answered 503: KV Store is initializing"):
            users.save([record(1)])

    def test_is_waited_for_as_long_as_there_is_time(self, splunkd):
        splunkd.fault = lambda method, path: "cut"
        clock = [0.0]

        def sleep(seconds):
            clock[0] += seconds

        retry = Retry(deadline_s=600, clock=lambda: clock[0], sleep=sleep)
        with pytest.raises(DeadlineExceeded, match="splunkd cannot be reached"):
            Collection(splunkd.service(), "usersignups", retry).save([record(1)])
        assert 560 < clock[0] <= 600


@pytest.mark.parametrize(
    ("status", "says"),
    [(401, "session has expired"), (403, "Only administrators"), (404, "collections.conf is not loaded")],
)
def test_a_permanent_failure_is_an_immediate_error_that_says_what_to_do(splunkd, users, waits, status, says):
    splunkd.fault = lambda method, path: status
    with pytest.raises(SplunkdError, match="collection usersignups: splunkd answered %d.*%s" % (status, says)):
        list(users.read({"cluster": "host"}))
    assert waits == []
