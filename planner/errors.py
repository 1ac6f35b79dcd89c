"""The one error tree of planneal.

::

    PlannealError
    ├── PlanError                  the plan, an edit or its notation is not valid
    │   ├── NotationError          a line does not parse (line, column, what was expected)
    │   ├── EditError              a well-formed edit does not fit this plan
    │   └── ExpressionError        relation text is malformed or too large
    │       └── CallError          the text of a tool call is malformed or too large
    ├── BudgetError                what may be spent does not suffice
    │   ├── BudgetTooSmall         told before the first call: nothing useful fits
    │   └── BudgetExhausted        the next call's worst case does not fit what is left
    ├── ModelError                 a language model could not answer
    │   ├── EndpointError          the endpoint refused (401, 404, 400, ...): trying again cannot help
    │   ├── TransientError         429, 5xx, timeout, dropped connection: retried, and still failing
    │   ├── BadResponse            the endpoint answered with something that is not a completion
    │   └── OutOfScope             the embedded model does not know this kind of task
    ├── VerifierError              a verifier broke (the loop turns it into an abstention)
    ├── SandboxUnavailable         no isolation works here, so nothing was run
    ├── DatasetError               a published data set's file or row is not of the form it should have (file, row)
    ├── TraceError                 a trace cannot be read, or a replay departs from it
    ├── ConfigError                an option, a model string or a prompt file is wrong
    │   ├── CalibrationError       a calibration cannot be read, or is for another verifier, version or model
    │   ├── SeparatorError         a tokenizer loses the step separator of a process reward model
    │   ├── PluginError            a package that adds a part by name is missing or broken (names the package)
    │   └── RunError               a comparison's run cannot be made, read or gone on with as asked
    ├── CheatingMethod             a method under comparison looked where gold or grades could be
    ├── LawBroken                  a part breaks a law that every part of its kind must keep (planneal.testing)
    └── MissingExtra               an optional dependency is not installed (names the pip line)

Every message says what was wrong, where, and what to do. A run that already holds a plan does not raise
``BudgetError`` or ``ModelError``: it returns the best plan and says why it stopped.
"""

from __future__ import annotations

from typing import Any


class PlannealError(Exception):
    """Root of every error that planneal raises on purpose."""


class PlanError(PlannealError):
    """The plan, an edit or its notation is not valid."""


class NotationError(PlanError):
    """A line of plan or edit notation does not parse.

    Attributes:
        line: One-based line number in the text that was parsed.
        column: One-based column of the first character that does not fit.
        source: The offending line, cut to 200 characters.
    """

    def __init__(self, message: str, *, line: int = 1, column: int = 1, source: str = "") -> None:
        self.line = line
        self.column = column
        self.source = source[:200]
        where = f"line {line}, column {column}"
        shown = f" in {self.source!r}" if source else ""
        super().__init__(f"{where}: {message}{shown}")


class EditError(PlanError):
    """A well-formed edit that does not fit the plan it is applied to."""


class ExpressionError(PlanError):
    """Relation text that is malformed or too large.

    Attributes:
        reason: ``malformed`` or ``too large``.
        column: One-based column where parsing stopped, 0 if unknown.
    """

    def __init__(self, message: str, *, reason: str = "malformed", column: int = 0) -> None:
        self.reason = reason
        self.column = column
        super().__init__(message)


class CallError(ExpressionError):
    """The text of a tool call is malformed or too large (``reason`` says which)."""


class BudgetError(PlannealError):
    """What may be spent does not suffice."""


class BudgetTooSmall(BudgetError):  # noqa: N818 - reads as what it states
    """The budget cannot pay for a draft and an answer; raised before the first call."""


class BudgetExhausted(BudgetError):  # noqa: N818
    """The worst case of the next call does not fit what is left of the budget.

    Attributes:
        limit: Which cap would have been passed (for instance ``tokens``).
    """

    def __init__(self, message: str, *, limit: str = "") -> None:
        self.limit = limit
        super().__init__(message)


class ModelError(PlannealError):
    """A language model could not answer.

    Attributes:
        usage: What the failed attempts cost (a :class:`~planneal.planner.ledger.Usage`), None if nothing.
    """

    usage: Any = None


class EndpointError(ModelError):
    """The endpoint refused the request for good; trying again cannot help.

    Attributes:
        status: HTTP status, or None where there was none.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


class TransientError(ModelError):
    """A failure that can pass, still there after the last retry.

    Attributes:
        status: HTTP status, or None for timeouts and dropped connections.
        attempts: How many requests were made.
    """

    def __init__(self, message: str, *, status: int | None = None, attempts: int = 1) -> None:
        self.status = status
        self.attempts = attempts
        super().__init__(message)


class BadResponse(ModelError):  # noqa: N818
    """The endpoint answered with something that is not a completion."""


class OutOfScope(ModelError):  # noqa: N818
    """The embedded model does not know this kind of task; use another model."""


class VerifierError(PlannealError):
    """A verifier broke; the loop turns this into an abstention."""


class SandboxUnavailable(PlannealError):  # noqa: N818
    """No isolation works here, so nothing was run; the message says what was tried and what to install."""


class DatasetError(PlannealError):
    """A published data set cannot be read: a file is missing, or a row is not of the form it should have.

    Attributes:
        file: The file, or the data set's name where there is none.
        row: Number of the row, from 1; 0 where it is the file as a whole.
    """

    def __init__(self, message: str, *, file: str = "", row: int = 0) -> None:
        self.file = file
        self.row = row
        where = f"{file}, row {row}" if row else file
        super().__init__(f"{where}: {message}" if where else message)


class TraceError(PlannealError):
    """A trace cannot be read, or a replay departs from what it recorded."""


class ConfigError(PlannealError):
    """An option, a model string or a prompt file is wrong."""


class PluginError(ConfigError):
    """A part that a package adds by name cannot be had: no such name, or the package is broken.

    Attributes:
        package: The distribution that declares the name, empty where there is none.
    """

    def __init__(self, message: str, *, package: str = "") -> None:
        self.package = package
        super().__init__(message)


class RunError(ConfigError):
    """A comparison's run cannot be made, read or gone on with as asked; nothing that it holds was changed."""


class CheatingMethod(PlannealError):  # noqa: N818 - reads as what it states
    """A method under comparison looked where gold or the grades of others could be."""


class LawBroken(PlannealError):  # noqa: N818 - reads as what it states
    """A verifier, proposer, sandbox or model breaks a law of :mod:`planneal.testing`; the message shows where."""


class SeparatorError(ConfigError):
    """A tokenizer does not keep the step separator of a process reward model as a token of its own."""


class CalibrationError(ConfigError):
    """A calibration cannot be fitted or read, or is for another verifier, version or model."""


class MissingExtra(PlannealError):  # noqa: N818
    """An optional dependency is not installed.

    Args:
        what: What needs it, for instance ``the embedded model``.
        extra: The extra's name in ``pip install 'planneal[extra]'``.
        package: What to install instead, where no extra has it.
    """

    def __init__(self, what: str, extra: str = "local", *, package: str = "") -> None:
        self.extra = extra
        torch = (
            " (on a machine without a GPU, first: pip install torch --index-url https://download.pytorch.org/whl/cpu)"
        )
        super().__init__(
            f"{what} needs an optional dependency. Install it with: "
            + (f"pip install {package}" if package else f"pip install 'planneal[{extra}]'")
            + (torch if extra == "local" and not package else "")
        )
