"""The 34 bugs of zerorpc-python 0.6.3 that were reproduced, and the tests that prove each absent.

The table is complete: each of B1 to B34 has a test, and each test that it names can be collected.
"""

from __future__ import annotations

import subprocess
import sys

from tests.programs import ROOT

_SERVER = "tests/integration/test_bugs_server.py::"
_CLIENT = "tests/integration/test_bugs_client.py::"
_PROCESS = "tests/integration/test_bugs_process.py::"
_FAULT = "tests/integration/faults/test_faults.py::test_fault"
_DRAINING = "tests/integration/faults/test_draining.py::"
_CALLS = "tests/integration/test_calls.py::"
_INTEROP = "tests/interop/test_matrix.py::test_interaction"

# Number -> what stock does, and the tests that show that ours does not.
BUGS: dict[str, tuple[str, tuple[str, ...]]] = {
    "B1": (
        "a server freezes for ever under streams to zerorpc-node",
        (
            f"{_INTEROP}[node-to-ours:many-streams]",
            f"{_SERVER}test_b1_grants_in_bursts_and_after_the_end_freeze_nobody",
        ),
    ),
    "B2": (
        "one peer freezes the server with extra events on an open channel",
        (
            f"{_SERVER}test_b2_extra_events_on_an_open_channel_freeze_nobody",
            f"{_FAULT}[flood]",
        ),
    ),
    "B3": (
        "calls that wait for the pool take the heartbeats of all with them",
        (f"{_SERVER}test_b3_calls_that_wait_for_the_pool_keep_their_heartbeats",),
    ),
    "B4": (
        "a handler that blocks or computes stops heartbeats",
        (f"{_FAULT}[busy_handlers]", f"{_INTEROP}[stock-to-ours:handler-blocks]"),
    ),
    "B5": (
        "LostRemote interrupts whatever the calling greenlet does",
        (f"{_CLIENT}test_b5_a_lost_remote_comes_out_of_its_own_call_only",),
    ),
    "B6": (
        "an argument that cannot be packed leaves a channel and a later LostRemote",
        (f"{_CLIENT}test_b6_an_argument_that_cannot_travel_opens_no_channel",),
    ),
    "B7": (
        "each LostRemote leaks a channel and greenlets, middleware is not told",
        (f"{_CLIENT}test_b7_a_lost_remote_leaves_nothing_and_is_told_to_middleware",),
    ),
    "B8": (
        "an iterator read in another greenlet hangs when the server dies",
        (f"{_CLIENT}test_b8_an_iterator_read_elsewhere_learns_of_a_silent_server",),
    ),
    "B9": (
        "stray control events open channels that are never freed",
        (f"{_SERVER}test_b9_stray_control_events_open_nothing",),
    ),
    "B10": (
        "one malformed message ends a Puller or Subscriber",
        (
            f"{_SERVER}test_b10_a_malformed_message_does_not_end_a_receiver[Puller]",
            f"{_SERVER}test_b10_a_malformed_message_does_not_end_a_receiver[Subscriber]",
        ),
    ),
    "B11": (
        "sys.exit in a handler stops the server, other BaseExceptions give no reply",
        tuple(
            f"{_SERVER}test_b11_a_handler_that_leaves_ends_its_call_only[{kind}]"
            for kind in ("exit-SystemExit", "key-KeyboardInterrupt", "kill-GreenletExit")
        ),
    ),
    "B12": (
        "a finaliser switches greenlets inside the garbage collector, noise and hangs at exit",
        (
            f"{_PROCESS}test_b12_a_process_that_closes_nothing_ends_at_once_and_quietly",
            f"{_PROCESS}test_b12_nothing_has_a_finaliser_that_could_switch",
        ),
    ),
    "B13": (
        "clients and servers that are not closed are never collected",
        (f"{_FAULT}[nothing_leaks]",),
    ),
    "B14": (
        "calls block without limit when the send queue is full",
        (
            f"{_CLIENT}test_b14_timeouts_cover_sending",
            f"{_CLIENT}test_b14_a_pusher_without_puller_is_not_stuck",
        ),
    ),
    "B15": (
        "a sender's timeout is ignored and its credit falls below zero",
        (f"{_SERVER}test_b15_nothing_is_sent_without_credit",),
    ),
    "B16": (
        "streams with slots=1 hang",
        (f"{_CLIENT}test_b16_streams_with_few_slots_are_whole[1]",),
    ),
    "B17": (
        "without heartbeats nothing bounds the wait between items",
        (f"{_CLIENT}test_b17_a_stream_that_falls_silent_without_heartbeats_times_out",),
    ),
    "B18": (
        "requests that timed out are executed later",
        (
            f"{_CLIENT}test_b18_what_timed_out_before_the_server_came_is_not_executed",
            f"{_CLIENT}test_b18_a_call_whose_deadline_passed_in_the_queue_is_not_started",
            f"{_FAULT}[refused]",
        ),
    ),
    "B19": (
        "a map with int keys is dropped by the client",
        (f"{_SERVER}test_b19_map_keys_of_any_type_travel_both_ways",),
    ),
    "B20": (
        "values beyond 100 MiB are dropped",
        (f"{_SERVER}test_b20_values_beyond_100_mib_travel",),
    ),
    "B21": (
        "an error message that cannot be encoded gives no reply",
        (f"{_CALLS}test_a_message_that_utf8_cannot_carry_arrives_escaped",),
    ),
    "B22": (
        "calls and run() after close() hang",
        (f"{_CLIENT}test_b22_after_close_everything_raises",),
    ),
    "B23": (
        "an inherited client hangs in the child of a fork, which repeats its parent's ids",
        (f"{_PROCESS}test_b23_a_forked_child_has_fresh_sockets_and_ids",),
    ),
    "B24": (
        "a client shared between threads loses wake-ups, polling adds a second",
        (
            f"{_CLIENT}test_b24_each_thread_can_have_its_own_client",
            f"{_CLIENT}test_b24_another_threads_client_says_so",
            f"{_FAULT}[wake_ups]",
        ),
    ),
    "B25": (
        "introspection and the command fail on newer Pythons, `async` is a keyword",
        (
            f"{_CLIENT}test_b25_b26_introspection_works_for_every_signature",
            f"{_PROCESS}test_b25_the_command_calls_and_inspects_on_this_python",
            f"{_CALLS}test_an_asynchronous_call_gives_a_result_to_come[async_]",
        ),
    ),
    "B26": (
        "one keyword-only or annotated method breaks the inspection of all",
        (f"{_CLIENT}test_b25_b26_introspection_works_for_every_signature",),
    ),
    "B27": (
        "channel ids are not bound to the peer that opened them",
        (f"{_SERVER}test_b27_a_channel_belongs_to_the_peer_that_opened_it",),
    ),
    "B28": (
        "control events right behind the request are lost",
        (f"{_SERVER}test_b28_control_events_right_behind_the_request_count",),
    ),
    "B29": (
        "keyword arguments are dropped, a dict of methods is changed, names are hidden",
        (
            f"{_SERVER}test_b29_a_dict_of_methods_is_left_alone",
            f"{_CALLS}test_an_unknown_keyword_is_an_error_that_names_it",
            f"{_CALLS}test_an_objects_methods_win_over_the_servers_names",
        ),
    ),
    "B30": ("IPv6 is never switched on", (f"{_SERVER}test_b30_ipv6_works",)),
    "B31": (
        "a server that gives a client up does not tell it",
        (f"{_SERVER}test_b31_a_server_that_gives_up_says_so",),
    ),
    "B32": (
        "stop() waits without limit, SIGTERM is not handled, nothing drains",
        (
            f"{_DRAINING}test_running_calls_end_and_the_process_with_them",
            f"{_DRAINING}test_grace_is_the_limit_for_running_calls",
            f"{_DRAINING}test_calls_during_draining_are_refused_unstarted",
        ),
    ),
    "B33": (
        "the command crashes on the list form of old servers",
        (f"{_PROCESS}test_b33_the_command_reads_the_list_form_of_old_servers",),
    ),
    "B34": (
        "every remote mistake is logged with a traceback, errors tell file paths",
        (f"{_SERVER}test_b34_remote_mistakes_are_neither_logged_as_errors_nor_tell_paths",),
    ),
}


def collected(files: set[str]) -> set[str]:
    """The ids of all tests in some files, as a run from the command line would show them."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "--quiet", *sorted(files)]
    told = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    return {line for line in told.stdout.splitlines() if "::" in line}


def test_the_table_is_complete() -> None:
    assert list(BUGS) == [f"B{number}" for number in range(1, 35)]
    assert all(what and tests for what, tests in BUGS.values())


def test_every_named_test_exists() -> None:
    named = {test for _, tests in BUGS.values() for test in tests}
    missing = named - collected({test.partition("::")[0] for test in named})
    assert not missing, f"tests/test_bugs.py names tests that do not exist: {sorted(missing)}"
