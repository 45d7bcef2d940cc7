"""Answers that a page explains: cards of wrong ones and of accepted strangers."""

from __future__ import annotations

import numpy as np
from PIL import Image

from knownface.measure.evaluation import Evaluation
from knownface.measure.explanation import WORST, Accepted, Answer, Explanation
from knownface.pages.page import Card
from knownface.pages.pictures import FaceSheet, Figure


def wrong_answers(evaluation: Evaluation, explanation: Explanation, sheet: FaceSheet) -> list[Card]:
    """A card for each of the worst."""
    errors = {error.photo: error for error in evaluation.errors}
    shown = [each for each in explanation.answers if each.photo in errors][:WORST]
    return [
        Card(
            f"{each.true}, taken for {each.predicted}",
            f"{each.photo} · similarity {errors[each.photo].similarity:.2f}, "
            f"{each.margin:.2f} more than with the right person",
            {"this photo": _pictures(each, f"tested {each.photo}", sheet)}
            | {
                f"nearest of {name}": _enrolled(
                    errors[each.photo].nearest.get(name, []), explanation, sheet
                )
                for name in (each.predicted, each.true)
            },
        )
        for each in shown
    ]


def accepted_strangers(explanation: Explanation, sheet: FaceSheet) -> list[Card]:
    """A card for each stranger who was named."""
    return [
        Card(
            f"A stranger, taken for {each.predicted}",
            f"{each.photo} · similarity {each.similarity:.2f}",
            {
                "this photo": _pictures(each, f"stranger {each.photo}", sheet),
                f"nearest of {each.predicted}": _enrolled(each.nearest, explanation, sheet),
            },
        )
        for each in explanation.accepted
    ]


def _pictures(answer: Answer | Accepted, key: str, sheet: FaceSheet) -> list[Figure | None]:
    """The photo itself and, where there is one, its heat map."""
    shown = [sheet.figure(sheet.add(key, answer.crop), answer.photo)]
    if answer.heat is not None:
        number = sheet.add(f"heat of {key}", heat_picture(answer.crop, answer.heat))
        shown.append(sheet.figure(number, f"Heat map of {answer.photo}"))
    return shown


def _enrolled(photos: list[str], explanation: Explanation, sheet: FaceSheet) -> list[Figure | None]:
    enrolled = explanation.enrolled
    return [
        sheet.figure(sheet.add(f"enrolled {photo}", enrolled[photo]), photo)
        for photo in photos
        if photo in enrolled
    ]


def heat_picture(crop: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """The crop in grey, orange where it spoke for the wrong name and blue for the right one."""
    size = crop.shape[1], crop.shape[0]
    strength = heat / max(float(np.abs(heat).max()), 1e-9)
    smooth = Image.fromarray(strength.astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
    values = np.clip(np.asarray(smooth), -1, 1)[:, :, None]
    colour = np.where(values > 0, (255.0, 110.0, 0.0), (30.0, 110.0, 255.0))
    opacity = 0.7 * np.abs(values)
    grey = np.repeat(crop.mean(2, keepdims=True), 3, axis=2)
    return np.asarray((1 - opacity) * grey + opacity * colour).round().astype(np.uint8)
