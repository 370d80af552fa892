"""COVERAGE.md agrees with the code."""

from tests.standin import coverage


def test_the_file_is_up_to_date():
    assert coverage.FILE.read_text("utf-8") == coverage.text(), "run: python -m tests.standin.coverage"


def test_it_finds_options_wherever_a_command_reads_them():
    lines = [line for line in coverage.text().splitlines() if line.startswith("| `")]
    found = {line.split("`")[1]: line for line in lines}
    for command, option in (
        ("stats", "BY"),
        ("top", "useother="),
        ("timechart", "span="),
        ("streamstats", "global="),
        ("streamstats", "reset_after="),
        ("lookup", "OUTPUTNEW"),
        ("bin", "aligntime="),
    ):
        assert option in found[command], command
