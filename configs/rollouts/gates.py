"""The gate of a wave: errors before success, and the arithmetic in words. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from configs.rollouts.states import Kind, Policy, Tally


class Answer(StrEnum):
    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    WAIT = "wait"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Verdict:
    answer: Answer
    words: str


def failure(policy: Policy, tally: Tally) -> str:
    """Why the wave has failed, in words; empty while it has not."""
    bad, attempted = tally[Kind.BAD], tally.attempted
    if not bad:
        return ""
    if policy.bad_limit is not None and bad >= policy.bad_limit:
        return f"{bad} of {attempted} failed, limit {policy.bad_limit}"
    # A wave smaller than the sample is its own sample once all of it was tried.
    is_sampled = attempted >= policy.minimum_sample or not tally[Kind.PENDING]
    if is_sampled and bad * 100 >= policy.bad_percent * attempted:
        return f"{bad} of {attempted} failed, limit {number(policy.bad_percent)} %"
    return ""


def judge(policy: Policy, tally: Tally, *, is_overdue: bool) -> Verdict:
    """What the gate says after the bake. "All answered" is not "passed"."""
    failed = failure(policy, tally)
    if failed:
        return Verdict(Answer.FAIL, failed)
    if tally.is_deserted:
        return Verdict(Answer.PASS, "nobody is left in it")
    lacking = _lacking(policy, tally)
    if not lacking:
        return Verdict(Answer.PASS, f"{tally[Kind.CONFIRMED]} of {tally.attempted} confirmed")
    can_change = tally[Kind.LIVE] or tally[Kind.PENDING] or tally[Kind.UNREACHABLE]
    answer = Answer.WAIT if can_change and not is_overdue else Answer.INCONCLUSIVE
    return Verdict(answer, lacking)


def _lacking(policy: Policy, tally: Tally) -> str:
    """What is missing for a pass, in words; empty when nothing is."""
    attempted, silent = tally.attempted, tally[Kind.UNREACHABLE]
    reach = attempted + silent + tally[Kind.PENDING]
    if attempted * 100 < policy.minimum_coverage_percent * reach:
        wanted = number(policy.minimum_coverage_percent)
        return f"{attempted} of {reach} reached, {wanted} % needed ({silent} unreachable)"
    if tally[Kind.CONFIRMED] * 100 < policy.pass_percent * attempted:
        confirmed, wanted = tally[Kind.CONFIRMED], number(policy.pass_percent)
        return f"{confirmed} of {attempted} confirmed, {wanted} % needed"
    return ""


def number(percent: float) -> str:
    """5, not 5.0."""
    return f"{percent:g}"
