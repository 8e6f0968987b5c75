"""Rendered metal plates with surface defects: the subject of the demo and of the bundled detectors.

Everything comes from a seed, so nobody has to download a data set, and the boxes are exact because the renderer
knows where it put each defect. Needs numpy and OpenCV, never TensorFlow: `vedette demo` renders plates in a process
that has no model in it.
"""

from vedette.plates.plate import LABELS, Plate
from vedette.plates.render import render_plate

__all__ = ["LABELS", "Plate", "render_plate"]
