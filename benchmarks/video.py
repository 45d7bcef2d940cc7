"""Videos made from stills: identity switches, and how often a track has the right or a wrong name.

    python benchmarks/video.py RECOGNIZER PEOPLE STRANGERS WORK [--part crowd|clips|long]
        [--minutes 30] [--passes 8] [--seed 0]

PEOPLE/<name>/ holds photos of those whom RECOGNIZER knows, which it has not seen; STRANGERS/<name>/
photos of others; clips are written to the folder WORK.

crowd: everybody passes, two at a time, 5 pictures a second of 640 x 360, faces of 20 to 200 pixels.
clips: three clips of 1280 x 720 at 25 pictures a second, looked at with `--every 5`.
long: a clip of 640 x 360 at 25 pictures a second, again and again for so many minutes, with
`--every 5`: memory over time, and times real time.
"""

from __future__ import annotations

import argparse
import random
import resource
import time
from collections import defaultdict
from pathlib import Path

import av
import numpy as np
from scipy.optimize import linear_sum_assignment
from stage import Actor, Scene, crowd, cut_out, write_clip

import knownface
from knownface.recognition.motion import overlaps
from knownface.recognition.recognizer import Recognizer
from knownface.stats.intervals import wilson_interval

Cast = list[tuple[str, bool, list[np.ndarray]]]
SAME_PLACE = 0.3  # overlap of a face that is found with one that is there


class Score:
    """Counts answers against who is there; a pass is one actor from entering to leaving."""

    def __init__(self) -> None:
        self.there = self.found = self.switches = 0
        self.pictures = {True: [0, 0, 0], False: [0, 0, 0]}  # known: all, right, wrong names
        self.names: dict[int, list[str | None]] = defaultdict(list)
        self.actors: dict[int, Actor] = {}
        self._tracks: dict[int, int] = {}

    def add(
        self, truth: list[tuple[Actor, tuple[float, ...]]], found: knownface.Recognition
    ) -> None:
        boxes = [face.box for face in found.faces]
        same = overlaps([box for _, box in truth], boxes)  # type: ignore[misc]
        pairs = zip(*linear_sum_assignment(-same), strict=True)
        given = {i: found.faces[j] for i, j in pairs if same[i, j] >= SAME_PLACE}
        for i, (actor, _) in enumerate(truth):
            self.there += 1
            counts = self.pictures[actor.known]
            counts[0] += 1
            self.actors[id(actor)] = actor
            if i not in given:
                continue
            face = given[i]
            self.found += 1
            self.names[id(actor)].append(face.name)
            counts[1] += face.name == actor.name
            counts[2] += face.name not in (None, actor.name)
            if face.track is not None:
                before = self._tracks.setdefault(id(actor), face.track)
                self.switches += before != face.track
                self._tracks[id(actor)] = face.track

    def say(self, title: str) -> None:
        print(
            f"{title}: {len(self.actors)} passes, {self.found} of {self.there} faces found, "
            f"{self.switches} identity switches"
        )
        for known, kind in ((True, "known"), (False, "strangers")):
            passes = [self.names[key] for key, a in self.actors.items() if a.known == known]
            mine = [a.name for a in self.actors.values() if a.known == known]
            every, right, wrong = self.pictures[known]
            if not every:
                continue
            named = sum(m in names for m, names in zip(mine, passes, strict=True))  # at any picture
            taken = sum(
                any(n not in (None, m) for n in names)
                for m, names in zip(mine, passes, strict=True)
            )
            print(
                f"  {kind}, per picture: {_share(right, every)} right, {_share(wrong, every)} wrong"
            )
            print(
                f"  {kind}, per pass: {_share(named, len(passes))} rightly named, "
                f"{_share(taken, len(passes))} wrongly named at any picture",
                flush=True,
            )


def _share(count: int, of: int) -> str:
    low, high = wilson_interval(count, of)
    return f"{count} of {of} ({count / of:.3f}, {low:.3f} to {high:.3f})"


def score(recognizer: Recognizer, path: Path, scene: Scene, every: int) -> Score:
    found = Score()
    for each in knownface.recognize(recognizer, path, every=every):
        if each.error:
            raise SystemExit(each.error)
        found.add(scene.truth(each.seconds or 0.0), each)
    return found


# ---------------------------------------------------------------- casts
class Stills:
    """Cut-outs, each made once."""

    def __init__(self, recognizer: Recognizer) -> None:
        self._cropper = recognizer.cropper()
        self._made: dict[Path, np.ndarray | None] = {}

    def of(self, photos: list[Path]) -> list[np.ndarray]:
        for photo in photos:
            if photo not in self._made:
                self._made[photo] = cut_out(self._cropper, photo)
        return [cut for photo in photos if (cut := self._made[photo]) is not None]


def folders(place: Path) -> dict[str, list[Path]]:
    return {each.name: sorted(each.iterdir()) for each in sorted(place.iterdir()) if each.is_dir()}


def big_cast(options: argparse.Namespace, stills: Stills, rng: random.Random) -> Cast:
    """Each stranger once with up to four stills, each person several times with three."""
    cast = [
        (name, False, stills.of(photos[:4])) for name, photos in folders(options.strangers).items()
    ]
    for name, photos in folders(options.people).items():
        for _ in range(options.passes):
            cast.append((name, True, stills.of(rng.sample(photos, min(3, len(photos))))))
    rng.shuffle(cast)
    return [each for each in cast if each[2]]


def three_scenes(
    options: argparse.Namespace, stills: Stills, rng: random.Random
) -> dict[str, Scene]:
    """Two and two who cross; a street of nine who come and go; three who stay and are passed."""
    people = [(n, True, stills.of(p[:4])) for n, p in folders(options.people).items()]
    others = [(n, False, stills.of(p[:4])) for n, p in folders(options.strangers).items()]
    rng.shuffle(people)
    others = [each for each in others if len(each[2]) > 1] or others
    rng.shuffle(others)
    size, rate = (1280, 720), 25
    a, b, c, d, e = people[:5]
    x, y, z, w = (others * 4)[:4]
    crossing = [
        Actor(*a, 0.5, 8, (60, 200, 120), (1220, 220, 130)),
        Actor(*b, 0.5, 8, (1220, 240, 140), (60, 230, 120)),
        Actor(*x, 1, 9, (60, 540, 90), (1220, 500, 150)),
        Actor(*c, 1, 9, (1220, 520, 110), (60, 540, 100)),
    ]
    street = []
    for i, each in enumerate([d, x, e, y, a, z, b, w, c]):
        high = float(np.exp(rng.uniform(np.log(20), np.log(200))))
        level, way = rng.uniform(0.2, 0.8) * size[1], rng.random() < 0.5
        begin = 1.6 * i
        ends = ((0.0, level, high), (1280.0, level, min(200.0, 1.2 * high)))
        street.append(Actor(*each, begin, begin + 6.5, *(ends if way else ends[::-1])))
    staying = [
        Actor(*a, 0, 12, (250, 300, 150), (290, 300, 150)),
        Actor(*y, 0, 12, (640, 300, 140), (640, 320, 140)),
        Actor(*b, 0, 12, (1000, 300, 160), (960, 300, 160)),
        Actor(*z, 2, 9, (0, 320, 190), (1280, 320, 200)),
        Actor(*c, 6, 12, (1280, 560, 60), (300, 560, 80)),
    ]
    return {
        "crossing": Scene(size, crossing, 9.5, rate),
        "street": Scene(size, street, 20.0, rate),
        "staying": Scene(size, staying, 12.0, rate),
    }


# ---------------------------------------------------------------- long
def repeated(clip: Path, target: Path, minutes: float) -> None:
    """The clip's packets again and again."""
    with av.open(str(target), "w") as out:
        stream, offset, end = None, 0, 0
        while stream is None or float(offset * stream.time_base) < 60 * minutes:
            with av.open(str(clip)) as source:
                read = source.streams.video[0]
                stream = stream or out.add_stream_from_template(read)
                for packet in source.demux(read):
                    if packet.dts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + offset, packet.dts + offset
                    packet.time_base, packet.stream = read.time_base, stream
                    end = max(end, packet.pts + (packet.duration or 0))
                    out.mux(packet)
                offset = end


def memory_of(recognizer: Recognizer, path: Path, every: int) -> None:
    """Resident memory at each tenth of a video, and its speed."""
    with av.open(str(path)) as video:
        length = (video.duration or 0) / 1e6
    begun, spent, tenth = time.perf_counter(), time.process_time(), 1
    for each in knownface.recognize(recognizer, path, every=every):
        if (each.seconds or 0.0) >= tenth * length / 10:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            now = pages * resource.getpagesize() / 2**20
            print(f"  {each.seconds:.0f} s: {now:.0f} MiB", flush=True)
            tenth += 1
    wall, used = time.perf_counter() - begun, time.process_time() - spent
    print(
        f"long: {length:.0f} s of video in {wall:.0f} s, {length / wall:.1f} times real time; "
        f"{used:.0f} s of processor time, {length / used:.1f} times real time on one core"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("recognizer", "people", "strangers", "work"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--part", choices=("crowd", "clips", "long"), action="append")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--passes", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    parts = options.part or ["crowd", "clips", "long"]
    options.work.mkdir(parents=True, exist_ok=True)
    recognizer = Recognizer.load(options.recognizer)
    if {"crowd", "clips"} & set(parts):
        scored(recognizer, options, parts)
    if "long" in parts:
        make_short(recognizer, options)
        repeated(options.work / "short.mp4", options.work / "long.mp4", options.minutes)
        memory_of(recognizer, options.work / "long.mp4", 5)


def scored(recognizer: Recognizer, options: argparse.Namespace, parts: list[str]) -> None:
    """The parts that count names; in a function of their own, so that no still stays in memory."""
    stills, rng = Stills(recognizer), random.Random(options.seed)
    if "crowd" in parts:
        scene = crowd(big_cast(options, stills, rng), rng)
        write_clip(options.work / "crowd.mp4", scene)
        score(recognizer, options.work / "crowd.mp4", scene, 1).say("crowd")
    scenes = three_scenes(options, stills, rng) if "clips" in parts else {}
    for name, scene in scenes.items():
        write_clip(options.work / f"{name}.mp4", scene, sound=True)
        score(recognizer, options.work / f"{name}.mp4", scene, 5).say(name)


def make_short(recognizer: Recognizer, options: argparse.Namespace) -> None:
    """Fourteen passes of people and strangers."""
    stills, rng = Stills(recognizer), random.Random(options.seed)
    some = list(folders(options.people).items())[:7]
    others = list(folders(options.strangers).items())[:7]
    cast = [(name, True, stills.of(photos[:3])) for name, photos in some]
    cast += [(name, False, stills.of(photos[:3])) for name, photos in others]
    rng.shuffle(cast)
    write_clip(options.work / "short.mp4", crowd([c for c in cast if c[2]], rng, 25))


if __name__ == "__main__":
    main()
