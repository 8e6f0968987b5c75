"""Whether the variables of a SavedModel are whole, told from `variables.index` without TensorFlow.

The index is a table of sorted blocks (LevelDB's format) of BundleEntryProto, each saying in which data shard a tensor
lies, from where and how long. Source: tensorflow/core/util/tensor_bundle/ and core/lib/io/format.cc; TensorFlow
writes it uncompressed.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from contract.errors import ModelSourceError

_MAGIC: Final = 0xDB4775248B80FB57
_FOOTER_BYTES: Final = 48
_INDEX_BYTES_MAX: Final = 256 * 1024**2
#: Ops that hold a variable, as they are named in a graph.
_VARIABLE_OPS: Final = (b"VarHandleOp", b"VariableV2")
#: Numbers of fields in tensor_bundle.proto.
_NUM_SHARDS, _SHARD_ID, _OFFSET, _SIZE = 1, 3, 4, 5


def check_variables(model: Path, shown: str) -> None:
    """ModelSourceError, about `shown`, when variables of the SavedModel in `model` are missing or cut off.

    A graph without variables (frozen) needs none.
    """
    index = model / "variables" / "variables.index"
    if not index.is_file():
        graph = (model / "saved_model.pb").read_bytes()
        if (model / "variables").is_dir() or any(op in graph for op in _VARIABLE_OPS):
            raise ModelSourceError(f"{shown}: variables/variables.index is missing, so the model has no weights")
        return
    if index.stat().st_size > _INDEX_BYTES_MAX:
        raise ModelSourceError(f"{shown}: variables/variables.index has more than {_INDEX_BYTES_MAX} bytes")
    try:
        ends = shard_ends(index.read_bytes())
    except (ValueError, IndexError):
        raise ModelSourceError(f"{shown}: variables/variables.index is damaged or cut off") from None
    for number, end_bytes in enumerate(ends):
        name = f"variables/variables.data-{number:05}-of-{len(ends):05}"
        shard = model / name
        if not shard.is_file():
            raise ModelSourceError(f"{shown}: {name} is missing, which variables.index refers to")
        if shard.stat().st_size < end_bytes:
            raise ModelSourceError(
                f"{shown}: {name} is cut off: {shard.stat().st_size} bytes, and variables.index says {end_bytes}"
            )


def shard_ends(index: bytes) -> list[int]:
    """By number of data shard, the bytes that it must at least have. ValueError or IndexError: not such an index."""
    footer = index[-_FOOTER_BYTES:]
    if len(footer) < _FOOTER_BYTES or int.from_bytes(footer[-8:], "little") != _MAGIC:
        raise ValueError("no table")
    position = 0
    for _ in range(2):  # over the handle of the block of metadata
        _, position = _varint(footer, position)
    ends: list[int] = []
    for _, handle in _entries(_block(index, footer, position)):
        for key, value in _entries(_block(index, handle, 0)):
            fields = dict(_fields(value))
            if key == b"":  # the header, which sorts first
                ends = [0] * fields.get(_NUM_SHARDS, 0)
            else:
                shard = fields.get(_SHARD_ID, 0)
                ends[shard] = max(ends[shard], fields.get(_OFFSET, 0) + fields.get(_SIZE, 0))
    if not ends:
        raise ValueError("no header")
    return ends


def _block(table: bytes, handle: bytes, position: int) -> bytes:
    offset, position = _varint(handle, position)
    size, _ = _varint(handle, position)
    block = table[offset : offset + size + 1]
    if len(block) != size + 1 or block[-1] != 0:
        raise ValueError("a block is cut off, or compressed")
    return block[:-1]


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values: each key shares its beginning with the one before."""
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 * (restarts + 1)
    if end < 0:
        raise ValueError("no block")
    position, key = 0, b""
    while position < end:
        shared, position = _varint(block, position)
        own, position = _varint(block, position)
        length, position = _varint(block, position)
        key = key[:shared] + block[position : position + own]
        position += own
        yield key, block[position : position + length]
        position += length


def _fields(message: bytes) -> Iterator[tuple[int, int]]:
    """Fields of a protocol buffer that are varints; the others are read over."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        match tag & 7:
            case 0:
                value, position = _varint(message, position)
                yield tag >> 3, value
            case 1:
                position += 8
            case 2:
                length, position = _varint(message, position)
                position += length
            case 5:
                position += 4
            case kind:
                raise ValueError(f"no such kind of field: {kind}")


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """The number at `position`, and where it ends."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise ValueError("no varint")
