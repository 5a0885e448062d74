"""Every call of a use case, with everything that can go wrong at it, and the user's retry afterwards.

    def scenario(faults: Faults) -> Scene:
        memory = InMemoryDynamoDB(TABLE)
        desk = Desk(client=faults.client(memory), pay=faults.boundary("bank.pay", bank.pay))
        return Scene(act=lambda: desk.buy("key-1", …), check=lambda: books_balance(memory))

    report = crash_matrix(scenario)
    assert not report.violations, report

The undisturbed run is recorded first. Then, for each of its calls (or a fixed fraction of them: `points`) and each
fault that can befall it (of those that are `alike`, one), a fresh world is built, the fault is dealt, `act` ends as it
ends, `check` runs; then the user tries again without faults until the end is reached, and that must be the same end:
success, or the same refusal; and `check` runs again.
The worlds of a long run are not built: they are split off from one that is on its way (`branches`).
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.harness.alike import Different, Reach, reach
from tests.harness.branches import Branches
from tests.harness.faults import (
    AnswerLost,
    Call,
    Choice,
    Conflict,
    Crash,
    CrashAfter,
    CrashBefore,
    Endless,
    FailBefore,
    Fault,
    Faults,
    InternalError,
    Outage,
    Throttle,
    never,
)
from tests.harness.points import Points, all_points

CALLS_MAX = 5_000  # of one world: more is a program that never gives up
LONG = 100  # calls: to split off a process (20 ms) costs about as much as playing half as many
FAULTS: tuple[Fault, ...] = (
    FailBefore(),
    AnswerLost(),
    CrashBefore(),
    CrashAfter(),
    Conflict(),
    Conflict(frozenset({0})),
    Throttle(),
    InternalError(),
    InternalError(after=True),
    Outage(FailBefore()),
    Outage(AnswerLost()),
    Outage(Throttle()),
)


@dataclass(frozen=True)
class Scene:
    """A world to act in, built anew for every run; all its ways out go through the `Faults` it was built with.

    Args:
        act: the use case as the user calls it. Calling it again is the user's retry, with the same idempotency key.
        check: raises AssertionError when something that always holds does not. Its reads should go to the table
            itself and not through the faults.
        recover: what repairs a crash besides the user's retry: the sweeper, the state machine's next generation.
            It runs before each further attempt.
        settled: as `check`, for what need hold only in the end, after the last attempt: nothing is left undone.
        tried: whether faults are dealt now; where it is not, another scenario deals the same.
    """

    act: Callable[[], Any]
    check: Callable[[], None]
    recover: Callable[[], None] | None = None
    settled: Callable[[], None] | None = None
    tried: Callable[[], bool] = lambda: True


Scenario = Callable[[Faults], Scene]
Plan = Mapping[int, Fault]
Same = Callable[[Any, Any], bool]


def any_answer(undisturbed: Any, retried: Any) -> bool:
    """An answer is as good as another: that there is one is enough."""
    return True


@dataclass(frozen=True)
class Ending:
    """How an `act` ended: it answered, or it raised."""

    answer: Any = None
    error: BaseException | None = None

    def __str__(self) -> str:
        return f"raised {self.error!r}" if self.error else f"answered {self.answer!r}"


@dataclass(frozen=True)
class Violation:
    """What went wrong, and how to see it again. `stage` says when: after which attempt, or what the retry did."""

    plan: Plan
    stage: str
    problem: str
    trace: tuple[str, ...]

    def __str__(self) -> str:
        plan = ", ".join(f"{number}: {fault}" for number, fault in self.plan.items())
        calls = "\n      ".join(self.trace)
        return f"{self.stage}: {self.problem}\n    replay(scenario, {{{plan}}})\n      {calls}"


@dataclass
class Report:
    """What was tried and what was found. `calls` are those of the undisturbed run."""

    calls: list[str]
    ending: Ending
    runs: int = 0
    dealt: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)

    def never_dealt(self, faults: Sequence[Fault]) -> set[str]:
        """The kinds of these faults that befell no call."""
        return {type(fault).__name__ for fault in faults} - self.dealt.keys()

    def __str__(self) -> str:
        dealt = ", ".join(f"{count} {name}" for name, count in sorted(self.dealt.items()))
        lines = [
            f"{len(self.calls)} calls, {self.runs} runs, {len(self.violations)} violations; "
            f"undisturbed it {self.ending}",
            f"  faults: {dealt}",
            *(f"  {call}" for call in self.calls),
            *(f"  {number}. {violation}" for number, violation in enumerate(self.violations, 1)),
        ]
        return "\n".join(lines)


def crash_matrix(
    scenario: Scenario,
    faults: Sequence[Fault] = FAULTS,
    *,
    pairs: bool = False,
    same: Same = any_answer,
    points: Callable[[], Points] = all_points,
    violations_max: int = 20,
) -> Report:
    """Try every single fault; with `pairs`, every ordered pair too, the second one also during the retry.

    Args:
        faults: which to try at each call that they can befall.
        same: whether the answer of a retry stands for the undisturbed answer.
        points: made anew for each run: which of its calls are crash points.
        violations_max: stop there.
    """
    trial = _Trial(scenario, faults, same, points, violations_max)
    undisturbed = trial.run({}, None)
    undisturbed.play(attempts=1)
    report = Report([str(call) for call in undisturbed.faults.calls], undisturbed.ending, 1)
    report.violations += undisturbed.violations
    if len(report.calls) >= LONG and not report.violations:
        _branch(trial, report, depth=2 if pairs else 1)
        return report
    if not report.violations:
        _try(trial, {}, report)  # the mere repeat
    _deal(trial, {}, undisturbed, report, depth=2 if pairs else 1)
    return report


def replay(scenario: Scenario, plan: Plan, *, same: Same = any_answer) -> Faults:
    """One run again, as a violation says; raises its AssertionError. Answers all calls when there is none."""
    trial = _Trial(scenario, (), same)
    undisturbed = trial.run({}, None)
    undisturbed.play(attempts=1)
    run = trial.run(plan, undisturbed.ending)
    run.play()
    if run.violations:
        raise AssertionError(str(run.violations[0])) from run.problem
    return run.faults


@dataclass(frozen=True)
class _Trial:
    """What is tried, and how: see `crash_matrix`."""

    scenario: Scenario
    faults: Sequence[Fault]
    same: Same
    points: Callable[[], Points] = all_points
    violations_max: int = 0

    def run(self, plan: Plan, expected: Ending | None) -> "_Run":
        return _Run(self.scenario, plan, expected, self.same, self.points())


def _deal(trial: _Trial, plan: Plan, played: "_Run", report: Report, *, depth: int) -> None:
    """Every plan that has one fault more than this one, which was `played`; and those of `depth` more."""
    previous: Call | None = None
    for call in played.faults.calls:
        if call.number not in played.points:
            previous = None
            continue
        different = Different(call, previous, trial.faults, alone=depth == 1)
        for fault in different if call.number in played.tried and call.number > max(plan, default=-1) else ():
            if len(report.violations) >= trial.violations_max:
                return
            longer = {**plan, call.number: fault}
            run = _try(trial, longer, report)
            different.dealt(fault, Reach.FURTHER if run.violations else reach(run.faults.calls, call.number))
            if depth > 1:
                _deal(trial, longer, run, report, depth=depth - 1)
        previous = call


def _branch(trial: _Trial, report: Report, *, depth: int) -> None:
    """All plans in one go. Those that break are played again, to see how."""
    branches = Branches(trial.faults, len(report.calls), depth=depth, broken_max=trial.violations_max)

    def play(choose: Choice) -> bool:
        run = trial.run(branches.plan, report.ending)
        branches.tried, branches.is_point = run.scene.tried, run.is_point
        run.faults.choose = choose
        run.play()
        return not run.violations

    undisturbed_again = branches.play(play)
    report.runs += 1
    if not undisturbed_again:
        _play_again(trial, {}, report)
    for plan, well in branches.ended():
        report.runs += 1
        report.dealt.update(type(fault).__name__ for fault in plan.values())
        if not well and len(report.violations) < trial.violations_max:
            _play_again(trial, plan, report)


def _play_again(trial: _Trial, plan: Plan, report: Report) -> None:
    run = trial.run(plan, report.ending)
    run.play()
    once = Violation(plan, "once", "it broke, and did not when it was played again", tuple(map(str, run.faults.calls)))
    report.violations += run.violations or [once]


def _try(trial: _Trial, plan: Plan, report: Report) -> "_Run":
    run = trial.run(plan, report.ending)
    run.play()
    report.runs += 1
    report.dealt.update(type(call.fault).__name__ for call in run.faults.calls if call.fault)
    report.violations += run.violations
    return run


class _Run:
    """One world and its plan of faults, from the first attempt to the last."""

    def __init__(self, scenario: Scenario, plan: Plan, expected: Ending | None, same: Same, is_point: Points) -> None:
        self.faults = Faults(calls_max=CALLS_MAX)
        self.scene = scenario(self.faults)
        self.faults.calls.clear()  # what built the world is not what is tried
        self.faults.choose = self._choose
        self.plan = plan
        self.is_point = is_point
        self.points: set[int] = set()  # numbers of calls
        self.tried: set[int] = set()  # the same, but for what another scenario deals
        self.expected = expected
        self.same = same
        self.ending = Ending()
        self.violations: list[Violation] = []
        self.problem: BaseException | None = None

    def play(self, attempts: int = 2) -> None:
        """Attempt at least so often, and until no fault is ahead: the last attempt ends as the undisturbed one did."""
        attempt, undisturbed = 0, False
        while not self.violations and not (undisturbed and attempt >= attempts) and attempt <= len(self.plan) + 2:
            attempt += 1
            begun_at = len(self.faults.calls)
            self._attempt(attempt)
            undisturbed = max(self.plan, default=-1) < begun_at  # a branch gets its plan on the way
            if self.expected and not self.violations and (undisturbed or self.ending.error is None):
                self._compare(attempt, self.expected)
        self.faults.choose = never
        if self.scene.settled and not self.violations:
            self._check(self.scene.settled, f"in the end, after attempt {attempt}")

    def _choose(self, call: Call) -> Fault | None:
        if self.is_point(call):
            self.points.add(call.number)
        if self.scene.tried():
            self.tried.add(call.number)
        return self.plan.get(call.number)

    def _attempt(self, attempt: int) -> None:
        self.faults.restart()
        if attempt > 1 and self.scene.recover:
            self._end(self.scene.recover)
            self.faults.restart()
        self.ending = self._end(self.scene.act)
        if isinstance(self.ending.error, Endless):
            self._violated(f"attempt {attempt}", "it never ends", self.ending.error)
            return
        self._check(self.scene.check, f"after attempt {attempt}, which {self.ending}")

    def _check(self, check: Callable[[], None], stage: str) -> None:
        try:
            check()
        except AssertionError as broken:
            self._violated(stage, str(broken), broken)

    @staticmethod
    def _end(act: Callable[[], Any]) -> Ending:
        try:
            return Ending(answer=act())
        except (Exception, Crash, Endless) as error:
            return Ending(error=error)

    def _compare(self, attempt: int, expected: Ending) -> None:
        """An attempt without faults, or one that answered in spite of them, ends as the undisturbed one."""
        if expected.error is None and self.ending.error is None:
            as_expected = self.same(expected.answer, self.ending.answer)
        else:
            as_expected = type(self.ending.error) is type(expected.error)
        if not as_expected:
            self._violated(f"attempt {attempt}", f"{self.ending}, but without faults it {expected}", self.ending.error)

    def _violated(self, stage: str, problem: str, cause: BaseException | None) -> None:
        self.problem = cause
        self.violations.append(Violation(self.plan, stage, problem, tuple(map(str, self.faults.calls))))
