"""A folder of images in, detections out: the good, the bad, and what the model itself says of them."""

import numpy as np
import pytest

from contract.model_spec import FILE_NAME, read_spec
from tests.support.images import encode, scene, write_mixed_folder
from tests.support.tiny_model import POISON
from workers.images.decode import decode_rgb

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("worker")]


@pytest.fixture(scope="module")
def direct(yard, tiny):
    """A direct call of the SavedModel on one image's pixels: class, score and box in pixels of what it found."""
    import tensorflow as tf

    detect = tf.saved_model.load(str(yard.store / tiny.name / tiny.version)).signatures["serving_default"]

    def call(pixels):
        outputs = {name: value.numpy()[0] for name, value in detect(input_tensor=tf.constant(pixels[None])).items()}
        height, width = pixels.shape[:2]
        boxes = outputs["detection_boxes"][: int(outputs["num_detections"])] * [height, width, height, width]
        return [
            (int(kind), round(float(score), 4), (x0, y0, x1, y1))
            for kind, score, (y0, x0, y1, x1) in zip(
                outputs["detection_classes"], outputs["detection_scores"], boxes.tolist(), strict=False
            )
            if score >= 0.5
        ]

    return call


def test_of_200_mixed_images_188_have_the_models_own_detections_and_12_their_failures(yard, tiny, direct):
    # Given a folder of 200 images of every kind, 12 of them bad
    expected = write_mixed_folder(yard.images / "mixed", outside=yard.directory)
    paths = list(expected)
    assert (len(paths), sum(code is not None for code in expected.values())) == (200, 12)

    # When they are detected
    results = yard.submit(tiny, paths, batch_size=4).finished(60)

    # Then each bad one says what is wrong with it
    failures = {paths[index]: result.failure.code for index, result in results.items() if not result.ok}
    assert failures == {path: code for path, code in expected.items() if code is not None}
    # And each good one has the same boxes as a direct call on the same pixels
    good = {paths[index]: result for index, result in results.items() if result.ok}
    assert len(good) == 188
    for path, result in good.items():
        pixels = decode_rgb(path.read_bytes())
        assert (result.image, result.height, result.width) == (path.name, *pixels.shape[:2])
        found = [(one.class_id, one.score, one.box) for one in result.detections]
        for (kind, score, box), (right_kind, right_score, right_box) in zip(found, direct(pixels), strict=True):
            assert (kind, score) == (right_kind, right_score)
            assert box == pytest.approx(right_box, abs=0.011), path.name  # to a hundredth of a pixel
        assert result.model == "tiny@1"
        assert 1 <= result.batch_size <= 4
    # And what is found is what was drawn
    assert sum(len(result.detections) for result in good.values()) == 188


def test_the_pixels_of_an_upright_image_count_when_the_camera_lay_on_its_side(yard, tiny):
    upright = np.full((40, 80, 3), 20, np.uint8)
    upright[10:20, 60:70] = 255
    path = yard.images / "turned.png"
    path.write_bytes(encode(np.ascontiguousarray(np.rot90(upright)), "PNG", exif=_turned_exif()))

    [result] = yard.submit(tiny, [path]).finished().values()

    assert (result.width, result.height) == (80, 40)
    assert [one.box for one in result.detections] == [(60.0, 10.0, 70.0, 20.0)]


def _turned_exif():
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def test_the_image_on_which_the_model_raises_fails_alone(yard):
    fragile = yard.model("fragile", raises=True)
    paths = yard.plain_images(8)
    poisoned = scene()
    poisoned[0, 0, 0] = POISON
    paths[5].write_bytes(encode(poisoned, "PNG"))

    results = yard.submit(fragile, paths, batch_size=8).finished()

    assert {index for index, result in results.items() if not result.ok} == {5}
    assert results[5].failure.code == "model_failed"
    assert "poison" in results[5].failure.message


def test_files_that_are_not_those_of_the_job_fail_with_their_digest(yard):
    spec = yard.model("changed")
    (yard.store / "changed" / "1" / "variables" / "added").write_bytes(b"other weights")

    results = yard.submit(spec, yard.plain_images(3)).finished()

    assert {result.failure.code for result in results.values()} == {"model_failed"}
    assert spec.digest[:19] in results[0].failure.message
    assert "digest" in results[0].failure.message


def test_a_model_that_this_store_lacks_fails_with_its_name(yard):
    spec = yard.model("moved")
    (yard.store / "moved").rename(yard.directory / "moved-away")

    results = yard.submit(spec, yard.plain_images(2)).finished()

    assert {result.failure.code for result in results.values()} == {"model_failed"}
    assert "moved@1 is not in this worker's model store" in results[1].failure.message


def test_a_file_that_is_no_saved_model_fails_with_its_name(yard):
    from workers.store import directory_digest

    spec = yard.model("scrap")
    directory = yard.store / "scrap" / "1"
    (directory / "saved_model.pb").write_bytes(b"scrap")
    text = (directory / FILE_NAME).read_text().replace(spec.digest, directory_digest(directory))
    (directory / FILE_NAME).write_text(text)

    results = yard.submit(read_spec(directory / FILE_NAME), yard.plain_images(2)).finished()

    assert {result.failure.code for result in results.values()} == {"model_failed"}
    assert "scrap@1: cannot be loaded as a SavedModel" in results[0].failure.message


def test_the_worker_is_alive_after_all_that_and_no_slot_was_lost(yard, tiny, worker):
    slots = worker.slots()

    assert all(result.ok for result in yard.submit(tiny, yard.plain_images(3)).finished().values())
    assert worker.slots() == slots
    assert "Traceback" not in worker.log
