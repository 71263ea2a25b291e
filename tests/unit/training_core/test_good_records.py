"""Every source gives the same records for the same content, and splits are stratified."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from moorage_api.data_source import Columns, FeatureColumn, Split
from moorage_api.run_config import ResolvedDataset
from moorage_api.task import Task
from moorage_training.records import load_records, split_records
from moorage_training.records.load import declared_columns

TABLE = Task(type="TabularClassification")
IMAGES = Task(type="ImageClassification", model="CNN")


@pytest.mark.parametrize("name", ["digits", "iris", "wine", "breast_cancer"])
def test_bundled_sets_are_scikit_learns_within_their_public_bounds(name):
    from sklearn import datasets

    theirs = getattr(datasets, f"load_{name}")()
    dataset = ResolvedDataset(dataset=None, uri=f"sklearn://{name}", format="Bundled")
    ours = load_records(dataset, TABLE, private=True)
    np.testing.assert_array_equal(ours.x, theirs.data.astype(np.float32))
    np.testing.assert_array_equal(ours.y, theirs.target)
    assert [f.name for f in ours.signature.features] == list(theirs.feature_names)
    assert ours.signature.classes == [str(c) for c in theirs.target_names]
    columns = declared_columns(dataset)
    for index, feature in enumerate(columns.features):
        assert feature.minimum <= theirs.data[:, index].min()
        assert feature.maximum >= theirs.data[:, index].max()


def test_digits_are_images_too():
    records = load_records(ResolvedDataset(dataset=None, uri="sklearn://digits", format="Bundled"), IMAGES, private=True)
    assert records.x.shape == (1797, 1, 8, 8)
    assert (records.signature.minimum, records.signature.maximum) == (0.0, 16.0)


def test_csv_parquet_and_parts_of_parquet_agree(tmp_path):
    frame = pd.DataFrame({"age": [1.5, np.nan, 3.0], "town": ["Ulm", "Bonn", None], "y": [10, 2, 10]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    (tmp_path / "parts").mkdir()
    frame[:1].to_parquet(tmp_path / "parts" / "0.parquet")
    frame[1:].to_parquet(tmp_path / "parts" / "1.parquet")
    columns = Columns(
        label="y",
        missing="Fill",
        features=[FeatureColumn(name="town", type="Category", categories=["Ulm", "Bonn"], fill_category="Bonn"), FeatureColumn(name="age")],
    )
    for name, kind in (("t.csv", "CSV"), ("t.parquet", "Parquet"), ("parts", "Parquet")):
        dataset = ResolvedDataset(dataset=None, uri=f"file://{tmp_path}/{name}", format=kind, columns=columns)
        records = load_records(dataset, TABLE, private=False)
        np.testing.assert_array_equal(records.x, np.array([[0, 1.5], [1, np.nan], [1, 3.0]], dtype=np.float32))
        assert records.y.tolist() == [1, 0, 1]
        assert records.signature.classes == ["2", "10"]
        assert records.signature.accepts_missing


def test_records_with_holes_can_be_dropped(tmp_path):
    (tmp_path / "t.csv").write_text("age,y\n1,a\n,b\n3,b\n")
    dataset = ResolvedDataset(dataset=None, uri=str(tmp_path / "t.csv"), format="CSV", columns=Columns(label="y", missing="Drop"))
    records = load_records(dataset, TABLE, private=False)
    assert records.x.tolist() == [[1.0], [3.0]]


def test_image_folders_grey_and_coloured(tmp_path):
    for name, value in (("cat", 10), ("dog", 200)):
        (tmp_path / name).mkdir()
        Image.new("L", (9, 8), value).save(tmp_path / name / "1.png")
    dataset = ResolvedDataset(dataset=None, uri=str(tmp_path), format="ImageFolder")
    grey = load_records(dataset, IMAGES, private=False)
    assert grey.x.shape == (2, 1, 8, 9)
    assert grey.x[1].max() == 200
    Image.new("RGB", (9, 8), (1, 2, 3)).save(tmp_path / "cat" / "0.png")
    coloured = load_records(dataset, IMAGES, private=False)
    assert coloured.x[0, :, 0, 0].tolist() == [1, 2, 3]
    assert coloured.signature.shape == [3, 8, 9]


def test_splits_are_stratified_disjoint_and_follow_the_seed():
    records = load_records(ResolvedDataset(dataset=None, uri="sklearn://digits", format="Bundled"), TABLE, private=False)
    training, evaluation = split_records(records, Split())
    assert (len(training), len(evaluation)) == (1437, 360)
    shares = np.bincount(evaluation.y) / np.bincount(records.y)
    assert np.abs(shares - 0.2).max() < 0.01
    again, _ = split_records(records, Split())
    other, _ = split_records(records, Split(seed=1))
    np.testing.assert_array_equal(training.x, again.x)
    assert not np.array_equal(training.x, other.x)
