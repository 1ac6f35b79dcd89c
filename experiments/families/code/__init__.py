"""The family `code`: write a short Python function from its description, under constraints on its text.

Programs are compositions of operations from a trusted table (:mod:`.operations`), which computes every case in our own
process; programs of answers and plans run in a sandbox. Structures, the tuples of operations, are split by a hash into
those of training and held-out ones (:mod:`.structures`).
"""

from .family import FAMILY, CodeFamily
from .problem import CodeGold, CodeProblem, CodePublic, Difficulty

__all__ = ["FAMILY", "CodeFamily", "CodeGold", "CodeProblem", "CodePublic", "Difficulty"]
