import pytest

from contract.errors import LabelsError
from workers.labels import COCO_90_GAPS, flaw_in_coverage, read_labels


@pytest.mark.parametrize(
    ("name", "text", "first_id", "labels"),
    [
        ("l.txt", "cat\ndog\n\n", 1, {1: "cat", 2: "dog"}),
        ("l.txt", "cat\r\n traffic light \r\n", 0, {0: "cat", 1: "traffic light"}),
        ("coco.names", "cat", 1, {1: "cat"}),
        ("l.json", '["cat", "dog"]', 0, {0: "cat", 1: "dog"}),
        ("l.json", '{"1": "cat", "17": "dog"}', 0, {1: "cat", 17: "dog"}),
        ("metadata.yaml", "stride: 32\nnames:\n  0: person\n  1: 'no'\n", 1, {0: "person", 1: "no"}),
        ("data.YML", "names: [cat, dog]", 0, {0: "cat", 1: "dog"}),
        ("automl.yaml", "label_map: {1: cat, 2: dog}", 1, {1: "cat", 2: "dog"}),
    ],
)
def test_files_of_every_kind(tmp_path, name, text, first_id, labels):
    (tmp_path / name).write_text(text, encoding="utf-8", newline="")

    assert read_labels(tmp_path / name, first_id) == labels


@pytest.mark.parametrize(
    ("name", "content", "flaw"),
    [
        ("l.txt", b"cat\n\ndog", "line 2: expected a label, found a blank line"),
        ("l.txt", b"cat\n\xff\xfe", "line 2: expected text in UTF-8"),
        ("l.txt", b"\n", "has no labels"),
        ("l.json", b'["cat",\n "dog"', "line 2: not valid JSON"),
        ("l.json", b"[" * 100_000, "nested too deeply"),
        ("l.json", b'"cat"', "expected a list of labels, or class ids with their labels"),
        ("l.json", b'{"cat": 1}', "expected a class id such as 1 before a label, found 'cat'"),
        ("l.json", b'["cat", null]', "class 2: expected a label as text, found None"),
        ("l.yaml", b"names:\n  0: cat\n 1: dog", "line 3: not valid YAML"),
        ("l.yaml", b"- cat", "expected labels under `names:` or `label_map:`"),
        ("l.yaml", b"names: {0: no}", "class 0: expected a label as text, found False"),  # YAML 1.1 reads it so
        ("l.yaml", b"!!python/object/apply:os.getcwd []", "not valid YAML"),
        ("l.csv", b"cat", "expected coco-90, coco-80, or a file named *.pbtxt, *.txt"),
    ],
)
def test_an_error_names_file_and_expectation(tmp_path, name, content, flaw):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(LabelsError) as refused:
        read_labels(tmp_path / name)

    assert flaw in str(refused.value)
    assert str(tmp_path / name) in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(LabelsError, match=r"none\.txt: cannot be read: No such file"):
        read_labels(tmp_path / "none.txt")


def test_coco_with_and_without_its_gaps():
    with_gaps, without = read_labels("coco-90"), read_labels("coco-80", first_id=0)

    assert len(with_gaps) == len(without) == 80
    assert (with_gaps[1], with_gaps[13], with_gaps[90]) == ("person", "stop sign", "toothbrush")
    assert (without[0], without[11], without[79]) == ("person", "stop sign", "toothbrush")
    assert not with_gaps.keys() & COCO_90_GAPS


@pytest.mark.parametrize(
    ("labels", "classes", "gaps", "flaw"),
    [
        ({1: "a", 2: "b"}, range(1, 3), (), None),
        ({1: "a", 2: "b", 9: "more"}, range(1, 3), (), None),
        ({}, (), (), None),
        (
            {0: "a", 1: "b"},
            range(1, 3),
            (),
            "1 of the model's 2 (1 to 2) have no label: 2; the 2 labels have the ids 0",
        ),
        ({1: "a"}, range(1, 91), (), "have no label: 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, …"),
        (read_labels("coco-90"), range(1, 91), COCO_90_GAPS, None),
        (read_labels("coco-90"), range(1, 91), (), "10 of the model's 90"),
    ],
)
def test_whether_labels_cover_the_classes_that_a_model_can_put_out(labels, classes, gaps, flaw):
    found = flaw_in_coverage(labels, classes, gaps)

    assert found == flaw if flaw is None else flaw in (found or "")
