"""What was kept of a draw of `race.py` or `race_rule.py`, the rules, and what came of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from knownface.measure.trial import Trial
from knownface.stats.intervals import wilson_interval
from knownface.training import race
from knownface.training.judging import Judged, probability_better, random_weights
from knownface.training.race import CandidateTrial

CLEARLY = 0.2  # of the rule `one round`: the lead asked for, times the root of the number of photos
COUNTED, LEAD = 0.7, 0.02  # of the rule `counted`: the probability and the lead asked for
ARRAYS = ("scores", "truth", "strangers", "others")
Name = tuple[str, str]  # of a network, and of the way in which it is compared


@dataclass(frozen=True)
class Record:
    """What was kept of a draw: of each candidate its rounds, its end, and its seconds."""

    rounds: dict[Name, list[Judged]]
    ends: dict[Name, Judged]
    seconds: dict[tuple[str, str], float]

    @classmethod
    def of(cls, kept: dict[str, np.ndarray]) -> Record:
        rounds: dict[Name, list[Judged]] = {}
        ends: dict[Name, Judged] = {}
        seconds: dict[tuple[str, str], float] = {}
        for key in (key.removesuffix("|scores") for key in kept if key.endswith("|scores")):
            where, network, kind = key.split("|")
            scores, truth, strangers, others = (kept[f"{key}|{name}"] for name in ARRAYS)
            each = Judged(Trial(scores, truth, strangers), others)
            if where == "end":
                ends[network, kind] = each
            else:
                rounds.setdefault((network, kind), []).append(each)
            seconds[where, network] = float(kept[f"{key}|seconds"])
        return cls(rounds, ends, seconds)

    @property
    def frozen(self) -> Name:
        """The frozen network as it is compared where nothing else is chosen."""
        return next(name for name in self.ends if name[0] == "frozen")

    @property
    def networks(self) -> list[list[Name]]:
        """Candidates in the order of the race, each with its ways of comparison."""
        kinds: dict[str, list[Name]] = {}
        for name in self.ends:  # a whitened frozen network enters by itself
            kinds.setdefault("whitened" if name == ("frozen", "whitened") else name[0], []).append(
                name
            )
        return list(kinds.values())


def nothing_to_win(kept: dict[str, np.ndarray]) -> bool:
    """Whether every rule stops before a network is trained."""
    record = Record.of(kept)
    parts = record.rounds[record.frozen]
    return min(Judged.pooled(parts).score, parts[0].score) >= race.ENOUGH


def one_round(record: Record) -> tuple[Name, float]:
    """The first rule: one round, and a lead that falls with the number of photos."""
    names = record.networks
    chosen, spent = record.frozen, 0.0
    first = best = record.rounds[chosen][0]
    clearly = first.score + CLEARLY / np.sqrt(len(first.trial.truth))
    for kinds in names[1:]:
        if best.score >= race.ENOUGH or kinds[0] not in record.rounds:
            break
        spent += record.seconds["0", kinds[0][0]]
        for name in kinds:
            each = record.rounds[name][0]
            accurate = each.trial.accuracy >= first.trial.accuracy
            if each.score > max(best.score, clearly) and accurate:
                best, chosen = each, name
    return chosen, spent + record.seconds["end", chosen[0]]


Better = Callable[[Judged, Judged], float]  # how probable it is that one is
Choice = Callable[[Sequence[CandidateTrial]], CandidateTrial]


def raced(record: Record, better: Better, choose: Choice) -> tuple[Name, float]:
    """What is chosen in rounds, and the seconds that took."""
    tried: list[CandidateTrial] = []
    spent = 0.0
    for kinds in record.networks:
        if tried and race.enough(choose(tried)):
            break
        if kinds[0] not in record.rounds:
            break
        count = len(record.rounds[kinds[0]])
        for rounds in range(1, count + 1):
            spent += record.seconds[str(rounds - 1), kinds[0][0]]
            trials = [tried_in(record, name, rounds, better) for name in kinds]
            if tried and not race.goes_on(trials):
                break
        tried += trials
    best = choose(tried)
    return (best.network, best.kind), spent + record.seconds["end", best.network]


def tried_in(record: Record, name: Name, rounds: int, better: Better) -> CandidateTrial:
    each = Judged.pooled(record.rounds[name][:rounds])
    against = Judged.pooled(record.rounds[record.frozen][:rounds])
    return CandidateTrial(*name, each, against, better(each, against), 0.0)  # type: ignore[arg-type]


def more_counted(one: Judged, other: Judged) -> float:
    """How probable it is that the score of `one` is higher, by what is counted alone."""
    weights = random_weights(one)
    gains = one.weighted(*weights) - other.weighted(*weights)
    return float((gains > 0).mean() + (gains == 0).mean() / 2)


def best_counted(tried: Sequence[CandidateTrial]) -> CandidateTrial:
    leads = [each.judged.score - each.against.score for each in tried]
    better = [i for i, each in enumerate(tried) if each.sure >= COUNTED and leads[i] >= LEAD]
    return tried[max(better, key=lambda i: leads[i], default=0)]


RULES: dict[str, Callable[[Record], tuple[Name, float]]] = {
    "frozen": lambda record: (record.frozen, 0.0),
    "one round": one_round,
    "counted": partial(raced, better=more_counted, choose=best_counted),  # of the versions between
    "now": partial(raced, better=probability_better, choose=race.choose),
}


# ---------------------------------------------------------------- what came of it
def ended(judged: Judged) -> tuple[float, float]:
    """Accuracy, and DIR at FAR 1 %."""
    return judged.trial.accuracy, judged.dirs[0]


def far_worse(chosen: Judged, frozen: Judged) -> bool:
    """Below the frozen network's 95 % interval, in accuracy or in DIR."""
    low = frozen.trial.accuracy_ci95[0], frozen.trial.dir_at_far_ci95(0.01, frozen.others)[0]
    return any(x < least for x, least in zip(ended(chosen), low, strict=True))


COLUMNS = (
    "rule", "accuracy", "DIR", "regret in accuracy", "regret in DIR", "other than frozen", "worse",
    "far worse", "seconds",
)  # fmt: skip


def table(records: list[Record]) -> Iterator[str]:
    """A line for each rule; the mean of draws, with a 95 % interval from resampling them."""
    yield "| " + " | ".join(COLUMNS) + " |"
    yield "|---" * len(COLUMNS) + "|"
    rng = np.random.default_rng(0)
    some = rng.integers(0, len(records), (2000, len(records)))
    ends: dict[str, np.ndarray] = {}
    for name, rule in RULES.items():
        rows, flags = [], []
        for record in records:
            chosen, seconds = rule(record)
            frozen, end = record.ends[record.frozen], record.ends[chosen]
            best = max(record.ends.values(), key=lambda each: sum(ended(each)))
            rows.append([*ended(end), *np.subtract(ended(best), ended(end)), seconds])
            other = chosen != record.frozen
            flags.append([other, sum(ended(end)) < sum(ended(frozen)), far_worse(end, frozen)])
        values = ends[name] = np.array(rows)
        lows, highs = np.percentile(values[some].mean(1), [2.5, 97.5], axis=0)
        means = [
            f"{mean:.3f} ({low:.3f} to {high:.3f})"
            for mean, low, high in zip(values.mean(0), lows, highs, strict=True)
        ][:4]
        counts = np.array(flags).sum(0).tolist()
        shares = [f"{counts[0]}"]
        for count in counts[1:]:
            low, high = wilson_interval(count, len(records))
            shares.append(f"{count} ({low:.2f} to {high:.2f})")
        yield "| " + " | ".join([name, *means, *shares, f"{values[:, 4].mean():.0f}"]) + " |"
    for name in ("one round", "counted"):
        gains = (ends["now"] - ends[name])[:, :4]
        lows, highs = np.percentile(gains[some].mean(1), [2.5, 97.5], axis=0)
        cells = zip(gains.mean(0), lows, highs, strict=True)
        texts = [f"{mean:+.3f} ({low:+.3f} to {high:+.3f})" for mean, low, high in cells]
        yield f"| now less {name} | " + " | ".join(texts) + " | | | | |"
