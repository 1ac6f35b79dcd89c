"""How operations are told: three wordings each, the first of which is the normal form of a plan's step; reading them.

A step is read in any of its wordings, whatever the case; *numbers*, *words*, *items*, *elements* and *values* mean the
same there. Nothing else is guessed: a line that is none of these is no step that anybody could follow to the letter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from .operations import OPERATIONS, SEPARATORS, Step

__all__ = ["PHRASES", "phrase", "read_step"]

_NONZERO = frozenset({"multiples", "remainder", "first", "skip", "last"})
"""Operations whose constants must be above zero to mean something."""

PHRASES: Mapping[str, tuple[str, str, str]] = {
    "even": ("keep the even numbers", "keep only numbers that are even", "leave out the odd numbers"),
    "odd": ("keep the odd numbers", "keep only numbers that are odd", "leave out the even numbers"),
    "above": ("keep the numbers above {a}", "keep only numbers greater than {a}", "leave out numbers up to {a}"),
    "below": ("keep the numbers below {a}", "keep only numbers less than {a}", "leave out numbers from {a} up"),
    "other_than": ("drop the number {a}", "keep only numbers other than {a}", "leave out numbers equal to {a}"),
    "multiples": (
        "keep the multiples of {a}",
        "keep only numbers divisible by {a}",
        "leave out what is no multiple of {a}",
    ),
    "square": ("square each number", "replace each number by its square", "multiply each number by itself"),
    "add": ("add {a} to each number", "increase each number by {a}", "make each number larger by {a}"),
    "subtract": ("subtract {a} from each number", "decrease each number by {a}", "make each number smaller by {a}"),
    "times": ("multiply each number by {a}", "replace each number by the product with {a}", "scale each number by {a}"),
    "negate": ("negate each number", "flip the sign of each number", "replace each number by its negative"),
    "absolute": (
        "take the absolute value of each number",
        "drop the sign of each number",
        "replace each number by its absolute value",
    ),
    "halve": (
        "halve each number rounding down",
        "divide each number by 2 rounding down",
        "replace each number by half of it rounded down",
    ),
    "remainder": (
        "take each number modulo {a}",
        "replace each number by its remainder modulo {a}",
        "reduce each number modulo {a}",
    ),
    "clamp": (
        "clamp each number from {a} to {b}",
        "limit each number to the range {a} to {b}",
        "force each number between {a} and {b}",
    ),
    "add_index": (
        "add to each number its index",
        "increase each number by its index",
        "add to each number its place counted from 0",
    ),
    "sort_up": (
        "sort the numbers in rising order",
        "order the numbers from small to large",
        "arrange the numbers from smallest to largest",
    ),
    "sort_down": (
        "sort the numbers in falling order",
        "order the numbers from large to small",
        "arrange the numbers from largest to smallest",
    ),
    "sort_size": (
        "sort the numbers by absolute value with ties in order",
        "order the numbers by absolute value with ties in order",
        "arrange the numbers by absolute value with ties in order",
    ),
    "reverse": ("reverse the list", "turn the list around", "put the list in backward order"),
    "distinct": ("drop repeated items", "keep the first of equal items", "leave out items equal to an earlier one"),
    "first": ("keep the first {a} items", "take {a} items from the start", "cut the list after {a} items"),
    "skip": ("drop the first {a} items", "leave out {a} items at the start", "skip {a} items"),
    "last": ("keep the last {a} items", "take {a} items from the end", "leave out all but the last {a} items"),
    "every_second": (
        "keep every second item from the first on",
        "keep the items at even indexes",
        "leave out the items at odd indexes",
    ),
    "rotate": ("move the first item to the end", "put the first item last", "rotate the list left by one"),
    "append": ("append the number {a}", "put {a} at the end", "extend the list by {a}"),
    "while_below": (
        "cut the list before the first number not below {a}",
        "take numbers while they are below {a}",
        "end the list before the first number that is at least {a}",
    ),
    "running_total": (
        "take running totals",
        "replace each number by the sum so far",
        "list for each number the sum so far",
    ),
    "running_largest": (
        "take running maxima",
        "replace each number by the largest so far",
        "list for each number the largest so far",
    ),
    "gaps": (
        "take the differences of neighbours",
        "subtract from each number the one before",
        "replace the list by its steps from number to number",
    ),
    "longer": (
        "keep the words longer than {a} letters",
        "keep only words of more than {a} letters",
        "leave out words of at most {a} letters",
    ),
    "shorter": (
        "keep the words shorter than {a} letters",
        "keep only words of fewer than {a} letters",
        "leave out words of at least {a} letters",
    ),
    "containing": (
        "keep the words with the letter {a}",
        "keep only words that contain {a}",
        "leave out words without {a}",
    ),
    "lacking": (
        "drop the words with the letter {a}",
        "keep only words that lack {a}",
        "leave out words that contain {a}",
    ),
    "capitals": ("write each word in capitals", "turn each word into upper case", "make all letters capital"),
    "backwards": ("spell each word backwards", "reverse the letters of each word", "turn each word around"),
    "first_letter": (
        "take the first letter of each word",
        "replace each word by its first letter",
        "cut each word after its first letter",
    ),
    "lengths": ("take the length of each word", "replace each word by its length", "count the letters of each word"),
    "alphabet": (
        "sort the words in alphabetical order",
        "order the words from a to z",
        "put the words in order of the alphabet",
    ),
    "sort_length": (
        "sort the words by length with ties in order",
        "order the words from short to long with ties in order",
        "arrange the words by length with ties in order",
    ),
    "split": ("split the text into words", "cut the text at spaces", "take the words of the text"),
    "join": (
        "join the words with a {a} between",
        "put the words together with a {a} between",
        "make one text of the words with a {a} between",
    ),
    "sum": ("sum the numbers", "add up all numbers", "return the total"),
    "count": ("count the items", "return how many items there are", "return the length of the list"),
    "largest": (
        "return the largest number or 0 if there is none",
        "take the maximum or 0 if there is none",
        "pick the largest number with 0 for an empty list",
    ),
    "smallest": (
        "return the smallest number or 0 if there is none",
        "take the minimum or 0 if there is none",
        "pick the smallest number with 0 for an empty list",
    ),
    "tally": (
        "map each item to how often it occurs",
        "count how often each item occurs in a dict",
        "make a dict from items to their counts",
    ),
    "group": (
        "map each length to the words of that length",
        "group the words by length in a dict",
        "make a dict from lengths to lists of words",
    ),
    "index": (
        "pair each item with its index in front",
        "put the index before each item in a pair",
        "make pairs of index and item",
    ),
}
"""Wordings of each operation, the normal form first."""

_NOUN = re.compile(r"\b(?:number|word|element|value|entry|item)(s?)\b|\bentries\b")


def phrase(step: Step, wording: int = 0) -> str:
    """The step in words, its normal form by default."""
    wordings = PHRASES[step.name]
    first, second = [*step.constants, "", ""][:2]
    return wordings[wording % len(wordings)].format(a=first, b=second)


def _plain(text: str) -> str:
    """The text as it is compared: lower case, single spaces, no closing mark, one noun for all kinds of items."""
    text = " ".join(text.lower().replace(",", " ").split()).rstrip(" .;:")
    return _NOUN.sub(lambda found: "item" if found[0] != "entries" and not found[1] else "items", text)


_OPEN = {"int": r"(-?[0-9]{1,4})", "letter": r"'?([a-z])'?", "separator": f"({'|'.join(SEPARATORS)})"}


def _pattern(name: str, wording: str) -> re.Pattern[str]:
    draws = OPERATIONS[name].constants
    kind = "separator" if name == "join" else "letter" if draws and isinstance(draws[0][0], str) else "int"
    text = re.escape(_plain(wording).replace("{a}", "\0").replace("{b}", "\1"))
    return re.compile(text.replace("\0", _OPEN[kind]).replace("\1", _OPEN["int"]))


_PATTERNS = tuple((name, _pattern(name, wording)) for name, wordings in PHRASES.items() for wording in wordings)


@lru_cache(maxsize=4096)
def read_step(text: str) -> Step | None:
    """The step that a line tells in one of the known wordings, else None."""
    if len(text) > 200:
        return None
    plain = _plain(text)
    for name, pattern in _PATTERNS:
        if (found := pattern.fullmatch(plain)) is not None:
            constants = tuple(int(part) if part.lstrip("-").isdigit() else part for part in found.groups())
            if name in _NONZERO and not all(isinstance(c, int) and c > 0 for c in constants):
                return None
            return Step(OPERATIONS[name], constants)
    return None
