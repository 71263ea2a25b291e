"""Image folders: one sub-folder a class, named for it; PNG and JPEG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from moorage_api.artifact import Signature
from moorage_training.records.labels import class_order, encode_labels
from moorage_training.records.records import Records
from moorage_training.records.refusal import Refusal

SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})
SMALLEST = 8
GREY_MODES = frozenset({"1", "L", "LA"})
DEEP_MODES = frozenset({"I", "I;16", "I;16B", "I;16L", "F"})
PIXEL_MAXIMUM = 255.0


def read_image_folder(path: Path, refusal: Refusal) -> Records:
    """Images [N, C, H, W] in 0..255, C = 1 if all are grey, else 3; smaller or larger ones take the first's size.

    Under privacy sizes and colours must agree, for the first image is a record too. Raises InvalidInput.
    """
    if not path.is_dir():
        raise refusal.whole(f"{path} is not a folder", "point the uri to a folder with one sub-folder a class")
    folders = [folder for folder in path.iterdir() if folder.is_dir() and not folder.name.startswith(".")]
    files = sorted(f for folder in folders for f in folder.iterdir() if f.suffix.lower() in SUFFIXES)
    if not files:
        raise refusal.whole(f"{path} holds no images", "put PNG or JPEG files into one sub-folder a class")
    labels = np.array([file.parent.name for file in files], dtype=object)
    # A sub-folder is there before any image is put into it: its name is part of the layout, not a fact about a record.
    names = sorted((folder.name for folder in folders), key=class_order)
    y, classes = encode_labels(labels, "the sub-folder's name", names, refusal)
    x = _stack(files, refusal)
    signature = Signature(input="image", shape=list(x.shape[1:]), minimum=0.0, maximum=PIXEL_MAXIMUM, classes=classes)
    return Records(x, y, signature)


def _stack(files: list[Path], refusal: Refusal) -> NDArray[np.float32]:
    headers = [_header(file, refusal) for file in files]
    grey = all(is_grey for _, is_grey in headers)
    size = headers[0][0]
    odd = next((file for file, header in zip(files, headers, strict=True) if header != headers[0]), None)
    if odd is not None and refusal.private:
        raise refusal.whole(f"{odd} differs from {files[0]} in size or colour", "make all images alike before training privately")
    if min(size) < SMALLEST:
        raise refusal.whole(f"{files[0]} is {size[0]}x{size[1]} pixels", f"use images of at least {SMALLEST}x{SMALLEST}")
    channels = 1 if grey else 3
    x = np.empty((len(files), channels, size[1], size[0]), dtype=np.float32)
    for index, file in enumerate(files):
        x[index] = _pixels(file, size, grey, refusal)
    return x


def _header(file: Path, refusal: Refusal) -> tuple[tuple[int, int], bool]:
    """(width, height) and whether the image is grey."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as image:
            size, mode = image.size, image.mode
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
        raise refusal.whole(f"{file} is not a readable image", "remove it, or save it as PNG or JPEG") from None
    if mode in DEEP_MODES:
        raise refusal.whole(f"{file} has more than 8 bits a channel", "save it with 8 bits a channel")
    return size, mode in GREY_MODES


def _pixels(file: Path, size: tuple[int, int], grey: bool, refusal: Refusal) -> NDArray[np.float32]:
    """[C, H, W]."""
    from PIL import Image

    try:
        with Image.open(file) as image:
            converted = image.convert("L" if grey else "RGB")
            if converted.size != size:
                converted = converted.resize(size, Image.Resampling.BILINEAR)
            pixels = np.asarray(converted, dtype=np.float32)
    except (OSError, SyntaxError, Image.DecompressionBombError):
        raise refusal.whole(f"{file} is a damaged image", "remove it, or save it again") from None
    return pixels[None] if grey else pixels.transpose(2, 0, 1)
