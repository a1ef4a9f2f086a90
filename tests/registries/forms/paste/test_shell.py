"""What a POSIX shell makes of a text: words, pipes, here-documents, and what only it knows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registries.forms.paste.shell import Unreadable, read_pipelines


def words(text: str) -> list[list[str | None]]:
    """The words of each command; None for one that isn't known."""
    return [
        [word.text if word.is_known else None for word in command.words]
        for pipeline in read_pipelines(text)
        for command in pipeline
    ]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (r'"pa\$s"', "pa$s"),
        ("'$ecret1'", "$ecret1"),
        (r'"a\"b\\c\`d"', 'a"b\\c`d'),
        (r'"a\!b\nc"', r"a\!b\nc"),
        (r"a\ b\$c", "a b$c"),
        ("a'b'\"c\"d", "abcd"),
        (r"$'it\'s \x41\u00e9\303\251\t.'", "it's Aéé\t."),
        ('$"text"', "text"),
        ("a#b", "a#b"),
        ('"a$"', "a$"),
        ("a$.b", "a$.b"),
        ("''", ""),
        ("pa%20b^c", "pa%20b^c"),
    ],
)
def test_a_word(text: str, read: str) -> None:
    """docker/for-mac#712, docker/for-linux#1085: passwords with signs that the shell reads."""
    assert words(f"x {text}") == [["x", read]]


@pytest.mark.parametrize("text", ["$a", '"a$b"', "a`b`c", "$(b 'c)' d)", "${a}", "${a:-b}", "$1", '"$@"', "~/x", "~"])
def test_what_only_the_shell_knows(text: str) -> None:
    assert words(f"x {text} y") == [["x", None, "y"]]


def test_a_variable_of_the_same_text_is_known() -> None:
    """GitHub's own documentation: `export CR_PAT=YOUR_TOKEN`, then `echo $CR_PAT | docker login`."""
    assert words('export A=b\necho $A "${A}c"') == [["export", "A=b"], ["echo", "b", "bc"]]
    assert words("A=b; echo $A; A=$(c); echo $A")[-1] == ["echo", None]
    assert words("A=b echo $A") == [["A=b", "echo", None]]
    assert words("A='b c'; echo $A \"$A\"")[-1] == ["echo", None, "b c"]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("a \\\n b", [["a", "b"]]),
        ("a \\\r\n b # c\nd", [["a", "b"], ["d"]]),
        ("a | b\nc", [["a"], ["b"], ["c"]]),
        ("a |\n b && c; d &", [["a"], ["b"], ["c"], ["d"]]),
        ("a 2>&1 >/dev/null < b c", [["a", "c"]]),
        ("# a\nb", [["b"]]),
    ],
)
def test_commands(text: str, read: list[list[str]]) -> None:
    assert words(text) == read


@pytest.mark.parametrize(
    ("text", "given_text"),
    [
        ("a <<< 'b c'", "b c"),
        ("a <<EOF\nb\\$c\nEOF\n", "b$c"),
        ("a <<'EOF'\nb\\$c $d\nEOF", "b\\$c $d"),
        ("a <<-EOF\n\tb\n\tEOF", "b"),
        ("a <<EOF\nb $c\nEOF", None),
        ("a < b", None),
        ("a < <(b)", None),
    ],
)
def test_what_a_command_reads(text: str, given_text: str | None) -> None:
    stdin = read_pipelines(text)[0][0].stdin
    assert stdin is not None
    assert (stdin.text if stdin.is_known else None) == given_text


def test_a_here_document_belongs_to_the_command_that_names_it() -> None:
    first, second = read_pipelines("a <<X | b\nc\nX\nd")[0]
    assert (first.stdin is not None and first.stdin.text, second.stdin) == ("c", None)


@pytest.mark.parametrize("text", ["a 'b", 'a "b', "a $'b", "a `b", "a $(b", "a <<X\nb", "a b(c"])
def test_what_is_not_whole(text: str) -> None:
    with pytest.raises(Unreadable) as refused:
        read_pipelines(text)
    assert refused.value.reason.endswith(".")


def test_no_word_shows_itself() -> None:
    assert "s3cret" not in repr(read_pipelines("a -p s3cret <<< s3cret"))


def test_variables_do_not_grow_without_end() -> None:
    read = words(f"A={'x' * 20_000}\n" + "$A " * 10_000)
    assert sum(len(word or "") for command in read for word in command) < 400_000


@given(st.text(alphabet="ab $'\"`\\(){}<>|&;#=~\n", max_size=200))
def test_any_text_ends(text: str) -> None:
    try:
        read_pipelines(text)
    except Unreadable:
        pass
