"""What goes into a model and what comes out of it: the parts of `model.toml` that a SavedModel's signature decides.

Exporters differ in every point: uint8 pixels, normalised floats or encoded files; free or fixed sizes; boxes as
fractions or pixels, in four orders; with non-maximum suppression in the graph or without. Each point is a field, so
that whoever knows a signature that no exporter form of ours recognises can write it down. The defaults are those of the
TensorFlow Object Detection API. docs/models.md explains the fields; `workers.engine` acts on them.
"""

from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Triple = tuple[float, float, float]
Positive = Annotated[float, Field(gt=0)]
Pixels = Annotated[int, Field(ge=1, le=65_536)]

#: y and x as the model gives them: corners (`yxyx`, `xyxy`), corner and size (`xywh`), or centre and size (`cxcywh`).
BoxOrder = Literal["yxyx", "xyxy", "xywh", "cxcywh"]
#: Of what the model was fed: fractions of its height and width, or its pixels.
BoxUnits = Literal["fraction", "pixel"]
Activation = Literal["none", "sigmoid", "softmax"]


class Part(BaseModel):
    """A table of `model.toml`: a field that nobody knows is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Signature(Part):
    """How to call the SavedModel: what its one image tensor takes."""

    key: str = "serving_default"
    input: str = "input_tensor"
    #: `uint8` and `float32`: pixels, RGB; `encoded`: a string tensor with one PNG file for each image.
    input_dtype: Literal["uint8", "float32", "encoded"] = "uint8"
    #: For float32: what the tensor holds is (pixel - mean) / std, by channel, of pixels from 0 to 255.
    mean: Triple = (0.0, 0.0, 0.0)
    std: tuple[Positive, Positive, Positive] = (1.0, 1.0, 1.0)
    #: `nhwc`: [batch, height, width, 3]; `nchw`: [batch, 3, height, width].
    layout: Literal["nhwc", "nchw"] = "nhwc"
    #: `dynamic`: any number of same-sized images in a call; `one`: exactly one; a number: exactly so many.
    batch: Literal["dynamic", "one"] | Annotated[int, Field(ge=2, le=4096)] = "dynamic"
    #: Height and width of an input of fixed size, to which an image is brought before it is fed; None: any size is fed.
    size_px: tuple[Pixels, Pixels] | None = None
    #: How: `stretch` changes its shape; `letterbox` keeps it and pads below and right, or on both sides (`centred`).
    fit: Literal["stretch", "letterbox", "letterbox_centred"] = "stretch"
    #: Value of the padding, 0 to 255.
    pad: int = Field(default=0, ge=0, le=255)
    #: Longer side that a resizer inside the graph brings every image to; 0: there is none, size costs memory.
    resizes_to_px: int = Field(default=0, ge=0)


class Suppression(Part):
    """Non-maximum suppression for exports that leave it to the caller: `tf.image.combined_non_max_suppression`."""

    #: Two boxes of one class that overlap more are one object.
    iou: float = Field(default=0.5, gt=0, le=1)
    #: Candidates below are not looked at.
    min_score: float = Field(default=0.05, ge=0, le=1)
    most: int = Field(default=100, ge=1, le=10_000)


class BoxesOutputs(Part):
    """Finished detections, a tensor each: boxes [B, N, 4], scores [B, N], classes [B, N]. Most exporters' form."""

    kind: Literal["boxes"] = "boxes"
    boxes: str = "detection_boxes"
    scores: str = "detection_scores"
    #: "" when the model has one class, whose id is then 1.
    classes: str = "detection_classes"
    #: Number of valid rows [B]; "" when rows that are no detection have score 0 or class -1.
    count: str = "num_detections"
    order: BoxOrder = "yxyx"
    units: BoxUnits = "fraction"
    #: [B, 4, 2] of official/vision, whose row 2 is the scale by which the boxes' pixels were resized; "": none.
    image_info: str = ""
    #: False where outputs have no batch axis: boxes [N, 4], scores [N], classes [N].
    batched: bool = True


class RowsOutputs(Part):
    """Finished detections in one tensor [B, N, columns]: EfficientDet of google/automl (TF1), YOLO with NMS.

    A row of score 0 or of class -1 is none.
    """

    kind: Literal["rows"] = "rows"
    tensor: str
    #: What stands in each column. Box columns follow `order`.
    columns: tuple[Literal["image_id", "box0", "box1", "box2", "box3", "score", "class"], ...]
    #: Tensor of classes [B, N] where they are no column; "": they are, or there is one class, whose id is then 1.
    classes: str = ""
    order: BoxOrder = "yxyx"
    units: BoxUnits = "fraction"

    @model_validator(mode="after")
    def _columns_make_a_detection(self) -> Self:
        missing = [name for name in ("box0", "box1", "box2", "box3", "score") if self.columns.count(name) != 1]
        if missing:
            raise ValueError(f"columns must hold each of {', '.join(missing)} once")
        return self


class CandidatesOutputs(Part):
    """Decoded boxes [B, A, 4], [B, A, 1, 4] or [B, A, C, 4] and scores [B, A, C], before suppression."""

    kind: Literal["candidates"] = "candidates"
    boxes: str
    scores: str
    activation: Activation = "none"
    #: Class that the first column of scores stands for.
    first_class: int = 0
    order: BoxOrder = "yxyx"
    units: BoxUnits = "fraction"
    image_info: str = ""
    suppression: Suppression = Suppression()


class GridOutputs(Part):
    """One tensor of boxes and class scores per anchor point, before suppression: YOLO's head."""

    kind: Literal["grid"] = "grid"
    tensor: str
    #: `channels_first`: [B, 4 + C, A], Ultralytics from v8 on; `channels_last`: [B, A, 4 + C].
    layout: Literal["channels_first", "channels_last"] = "channels_first"
    #: Whether a column of objectness stands between box and classes, by which scores are multiplied (YOLOv5).
    objectness: bool = False
    order: BoxOrder = "cxcywh"
    units: BoxUnits = "fraction"
    first_class: int = 0
    suppression: Suppression = Suppression(iou=0.45, min_score=0.05, most=300)


class QueriesOutputs(Part):
    """One detection per query, boxes [B, Q, 4] and logits [B, Q, C], nothing to suppress: DETR, D-FINE."""

    kind: Literal["queries"] = "queries"
    boxes: str
    logits: str
    activation: Activation = "sigmoid"
    #: Whether the last class means "no object", as DETR's with its softmax.
    no_object: bool = False
    first_class: int = 0
    order: BoxOrder = "cxcywh"
    units: BoxUnits = "fraction"
    most: int = Field(default=300, ge=1, le=10_000)


class AnchorsOutputs(Part):
    """Regressions [B, A, 4] and logits [B, A, C] against anchors that the model doesn't tell: RetinaNet.

    Anchors as Lin et al., Focal Loss for Dense Object Detection (2017), 4: on each level l from `min_level` to
    `max_level`, a grid of stride 2^l; at each point sizes `anchor_size` × 2^l × 2^(k / scales), k = 0 … scales - 1,
    in each aspect ratio.
    """

    kind: Literal["anchors"] = "anchors"
    regression: str
    logits: str
    activation: Activation = "sigmoid"
    min_level: int = Field(default=3, ge=1, le=10)
    max_level: int = Field(default=7, ge=1, le=10)
    scales: int = Field(default=3, ge=1, le=16)
    #: Height to width. At each point all scales of the first ratio come first.
    aspect_ratios: tuple[Positive, ...] = (0.5, 1.0, 2.0)
    anchor_size: float = Field(default=4.0, gt=0)
    #: Where in its cell an anchor's centre stands: 0 its upper left corner (KerasHub), 0.5 its middle.
    centre: float = Field(default=0.0, ge=0, le=1)
    #: Whether sizes are cut and corners rounded to whole pixels (KerasHub).
    whole_px: bool = True
    #: By which the four regressions, as they are ordered, are multiplied before they are applied.
    variance: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    #: Of the regression's four numbers.
    order: Literal["cycxhw", "cxcywh"] = "cxcywh"
    first_class: int = 0
    suppression: Suppression = Suppression()

    @model_validator(mode="after")
    def _levels_ascend(self) -> Self:
        if self.min_level > self.max_level:
            raise ValueError(f"min_level {self.min_level} is above max_level {self.max_level}")
        return self


Outputs = Annotated[
    BoxesOutputs | RowsOutputs | CandidatesOutputs | GridOutputs | QueriesOutputs | AnchorsOutputs,
    Field(discriminator="kind"),
]

#: Of the Object Detection API: what a `model.toml` without an [outputs] table means.
DEFAULT_OUTPUTS: Final = BoxesOutputs()
