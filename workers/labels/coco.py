"""COCO's classes: 80 that have boxes, numbered 1 to 90 with ten gaps in the dataset, and without gaps elsewhere.

Source: mscoco_label_map.pbtxt of the TensorFlow Object Detection API.
"""

from typing import Final

#: Ids that COCO never used; models with 90 classes can put them out, but have never seen one.
COCO_90_GAPS: Final = frozenset({12, 26, 29, 30, 45, 66, 68, 69, 71, 83})

_NAMES: Final = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow",
    "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee",
    "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard",
    "tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich",
    "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed",
    "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven",
    "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip


def coco_90() -> dict[int, str]:
    """Ids 1 to 90 with gaps: the TensorFlow 2 Detection Model Zoo, TensorFlow Hub, automl's EfficientDet."""
    return dict(zip((number for number in range(1, 91) if number not in COCO_90_GAPS), _NAMES, strict=True))


def coco_80(first_id: int) -> dict[int, str]:
    """The same 80 without gaps, from `first_id`: Darknet, Ultralytics, KerasHub."""
    return dict(enumerate(_NAMES, start=first_id))
