"""Wrong input: every case a clear error that names the place and the remedy, and never a private value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from moorage_api.data_source import Columns, FeatureColumn, Split
from moorage_api.errors import InvalidInput
from moorage_api.run_config import ResolvedDataset
from moorage_api.task import Task
from moorage_training.preprocessing import fit_preprocessing
from moorage_training.records import load_records, split_records

TABLE = Task(type="TabularClassification")
IMAGES = Task(type="ImageClassification", model="CNN")
LABEL = Columns(label="y")


def csv(folder: Path, text: str, columns: Columns = LABEL) -> ResolvedDataset:
    path = folder / "people.csv"
    path.write_text(text)
    return ResolvedDataset(dataset="people", uri=str(path), format="CSV", columns=columns)


def refusal(dataset: ResolvedDataset, task: Task = TABLE, private: bool = False) -> str:
    with pytest.raises(InvalidInput) as caught:
        load_records(dataset, task, private)
    return str(caught.value)


def test_missing_file(tmp_path):
    dataset = ResolvedDataset(dataset=None, uri=str(tmp_path / "no.csv"), format="CSV", columns=LABEL)
    assert "no.csv does not exist; correct the uri" in refusal(dataset)


def test_missing_label_column(tmp_path):
    message = refusal(csv(tmp_path, "age,class\n1,a\n2,b\n"))
    assert "data set people: columns.label: there is no label column 'y'; the columns are 'age', 'class'" in message


def test_missing_feature_column(tmp_path):
    columns = Columns(label="y", features=[FeatureColumn(name="height")])
    assert "there is no column 'height'" in refusal(csv(tmp_path, "age,y\n1,a\n2,b\n", columns))


def test_text_in_a_numeric_column(tmp_path):
    message = refusal(csv(tmp_path, "age,y\n1,a\nforty,b\n"))
    assert "column 'age': record 2: text in a numeric column (got 'forty')" in message


def test_text_in_a_numeric_column_of_private_records_shows_no_value(tmp_path):
    columns = Columns(label="y", classes=["a", "b"])
    message = refusal(csv(tmp_path, "age,y\n1,a\nforty,b\n", columns), private=True)
    assert "record 2: text in a numeric column" in message
    assert "forty" not in message


@pytest.mark.parametrize("value", ["inf", "-inf", "1e60"])
def test_numbers_that_are_not_finite(tmp_path, value):
    assert "record 1: an infinite number or one too large" in refusal(csv(tmp_path, f"age,y\n{value},a\n2,b\n"))


@pytest.mark.parametrize("label", ["", "NaN", "null"])
def test_missing_labels(tmp_path, label):
    assert "column 'y': record 2: label is missing" in refusal(csv(tmp_path, f"age,y\n1,a\n2,{label}\n3,b\n"))


def test_missing_value_is_refused_by_default_and_names_the_remedy(tmp_path):
    message = refusal(csv(tmp_path, "age,y\n1,a\n,b\n"))
    assert "column 'age': record 2: value is missing; set columns.missing to Fill or Drop" in message


def test_one_class_only(tmp_path):
    assert "all 2 records have one class" in refusal(csv(tmp_path, "age,y\n1,a\n2,a\n"))


@pytest.mark.parametrize(("text", "expected"), [("", "is empty"), ("age,y\n", "there are no records")])
def test_empty_data_set(tmp_path, text, expected):
    assert expected in refusal(csv(tmp_path, text))


def test_ragged_csv_of_private_records_shows_no_value(tmp_path):
    columns = Columns(label="y", classes=["a", "b"])
    message = refusal(csv(tmp_path, "age,y\n1,a\n2,b,secret\n", columns), private=True)
    assert "cannot be read as CSV" in message
    assert "secret" not in message


def test_corrupt_parquet(tmp_path):
    path = tmp_path / "people.parquet"
    path.write_bytes(b"PAR1 this is not it PAR1")
    dataset = ResolvedDataset(dataset="people", uri=str(path), format="Parquet", columns=LABEL)
    assert "is not a readable Parquet file" in refusal(dataset)


def test_parts_of_parquet_with_other_columns(tmp_path):
    pd.DataFrame({"age": [1.0], "y": ["a"]}).to_parquet(tmp_path / "1.parquet")
    pd.DataFrame({"size": [1.0], "y": ["b"]}).to_parquet(tmp_path / "2.parquet")
    dataset = ResolvedDataset(dataset="people", uri=str(tmp_path), format="Parquet", columns=LABEL)
    assert "has other columns than" in refusal(dataset)


def test_unknown_category_and_class(tmp_path):
    columns = Columns(label="y", classes=["a", "b"], features=[FeatureColumn(name="town", type="Category", categories=["Ulm"])])
    assert "column 'town': record 2: not one of the declared categories (got 'Bonn')" in refusal(
        csv(tmp_path, "town,y\nUlm,a\nBonn,b\n", columns)
    )
    assert "column 'y': record 2: not one of the declared classes (got 'c')" in refusal(csv(tmp_path, "town,y\nUlm,a\nUlm,c\n", columns))


def test_private_labels_need_declared_classes(tmp_path):
    message = refusal(csv(tmp_path, "age,y\n1,a\n2,b\n"), private=True)
    assert "columns.classes of 'y'" in message
    assert "list every class" in message


def test_private_numbers_need_declared_bounds(tmp_path):
    columns = Columns(label="y", classes=["a", "b"], features=[FeatureColumn(name="age", minimum=0)])
    records = load_records(csv(tmp_path, "age,y\n1,a\n2,b\n", columns), TABLE, private=True)
    with pytest.raises(InvalidInput, match=r"'age' has no declared minimum and maximum.*declare both by public knowledge"):
        fit_preprocessing(records, columns, private=True)


def test_unknown_bundled_set():
    dataset = ResolvedDataset(dataset=None, uri="sklearn://faces", format="Bundled")
    assert "'sklearn://faces' is not a bundled data set; use sklearn://digits" in refusal(dataset)


def test_tables_are_not_images_and_images_no_tables(tmp_path):
    assert "holds no images" in refusal(ResolvedDataset(dataset=None, uri="sklearn://iris", format="Bundled"), IMAGES)
    assert "holds no table" in refusal(ResolvedDataset(dataset=None, uri=str(tmp_path), format="ImageFolder"))


def image(path: Path, size: tuple[int, int] = (9, 10), mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size).save(path)


def folder(path: Path) -> ResolvedDataset:
    return ResolvedDataset(dataset="photos", uri=str(path), format="ImageFolder")


def test_image_folders_that_are_empty_damaged_or_too_small(tmp_path):
    assert "holds no images" in refusal(folder(tmp_path), IMAGES)
    image(tmp_path / "cat" / "1.png")
    (tmp_path / "dog").mkdir()
    (tmp_path / "dog" / "1.png").write_bytes(b"no image")
    assert "dog/1.png is not a readable image" in refusal(folder(tmp_path), IMAGES)
    whole = (tmp_path / "cat" / "1.png").read_bytes()
    (tmp_path / "dog" / "1.png").write_bytes(whole[: len(whole) - 25])
    assert "dog/1.png is a damaged image" in refusal(folder(tmp_path), IMAGES)
    image(tmp_path / "dog" / "1.png", mode="I;16")
    assert "more than 8 bits a channel" in refusal(folder(tmp_path), IMAGES)
    image(tmp_path / "dog" / "1.png", (4, 4))
    image(tmp_path / "cat" / "1.png", (4, 4))
    assert "use images of at least 8x8" in refusal(folder(tmp_path), IMAGES)


def test_private_images_must_be_alike(tmp_path):
    image(tmp_path / "cat" / "1.png")
    image(tmp_path / "dog" / "1.png", (12, 12))
    assert "differs from" in refusal(folder(tmp_path), IMAGES, private=True)
    assert load_records(folder(tmp_path), IMAGES, private=False).x.shape == (2, 1, 10, 9)


def test_the_classes_of_an_image_folder_are_its_sub_folders_also_under_privacy(tmp_path):
    for number, name in enumerate(["10", "9", "cat"]):
        image(tmp_path / name / f"{number}.png")
    (tmp_path / "empty").mkdir()
    (tmp_path / ".cache").mkdir()
    records = load_records(folder(tmp_path), IMAGES, private=True)
    assert records.signature.classes == ["9", "10", "cat", "empty"]
    assert sorted(records.y.tolist()) == [0, 1, 2]


def test_too_few_records_to_split(tmp_path):
    records = load_records(csv(tmp_path, "age,y\n1,a\n2,b\n"), TABLE, private=False)
    with pytest.raises(InvalidInput, match="2 records cannot be split"):
        split_records(records, Split())


def test_a_number_that_is_always_missing(tmp_path):
    columns = Columns(label="y", missing="Fill")
    records = load_records(csv(tmp_path, "age,size,y\n1,,a\n2,,b\n", columns), TABLE, private=False)
    assert np.isnan(records.x[:, 1]).all()
    with pytest.raises(InvalidInput, match="'size' is missing in every training record"):
        fit_preprocessing(records, columns, private=False)
