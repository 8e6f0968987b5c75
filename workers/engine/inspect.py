"""What a SavedModel is, before it is run: its signatures, its exporter's form, what model.toml should say.

Reads `saved_model.pb` and side files, no weights. Parsing needs TensorFlow, and a large graph some memory: call it in a
child process. What the signature leaves open is settled by `workers.engine.trial`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import tensorflow as tf
from google.protobuf import text_format
from google.protobuf.message import DecodeError
from pydantic import TypeAdapter, ValidationError
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import op_def_registry

from contract.errors import ModelBroken
from contract.model_io import DEFAULT_OUTPUTS, Outputs, Signature
from workers.engine.classes import class_count
from workers.engine.facts import ModelFacts, SignatureFacts, TensorFacts
from workers.engine.forms import Recognised, Refused, recognise
from workers.engine.side_files import read_side_files
from workers.engine.unknown import unknown

#: Keys of a SavedModel's signature_def that are no signatures.
_INTERNAL: Final = "__saved_model_"
_OUTPUTS: Final[TypeAdapter[Outputs]] = TypeAdapter(Outputs)


@dataclass(frozen=True)
class Inspected:
    """What `model.toml` should say of a SavedModel, and why."""

    #: Form of the exporter; empty where somebody described the model by hand.
    form: str
    signature: Signature
    outputs: Outputs
    #: Number that the model gives its first class.
    first_class: int
    #: None where the signature does not tell.
    class_count: int | None
    #: Class id (as text) to label where a side file tells; None: somebody must.
    labels: dict[str, str] | None
    #: Other meanings that the signature allows, for `trial` to choose from.
    alternatives: tuple[Outputs, ...]
    #: What people should know.
    notes: tuple[str, ...]
    #: Input and outputs of the signature, a table for people.
    table: str


def inspect_model(directory: Path, *, override: Mapping[str, Any] | None = None) -> Inspected:
    """Recognises the SavedModel in `directory`.

    `override` holds the tables `signature` and `outputs` as somebody wrote them, each whole or in part, and may hold
    `first_class`; what it says goes before what is recognised. SignatureUnknown for what nobody can tell, with the
    lines to fill in; ModelBroken for what is no SavedModel or needs operations that this TensorFlow doesn't have.
    """
    graph = _saved_model(directory)
    facts = _facts(directory, graph)
    missing = sorted(name for name in facts.ops if op_def_registry.get(name) is None)
    if missing:
        raise ModelBroken(
            f"{directory}: needs operations that TensorFlow {tf.__version__} does not have: {', '.join(missing)}. "
            "Export it without custom operations"
        )
    answer = recognise(facts)
    if override:
        return _overridden(facts, answer, override)
    if isinstance(answer, Refused):
        raise unknown(facts, f"{directory}: a model of the form {answer.form} that cannot be served: {answer.reason}")
    if answer is None:
        raise unknown(facts, f"{directory}: no exporter's form that is known has this signature.")
    return _inspected(facts, answer)


def _inspected(facts: ModelFacts, found: Recognised) -> Inspected:
    return Inspected(
        found.form,
        found.signature,
        found.outputs,
        found.first_class,
        class_count(found.outputs, facts.signatures[found.signature.key].outputs),
        dict(found.labels) if found.labels else None,
        found.alternatives,
        found.notes,
        str(facts.signatures[found.signature.key]),
    )


def _overridden(facts: ModelFacts, answer: Recognised | Refused | None, override: Mapping[str, Any]) -> Inspected:
    known = answer if isinstance(answer, Recognised) else Recognised("", Signature(), DEFAULT_OUTPUTS, 1)
    said_in, said_out = dict(override.get("signature", {})), dict(override.get("outputs", {}))
    if isinstance(answer, Recognised) and said_in.get("key", known.signature.key) != known.signature.key:
        known = replace(known, form="", signature=Signature())  # what was recognised is another signature's
    try:
        signature = Signature.model_validate({**known.signature.model_dump(exclude_unset=True), **said_in})
        same_kind = said_out.get("kind", known.outputs.kind) == known.outputs.kind
        base = known.outputs.model_dump() if same_kind else {}
        outputs = _OUTPUTS.validate_python({**base, **said_out})
    except ValidationError as error:
        flaws = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise unknown(facts, f"the description by hand is wrong: {flaws}") from None
    there = facts.signatures.get(signature.key)
    if there is None:
        raise unknown(facts, f"there is no signature {signature.key}.")
    if list(there.inputs) != [signature.input]:
        raise unknown(facts, f"signature {signature.key} does not take {signature.input} and nothing else.")
    return replace(
        _inspected(facts, replace(known, signature=signature, outputs=outputs)),
        form=known.form if not said_out else "",
        first_class=int(override.get("first_class", known.first_class)),
        # What somebody wrote is not for a trial to change.
        alternatives=() if said_out else known.alternatives,
    )


def read_facts(directory: Path) -> ModelFacts:
    """Signatures and operations of the SavedModel in `directory`, and its side files. ModelBroken when it is none."""
    return _facts(directory, _saved_model(directory))


def _saved_model(directory: Path) -> Any:
    graph = saved_model_pb2.SavedModel()
    binary, text = directory / "saved_model.pb", directory / "saved_model.pbtxt"
    try:
        if binary.is_file():
            graph.ParseFromString(binary.read_bytes())
        elif text.is_file():
            text_format.Parse(text.read_text(encoding="utf-8"), graph)
        else:
            raise ModelBroken(f"{directory}: no SavedModel: there is no saved_model.pb")
    except (OSError, DecodeError, text_format.ParseError, UnicodeDecodeError) as error:
        raise ModelBroken(f"{directory}: saved_model.pb cannot be read: {error}") from error
    if not graph.meta_graphs:
        raise ModelBroken(f"{directory}: saved_model.pb holds no graph")
    return graph


def _facts(directory: Path, saved: Any) -> ModelFacts:
    serving = [graph for graph in saved.meta_graphs if "serve" in graph.meta_info_def.tags]
    graph = (serving or list(saved.meta_graphs))[0]
    signatures = {
        key: SignatureFacts(key, _tensors(definition.inputs), _tensors(definition.outputs))
        for key, definition in graph.signature_def.items()
        if not key.startswith(_INTERNAL) and definition.inputs and definition.outputs
    }
    functions = {function.signature.name for function in graph.graph_def.library.function}
    ops = frozenset(op for op in _ops(graph.graph_def) if op not in functions)
    return ModelFacts(signatures, read_side_files(directory), ops)


def _ops(graph: Any) -> Iterator[str]:
    for node in graph.node:
        yield node.op
    for function in graph.library.function:
        for node in function.node_def:
            yield node.op


def _tensors(named: Any) -> dict[str, TensorFacts]:
    return {name: _tensor(info) for name, info in named.items()}


def _tensor(info: Any) -> TensorFacts:
    shape = None
    if not info.tensor_shape.unknown_rank:
        shape = tuple(None if dim.size < 0 else int(dim.size) for dim in info.tensor_shape.dim)
    return TensorFacts(tf.dtypes.as_dtype(info.dtype).name, shape, info.name)
