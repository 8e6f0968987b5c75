"""Label maps as they are found in the wild, and what is said of those that are wrong."""

import pytest

from contract.errors import LabelsError
from workers.labels import read_labels


def read(tmp_path, text):
    path = tmp_path / "map.pbtxt"
    path.write_text(text, encoding="utf-8")
    return read_labels(path)


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("item {\n  id: 1\n  name: 'cat'\n}\nitem {\n  id: 2\n  name: 'dog'\n}\n", {1: "cat", 2: "dog"}),
        ('item: {\n  name: "cat"\n  id: 7\n}', {7: "cat"}),
        ('item { name: "/m/01g317" id: 1 display_name: "person" }', {1: "person"}),
        ('item { name: "NA" id: 5 display_name: "" }', {5: "NA"}),
        ('item { display_name: "cat" id: 3 }', {3: "cat"}),
        ("item { id: 0 name: 'background' }\nitem { id: 1 name: 'cat' }", {0: "background", 1: "cat"}),
        ("item { id: 0 name: 'x' display_name: 'background' }", {0: "background"}),
        (
            "item { id: 1 name: 'person' keypoints { id: 0 label: 'nose' } keypoints: { id: 9 label: 'eye' } }",
            {1: "person"},
        ),
        ("item { id: 1 name: 'a' ancestor_ids: [\"/m/1\", '/m/2'] frequency: COMMON instance_count: 12 }", {1: "a"}),
        ("# made by hand\nitem { # first\n id: 1 # one\n name: 'it#s' }\n#end", {1: "it#s"}),
        ('item { id: 1 name: "it\'s \\"big\\"" }', {1: 'it\'s "big"'}),
        ("item { id: 1 name: 'caf\\303\\251 \\xc3\\xa9' }", {1: "café é"}),
        ("item { id: 1 name: 'Käse 🧀' }", {1: "Käse 🧀"}),
        ("item { id: 1 name: 'traffic ' \"light\" }", {1: "traffic light"}),
        ("item { id: 1, name: 'cat'; };item<id:0x10,name:'dog'>", {1: "cat", 16: "dog"}),
        ("item{id:1 name:'first'}item{id:1 name:'second'}", {1: "first"}),
        ("\ufeffitem { id: 1 name: 'cat' }\r\n", {1: "cat"}),
    ],
)
def test_every_variation_is_read(tmp_path, text, labels):
    assert read(tmp_path, text) == labels


@pytest.mark.parametrize(
    ("text", "flaw"),
    [
        ("item { id: 1 name: 'a' }\nitem { id: 0 name: 'cat' }", "line 2: id 0 is kept for the background"),
        ("item {\n name: 'cat'\n}", "line 1: expected an id in the item 'cat'"),
        ("item { id: 4 }", "line 1: expected a name or display_name in the item with id 4"),
        ("item { id: cat name: 'cat' }", "line 1: expected an id from 1 (0: background), found cat"),
        ("item { id: -1 name: 'cat' }", "line 1: expected an id from 1 (0: background), found -1"),
        ("item {\n id: 1\n name: 'cat'\n", "line 3: expected the name of a field, or a closing }, found the end"),
        ("item {\n id: 1\n name: 'cat\n}", 'line 3: expected an item of a label map, found "\'"'),
        ("cat\ndog\n", "line 1: expected item, found cat"),
        ("item 1", "line 1: expected {, found 1"),
        ("item { id 1 }", "line 1: expected a value of id, found 1"),
        ("item { id: } }", "line 1: expected a value of id, found }"),
        ("item { id:", "line 1: expected a value of id, found the end of the file"),
        ("item { " + "a { " * 30, "nested too deeply"),
        ("item { id: 1 a: " + "[" * 3000, "nested too deeply"),
        ("", "has no labels"),
        ("# nothing\n", "has no labels"),
    ],
)
def test_an_error_names_file_line_and_expectation(tmp_path, text, flaw):
    with pytest.raises(LabelsError) as refused:
        read(tmp_path, text)

    assert flaw in str(refused.value)
    assert str(tmp_path / "map.pbtxt") in str(refused.value)
    assert refused.value.code == "labels_invalid"
