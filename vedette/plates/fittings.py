"""What belongs on a plate and is no defect: bolts, rivets, engraved lines, stamped numbers, dust.

Each resembles a defect on purpose: a rivet is a dent the other way up, a socket is a hole with a bolt around it, an
engraved line is a scratch with a ruler. A detector that cannot tell them apart is of no use on a real line.
"""

import cv2
import numpy as np

from vedette.plates.canvas import Canvas

SUPERSAMPLING = 4
"""Shapes are drawn this many times larger and shrunk, because OpenCV's own anti-aliasing is too coarse at 6 px."""


def add_fittings(rng: np.random.Generator, canvas: Canvas) -> None:
    for _ in range(int(rng.choice([0, 0, 1, 1, 2]))):
        _engraved_line(rng, canvas)
    if rng.random() < 0.3:
        _engraved_ring(rng, canvas)
    if rng.random() < 0.35:
        _stamped_number(rng, canvas)
    if rng.random() < 0.55:
        radius = int(rng.integers(11, 28))
        for _ in range(int(rng.integers(1, 6))):
            _bolt(rng, canvas, radius)
    if rng.random() < 0.35:
        _rivet_row(rng, canvas)
    _dust(rng, canvas)


def disc(radius: float, side: int) -> np.ndarray:
    """float32 [side, side]: 1 inside a centred circle of `radius` px, smooth at its rim."""
    centre = (side - 1) / 2
    ys, xs = np.ogrid[:side, :side]
    return np.clip(radius + 0.5 - np.hypot(xs - centre, ys - centre), 0, 1).astype(np.float32)


def filled_polygon(points: np.ndarray, width: int, height: int) -> np.ndarray:
    """float32 [height, width]: the share of each pixel that lies inside `points` [n, 2] (x, y in pixels)."""
    big = np.zeros((height * SUPERSAMPLING, width * SUPERSAMPLING), np.uint8)
    cv2.fillPoly(big, [np.round((points + 0.5) * SUPERSAMPLING).astype(np.int32)], 255)
    return shrunk(big, width, height)


def shrunk(big: np.ndarray, width: int, height: int) -> np.ndarray:
    """float32 0..1 [height, width] from a supersampled uint8 drawing."""
    mask: np.ndarray = cv2.resize(big, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return mask


def _groove(canvas: Canvas, x: int, y: int, mask: np.ndarray, depth: float) -> None:
    canvas.raise_by(x, y, -depth * cv2.GaussianBlur(mask, (0, 0), 0.8))
    canvas.paint(x, y, 0.35 * mask, canvas.albedo[y : y + mask.shape[0], x : x + mask.shape[1]] * 0.5)


def _engraved_line(rng: np.random.Generator, canvas: Canvas) -> None:
    """Dead straight, parallel to an edge, of even width: what a scratch never is."""
    x_min, y_min, x_max, y_max = canvas.inside
    upright = rng.random() < 0.5
    reach = (y_max - y_min) if upright else (x_max - x_min)
    length = int(reach * rng.uniform(0.35, 0.95))
    thickness = int(rng.integers(2, 6))
    width, height = (thickness + 6, length) if upright else (length, thickness + 6)
    room = canvas.find_room(rng, width, height)
    if room is None or length < 12:
        return
    mask = np.zeros((height, width), np.float32)
    inner = mask[4:-4, 3:-3] if upright else mask[3:-3, 4:-4]
    inner[...] = 1
    _groove(canvas, *room, mask, depth=rng.uniform(0.5, 0.9))


def _engraved_ring(rng: np.random.Generator, canvas: Canvas) -> None:
    radius = int(rng.integers(24, 70))
    side = 2 * radius + 12
    room = canvas.find_room(rng, side, side)
    if room is not None:
        thickness = rng.uniform(2, 5)
        _groove(canvas, *room, disc(radius, side) - disc(radius - thickness, side), depth=rng.uniform(0.5, 0.9))


def _stamped_number(rng: np.random.Generator, canvas: Canvas) -> None:
    text = f"{'ABCDEFGHKLMNPRSTVX'[int(rng.integers(18))]}{int(rng.integers(10, 99))}-{int(rng.integers(1000, 9999))}"
    size, thickness = rng.uniform(0.7, 1.5), int(rng.integers(2, 4))
    (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, thickness)
    width, height = width + 12, height + below + 12
    room = canvas.find_room(rng, width, height)
    if room is None:
        return
    mask = np.zeros((height, width), np.uint8)
    cv2.putText(mask, text, (6, height - 6 - below), cv2.FONT_HERSHEY_SIMPLEX, size, 255, thickness, cv2.LINE_AA)
    _groove(canvas, *room, mask.astype(np.float32) / 255, depth=rng.uniform(0.6, 1.0))


def _bolt(rng: np.random.Generator, canvas: Canvas, radius: int) -> None:
    """Washer, hexagonal or round head, and a socket or a slot: all centred, all sharp-edged."""
    side = 2 * int(radius * 1.5) + 11
    room = canvas.find_room(rng, side, side)
    if room is None:
        return
    head = disc(radius, side)
    if rng.random() < 0.5:
        corners = np.arange(6) * np.pi / 3 + rng.uniform(0, np.pi)
        head = filled_polygon((side - 1) / 2 + radius * np.stack([np.cos(corners), np.sin(corners)], 1), side, side)
    washer = disc(radius * 1.4, side)
    steel = np.full(3, rng.uniform(0.35, 0.62), np.float32)
    canvas.paint(*room, 0.8 * cv2.GaussianBlur(washer, (0, 0), 2.5), steel * 0.3)
    canvas.paint(*room, washer, steel * rng.uniform(0.8, 1.0))
    canvas.paint(*room, cv2.GaussianBlur(head, (0, 0), 1.5), steel * 0.5)
    canvas.paint(*room, head, steel)
    canvas.raise_by(*room, cv2.GaussianBlur(washer, (0, 0), 1.0) + 1.5 * cv2.GaussianBlur(head, (0, 0), 1.5))
    if rng.random() < 0.7:
        socket = disc(radius * 0.42, side)
    else:
        along, across, turn = radius * 0.8, radius * 0.13, rng.uniform(0, np.pi)
        corners = np.array([[-along, -across], [along, -across], [along, across], [-along, across]])
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        socket = filled_polygon((side - 1) / 2 + corners @ rotation, side, side)
    canvas.paint(*room, socket, steel * 0.15)


def _rivet_row(rng: np.random.Generator, canvas: Canvas) -> None:
    radius, count = int(rng.integers(6, 13)), int(rng.integers(3, 8))
    pitch, side = radius * int(rng.integers(5, 9)), 2 * radius + 9
    upright = rng.random() < 0.5
    long_side = pitch * (count - 1) + side
    room = canvas.find_room(rng, *((side, long_side) if upright else (long_side, side)))
    if room is None:
        return
    centre = (side - 1) / 2
    ys, xs = np.ogrid[:side, :side]
    dome = np.sqrt(np.clip(1 - ((xs - centre) ** 2 + (ys - centre) ** 2) / radius**2, 0, None)).astype(np.float32)
    steel = np.full(3, rng.uniform(0.4, 0.62), np.float32)
    for n in range(count):
        x, y = (room[0], room[1] + n * pitch) if upright else (room[0] + n * pitch, room[1])
        canvas.paint(x, y, 0.6 * cv2.GaussianBlur(disc(radius + 2, side), (0, 0), 1.5), steel * 0.2)
        canvas.paint(x, y, disc(radius, side), steel)
        canvas.raise_by(x, y, 0.35 * radius * dome)


def _dust(rng: np.random.Generator, canvas: Canvas) -> None:
    """Specks of one to four pixels, light or dark: smaller than any hole, yet a hole seen from afar looks like one."""
    h, w = canvas.shape
    for _ in range(int(rng.integers(0, 60))):
        x, y = int(rng.integers(0, w - 4)), int(rng.integers(0, h - 4))
        canvas.albedo[y : y + int(rng.integers(1, 5)), x : x + int(rng.integers(1, 5))] *= rng.uniform(0.15, 1.5)
