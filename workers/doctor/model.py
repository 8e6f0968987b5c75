"""A model on this machine: whether it may run, in which batches, how fast, and what a trial of it showed. Pure."""

from dataclasses import dataclass
from typing import Final

from contract.capability import Capability, shortfalls
from contract.memory import format_bytes, tier_name
from contract.model_spec import MEMORY_MARGIN, ModelSpec
from workers.doctor.facts import ModelFacts, Trial
from workers.doctor.finding import Finding
from workers.doctor.memory import raise_limit
from workers.memory.admission import Admission, Budget, added_bytes, admit
from workers.memory.death import GUARD_EXIT
from workers.memory.guard import default_floor_bytes
from workers.memory.sample import UNBOUNDED_BYTES, MemorySample
from workers.preflight.symptoms import OTHER_CPU, SIGNALS

#: Nobody asks for larger batches, and none is faster.
_BATCH_MAX: Final = 64


@dataclass(frozen=True)
class Fit:
    #: What the machine lacks of the model's requirement; empty when a worker here would listen to its queue.
    lacks: tuple[str, ...]
    #: With nothing else on the machine, and with what is free now.
    at_rest: Admission
    now: Admission

    @property
    def runs(self) -> bool:
        return not self.lacks and self.now.batch > 0


def fit(spec: ModelSpec, capability: Capability, now: MemorySample) -> Fit:
    """Images are of the size that the model's memory tier is meant for; the model is not loaded yet."""
    share_bytes = capability.memory_per_slot_bytes
    floor_bytes = default_floor_bytes(share_bytes)
    at_rest = Budget(share_bytes, 0, UNBOUNDED_BYTES, "")
    at_present = Budget(share_bytes, 0, now.free_bytes, now.tightest, reserve_bytes=2 * floor_bytes)

    def largest(budget: Budget) -> Admission:
        return admit(
            spec.memory,
            [spec.requirement.image_megapixels] * _BATCH_MAX,
            _BATCH_MAX,
            None,
            budget,
            load_bytes=spec.memory.base_bytes,
            batch_kind=spec.signature.batch,
        )

    return Fit(tuple(shortfalls(capability, spec.needs)), largest(at_rest), largest(at_present))


def trial_batch(spec: ModelSpec, fitting: Fit) -> int:
    """The batch of the trial's last call: as a worker would choose it for a job that names none."""
    return min(spec.throughput.default_batch, fitting.now.batch)


def model_findings(facts: ModelFacts, capability: Capability, now: MemorySample) -> list[Finding]:
    spec = facts.spec
    fitting = fit(spec, capability, now)
    if fitting.lacks:
        return [_too_much(spec, fitting, capability)]
    found = [_fits(spec, fitting)] if fitting.now.batch else [_no_room(spec, fitting)]
    if facts.broken:
        return [*found, _broken(spec, facts.broken)]
    if facts.directory is None:
        return [*found, _elsewhere(spec)]
    if facts.trial is None:
        return found
    return [*found, *_tried(spec, facts.trial, capability)]


def _fits(spec: ModelSpec, fitting: Fit) -> Finding:
    rest, now = (_batch(admission) for admission in (fitting.at_rest, fitting.now))
    details = [f"default batch {spec.throughput.default_batch}"]
    if spec.throughput.images_per_s:
        rates = ", ".join(f"{rate:g} at batch {batch}" for batch, rate in spec.throughput.images_per_s.items())
        where = spec.throughput.measured.get("machine", "")
        details.append(f"images/s as measured by its maker{f' ({where})' if where else ''}: {rates}")
    return Finding(
        "model_fits",
        "ok",
        "model",
        f"{spec.ref} fits: batches of {rest} images of {_size(spec)}"
        + (f", {now} with what is free now" if now != rest else ""),
        details=tuple(details),
        numbers=_numbers(spec, fitting) | {"images_per_s": dict(spec.throughput.images_per_s)},
    )


def _too_much(spec: ModelSpec, fitting: Fit, capability: Capability) -> Finding:
    by, remedies = capability.memory_limited_by, []
    if any("of memory" in lack for lack in fitting.lacks):
        remedies.append(
            f"{raise_limit(by)} so that {tier_name(spec.needs.memory_bytes)} remain for a slot"
            + (", or start the worker with fewer --slots." if capability.slots > 1 else ".")
        )
    remedies.append("Run it on another machine: its jobs find a worker that satisfies it by themselves.")
    return Finding(
        "model_needs_more",
        "problem",
        "model",
        f"{spec.ref} cannot run here; it needs {'; '.join(fitting.lacks)}.",
        f"With one image of {_size(spec)} it takes "
        f"{format_bytes(round(spec.memory.predict(1, spec.requirement.image_megapixels) * MEMORY_MARGIN))}, "
        "which is rounded up to a memory tier; workers here do not listen to its queue.",
        " Or: ".join(remedies),
        numbers=_numbers(spec, fitting),
    )


def _no_room(spec: ModelSpec, fitting: Fit) -> Finding:
    return Finding(
        "model_no_room_now",
        "warning",
        "model",
        f"{spec.ref} fits at rest (batches of {_batch(fitting.at_rest)}), but not now: {fitting.now.limited_by}.",
        "Something else holds the memory. A worker would wait for it, and then put the task back.",
        "Free memory, or try again when the machine is at rest. It was not tried.",
        numbers=_numbers(spec, fitting),
    )


def _broken(spec: ModelSpec, why: str) -> Finding:
    return Finding(
        "model_broken", "problem", "model", f"{spec.ref}: a worker refuses its files.", why, "Copy the model anew."
    )


def _elsewhere(spec: ModelSpec) -> Finding:
    return Finding(
        "model_not_here",
        "note",
        "model",
        f"{spec.ref} is known from the registry; its files are not in this machine's store, so it was not tried",
        "Set VEDETTE_MODEL_STORE to where they are.",
    )


def _tried(spec: ModelSpec, trial: Trial, capability: Capability) -> list[Finding]:
    if trial.evidence.exit_code != 0:
        return [_died(spec, trial, capability)]
    seconds = {stage.name: stage.seconds or 0.0 for stage in trial.evidence.stages}
    one_s = trial.call_s or seconds.get("call", 0.0)
    rate = trial.batch / seconds["batch"] if seconds.get("batch") else 1 / one_s if one_s else 0.0
    numbers = {
        "load_s": seconds.get("model load"),
        "first_call_s": seconds.get("first call"),
        "seconds_per_image": one_s,
        "batch": trial.batch,
        "images_per_s": round(rate, 3),
        "peak_bytes": trial.peak_bytes,
        "predicted_bytes": _predicted_bytes(spec, trial.batch),
    }
    seen = (
        f"tried: loads in {seconds.get('model load', 0.0):.1f} s, first call {seconds.get('first call', 0.0):.2f} s, "
        f"then {one_s:.3f} s an image of {_size(spec)}"
        + (f"; {rate:.1f} images/s in batches of {trial.batch}" if trial.batch > 1 else "")
        + (f"; at most {format_bytes(trial.peak_bytes)} of memory" if trial.peak_bytes else "")
    )
    found = [Finding("model_works", "ok", "model", seen, numbers=numbers)]
    if trial.peak_bytes and trial.peak_bytes > _predicted_bytes(spec, trial.batch):
        found.append(
            Finding(
                "model_takes_more",
                "warning",
                "model",
                f"{spec.ref} took {format_bytes(trial.peak_bytes)} with {trial.batch} images; "
                f"{format_bytes(_predicted_bytes(spec, trial.batch))} were predicted.",
                "The numbers in its model.toml are too low for this machine: batches will be admitted that do not fit, "
                "and come back smaller.",
                "Measure it here, and correct [memory] in its model.toml (docs/models.md).",
                numbers=numbers,
            )
        )
    return found


def _died(spec: ModelSpec, trial: Trial, capability: Capability) -> Finding:
    evidence = trial.evidence
    name = evidence.signal_name
    seen = f"{spec.ref}, {evidence.failing_stage}: "
    if evidence.exit_code is None:
        return Finding(
            "model_timeout",
            "problem",
            "model",
            f"{seen}not finished after {evidence.timeout_s:g} s.",
            "The model is too slow for this machine, or hangs.",
            "Allow it more time with VEDETTE_PREFLIGHT_TIMEOUT, or run it on a faster machine.",
        )
    if name == "SIGILL":
        return Finding(
            "model_cpu",
            "problem",
            "model",
            f"{seen}ended by SIGILL (illegal instruction).",
            "TensorFlow itself works here, so the model has code of its own for another CPU than "
            f"{capability.cpu_level}.",
            f"Name the CPU level in its model.toml. {OTHER_CPU.format(package='the model')}",
        )
    limits = "RLIMIT" in capability.memory_limited_by
    if name == "SIGKILL" or evidence.exit_code == GUARD_EXIT or trial.verdict == "memory" or (name and limits):
        ending = f"ended by {name} ({SIGNALS[name]})" if name in SIGNALS else trial.ended_by or "ended"
        return Finding(
            "model_memory",
            "problem",
            "model",
            f"{seen}{ending}.",
            f"It ran out of memory, although {format_bytes(_predicted_bytes(spec, trial.batch))} were predicted and a "
            f"slot has {format_bytes(capability.memory_per_slot_bytes)}: the numbers in its model.toml are too low, or "
            "something else took memory meanwhile.",
            "Measure the model on a machine with more memory and correct [memory] in its model.toml; `dmesg` tells "
            "whether the kernel killed.",
        )
    if name is not None:
        return Finding(
            "model_crash",
            "problem",
            "model",
            f"{seen}ended by {name}" + (f" ({SIGNALS[name]})." if name in SIGNALS else "."),
            "Native code of TensorFlow, or of the model's own operations, crashed.",
            "Export the model anew with this version of TensorFlow; if it stays so, try it elsewhere.",
        )
    last_line = next((line.strip() for line in reversed(evidence.stderr_tail.splitlines()) if line.strip()), "")
    return Finding(
        "model_broken",
        "problem",
        "model",
        f"{seen}{(trial.ended_by or last_line or 'ended with an error')[:400]}",
        "The model cannot be loaded, or does not take the images that its model.toml says it takes.",
        "Compare [signature] in its model.toml with `saved_model_cli show --all --dir …` (docs/models.md).",
    )


def _predicted_bytes(spec: ModelSpec, batch: int) -> int:
    return added_bytes(
        spec.memory,
        [spec.requirement.image_megapixels] * max(1, batch),
        load_bytes=spec.memory.base_bytes,
        batch_kind=spec.signature.batch,
    )


def _size(spec: ModelSpec) -> str:
    megapixels = spec.requirement.image_megapixels
    return f"{megapixels:g} megapixel{'' if megapixels == 1 else 's'}"


def _batch(admission: Admission) -> str:
    return f"{admission.batch} and more" if admission.batch >= _BATCH_MAX else f"up to {admission.batch}"


def _numbers(spec: ModelSpec, fitting: Fit) -> dict[str, object]:
    return {
        "model": spec.ref,
        "needs": spec.needs.model_dump(mode="json"),
        "lacks": list(fitting.lacks),
        "batch_at_rest": fitting.at_rest.batch,
        "batch_now": fitting.now.batch,
        "image_megapixels": spec.requirement.image_megapixels,
    }
