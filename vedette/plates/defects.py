"""The four defects. Each painter finds room, changes the canvas, and returns the box an inspector draws, or None.

Sizes are in pixels of the full picture. Many defects are fine on purpose: what is 2 px wide here is less than a pixel
when the plate is seen at 320 px, which is what tells the large model from the small one.
"""

from collections.abc import Callable

import cv2
import numpy as np

from vedette.plates import noise
from vedette.plates.canvas import Box, Canvas
from vedette.plates.fittings import SUPERSAMPLING, filled_polygon, shrunk
from vedette.plates.plate import DENT, HOLE, SCRATCH, STAIN

INSPECTOR_MARGIN_PX = 2
"""People draw boxes a little outside what they mark; it also keeps the box of a thin scratch from having no area."""

RUST_BGR, OIL_BGR, WATER_BGR, HEAT_BGR = (0.10, 0.20, 0.36), (0.10, 0.11, 0.12), (0.80, 0.80, 0.78), (0.42, 0.24, 0.22)

CHANCE_OF_COUNT = (0.06, 0.08, 0.12, 0.14, 0.16, 0.14, 0.12, 0.08, 0.06, 0.04)
"""Of 0, 1, 2 ... 9 defects on a plate."""

CHANCE_OF_CLASS = (0.3, 0.22, 0.28, 0.2)
"""In the order of PAINTERS."""

Painter = Callable[[np.random.Generator, Canvas], Box | None]


def add_defects(rng: np.random.Generator, canvas: Canvas) -> list[tuple[int, Box]]:
    """Paint 0 to 9 defects; returns (class id, box) of each that found room."""
    count = int(rng.choice(len(CHANCE_OF_COUNT), p=CHANCE_OF_COUNT))
    found: list[tuple[int, Box]] = []
    for class_id in rng.choice(list(PAINTERS), size=count, p=CHANCE_OF_CLASS):
        box = PAINTERS[int(class_id)](rng, canvas)
        if box is not None:
            found.append((int(class_id), box))
    return found


def scratch(rng: np.random.Generator, canvas: Canvas) -> Box | None:
    """A bent stroke 1 to 3 px wide that fades at both ends; sometimes two or three side by side."""
    length = float(np.exp(rng.uniform(np.log(26), np.log(230))))
    angle, bend = rng.uniform(0, np.pi), rng.normal(0, 0.14) * length
    direction, normal = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    strokes = []
    for n in range(int(rng.choice([1, 1, 1, 1, 2, 3]))):
        start, end = (-1.0, 1.0) if n == 0 else (rng.uniform(-1, -0.2), rng.uniform(0.2, 1))
        t = np.linspace(start, end, 40)
        across = bend * (1 - t**2) + rng.normal(0, 0.006) * length * np.sin(3 * np.pi * t) + n * rng.uniform(3.5, 6)
        strokes.append((t * length / 2)[:, None] * direction + across[:, None] * normal)
    everything = np.concatenate(strokes)
    corner = everything.min(0) - 4
    width, height = (int(v) for v in np.ceil(everything.max(0) - corner + 5))
    room = canvas.find_room(rng, width, height)
    if room is None:
        return None
    mask = np.zeros((height, width), np.float32)
    for stroke in strokes:
        mask = np.maximum(mask, _stroke(stroke - corner, width, height, rng.uniform(0.8, 2.2)))
    bare = canvas.albedo[room[1] : room[1] + height, room[0] : room[0] + width]
    brightness = float(bare.mean())
    lighter = brightness < 0.5 or (brightness < 0.6 and rng.random() < 0.5)
    tone = brightness + rng.uniform(0.18, 0.38) if lighter else brightness * rng.uniform(0.3, 0.6)
    canvas.paint(*room, mask, np.full(3, tone, np.float32))
    canvas.raise_by(*room, -rng.uniform(0.1, 0.4) * mask)
    return _box_of(mask > 0.2, room)


def dent(rng: np.random.Generator, canvas: Canvas) -> Box | None:
    """A smooth hollow. Its slope, and so its contrast, does not depend on its size."""
    radius = float(np.exp(rng.uniform(np.log(7), np.log(48))))
    squash, turn = rng.uniform(0.65, 1.0), rng.uniform(0, np.pi)
    side = int(2.6 * radius) + 8
    room = canvas.find_room(rng, side, side)
    if room is None:
        return None
    ys, xs = np.mgrid[:side, :side].astype(np.float32) - (side - 1) / 2
    warp = 0.12 * radius * noise.clouds(rng, side, side, max(4.0, radius))
    u = (xs * np.cos(turn) + ys * np.sin(turn) + warp) / radius
    v = (ys * np.cos(turn) - xs * np.sin(turn) + warp) / (radius * squash)
    distance = np.sqrt(u * u + v * v)
    hollow = np.where(distance < 1.2, 0.5 + 0.5 * np.cos(np.pi * np.minimum(distance / 1.2, 1)), 0).astype(np.float32)
    canvas.raise_by(*room, -rng.uniform(0.26, 0.5) * radius * 0.76 * hollow)
    canvas.paint(*room, 0.12 * hollow, np.zeros(3, np.float32))
    return _box_of(hollow > 0.08, room)


def hole(rng: np.random.Generator, canvas: Canvas) -> Box | None:
    """Three in four are pinholes of 6 to 12 px; the others reach 34 px. Black inside, a burr around."""
    diameter = rng.uniform(6, 12) if rng.random() < 0.75 else rng.uniform(12, 34)
    side = int(diameter) + 12
    room = canvas.find_room(rng, side, side)
    if room is None:
        return None
    angles = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    rim = np.ones(32)
    for n in (2, 3, 5):
        rim += rng.uniform(0, 0.14 / n) * np.cos(n * angles + rng.uniform(0, 6))
    centre = (side - 1) / 2 + rng.uniform(-0.5, 0.5, 2)
    outline = centre + diameter / 2 * rim[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)
    mask = filled_polygon(outline, side, side)
    burr = cv2.GaussianBlur(mask, (0, 0), 1.3) - cv2.GaussianBlur(mask, (0, 0), 0.6)
    canvas.raise_by(*room, rng.uniform(0.4, 0.9) * burr)
    canvas.paint(*room, mask, np.full(3, rng.uniform(0.01, 0.07), np.float32))
    return _box_of(mask > 0.4, room)


def stain(rng: np.random.Generator, canvas: Canvas) -> Box | None:
    """Rust, oil, dried water or heat tint: a ragged flat patch, often darker at its rim where it dried last."""
    width, height = (int(v) for v in np.exp(rng.uniform(np.log(22), np.log(150))) * rng.uniform(0.7, 1.3, 2))
    room = canvas.find_room(rng, width + 8, height + 8)
    if room is None:
        return None
    w, h = width + 8, height + 8
    ys, xs = np.ogrid[:h, :w]
    inside = 1 - ((xs - w / 2) / (width / 2)) ** 2 - ((ys - h / 2) / (height / 2)) ** 2
    ragged = 0.30 * noise.clouds(rng, h, w, min(w, h) / 3) + 0.10 * noise.clouds(rng, h, w, max(3.0, min(w, h) / 9))
    field = np.minimum(inside + 0.1 + ragged * np.clip(inside + 0.6, 0, 1), 3 * (inside + 0.15)).astype(np.float32)
    mask = _centre_piece(np.clip(field / rng.uniform(0.15, 0.45), 0, 1).astype(np.float32))
    colour, strength = _stain_colour(rng, float(canvas.albedo[room[1] : room[1] + h, room[0] : room[0] + w].mean()))
    dried_rim = np.exp(-(((field - 0.12) / 0.12) ** 2)).astype(np.float32) * (mask > 0.05)
    canvas.paint(*room, mask * strength * (1 + 0.15 * noise.clouds(rng, h, w, 6)).clip(0.6, 1.2), colour)
    canvas.paint(*room, rng.uniform(0, 0.3) * dried_rim, colour * 0.5)
    return _box_of(mask > 0.25, room)


PAINTERS: dict[int, Painter] = {SCRATCH: scratch, DENT: dent, HOLE: hole, STAIN: stain}


def _stroke(path: np.ndarray, width: int, height: int, width_px: float) -> np.ndarray:
    """float32 [height, width]: a line along `path` [n, 2], `width_px` wide in the middle, half that at both ends."""
    big = np.zeros((height * SUPERSAMPLING, width * SUPERSAMPLING), np.uint8)
    points = np.round((path + 0.5) * SUPERSAMPLING).astype(np.int32)
    fading = 1 - 0.5 * np.abs(np.linspace(-1, 1, len(path))) ** 3
    for here, there, share in zip(points[:-1], points[1:], fading[:-1], strict=True):
        cv2.line(big, here.tolist(), there.tolist(), 255, max(2, round(SUPERSAMPLING * width_px * float(share))))
    return shrunk(big, width, height)


def _centre_piece(mask: np.ndarray) -> np.ndarray:
    """Keep the largest connected part, so that one stain is one box."""
    count, parts, stats, _ = cv2.connectedComponentsWithStats((mask > 0.05).astype(np.uint8))
    return mask if count < 2 else mask * (parts == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])))


def _stain_colour(rng: np.random.Generator, brightness: float) -> tuple[np.ndarray, float]:
    """A colour that can be seen on what lies below it, and how much of it covers."""
    kinds = [(RUST_BGR, 0.75), (OIL_BGR, 0.6), (HEAT_BGR, 0.55)] + ([(WATER_BGR, 0.5)] if brightness < 0.5 else [])
    if brightness < 0.33:
        kinds = [(RUST_BGR, 0.85), (WATER_BGR, 0.45)]
    colour, strength = kinds[int(rng.integers(len(kinds)))]
    return np.array(colour, np.float32) * rng.uniform(0.85, 1.15), strength * rng.uniform(0.75, 1.1)


def _box_of(seen: np.ndarray, corner: tuple[int, int]) -> Box | None:
    ys, xs = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    if not len(xs):
        return None
    x, y, m = corner[0], corner[1], INSPECTOR_MARGIN_PX
    return x + int(xs[0]) - m, y + int(ys[0]) - m, x + int(xs[-1]) + 1 + m, y + int(ys[-1]) + 1 + m
