"""The program of the sample image: a static executable for x86-64 Linux that prints a greeting and runs until a
signal ends it. It is assembled here, so that the image is the same on each machine and needs no compiler.
"""

from __future__ import annotations

import signal
import struct

TEXT = b"Hello from the sample image.\n"
_LOADED_AT = 0x400000
_HEADERS = 64 + 56
_RIP_RELATIVE = 4


def program() -> bytes:
    """Return the executable. SIGTERM and SIGINT end it with 0; it is blocked and awaited, since the first process of a
    container doesn't get signals that it has no handler for."""
    mask = struct.pack("<Q", 1 << (signal.SIGTERM - 1) | 1 << (signal.SIGINT - 1))
    parts: list[bytes | tuple[bytes, str]] = [
        bytes.fromhex("b80e000000"),  # mov eax, 14          rt_sigprocmask(
        bytes.fromhex("31ff"),  #       xor edi, edi             SIG_BLOCK,
        (bytes.fromhex("488d35"), "mask"),  # lea rsi, [mask]    mask,
        bytes.fromhex("31d2"),  #       xor edx, edx             NULL,
        bytes.fromhex("41ba08000000"),  # mov r10d, 8            8)
        bytes.fromhex("0f05"),  #       syscall
        bytes.fromhex("b801000000"),  # mov eax, 1           write(
        bytes.fromhex("89c7"),  #       mov edi, eax             1,
        (bytes.fromhex("488d35"), "text"),  # lea rsi, [text]    text,
        b"\xba" + struct.pack("<I", len(TEXT)),  # mov edx, …    its length)
        bytes.fromhex("0f05"),  #       syscall
        bytes.fromhex("b880000000"),  # mov eax, 128         rt_sigtimedwait(
        (bytes.fromhex("488d3d"), "mask"),  # lea rdi, [mask]    mask,
        bytes.fromhex("31f6"),  #       xor esi, esi             NULL,
        bytes.fromhex("31d2"),  #       xor edx, edx             NULL,
        bytes.fromhex("41ba08000000"),  # mov r10d, 8            8)
        bytes.fromhex("0f05"),  #       syscall
        bytes.fromhex("b8e7000000"),  # mov eax, 231         exit_group(
        bytes.fromhex("31ff"),  #       xor edi, edi             0)
        bytes.fromhex("0f05"),  #       syscall
    ]
    length = sum(len(part) if isinstance(part, bytes) else len(part[0]) + _RIP_RELATIVE for part in parts)
    places, code = {"mask": length, "text": length + len(mask)}, b""
    for part in parts:
        if isinstance(part, bytes):
            code += part
        else:
            opcode, name = part
            end = len(code) + len(opcode) + _RIP_RELATIVE
            code += opcode + struct.pack("<i", places[name] - end)
    return _executable(code + mask + TEXT)


def _executable(body: bytes) -> bytes:
    """An ELF file of one segment, which is loaded whole, may be read and run, and begins to run behind the headers."""
    size = _HEADERS + len(body)
    header = b"\x7fELF" + bytes([2, 1, 1, 0]) + bytes(8)
    header += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, _LOADED_AT + _HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _LOADED_AT, _LOADED_AT, size, size, 0x1000)
    return header + segment + body
