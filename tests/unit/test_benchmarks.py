"""The arithmetic and the tables of the benchmarks: what they print must be what they measured."""

from __future__ import annotations

import time

from benchmarks import __main__ as command
from benchmarks import ratio, roster
from benchmarks.contest import Outcome
from benchmarks.p5_open_calls import channel_bytes
from benchmarks.p6_million import growth
from benchmarks.peers.load import in_turn, in_window, percentile, tell
from benchmarks.report import Claim, Report, summary
from benchmarks.standings import against, ahead_of, standings
from benchmarks.table import Table, show

# The machine got twice as fast between the rounds; the ratio of the peers stayed what it was.
ROUNDS = [{"ours": 30.0, "stock": 10.0}, {"ours": 60.0, "stock": 20.0}, {"ours": 90.0}]


def test_a_ratio_is_taken_within_a_round() -> None:
    assert ratio.ratio(ROUNDS, "ours", "stock") == 3.0
    assert ratio.median(ROUNDS, "ours") == 60.0


def test_what_did_not_run_has_no_ratio() -> None:
    assert ratio.ratio(ROUNDS, "ours", "absent") is None
    assert ratio.median(ROUNDS, "absent") is None
    assert ratio.best_other(ROUNDS, "ours", ["absent"]) is None


def test_the_best_rival_is_the_one_with_the_highest_ratio() -> None:
    rounds = [{"ours": 10.0, "slow": 1.0, "fast": 9.0}]
    assert ratio.best_other(rounds, "ours", ["slow", "fast", "absent"]) == "fast"


def test_every_second_round_runs_backwards() -> None:
    assert [ratio.alternated("abc", index) for index in range(2)] == [
        ["a", "b", "c"],
        ["c", "b", "a"],
    ]


def test_a_table_lines_up_and_is_markdown() -> None:
    text = Table("t", ["", "calls/s"], [["ours", 12345.6], ["stock", None]]).render()
    assert text.splitlines() == [
        "**t**",
        "",
        "|       | calls/s |",
        "| ----- | ------: |",
        "| ours  |  12,346 |",
        "| stock |       - |",
    ]


def test_figures_keep_the_digits_they_deserve() -> None:
    assert [show(cell) for cell in (3.14159, 31.4159, 314.159, 3.0, "x")] == [
        "3.14",
        "31.4",
        "314",
        "3",
        "x",
    ]


def test_a_claim_is_met_at_its_bound() -> None:
    assert Claim("c", 3.0, 3.0).is_met()
    assert not Claim("c", 2.9, 3.0).is_met()
    assert Claim("c", 2.0, 2.0, is_ceiling=True).is_met()
    assert not Claim("c", None, 3.0).is_met()


def test_a_claim_says_how_it_stands() -> None:
    claims = [Claim("c", measured, 3.0, stretch=5.0) for measured in (None, 2.0, 4.0, 5.0)]
    assert [claim.verdict() for claim in claims] == [
        "not measured",
        "NOT met",
        "met",
        "met, stretch too",
    ]


def test_the_summary_names_target_and_bound() -> None:
    report = Report("P1", "calls", claims=[Claim("c", 4.0, 3.0, is_ceiling=True)])
    assert summary([report]).rows == [["P1", "c", "4 x", "<= 3 x", "-", "NOT met"]]


def outcome() -> Outcome:
    """Make an outcome of two rounds in which ours is three times stock, and twice Zero."""
    costs = {"p50_us": 1.0, "p99_us": 2.0, "client_us": 3.0, "server_us": 4.0}
    rates = [{roster.OURS: 30.0, roster.STOCK: 10.0, roster.ZERO: 15.0}] * 2
    return Outcome([{name: {"rate": rate} | costs for name, rate in r.items()} for r in rates])


def test_standings_put_the_fastest_first() -> None:
    rows = standings("t", outcome(), "calls/s").rows
    assert [row[0] for row in rows] == [roster.OURS, roster.ZERO, roster.STOCK]
    assert rows[0] == [roster.OURS, 30.0, 3.0, 1.0, 2.0, 3.0, 4.0, 1.0]


def test_cpu_time_is_compared_for_both_ends_together() -> None:
    cheap, dear = (
        {"rate": 1.0, "p50_us": 1.0, "p99_us": 1.0, "client_us": us, "server_us": 2 * us}
        for us in (10.0, 50.0)
    )
    rows = standings("t", Outcome([{roster.OURS: cheap, roster.STOCK: dear}]), "calls/s").rows
    assert {str(row[0]): row[-1] for row in rows} == {roster.OURS: 5.0, roster.STOCK: 1.0}


def test_claims_of_a_contest_are_ratios() -> None:
    assert against("t", outcome(), roster.STOCK, 3.0).measured == 3.0
    assert ahead_of("t", outcome(), [roster.STOCK, roster.ZERO]).measured == 2.0


def test_percentiles_are_of_the_nearest_rank() -> None:
    ordered = list(range(1, 101))
    assert [percentile(ordered, share) for share in (0.5, 0.99, 1.0)] == [51, 100, 100]
    assert percentile([7], 0.99) == 7


def test_a_result_is_told_per_unit() -> None:
    result = tell([3_000, 1_000], elapsed=0.5, client=1e-3, server=2e-3, weight=10)
    assert result["units"] == 20
    assert result["rate"] == 40
    assert (result["client_us"], result["server_us"]) == (50, 100)
    assert (result["p50_us"], result["max_us"]) == (3, 3)


def test_a_loop_counts_each_call_once_and_comes_to_its_end() -> None:
    calls: list[float] = []
    spans = in_turn(lambda: calls.append(time.perf_counter()))(0.01)
    assert len(spans) == len(calls) > 0


def test_a_loop_calls_once_even_when_its_time_is_over() -> None:
    assert len(in_turn(lambda: None)(0.0)) == 1


def test_a_window_collects_what_it_issued_in_order() -> None:
    issued: list[int] = []
    collected: list[int] = []

    def issue() -> int:
        issued.append(len(issued))
        return issued[-1]

    spans = in_window(issue, collected.append, 5)(0.01)
    assert collected == issued
    assert len(spans) == len(issued) >= 5


def test_channel_bytes_are_those_of_the_library_at_one_end() -> None:
    traced = {"client channel.py": 100.0, "client rss": 9e9, "server channel.py": 7.0}
    assert channel_bytes(traced, "client") == 100.0
    assert channel_bytes(traced | {"server transport/workers.py": 900.0}, "server") == 7.0


def test_growth_is_in_per_cent() -> None:
    assert round(growth({"client warm": 200.0, "client end": 203.0}, "client"), 3) == 1.5


def test_the_results_hold_the_facts_first() -> None:
    text = command.results(["date: today"], [Report("P1", "calls", notes=["a note"])])
    assert text.index("- date: today") < text.index("**Targets**") < text.index("## P1: calls")
