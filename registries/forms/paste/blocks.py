"""Lines of names and values in their blocks: environment files, YAML, INI, TOML and HCL, as far as logins need it.

A name belongs to its block only: the password of a database in a file must not be taken for the registry's. Quotes,
comments and variables are read as they usually are in such files; nothing is expanded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_NAME = r"[A-Za-z][\w. -]{0,60}?"
_VALUE = re.compile(
    rf"""(?:(?i:export|set|setx|env|arg)[ \t]+|\$(?i:env:))?["']?({_NAME})["']?(?:[ \t]\[[^\]\n]{{0,60}}\])?"""
    r"[ \t]*[=:]=?[ \t]*(\S[^\r\n]{0,4096})"
)
_OPENING = re.compile(
    r"""["']?([^"'{}=\s][^"'{}=\s]{0,253}?)["']?(?:[ \t]+["'][^"'\n]{0,99}["'])?[ \t]{0,9}(?::|[=:]?[ \t]{0,9}\{)"""
    r"[ \t]{0,9}(?:#.*)?"
)
_SECTION = re.compile(r"\[{1,2}[ \t]*([^\[\]\n]{1,300})\]{1,2}[ \t]*(?:#.*)?")
_PART = re.compile(r"""["']([^"']*)["']|([^.\s"']+)""")
_ITEM = re.compile(r"-[ \t]+(?=\S)")
_JOINED = re.compile(r"""[ \t]+(?=[A-Za-z][\w-]{0,60}(?:=|:[ \t])\S)""")
"""Between lines that a field of one line has joined."""
_FLOW = re.compile(r"""["']?([A-Za-z][\w-]{0,60})["']?[ \t]*[:=][ \t]*("[^"]*"|'[^']*'|[^,{}\s]+)""")
_QUOTED = re.compile(r"""(['"])(.*?)\1[ ,;]*(?:#.*)?""")
_VARIABLE = re.compile(r"(?<!\brobot)\$[A-Za-z_{(]|\{\{|%[A-Za-z_]\w*%")
"""Not Harbor's names of robot accounts, such as `robot$ci`."""
_MAX_LINES = 5000
_MAX_DEPTH = 30


@dataclass
class Block:
    """The names and values right below a key, which is empty for the whole text and for an item of a list. Names are in
    lower case with underscores. A value is None if it is or has a variable."""

    key: str = ""
    above: Block | None = None
    values: dict[str, str | None] = field(default_factory=dict, repr=False)

    @property
    def is_whole_text(self) -> bool:
        return self.above is None


def read_blocks(text: str) -> list[Block]:
    """Return the blocks that have values, in order. A name that comes again in a block begins another one."""
    return [block for block in list(_blocks(text)) if block.values]  # they are filled after they are begun


def _blocks(text: str) -> Iterator[Block]:
    root = Block()
    yield root
    opened = [(-1, root)]
    section = root
    lines = text.splitlines() if "\n" in text else _JOINED.split(text)
    for line in lines[:_MAX_LINES]:
        content = line.expandtabs(4).strip()
        indent = len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip())
        if not content or content.startswith(("#", "//", ";")):
            continue
        if heading := _SECTION.fullmatch(content):
            section = _below(root, heading[1])
            opened = [(-1, section)]
            yield section
            continue
        while len(opened) > 1 and opened[-1][0] >= indent:
            opened.pop()
        while item := _ITEM.match(content):
            content = content[item.end() :]
            if len(opened) < _MAX_DEPTH:
                opened.append((indent, Block("", opened[-1][1])))
                yield opened[-1][1]
            indent += item.end()
        if opening := _OPENING.fullmatch(content):
            if len(opened) < _MAX_DEPTH:
                opened.append((indent, Block(opening[1], opened[-1][1])))
                yield opened[-1][1]
            continue
        given = _VALUE.fullmatch(content)
        if given is None:
            continue
        name, value = given[1], given[2].strip()
        if value.startswith("{") and value.rstrip(",").endswith("}") and not value.startswith("{{"):
            inner = Block(name, opened[-1][1])
            for pair in _FLOW.finditer(value):
                inner.values.setdefault(_plain_name(pair[1]), value_of(pair[2]))
            yield inner
            continue
        current = opened[-1][1]
        if current.values.get(_plain_name(name), value_of(value)) != value_of(value):
            current = Block(current.key, current.above or (current if current.is_whole_text else None))
            opened[-1] = (opened[-1][0], current)
            yield current
        current.values[_plain_name(name)] = value_of(value)


def _below(root: Block, heading: str) -> Block:
    """Return the block of a heading such as `[registry.configs."host".auth]`."""
    block = root
    for part in list(_PART.finditer(heading))[:_MAX_DEPTH]:
        block = Block(part[1] or part[2] or "", block)
    return block


def _plain_name(name: str) -> str:
    return re.sub(r"[ -]+", "_", name.strip().lower())


def value_of(text: str) -> str | None:
    """Return a value without its quotes and the comment after it; None if it has a variable."""
    if quoted := _QUOTED.fullmatch(text):
        sign, text = quoted.groups()
        return text if sign == "'" or not _VARIABLE.search(text) else None
    text = re.sub(r"\s#.*", "", text).strip().removesuffix(",").strip()
    return None if _VARIABLE.search(text) else text
