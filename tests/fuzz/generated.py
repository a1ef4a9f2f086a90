"""Fuzzing with hypothesis: inputs made of seeds by edits, and JSON documents with parts replaced; what crashes is
reduced to its shortest."""

from __future__ import annotations

import json
import time
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz.findings import Finding, judge
from tests.fuzz.targets import Target

PIECES = [
    b"\0", b"\r\n", b"\n", b"\t", b" ", b"%00", b"%2e%2e/", b"../", b"//", b"\\", b'"', b"'", b"@", b":", b",", b"=",
    b"[", b"]", b"{", b"}", b"<", b">", b";", b"#", b"?", b"-", b"--", b"$(x)", b"`x`", b"|", b"1e400", b"NaN", b"-1",
    b"9" * 40, b"\xef\xbc\x91", b"\xe2\x80\xae", b"\xe2\x80\x8b", b"\xff", b"\xed\xa0\x80", b"\xc3\xa9",
    b"\xef\xbb\xbf",
    b"null", b"true", b"[]", b"{}", b"sha256:", b"https://", b"127.0.0.1", b"[::1]", b"\\u0000", b"\\ud800", b"A" * 300,
]  # fmt: skip
_NUMBERS = st.sampled_from([0, -1, 1, 2**31, 2**53, 2**63, 10**30, 1.5, -0.0, 1e308, True, False, None])
_TEXTS = st.text(max_size=40) | st.sampled_from([piece.decode("utf-8", "replace") for piece in PIECES])
_JSON = st.recursive(
    _NUMBERS | _TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(_TEXTS, inner, max_size=5),
    max_leaves=20,
)


@st.composite
def edited(draw: st.DrawFn, corpus: list[bytes]) -> bytes:
    """A seed with pieces put in, taken out, doubled or repeated many times, or with another seed's rest."""
    data = draw(st.sampled_from(corpus))
    for _ in range(draw(st.integers(0, 6))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 20)))
        piece = draw(st.sampled_from(PIECES) | st.binary(max_size=8))
        match draw(st.integers(0, 4)):
            case 0:
                data = data[:start] + piece + data[end:]
            case 1:
                data = data[:start] + data[end:]
            case 2:
                data = data[:end] + data[start:]
            case 3:
                data = data[:start] + piece * draw(st.sampled_from([2, 50, 1000])) + data[start:]
            case _:
                other = draw(st.sampled_from(corpus))
                data = data[:start] + other[min(start, len(other)) :]
    return data


@st.composite
def documents(draw: st.DrawFn, corpus: list[Any]) -> bytes:
    """A document of the corpus with some of its parts replaced, removed or doubled."""
    document = json.loads(draw(st.sampled_from(corpus)))
    for _ in range(draw(st.integers(1, 4))):
        _change(draw, document)
    raw = json.dumps(document, ensure_ascii=draw(st.booleans()))
    return raw.encode("utf-8", "surrogatepass")


def _change(draw: st.DrawFn, node: Any) -> None:
    while isinstance(node, dict | list) and node:
        key = draw(st.sampled_from(sorted(node) if isinstance(node, dict) else list(range(len(node)))))
        if isinstance(node[key], dict | list) and node[key] and draw(st.integers(0, 3)):
            node = node[key]
            continue
        match draw(st.integers(0, 3)):
            case 0:
                del node[key]
            case 1 if isinstance(node, list):
                node.extend(node[key : key + 1] * draw(st.sampled_from([1, 3, 200])))
            case 2 if isinstance(node, dict):
                node[draw(_TEXTS)] = node[key]
            case _:
                node[key] = draw(_JSON)
        return


def strategy(target: Target) -> st.SearchStrategy[bytes]:
    """The inputs of a target."""
    found = edited(target.corpus) | st.binary(max_size=600)
    readable = [raw for raw in target.corpus if _is_document(raw)] if target.is_json else []
    return found | documents(readable) if readable else found


def _is_document(raw: bytes) -> bool:
    try:
        return isinstance(json.loads(raw), dict | list) and bool(json.loads(raw))
    except ValueError:
        return False


class Run:
    """Inputs for one target until its time is over. `cases`, `slowest` (ms) and `findings` say what came of it."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.cases = 0
        self.slowest = 0.0
        self.findings: dict[str, Finding] = {}

    def go(self, until: float, *, examples: int = 400, first_seed: int = 0) -> None:
        """Run blocks of examples, each with a seed of its own, until `until` (monotonic seconds); at least one."""
        number = first_seed
        while True:
            self._block(number, examples)
            number += 1
            if time.monotonic() >= until:
                return

    def _block(self, number: int, examples: int) -> None:
        last: list[Finding] = []

        @seed(number)
        @settings(
            max_examples=examples,
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
        )
        @given(strategy(self.target))
        def block(data: bytes) -> None:
            self.cases += 1
            finding, took = judge(self.target, data)
            self.slowest = max(self.slowest, took)
            if finding is not None and finding.kind not in self.findings:
                last.append(finding)
                raise AssertionError(finding.kind)

        try:
            block()
        except Exception:
            if not last:
                raise
            self.findings[last[-1].kind] = last[-1]  # the shortest comes last
