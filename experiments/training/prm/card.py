"""The model card of a reward model, filled in from the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, StrictUndefined

__all__ = ["card"]

_TEMPLATE = """\
# {{ name }}, version {{ version }}

A process reward model of {{ "%.1f" % (parameters / 1e6) }}M parameters: the body of planneal's embedded language
model (version {{ model.version }}){% if room %}, {{ room }} features beside its own and three more layers{% endif %}
under a token-classification head of two classes, *wrong* and *right*. It says of each item of
a plan how likely it is right, for planneal's own problem families ({{ families | join(", ") }}) and for nothing else.
Apache-2.0, like the project. Its data are drawn by the families' generators; no outside text is in it.

```python
from planneal.decoders.prm_formats import TokenClassification
from planneal.decoders.prm_hf import HFStepScorer
from planneal.verifiers.prm import PRMVerifier

prm = PRMVerifier(HFStepScorer.load("{{ folder }}", TokenClassification()), render="{{ render }}")
```

## How it was made

    {{ command }}

{{ "%.0f" % minutes.data }} minutes for data, {{ "%.0f" % minutes.training }} for training, on {{ hardware }};
{{ steps }} steps, {{ rows.train }} plans. Seed {{ seed }}; problems of the `train` half of the seed space only, which
shares no stream with the `eval` half.

- **Plans**: for {{ problems }} problems of each family, {{ "%.0f" % (100 * hard) }}% of them at its hard level and
  the others drawn as for the language model's own training, a greedy draft and {{ sampled }} at temperature
  {{ temperature }}, written by the language model itself; hard negatives, which are gold plans with one item that says
  something else and that exact verifiers do not name where such a one was found; gold plans with a fifth to
  three fifths of the items changed; some gold plans.
  {{ rows.origins }}.
- **Labels**: item by item by the gold (`experiments/training/prm/labels.py`). An item is blamed for its own fault, not
  for what it rests on; in `schedule` a thing is wrong after which a rule of the question can no longer be kept; in
  `countdown` a step is wrong after which the target is out of reach.
- **Format**: TRL's: question, then each item and a newline, at which the class is read. Shown as `{{ render }}`.
- **Training**: AdamW, {{ batch }} tokens a batch, peak rate {{ rate }} for what was added and {{ body_rate }} for the
  language model's weights, labels inside of items at a weight of {{ inside }} (`inside.py`), linear warm-up and decay,
  bfloat16 autocast, the last {{ "%.0f" % (100 * final) }}% of the run on drafts alone; shipped in float16.
{% if language %}- **Language**: the language model's own loss beside the labels, at a weight of {{ language }}:
  it has learnt to write plans, and not to read them in the order in which a search leaves them.
{% endif %}{% if surprise %}- **Surprise**: the layers on top also learn to tell how likely the language model found
  what came, a squared error at a weight of {{ surprise }}; `widened.py` tells how they can.
{% endif %}- **Calibration**: Platt's map on the log-odds, slope {{ "%.3f" % calibration.slope }}, intercept
  {{ "%+.3f" % calibration.intercept }}, fitted on {{ calibration.count }} items of drafts for other problems of the
  `train` half ({{ calibration.right }} right) and **folded into the head**: what loads the model sees calibrated
  scores. Error on the data of the fit, 10 bins of equal width: {{ "%.3f" % calibration.error_before }} before,
  {{ "%.3f" % calibration.error_after }} after.

## Figures

Drafts of the language model (greedy, and one at temperature 0.9) for {{ measured }} problems of each family from the
`eval` half, half of them at the hard level, none seen in training or calibration; for `code` and `tools` these include
compositions that training never has.

{{ table }}

*AUROC*: the chance that a right item scores above a wrong one; intervals by bootstrap over problems. *LM's own*: the
same of the language model's mean token log-probability of the item as it drafted it. *Not named*: over the items
against which no exact verifier has anything; *silent*: over plans against which none has anything at all. *ECE*:
expected calibration error over 15 bins of equal mass, without and with the calibration.

## What it cannot do

- Anything but the families' wordings, and plans in planneal's notation.
- Say whether an item is *needed*: what is missing or not used is for the structure verifier to say.
- Judge items by what follows: a score depends on the question and the items up to it.
- One calibration serves all families; the error of a single family may be larger, see the table.
- The drafts of another language model have other errors; calibration is for those of the embedded one.
"""


def card(facts: Mapping[str, Any]) -> str:
    """The card's Markdown.

    Args:
        facts: Everything that the template names.

    Raises:
        jinja2.UndefinedError: Something is missing.
    """
    made = Environment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)
    return made.from_string(_TEMPLATE).render(**facts)
