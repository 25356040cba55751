"""What a service offers, in lines: the list of its methods, a signature with its documentation.

Pure but for the `Paper` it writes on.
"""

from __future__ import annotations

from typing import Any

from zerorpc.description import MethodDescription, ServiceDescription, render_method
from zerorpc.quoting import printable

from .outcome import quoted
from .output import Paper, write_value

UNDOCUMENTED = "<undocumented>"


def write_service(
    service: ServiceDescription, paper: Paper, *, is_detailed: bool, is_json: bool
) -> None:
    """Write the name of the service, then a line a method: the doc begins, or the signature."""
    methods = service.methods.values()
    if is_json:
        # For programs signature and whole doc in any case: they need not be read by eye.
        described = {method.name: _as_map(method) for method in methods}
        write_value({"name": service.name, "methods": described}, paper, is_json=True)
        return
    # Stock's form of the first line.
    paper.line(paper.bold(f"[{printable(service.name)}]"))
    if is_detailed:
        paper.text("".join(f"{_signature(method)}\n" for method in methods))
    else:
        paper.table(rows(service))


def rows(service: ServiceDescription) -> list[tuple[str, str]]:
    """Each method's name with the first line of its documentation."""
    return [
        (printable(method.name), _first_line(method.doc)) for method in service.methods.values()
    ]


def write_method(method: MethodDescription, paper: Paper, *, is_json: bool) -> None:
    """Write signature and documentation of a method."""
    if is_json:
        write_value(_as_map(method), paper, is_json=True)
        return
    paper.line(paper.bold(_signature(method)))
    paper.line()
    # Stock's sentence for the other case.
    if method.doc:
        paper.line(printable(method.doc, keep="\n\t"))
    else:
        paper.line(f"No documentation for {quoted(method.name)}.")


def _signature(method: MethodDescription) -> str:
    text = printable(render_method(method))
    # Not part of the signature, but a caller must know that an iterator comes back.
    return f"{text} [stream]" if method.is_stream else text


def _first_line(doc: str | None) -> str:
    lines = (doc or "").strip().splitlines()
    return printable(lines[0]) if lines else UNDOCUMENTED


def _as_map(method: MethodDescription) -> dict[str, Any]:
    return {
        "signature": render_method(method),
        "doc": method.doc,
        "stream": method.is_stream,
    }
