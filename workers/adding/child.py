"""Looks at a SavedModel and runs it: `python -m workers.adding.child`, a Request on stdin, an Answer on stdout."""

from contract.model_spec import Memory, ModelSpec
from workers.adding.protocol import Answer, Look, Request
from workers.isolation.child import serve
from workers.isolation.peak import PeakWatch
from workers.isolation.raised import raised

#: Of a spec that is not finished: the trial run asks for none of these.
_NO_DIGEST = "sha256:" + "0" * 64
_NO_MEMORY = Memory(base_bytes=1, per_image_bytes=0)


def look(request: Request) -> Look:
    """SignatureUnknown and ModelBroken say what is wrong with the model; memory errors pass through."""
    from workers.engine.runtime import prepare

    prepare(request.threads)
    from workers.engine.inspect import inspect_model
    from workers.engine.trial import trial

    found = inspect_model(request.directory, override=request.override or None)
    spec = ModelSpec(
        schema=1,
        name=request.name,
        version=request.version,
        digest=_NO_DIGEST,
        labels={},
        signature=found.signature,
        outputs=found.outputs,
        memory=_NO_MEMORY,
    )
    seen = trial(request.directory, spec, found.alternatives)
    return Look(
        form=found.form,
        signature=seen.signature,
        outputs=seen.outputs,
        first_class=found.first_class,
        class_count=found.class_count,
        labels=found.labels,
        table=found.table,
        notes=(*found.notes, *seen.notes),
        rows=seen.rows,
        best_score=seen.best_score,
        class_ids=seen.class_ids,
    )


def answer(request: Request) -> Answer:
    with PeakWatch(request.budget_bytes):
        try:
            return Answer(look=look(request))
        except Exception as error:
            return Answer(raised=raised(error))


def main() -> None:
    serve(lambda asked: answer(Request.model_validate_json(asked)).model_dump_json())


if __name__ == "__main__":
    main()
