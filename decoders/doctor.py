"""What an endpoint really does: a few cheap calls, each finding with its consequence for a run.

Endpoints accept fields that they then ignore, so nothing is believed that was not seen. The probe asks at most
:data:`MAX_CALLS` times for at most :data:`PROBE_TOKENS` tokens, never raises for what an endpoint does, and returns
the :class:`~planneal.decoders.base.Capabilities` to use.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from ..planner.errors import EndpointError, ModelError
from ..planner.ledger import Usage
from .base import Capabilities, LanguageModel, SampleRequest, Samples

MAX_CALLS = 8
PROBE_TOKENS = 16
_PROMPT = "Write one short sentence about a river."
_NOT_ASKED = "not probed"


class Finding(BaseModel):
    """One thing that was probed.

    Attributes:
        name: What was probed: ``reachable``, ``usage``, ``n``, ``draws differ``, ``seed``, ``stop``, ``logprobs``.
        works: Whether it does; None where the probe could not tell.
        detail: What was seen.
        consequence: What it means for a run; empty where there is nothing to mind.
    """

    model_config = ConfigDict(frozen=True)
    name: str
    works: bool | None
    detail: str
    consequence: str = ""


class DoctorReport(BaseModel):
    """What a probe found.

    Attributes:
        model: The model's name.
        findings: One entry per thing probed, in the order of probing.
        capabilities: What to build the model with from now on.
        usage: What the probe cost.
    """

    model_config = ConfigDict(frozen=True)
    model: str
    findings: tuple[Finding, ...]
    capabilities: Capabilities
    usage: Usage

    @property
    def reachable(self) -> bool:
        """Whether the model answered at all."""
        return any(finding.name == "reachable" and finding.works for finding in self.findings)

    @property
    def calls(self) -> int:
        """Requests that the probe made, failed ones included."""
        return self.usage.calls + self.usage.retries

    def __getitem__(self, name: str) -> Finding:
        """The finding of that name."""
        return next(finding for finding in self.findings if finding.name == name)


async def probe(model: LanguageModel) -> DoctorReport:
    """Probes a model and reports; an endpoint that fails is a finding, not an exception."""
    patient = _Patient(model)
    findings = await _reach(patient)
    if findings[0].works:
        findings += await _draws(patient)
        findings.append(await _seed(patient))
        findings += await _stop_and_logprobs(patient)
    known = {finding.name: finding.works for finding in findings}
    told = {name: known[name] for name in ("n", "seed", "stop", "logprobs", "usage") if known.get(name) is not None}
    capabilities = model.capabilities.model_copy(update=told)
    return DoctorReport(model=model.name, findings=tuple(findings), capabilities=capabilities, usage=patient.usage)


class _Patient:
    """Asks the model within the probe's allowance and keeps what was seen for the later questions."""

    def __init__(self, model: LanguageModel) -> None:
        self.model = model
        self.usage = Usage()
        self.greedy = ""
        self.texts: list[str] = []
        self.error = ""
        self.refused = False

    async def ask(self, **fields: Any) -> Samples | None:
        """One sample; None where the allowance is spent or the model failed, with ``error`` saying why."""
        left = MAX_CALLS - self.usage.calls - self.usage.retries
        request = SampleRequest.of(_PROMPT, max_tokens=PROBE_TOKENS, max_attempts=max(1, left), **fields)
        if left < request.n:
            self.error = f"{_NOT_ASKED}: the probe's {MAX_CALLS} calls are spent"
            return None
        try:
            samples = await self.model.sample(request)
        except ModelError as error:
            self.error = str(error)
            self.refused = isinstance(error, EndpointError)
            self.usage += error.usage if isinstance(error.usage, Usage) else Usage()
            return None
        self.usage += samples.usage
        return samples

    def unknown(self, name: str, consequence: str = "") -> Finding:
        return Finding(name=name, works=None, detail=self.error, consequence=consequence)


async def _reach(patient: _Patient) -> list[Finding]:
    samples = await patient.ask(temperature=0.0)
    if samples is None:
        advice = "mend the key, model name or URL first" if patient.refused else "start the server or wait, then retry"
        return [Finding(name="reachable", works=False, detail=patient.error, consequence=f"no run possible: {advice}")]
    patient.greedy = samples[0].text
    noted = f"; {'; '.join(samples.notes)}" if samples.notes else ""
    empty = "" if patient.greedy else "the answer was empty: look at the chat template and at max_tokens"
    reached = Finding(name="reachable", works=True, detail=f"answered {patient.greedy!r}{noted}", consequence=empty)
    if samples.usage.estimated:
        usage = Finding(
            name="usage",
            works=False,
            detail="the endpoint reports no token counts",
            consequence="budgets rest on estimates; leave headroom",
        )
    else:
        usage = Finding(
            name="usage",
            works=True,
            detail=f"{samples.usage.prompt_tokens} prompt and {samples.usage.completion_tokens} completion tokens",
        )
    return [reached, usage]


async def _draws(patient: _Patient) -> list[Finding]:
    samples = await patient.ask(temperature=1.0, n=2)
    if samples is None:
        return [patient.unknown("n"), patient.unknown("draws differ")]
    patient.texts = [completion.text for completion in samples]
    whole = samples.usage.calls == 1
    n = Finding(
        name="n",
        works=whole,
        detail="two choices from one request" if whole else f"{samples.usage.calls} requests for two choices",
        consequence="" if whole else "several draws cost the prompt once each; budgets account for it",
    )
    short = [note for note in samples.notes if note.startswith("usage counts")]
    if short:
        n = n.model_copy(update={"detail": f"{n.detail}; {short[0]}", "consequence": "leave budgets headroom"})
    return [n, _variety(patient)]


def _variety(patient: _Patient) -> Finding:
    differ = len(set(patient.texts)) > 1
    return Finding(
        name="draws differ",
        works=differ,
        detail=f"{len(set(patient.texts))} distinct of {len(patient.texts)} at temperature 1",
        consequence="" if differ else "resampling may bring nothing new; variety must come from the prompts",
    )


async def _seed(patient: _Patient) -> Finding:
    first = await patient.ask(temperature=1.0, seed=7)
    second = await patient.ask(temperature=1.0, seed=7) if first is not None else None
    if first is None or second is None:
        return patient.unknown("seed", "treat runs as not repeatable")
    if any(note.startswith("seed not sent") for note in (*first.notes, *second.notes)):
        return Finding(
            name="seed", works=False, detail="the endpoint refuses seed", consequence="runs are not repeatable"
        )
    same = first[0].text == second[0].text
    if same and len({*patient.texts, first[0].text}) == 1:
        return Finding(
            name="seed", works=None, detail="every draw is the same, seed or not", consequence="nothing to repeat"
        )
    return Finding(
        name="seed",
        works=same,
        detail="the same seed gave the same text" if same else "the same seed gave two texts",
        consequence="" if same else "runs are not repeatable; a recorded trace still replays",
    )


async def _stop_and_logprobs(patient: _Patient) -> list[Finding]:
    # The greedy text says which stop string would be met; asking again with it shows what is done about it.
    stop = _middle(patient.greedy)
    samples = await patient.ask(temperature=0.0, logprobs=True, stop=(stop,) if stop else ())
    if samples is None:
        return [patient.unknown("stop"), patient.unknown("logprobs")]
    has = samples[0].logprobs is not None
    logprobs = Finding(
        name="logprobs",
        works=has,
        detail="came with each token" if has else "asked for, none came",
        consequence="" if has else "no token probabilities: a self-check has to count votes",
    )
    return [_judge_stop(patient, samples, stop), logprobs]


def _judge_stop(patient: _Patient, samples: Samples, stop: str | None) -> Finding:
    told = [note for note in samples.notes if note.startswith("stop ")]
    if told:
        paid = "planneal cuts there itself; what was generated behind it is paid for"
        return Finding(name="stop", works=False, detail=told[0], consequence=paid)
    text = samples[0].text
    if stop is None or text != patient.greedy[: patient.greedy.index(stop)]:
        why = "no piece of the answer can be a stop string" if stop is None else "the greedy text did not come again"
        return Finding(name="stop", works=None, detail=why, consequence="planneal cuts at stop strings in any case")
    return Finding(name="stop", works=True, detail=f"ended before {stop!r} and left it out")


def _middle(text: str) -> str | None:
    """A piece from within a text that occurs nowhere before: a stop string that will be met."""
    for width in (3, 2):
        for start in range(len(text) // 3, len(text) - width + 1):
            piece = text[start : start + width]
            whole = "\ufffd" not in piece  # half a character, which no stop string can match
            if whole and piece.strip() and text.index(piece) > 0:
                return piece
    return None
