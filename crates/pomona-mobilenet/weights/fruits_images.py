"""The Fruits-360 photographs as arrays: decoded and resized once, read at random afterwards."""

import hashlib
import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = 128


class Images:
    """A part of the data set (`Training` or `Test`): pixels, labels and paths in one order."""

    def __init__(self, folder: Path, part: str):
        index = json.loads((folder / f"{part}.json").read_text())
        self.classes: list[str] = index["classes"]
        self.paths: list[str] = index["paths"]
        # -1 marks an image of a class that `Training` does not have.
        self.labels = np.array(index["labels"], dtype=np.int64)
        self.digests: list[str] = index["sha256"]
        shape = (len(self.paths), SIZE, SIZE, 3)
        self.pixels = np.memmap(folder / f"{part}.u8", np.uint8, "r", shape=shape)


def prepare(data: Path, folder: Path) -> None:
    """Writes `Training` and `Test` of the data set below `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    classes = sorted(path.name for path in (data / "Training").iterdir())
    known = {name: label for label, name in enumerate(classes)}
    for part in ["Training", "Test"]:
        paths = sorted((data / part).glob("*/*.jpg"))
        pixels = np.memmap(folder / f"{part}.u8", np.uint8, "w+", shape=(len(paths), SIZE, SIZE, 3))
        digests = []
        with ProcessPoolExecutor() as pool:
            for row, (digest, image) in enumerate(pool.map(_decode, paths, chunksize=256)):
                digests.append(digest)
                pixels[row] = image
        pixels.flush()
        index = {
            "classes": classes,
            "paths": [str(path.relative_to(data)) for path in paths],
            "labels": [known.get(path.parent.name, -1) for path in paths],
            "sha256": digests,
        }
        (folder / f"{part}.json").write_text(json.dumps(index))
        unknown = index["labels"].count(-1)
        print(
            f"{part}: {len(paths)} images, {unknown} of them of classes without training images"
        )


def resized(image: Image.Image, size: int) -> np.ndarray:
    """What Pomona does to an image before the network: RGB, then Pillow's bicubic."""
    return np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BICUBIC))


def _decode(path: Path) -> tuple[str, np.ndarray]:
    with Image.open(path) as image:
        return hashlib.sha256(path.read_bytes()).hexdigest(), resized(image, SIZE)
