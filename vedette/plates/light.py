"""From surface to picture: the lamp, what it mirrors, what stands in its way, and the camera."""

import cv2
import numpy as np

from vedette.plates import noise
from vedette.plates.canvas import Canvas


def illuminate(rng: np.random.Generator, canvas: Canvas) -> np.ndarray:
    """float32 [H, W, 3], BGR, about 0..1.2: the light that reaches the lens.

    One distant lamp: brightness is 1 + slope towards the lamp (the linear part of Lambert's law for small slopes).
    """
    h, w = canvas.shape
    angle = rng.uniform(0, 2 * np.pi)
    slope_y: np.ndarray = cv2.Sobel(canvas.height, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    slope_x: np.ndarray = cv2.Sobel(canvas.height, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    slope = np.float32(np.cos(angle)) * slope_x + np.float32(np.sin(angle)) * slope_y
    shading = np.clip(1 + slope, 0.3, 1.9)
    lamp = _lamp(rng, h, w, angle) * _shadows(rng, h, w)
    glint = np.float32(0.5 * canvas.gloss) * np.clip(slope - 0.12, 0, 0.6)
    glare = glint * lamp + np.float32(canvas.gloss) * _reflections(rng, h, w)
    warmth = rng.uniform(-0.06, 0.06)
    colour = np.array([1 + warmth, 1.0, 1 - warmth], np.float32)
    light: np.ndarray = canvas.albedo * ((shading * lamp)[..., None] * colour) + glare[..., None] * colour
    return light


def photograph(rng: np.random.Generator, light: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3]: exposure, soft highlights, lens blur, sensor noise, sometimes a JPEG on the way."""
    exposed = light * np.float32(rng.uniform(0.85, 1.25))
    exposed = np.where(exposed > 0.75, 0.75 + 0.25 * np.tanh((exposed - 0.75) / 0.25), exposed).astype(np.float32)
    blur_px = rng.uniform(0.0, 0.9)
    if blur_px > 0.3:
        exposed = cv2.GaussianBlur(exposed, (0, 0), blur_px)
    h, w = exposed.shape[:2]
    sensor = noise.white(rng, h, w) * np.float32(rng.uniform(0.6, 3.5) / 255)
    picture: np.ndarray = np.clip((exposed + sensor[..., None]) * 255 + 0.5, 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        _, coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(70, 95))])
        decoded: np.ndarray = cv2.imdecode(coded, cv2.IMREAD_COLOR)  # type: ignore[assignment]
        return decoded
    return picture


def _lamp(rng: np.random.Generator, h: int, w: int, angle: float) -> np.ndarray:
    """Brighter towards the lamp, brightest in a spot somewhere on the plate."""
    ys = np.linspace(-1, 1, h, dtype=np.float32)[:, None]
    xs = np.linspace(-1, 1, w, dtype=np.float32)[None, :]
    fall = np.float32(rng.uniform(0, 0.22)) * (np.float32(-np.cos(angle)) * xs + np.float32(-np.sin(angle)) * ys)
    x0, y0, reach = rng.uniform(-0.7, 0.7), rng.uniform(-0.7, 0.7), rng.uniform(0.6, 1.5)
    spot = np.exp(-(((xs - np.float32(x0)) / np.float32(reach)) ** 2))
    spot = spot * np.exp(-(((ys - np.float32(y0)) / np.float32(reach)) ** 2))
    lamp: np.ndarray = 1 + fall + np.float32(rng.uniform(0.0, 0.35)) * (spot - np.float32(0.6))
    return lamp


def _shadows(rng: np.random.Generator, h: int, w: int) -> np.ndarray | np.float32:
    """What stands between lamp and plate: a bar, its rim soft or sharp. Dark and flat like a stain, but long."""
    if rng.random() < 0.6:
        return np.float32(1)
    across = _bands(rng, h, w, width=rng.uniform(0.08, 0.6), soft_px=rng.uniform(2, 30))
    return 1 - np.float32(rng.uniform(0.2, 0.45)) * across


def _reflections(rng: np.random.Generator, h: int, w: int) -> np.ndarray | np.float32:
    """Tubes or windows mirrored in the surface: bright bands with soft edges."""
    if rng.random() < 0.45:
        return np.float32(0)
    strength = np.float32(rng.uniform(0.06, 0.22))
    return strength * _bands(rng, h, w, width=rng.uniform(0.03, 0.3), soft_px=rng.uniform(8, 60))


def _bands(rng: np.random.Generator, h: int, w: int, width: float, soft_px: float) -> np.ndarray:
    """0..1: one or two parallel bands `width` (share of the picture's diagonal) wide at a random angle."""
    turn, diagonal = rng.uniform(0, np.pi), np.float32(np.hypot(h, w))
    ys, xs = np.ogrid[:h, :w]
    distance = np.float32(np.cos(turn)) * (xs - np.float32(w / 2)) + np.float32(np.sin(turn)) * (ys - np.float32(h / 2))
    bands = np.zeros((h, w), np.float32)
    offset = rng.uniform(-0.4, 0.4)
    for n in range(int(rng.integers(1, 3))):
        middle = np.float32(offset + 1.6 * n * width) * diagonal
        rim = np.float32(width / 2) * diagonal - np.abs(distance - middle)
        bands = np.maximum(bands, np.clip(rim / np.float32(soft_px) + 0.5, 0, 1))
    return bands * bands * (3 - 2 * bands)
