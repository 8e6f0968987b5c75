"""From the tensors of one call to detections: a class for each kind of [outputs] in `contract.model_io`."""

from typing import assert_never

from contract.model_io import (
    AnchorsOutputs,
    BoxesOutputs,
    CandidatesOutputs,
    GridOutputs,
    Outputs,
    QueriesOutputs,
    RowsOutputs,
)
from workers.engine.readers.anchors import AnchorsReader
from workers.engine.readers.base import RawDetections, Reader
from workers.engine.readers.boxes import BoxesReader
from workers.engine.readers.candidates import CandidatesReader
from workers.engine.readers.grid import GridReader
from workers.engine.readers.queries import QueriesReader
from workers.engine.readers.rows import RowsReader

__all__ = ["RawDetections", "Reader", "reader_for"]


def reader_for(outputs: Outputs) -> Reader:
    match outputs:
        case BoxesOutputs():
            return BoxesReader(outputs)
        case RowsOutputs():
            return RowsReader(outputs)
        case CandidatesOutputs():
            return CandidatesReader(outputs)
        case GridOutputs():
            return GridReader(outputs)
        case QueriesOutputs():
            return QueriesReader(outputs)
        case AnchorsOutputs():
            return AnchorsReader(outputs)
        case _:
            assert_never(outputs)
