"""From measured peaks to the three numbers of a model's memory table. Pure arithmetic.

The formula is the one by which a worker admits a batch (contract/model_spec.py):

    bytes = base + images x (per_image + megapixels of one image x per_megapixel)
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Sample:
    images: int
    megapixels: float
    peak_bytes: int


@dataclass(frozen=True)
class Fit:
    base_bytes: int
    per_image_bytes: int
    per_megapixel_bytes: int

    def predict(self, sample: Sample) -> float:
        per_image = self.per_image_bytes + sample.megapixels * self.per_megapixel_bytes
        return self.base_bytes + sample.images * per_image


def fit(samples: list[Sample]) -> Fit:
    """Least squares without negative costs; then the base is raised until no measured peak lies above the plane."""
    images = np.array([sample.images for sample in samples], np.float64)
    area = images * [sample.megapixels for sample in samples]
    peaks = np.array([sample.peak_bytes for sample in samples], np.float64)
    columns = {"per_image_bytes": images, "per_megapixel_bytes": area}
    while True:
        design = np.stack([np.ones(len(samples)), *columns.values()], axis=1)
        base, *costs = np.linalg.lstsq(design, peaks, rcond=None)[0]
        negative = [name for name, cost in zip(columns, costs, strict=True) if cost < 0]
        if not negative:
            break
        del columns[negative[0]]
    whole = {"per_image_bytes": 0, "per_megapixel_bytes": 0}
    whole |= {name: int(np.ceil(cost)) for name, cost in zip(columns, costs, strict=True)}
    flat = Fit(int(np.ceil(base)), **whole)
    above = max(sample.peak_bytes - flat.predict(sample) for sample in samples)
    return Fit(flat.base_bytes + max(0, int(np.ceil(above))), **whole)
