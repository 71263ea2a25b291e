"""One account for every spelling of the same records, and never another namespace's."""

from __future__ import annotations

import os

import pytest

from moorage_billing.privacy_holdings import DatasetKey
from moorage_operator.accounts.account import absolute_uri, account_uri, overlapping, same_or_overlapping


@pytest.mark.parametrize(
    ("uri", "account"),
    [
        ("sklearn://digits", "sklearn://digits"),
        ("SKLEARN://digits/", "sklearn://digits"),
        (" sklearn://digits", "sklearn://digits"),
        ("/data/x.csv", "volume://team-a/data/x.csv"),
        ("//data//x.csv", "volume://team-a/data/x.csv"),
        ("/data/y/../x.csv", "volume://team-a/data/x.csv"),
        ("/../../data/x.csv/", "volume://team-a/data/x.csv"),
        ("file:///data/x.csv", "volume://team-a/data/x.csv"),
        ("FILE:///data/%78.csv", "volume://team-a/data/x.csv"),
        ("file://localhost/data/x.csv", "volume://team-a/data/x.csv"),
        ("file:///data/x.csv;a=1", "volume://team-a/data/x.csv;a=1"),
        ("file:///data/x.csv?a#b", "volume://team-a/data/x.csv"),
        ("x.csv", "volume://team-a/var/lib/moorage/x.csv"),
        ("./a/../x.csv", "volume://team-a/var/lib/moorage/x.csv"),
        ("/", "volume://team-a"),
        ("S3://Bucket/Key/", "s3://Bucket/Key"),
    ],
)
def test_every_spelling_has_one_account(uri: str, account: str) -> None:
    assert account_uri(uri, "team-a") == account
    assert DatasetKey.of(account).uri == account


def test_a_path_is_another_account_in_another_namespace() -> None:
    assert account_uri("/data/x.csv", "team-a") != account_uri("/data/x.csv", "team-b")
    assert account_uri("sklearn://digits", "team-a") == account_uri("sklearn://digits", "team-b")


@pytest.mark.parametrize("uri", ["volume://team-b/data/x.csv", "VOLUME://team-b/data/x.csv", " volume://team-b/data/x.csv"])
def test_nobody_can_write_the_account_of_another_namespace(uri: str) -> None:
    assert account_uri(uri, "team-a").startswith("volume://team-a/")


def test_the_operators_own_disk_is_not_looked_at(tmp_path: os.PathLike[str]) -> None:
    link = os.path.join(tmp_path, "link")  # noqa: PTH118
    os.symlink("/elsewhere", link)  # noqa: PTH211
    account = account_uri(link, "team-a")
    assert account == f"volume://team-a{link}"
    assert DatasetKey.of(account).uri == account


@pytest.mark.parametrize("uri", ["/data/y/../x.csv", "x.csv", "file:///data/a%20b.csv", "sklearn://digits/"])
def test_what_pods_read_has_the_same_account(uri: str) -> None:
    assert account_uri(absolute_uri(uri), "team-a") == account_uri(uri, "team-a")


def test_a_folder_overlaps_what_is_inside_and_nothing_else() -> None:
    folder, inside = account_uri("/data", "a"), account_uri("/data/x.csv", "a")
    assert overlapping(folder, inside)
    assert overlapping(inside, folder)
    assert not overlapping(folder, folder)
    assert same_or_overlapping(folder, folder)
    assert not same_or_overlapping(folder, account_uri("/database", "a"))
    assert not same_or_overlapping(folder, account_uri("/data/x.csv", "b"))
    assert overlapping(account_uri("/", "a"), inside)
    assert not overlapping(account_uri("sklearn://digits", "a"), account_uri("sklearn://digits/x", "a"))
