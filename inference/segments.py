"""The file format of the response store: append-only segments of framed, checksummed records.

A record is one header line of fixed width and one line of JSON:

    PLB1 <key, 32 hex> <crc32, 8 hex> <length of the JSON in bytes, 10 digits>\\n
    {...}\\n

so that `less` and `grep` work. The checksum covers key, length and JSON: a record is believed only
when all of it is as it was written. Damage costs the records that it touches, never those behind
it: a reader that meets something unbelievable looks for the next header, byte by byte.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

MAGIC = b"PLB1 "
HEADER_BYTES = 5 + 32 + 1 + 8 + 1 + 10 + 1
_HEADER = re.compile(rb"PLB1 ([0-9a-f]{32}) ([0-9a-f]{8}) ([0-9]{10})\n")


class Entry(NamedTuple):
    """Where a record's JSON stands in a segment."""

    key: str
    offset: int
    length: int
    crc: int


def frame(key: str, record: dict[str, Any]) -> bytes:
    """One record as bytes."""
    payload = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    body = payload.encode("utf-8", "surrogatepass")
    crc = _checksum(key, body)
    return b"%b%b %08x %010d\n%b\n" % (MAGIC, key.encode(), crc, len(body), body)


def _checksum(key: str, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(b"%b %010d" % (key.encode(), len(body))))


def entries(segment: Any) -> Iterator[Entry]:
    """The sound records of a segment (bytes or mmap) in order."""
    position = 0
    while 0 <= position < len(segment):
        entry = _entry_at(segment, position)
        if entry is None:
            position = segment.find(MAGIC, position + 1)
            continue
        yield entry
        position = entry.offset + entry.length + 1


def _entry_at(segment: Any, position: int) -> Entry | None:
    header = _HEADER.fullmatch(segment[position : position + HEADER_BYTES])
    if header is None:
        return None
    key, crc, length = header.groups()
    entry = Entry(key.decode(), position + HEADER_BYTES, int(length), int(crc, 16))
    return entry if is_sound(segment, entry) else None


def is_sound(segment: Any, entry: Entry) -> bool:
    """Whether key and bytes of an entry match their checksum."""
    return _checksum(entry.key, segment[entry.offset : entry.offset + entry.length]) == entry.crc


def record_of(framed: bytes) -> dict[str, Any] | None:
    """The record that these bytes, cut out of a segment, frame; None where they frame none."""
    entry = _entry_at(framed, 0)
    return None if entry is None else read(framed, entry)


def read(segment: Any, entry: Entry) -> dict[str, Any] | None:
    """The record behind an entry, or None when it doesn't match its checksum."""
    if not is_sound(segment, entry):
        return None
    body = segment[entry.offset : entry.offset + entry.length]
    return json.loads(bytes(body).decode("utf-8", "surrogatepass"))
