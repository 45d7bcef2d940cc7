"""Draws (first: only collected)."""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from recipes import changed, crops_of

from knownface.dataset.folder import scan
from knownface.dataset.portraits import Faces
from knownface.embed.embedder import Embedder
from knownface.measure.trial import Trial
from knownface.networks.load import Wanted, choose_backbone
from knownface.progress import silent
from knownface.training import candidates
from knownface.training.candidates import Candidate, Lesson, TrainingContext
from knownface.training.config import TrainingConfig
from knownface.training.history import History
from knownface.training.rounds import race_rounds
from knownface.training.train import load_network

CONDITIONS = ("clean", "20px")
TESTED = 16
NETWORK_ROUNDS = 2


@dataclass(frozen=True)
class Folder:
    crops: np.ndarray
    labels: np.ndarray
    def only(self, rows): return Folder(self.crops[rows], self.labels[rows])


def cropped(folder, limit):
    import cv2
    found = scan(folder)
    paths, labels, n = [], [], {}
    for p, l in zip(found.paths, found.labels.tolist()):
        if n.get(l, 0) < limit:
            n[l] = n.get(l, 0) + 1
            paths.append(p); labels.append(l)
    return Folder(np.stack([cv2.imread(str(p))[:, :, ::-1] for p in paths]), np.array(labels))


def draw(number, people, strangers):
    rng = np.random.default_rng(number)
    k, n = (int(round(np.exp(rng.uniform(np.log(5), np.log(20))))) for _ in range(2))
    given = bool(rng.random() < 0.5)
    chosen = rng.choice(people.labels.max() + 1, k, replace=False)
    train, test = [], []
    for person in chosen:
        rows = rng.permutation(np.flatnonzero(people.labels == person))
        test.extend(rows[:min(TESTED, len(rows) - n)]); train.extend(rows[-n:])
    relabel = {int(p): i for i, p in enumerate(chosen)}
    def part(rows): return Folder(people.crops[rows], np.array([relabel[int(x)] for x in people.labels[rows]]))
    ids = rng.permutation(strangers.labels.max() + 1)
    mine = np.isin(strangers.labels, ids[:30])
    others = np.isin(strangers.labels, ids[30:])
    st = lambda m, c: strangers.only(rng.permutation(np.flatnonzero(m))[:c])
    return k, n, given, part(np.array(train)), part(np.array(test)), st(mine, 90), st(others, 400)


def changed_all(f, condition, seed):
    rng = np.random.default_rng(seed)
    return np.stack([changed(c, condition, rng) for c in f.crops])


def trials(candidate, lesson, probes, truth, strangers, people):
    """name -> Trial arrays; truth in labels of training part."""
    learned = candidate.embed(lesson.faces)
    mine, others = candidate.embed(probes), candidate.embed(strangers)
    out = {}
    for kind in candidate.kinds:
        m = candidate.matcher(kind, learned, lesson.labels)
        t = Trial.of(m.templates, m.prepare(mine), np.searchsorted(lesson.people, truth), m.prepare(others))
        scores = np.full((len(truth), people), -1, np.float32)
        scores[:, lesson.people] = t.scores
        out[f"{candidate.name}|{kind}"] = (scores, truth, t.strangers.astype(np.float32))
    return out


def collect(number, condition, people, strangers, backbone, out, work):
    k, n, given, train, test, mine, others = draw(number, people, strangers)
    config = TrainingConfig("", seed=number)
    bb, wanted = choose_backbone(backbone, None, silent)
    model, _ = load_network(bb, wanted, config, silent)
    from knownface.networks.to_onnx import export_onnx
    export_onnx(model, work / "frozen.onnx")
    embedder = Embedder(work / "frozen.onnx")
    def faces(f, seed):
        c = changed_all(f, condition, seed); return Faces(c, embedder.embed(c))
    seed = number * 10
    F, T, M, O = (faces(f, seed + i) for i, f in enumerate((train, test, mine, others)))
    if not given:
        M = M[:0]
    history = History(work, "race", False, False, {})
    context = TrainingContext(model, embedder, work, "cpu", "auto", number, None, history, silent)
    groups = np.arange(len(train.labels))
    rounds = race_rounds(train.labels, groups, len(M), number)
    saved = {"facts": np.array([k, n, given, len(rounds)])}
    def keep(key, found, seconds):
        for name, (s, t, x) in found.items():
            saved[f"{key}|{name}|scores"], saved[f"{key}|{name}|truth"], saved[f"{key}|{name}|strangers"] = s, t, x
        saved[f"{key}|{list(found)[0].split('|')[0]}|{'kinds' if len(found)>1 else list(found)[0].split('|')[1]}|seconds"] = np.array(seconds)
    methods = [candidates.frozen, candidates.whitened, *(m for m in candidates.methods(model) if m is not candidates.whitened)]
    for m in methods:
        for i, r in enumerate(rounds):
            if m in (candidates.top, candidates.whole) and (i >= NETWORK_ROUNDS or enough(saved)): continue
            lesson = Lesson(F, train.labels, r.learned, f"race-{i}")
            start = time.perf_counter()
            c = m(context, lesson)
            x = np.concatenate([r.left_out + len(M)*0]) 
            st = Faces(np.concatenate([F.crops[r.left_out], M.crops]), np.concatenate([F.embeddings[r.left_out], M.embeddings]))
            found = trials(c, lesson, F[r.judged], train.labels[r.judged], st, k)
            keep(i, found, time.perf_counter() - start)
        lesson = Lesson(F, train.labels, np.arange(len(F)), "all")
        start = time.perf_counter()
        c = m(context, lesson)
        seconds = time.perf_counter() - start
        keep("end", trials(c, lesson, T, test.labels, O, k), seconds)
    np.savez_compressed(out, **saved)
    print(out.name, k, n, given, len(rounds), {a: round(float(b), 1) for a, b in saved.items() if a.endswith("seconds")}, flush=True)


def score(t):
    return (t.accuracy + np.mean([t.dir_at_far(f) for f in (0.01, 0.03, 0.1, 0.3)])) / 2


def enough(saved):
    """Every rule stops at the frozen network."""
    ts = [tuple(saved[f"{i}|frozen|means|{x}"] for x in ("scores", "truth", "strangers")) for i in range(saved["facts"][3])]
    pooled = Trial(*map(np.concatenate, zip(*ts)))
    return min(score(pooled), score(Trial(*ts[0]))) >= 0.95


def main():
    from knownface.training import finetune
    finetune._Checkpoint.save = lambda self, rows: None

    parser = argparse.ArgumentParser()
    parser.add_argument("people", type=Path); parser.add_argument("strangers", type=Path)
    parser.add_argument("--backbone", default="mobilefacenet")
    parser.add_argument("--draws", type=int, nargs=2, default=(0, 30))
    parser.add_argument("--faces", default="find"); parser.add_argument("--log", type=Path)
    a = parser.parse_args()
    cache = a.log / "crops.npz"
    a.log.mkdir(parents=True, exist_ok=True)
    if cache.is_file():
        z = np.load(cache); people, strangers = Folder(z["pc"], z["pl"]), Folder(z["sc"], z["sl"])
    else:
        if a.faces == "cropped":
            people, strangers = cropped(a.people, 99), cropped(a.strangers, 6)
        else:
            people, strangers = (Folder(*crops_of(f, a.backbone)) for f in (a.people, a.strangers))
        np.savez(cache, pc=people.crops, pl=people.labels, sc=strangers.crops, sl=strangers.labels)
    numbers = sorted(range(*a.draws), key=lambda d: (lambda t: t[0] * t[1])(draw(d, people, strangers)))
    for number in numbers:
        for condition in CONDITIONS:
            out = a.log / f"{number:03d}-{condition}.npz"
            if out.exists(): continue
            with tempfile.TemporaryDirectory() as w:
                collect(number, condition, people, strangers, a.backbone, out, Path(w))


if __name__ == "__main__":
    main()
