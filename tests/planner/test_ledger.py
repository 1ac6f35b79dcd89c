"""Money: everything is counted, by role, and no cap is ever passed, whoever spends in whatever order."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planneal.planner.errors import BudgetExhausted
from planneal.planner.ledger import LIMITS, Budget, Ledger, Usage
from planner_strategies import examples
from pydantic import ValidationError

ROLES = ("draft", "propose", "verify", "answer")
COUNTS = ("prompt_tokens", "completion_tokens", "calls", "retries", "verifier_calls")

usages = st.builds(
    Usage,
    **{name: st.integers(0, 40) for name in (*COUNTS, "cached_prompt_tokens", "rejected_tokens")},
    flops=st.integers(0, 40).map(float),
    verifier_seconds=st.integers(0, 40).map(float),
    seconds=st.integers(0, 9).map(float),
    estimated=st.booleans(),
)
budgets = st.builds(Budget, **{name: st.none() | st.integers(0, 300) for name in LIMITS if name != "seconds"})

# A fixed stock of calls and budgets, small against each other, so that caps are met soon.
_rng = np.random.default_rng(0)
STOCK = [
    Usage(**{name: int(n) for name, n in zip(COUNTS, _rng.integers(0, 30, 5), strict=True)}, flops=3.0 * int(f))
    for f in _rng.integers(0, 30, 24)
]
PURSES = [Budget(**{name: int(_rng.integers(20, 60))}) for name in LIMITS if name != "seconds" for _ in range(3)]
PURSES += [Budget(tokens=60, calls=9, flops=50.0), Budget(prompt_tokens=40, completion_tokens=40), Budget()]


def measured(usage, limit):
    return usage.calls + usage.retries if limit == "calls" else getattr(usage, limit)


def part_of(worst, numerator):
    """What a call really cost whose worst case is known: this many thirds of it, rounded down."""
    spent = {name: getattr(worst, name) * numerator // 3 for name in COUNTS}
    return Usage(**spent, flops=worst.flops * numerator / 3, seconds=3.0)


class OverspentError(AssertionError):
    """A cap was passed."""


class Spending:
    """A ledger with its shares, calls in flight at once, and a plain count of what was charged."""

    def __init__(self, root):
        self.root, self.ledgers = root, [root]
        self.tickets, self.charged, self.by_role = [], Usage(), {}

    def admit(self, who, which, answer):
        ledger, worst = self.ledgers[who % len(self.ledgers)], STOCK[which % len(STOCK)]
        if ledger.fits(worst, use_reserve=answer):
            self.tickets.append((ledger, ledger.admit(worst, use_reserve=answer), worst))
        else:
            with pytest.raises(BudgetExhausted):
                ledger.admit(worst, use_reserve=answer)

    def charge(self, who, which, whole):
        if self.tickets:
            ledger, ticket, worst = self.tickets.pop(which % len(self.tickets))
            spent, role = part_of(worst, 3 if whole else who % 3), ROLES[who % len(ROLES)]
            ledger.charge(role, spent, ticket=ticket)
            self.charged = self.charged + spent
            self.by_role[role] = self.by_role.get(role, Usage()) + spent

    def release(self, who, which, _):
        if self.tickets:
            ledger, ticket, _ = self.tickets.pop(which % len(self.tickets))
            ledger.release(ticket)

    def check(self, who, which, _):
        ledger = self.ledgers[who % len(self.ledgers)]
        before = ledger.held
        with contextlib.suppress(BudgetExhausted):
            ledger.check(STOCK[which % len(STOCK)])
        assert ledger.held == before

    def reserve(self, who, which, nothing):
        wanted = Usage() if nothing else STOCK[which % len(STOCK)]
        before = self.root.reserved
        taken = self.root.reserve(wanted)
        assert self.root.reserved == (wanted if taken else before)

    def share(self, parts, which, _):
        if all(ledger is self.root for ledger, _, _ in self.tickets):  # nothing may be in flight in earlier shares
            shares = self.root.share(parts % 3 + 1)
            again = self.root.share(parts % 3 + 1)
            assert [share.budget for share in shares] == [share.budget for share in again]
            assert len({share.budget for share in again}) == 1
            self.ledgers = [self.root, *again]

    def look(self):
        for ledger in self.ledgers:
            if ledger.budget.exceeded_by(ledger.spent) is not None:
                raise OverspentError
        assert self.root.spent == self.charged
        assert self.root.by_role == self.by_role

    def play(self, moves):
        for name, *numbers in moves:
            getattr(self, name)(*numbers)
            self.look()
        return self


NAMES = [*["admit"] * 6, *["charge"] * 4, "release", "check", "reserve", "share", "share"]
number = st.integers(0, 60)
one_move = st.tuples(st.sampled_from(NAMES), number, number, st.booleans())


@given(st.sampled_from(PURSES), st.lists(one_move, min_size=15, max_size=40))
@examples(80)
def test_no_order_of_calls_passes_a_cap(budget, moves):
    play = Spending(Ledger(budget)).play(moves)
    assert play.root.held.tokens == sum(worst.tokens for _, _, worst in play.tickets)


def random_plays(kind, count=60):
    """How many random plays end over a cap, and how many get near one."""
    rng = np.random.default_rng(1)
    over, near = 0, 0
    for index in range(count):
        budget = PURSES[index % len(PURSES)]
        moves = [
            (NAMES[i], int(a), int(b), bool(c)) for i, a, b, c in rng.integers(0, (len(NAMES), 61, 61, 2), (60, 4))
        ]
        play = Spending(kind(budget))
        try:
            play.play(moves)
        except OverspentError:
            over += 1
        near += any(
            measured(play.charged, limit) >= 0.7 * cap for limit in LIMITS if (cap := getattr(budget, limit, None))
        )
    return over, near


def test_plays_do_get_near_the_caps_and_not_over_them():
    over, near = random_plays(Ledger)
    assert over == 0
    assert near > 20


class Forgetful(Ledger):
    """Holds nothing of what it admits."""

    def admit(self, worst, **options):
        ticket = super().admit(worst, **options)
        self.release(ticket)
        return ticket


class Blind(Ledger):
    """Does not see what its shares hold."""

    @property
    def held(self):
        return sum(self._held.values(), Usage())


@pytest.mark.parametrize("kind", [Forgetful, Blind])
def test_a_ledger_that_does_not_see_what_is_in_flight_is_caught(kind):
    """Negative controls: the same plays on ledgers that are wrong in one way each."""
    assert random_plays(kind)[0] > 0


@given(st.lists(st.tuples(st.sampled_from(ROLES), usages), max_size=12))
@examples(60)
def test_what_was_charged_is_what_was_spent(charges):
    ledger = Ledger()
    for role, usage in charges:
        ledger.charge(role, usage)
    assert ledger.spent == sum((usage for _, usage in charges), Usage())
    for role in ROLES:
        assert ledger.by_role.get(role, Usage()) == sum((u for r, u in charges if r == role), Usage())
    assert sum(ledger.by_role.values(), Usage()) == ledger.spent
    assert ledger.spent.estimated == any(usage.estimated for _, usage in charges)


@given(budgets, usages, usages, st.integers(1, 5))
@examples(60)
def test_shares_are_equal_parts_of_what_is_left(budget, spent, kept, parts):
    ledger = Ledger(budget)
    ledger.charge("draft", spent)
    ledger.reserve(kept)
    shares = ledger.share(parts)
    used = spent + ledger.reserved
    for limit in LIMITS:
        cap = getattr(budget, limit)
        if cap is None or limit == "seconds":
            continue
        given_out = [getattr(share.budget, limit) for share in shares]
        left = max(0, cap - measured(used, limit))
        assert sum(given_out) <= left + 1e-9
        assert all(type(amount) is type(cap) and amount == given_out[0] for amount in given_out)
        assert sum(given_out) > left - parts or limit in ("flops", "verifier_seconds")


def test_what_a_share_spends_is_charged_up_and_what_it_leaves_comes_back():
    ledger = Ledger(Budget(tokens=100))
    a, b = ledger.share(2)
    a.charge("propose", Usage(prompt_tokens=30), ticket=a.admit(Usage(prompt_tokens=50)))
    assert (a.spent.tokens, b.spent.tokens, ledger.spent.tokens) == (30, 0, 30)
    assert [share.budget.tokens for share in ledger.share(2)] == [35, 35]
    inner = ledger.share(1)[0].share(2)
    inner[0].charge("verify", Usage(prompt_tokens=5))
    assert ledger.spent.tokens == 35


def test_what_a_share_holds_is_seen_by_the_ledger_it_is_a_share_of():
    ledger = Ledger(Budget(calls=4))
    a, b = ledger.share(2)
    ticket = a.admit(Usage(calls=2))
    assert not ledger.fits(Usage(calls=3))
    assert ledger.fits(Usage(calls=2))
    with pytest.raises(BudgetExhausted, match="calls to 5, over the budget's 4") as caught:
        ledger.admit(Usage(calls=3))
    assert caught.value.limit == "calls"
    ledger.admit(Usage(calls=1))
    assert not b.fits(Usage(calls=2))
    a.release(ticket)
    assert b.fits(Usage(calls=2))


def test_the_answers_share_is_out_of_reach_until_it_is_asked_for():
    ledger = Ledger(Budget(completion_tokens=100))
    assert ledger.reserve(Usage(completion_tokens=70))
    assert not ledger.fits(Usage(completion_tokens=31))
    assert ledger.fits(Usage(completion_tokens=31), use_reserve=True)
    assert not ledger.share(1)[0].fits(Usage(completion_tokens=31))
    assert not ledger.reserve(Usage(completion_tokens=101))
    assert ledger.reserved.completion_tokens == 70
    assert ledger.reserve(Usage())
    assert ledger.fits(Usage(completion_tokens=100))


def test_seconds_pass_for_all_at_once():
    now = [10.0]
    ledger = Ledger(Budget(seconds=8.0), clock=lambda: now[0])
    now[0] = 12.0
    assert ledger.elapsed == 2.0
    ledger.reserve(Usage(seconds=1.0))
    shares = ledger.share(3)
    assert [share.budget.seconds for share in shares] == [5.0] * 3
    assert shares[0].fits(Usage())
    now[0] = 17.5
    assert not shares[0].fits(Usage())
    assert ledger.fits(Usage(), use_reserve=True)
    now[0] = 18.5
    assert not ledger.fits(Usage(), use_reserve=True)
    assert ledger.share(1)[0].budget.seconds == 0.0


def test_retries_are_calls_too_and_a_cap_may_be_met_exactly():
    ledger = Ledger(Budget(calls=3))
    ledger.charge("propose", Usage(calls=1, retries=1))
    assert ledger.fits(Usage(calls=1))
    assert ledger.shortfall(Usage(calls=1, retries=1)) == ("calls", 4.0, 3)


def test_without_a_budget_everything_fits():
    ledger = Ledger()
    assert ledger.fits(Usage(prompt_tokens=10**12, flops=1e30))
    assert all(share.budget == Budget() for share in ledger.share(3))


@pytest.mark.parametrize("caps", [{"tokens": -1}, {"seconds": float("nan")}, {"flops": -0.5}, {"dollars": 3}])
def test_senseless_caps_are_refused(caps):
    with pytest.raises(ValidationError):
        Budget(**caps)
