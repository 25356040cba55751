"""Nothing is too long to be read in one go."""

from __future__ import annotations

from tests.architecture.source import CODE, TESTS, function_length, share, sources


def test_files_are_short() -> None:
    too_long = [
        f"{each.name}: {each.length}" for each in sources(*CODE, *TESTS) if each.length > 450
    ]
    assert not too_long, f"over 450 lines; move a part that has a name of its own out: {too_long}"


def test_most_files_are_shorter_still() -> None:
    files = {each.name: each.length for each in sources(*CODE)}
    lengths = list(files.values())
    longest = sorted(files, key=files.__getitem__)[-5:]
    assert share(lengths, 0.5) <= 150, f"the median file is over 150 lines; longest: {longest}"
    assert share(lengths, 0.95) <= 350, f"over 5 % of the files have over 350 lines: {longest}"


def test_functions_are_short() -> None:
    too_long = [
        f"{each.name}:{node.lineno} {node.name}"
        for each in sources(*CODE, *TESTS)
        for node in each.functions()
        if function_length(node) > 60
    ]
    assert not too_long, f"over 60 lines; give its steps names: {too_long}"


def test_most_functions_are_shorter_still() -> None:
    functions = {
        f"{each.name}:{node.lineno} {node.name}": function_length(node)
        for each in sources(*CODE)
        for node in each.functions()
    }
    lengths = list(functions.values())
    longest = sorted(functions, key=functions.__getitem__)[-10:]
    assert share(lengths, 0.5) <= 8, f"the median function is over 8 lines; longest: {longest}"
    assert share(lengths, 0.95) <= 30, f"over 5 % of functions have over 30 lines: {longest}"
