"""The finishes a plate can have, before anything happened to it. One function per finish; each makes a fresh Canvas."""

from collections.abc import Callable

import cv2
import numpy as np

from vedette.plates import noise
from vedette.plates.canvas import Canvas

PAINTS_BGR = (
    (0.52, 0.44, 0.34),  # machine blue
    (0.36, 0.44, 0.33),  # reseda green
    (0.62, 0.68, 0.70),  # light grey
    (0.24, 0.27, 0.50),  # red oxide
    (0.30, 0.52, 0.66),  # ochre
    (0.40, 0.40, 0.42),  # dark grey
    (0.55, 0.50, 0.30),  # teal
    (0.30, 0.28, 0.27),  # anthracite
)


def bare_plate(rng: np.random.Generator, height_px: int, width_px: int) -> Canvas:
    """A plate in one of the finishes, drawn with `rng`, lying on a table whose edge may be in the picture."""
    finish = FINISHES[int(rng.integers(len(FINISHES)))]
    canvas = finish(rng, height_px, width_px)
    if rng.random() < 0.4:
        _show_edges(rng, canvas)
    return canvas


def brushed(rng: np.random.Generator, height: int, width: int) -> Canvas:
    angle = float(rng.choice([0.0, 90.0])) + rng.uniform(-4, 4)
    fine = noise.streaks(rng, height, width, int(rng.integers(40, 110)), angle)
    coarse = noise.streaks(rng, height, width, int(rng.integers(150, 400)), angle)
    tone = 1 + rng.uniform(0.02, 0.05) * fine + rng.uniform(0.01, 0.03) * coarse
    return _canvas(tone, _metal(rng, 0.42, 0.66), gloss=rng.uniform(0.5, 1.0))


def turned(rng: np.random.Generator, height: int, width: int) -> Canvas:
    """Faced on a lathe or ground in arcs: the marks are circles about a centre that may lie far outside."""
    x0, y0 = rng.uniform(-1.0, 2.0) * width, rng.uniform(-1.0, 2.0) * height
    ys, xs = np.ogrid[:height, :width]
    radius = np.sqrt(np.float32(xs - x0) ** 2 + np.float32(ys - y0) ** 2)
    pitch = rng.uniform(1.2, 2.5)
    profile = noise.grain(rng, 1, int(radius.max() / pitch) + 2, 0.7)[0]
    marks = profile[(radius / pitch).astype(np.int32)] + 0.5 * noise.white(rng, height, width)
    tone = 1 + rng.uniform(0.015, 0.035) * marks
    return _canvas(tone, _metal(rng, 0.42, 0.66), gloss=rng.uniform(0.4, 0.9))


def cast(rng: np.random.Generator, height: int, width: int) -> Canvas:
    """Rough from the mould: the grain is height, so it lives on the slope of the light."""
    tone = 1 + 0.05 * noise.clouds(rng, height, width, rng.uniform(30, 70)) + 0.02 * noise.white(rng, height, width)
    canvas = _canvas(tone, _metal(rng, 0.30, 0.48), gloss=rng.uniform(0.05, 0.25))
    canvas.height += rng.uniform(0.05, 0.11) * noise.grain(rng, height, width, rng.uniform(1.2, 2.2))
    return canvas


def painted(rng: np.random.Generator, height: int, width: int) -> Canvas:
    colour = np.array(PAINTS_BGR[int(rng.integers(len(PAINTS_BGR)))], np.float32) * rng.uniform(0.85, 1.1)
    tone = 1 + 0.015 * noise.clouds(rng, height, width, 60) + 0.01 * noise.white(rng, height, width)
    canvas = _canvas(tone, colour, gloss=rng.uniform(0.3, 0.9))
    canvas.height += rng.uniform(0.02, 0.06) * noise.grain(rng, height, width, rng.uniform(2.5, 4.0))
    return canvas


def galvanised(rng: np.random.Generator, height: int, width: int) -> Canvas:
    """Zinc crystals: each pixel belongs to the nearest of many random seeds, and each crystal has its own grey."""
    spacing = rng.uniform(18, 44)
    half_h, half_w = height // 2 + 1, width // 2 + 1
    seeds = np.full((half_h, half_w), 255, np.uint8)
    count = max(2, int(4 * half_h * half_w / spacing**2))
    seeds[rng.integers(half_h, size=count), rng.integers(half_w, size=count)] = 0
    _, cell = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    grey = (1 + rng.uniform(0.03, 0.07) * rng.standard_normal(int(cell.max()) + 1)).astype(np.float32)
    crystals = cv2.resize(grey[cell], (width, height), interpolation=cv2.INTER_LINEAR)
    tone = crystals + 0.012 * noise.white(rng, height, width)
    return _canvas(tone, _metal(rng, 0.46, 0.62), gloss=rng.uniform(0.2, 0.6))


FINISHES: tuple[Callable[[np.random.Generator, int, int], Canvas], ...] = (brushed, turned, cast, painted, galvanised)


def _metal(rng: np.random.Generator, darkest: float, brightest: float) -> np.ndarray:
    """A grey that leans a little to blue (steel) or to yellow (brass-like light)."""
    lean = rng.uniform(-0.05, 0.05)
    return rng.uniform(darkest, brightest) * np.array([1 + lean, 1.0, 1 - lean], np.float32)


def _canvas(tone: np.ndarray, colour: np.ndarray, gloss: float) -> Canvas:
    height, width = tone.shape
    albedo = np.asarray(tone, np.float32)[..., None] * np.asarray(colour, np.float32)
    return Canvas(albedo, np.zeros((height, width), np.float32), float(gloss), (0, 0, width, height))


def _show_edges(rng: np.random.Generator, canvas: Canvas) -> None:
    """Let one or more edges of the plate be seen: a dark table behind, a chamfer that catches the light."""
    h, w = canvas.shape
    reach = max(3, min(h, w) // 16)
    left, top, right, bottom = (int(rng.integers(reach // 3, reach)) if rng.random() < 0.6 else -reach for _ in "ltrb")
    corner = int(rng.integers(2, reach))
    mask = np.zeros((h, w), np.uint8)
    cv2.rectangle(mask, (left + corner, top), (w - right - corner, h - bottom), 255, -1)
    cv2.rectangle(mask, (left, top + corner), (w - right, h - bottom - corner), 255, -1)
    for x in (left + corner, w - right - corner):
        for y in (top + corner, h - bottom - corner):
            cv2.circle(mask, (x, y), corner, 255, -1, cv2.LINE_AA)
    plate = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 0.7)
    contact_shadow = cv2.blur(plate, (reach, reach))
    table = rng.uniform(0.08, 0.22) * (1 + 0.15 * noise.white(rng, h, w)) * (1 - 0.6 * contact_shadow)
    tint = rng.uniform(0.85, 1.15, 3).astype(np.float32)
    canvas.albedo = plate[..., None] * canvas.albedo + ((1 - plate) * table)[..., None] * tint
    canvas.height = plate * canvas.height + np.float32(1.2) * cv2.GaussianBlur(plate, (0, 0), 1.5)
    canvas.inside = (max(left, 0) + 6, max(top, 0) + 6, min(w, w - right) - 6, min(h, h - bottom) - 6)
