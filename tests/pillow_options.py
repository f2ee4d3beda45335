"""Makes images to which the options of decoding matter, and what Pillow makes of each, as PNG.

    pip install pillow
    python tests/pillow_options.py

writes `tests/data/options`: `turned.*` have an orientation in their EXIF block, and `turned.*.png` are
what `ImageOps.exif_transpose` returns; `cut.*` end early, and `cut.*.png` are what Pillow returns with
`ImageFile.LOAD_TRUNCATED_IMAGES`. Those in the repository are of Pillow 13.0.0.
"""

import io
import random
from pathlib import Path

from PIL import Image, ImageFile, ImageOps

TARGET = Path(__file__).parent / "data" / "options"
WIDTH, HEIGHT = 40, 24


def drawing():
    noise = random.Random(1).randbytes(WIDTH * HEIGHT)
    pixels = (bytes([x * 6, y * 10, noise[y * WIDTH + x]]) for y in range(HEIGHT) for x in range(WIDTH))
    return Image.frombytes("RGB", (WIDTH, HEIGHT), b"".join(pixels))


def write(name, data, decode):
    (TARGET / name).write_bytes(data)
    decode(Image.open(io.BytesIO(data))).convert("RGB").save(TARGET / f"{name}.png")


def main():
    TARGET.mkdir(exist_ok=True)
    for form, name in {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}.items():
        out = io.BytesIO()
        exif = Image.Exif()
        exif[0x0112] = 6
        drawing().save(out, form, exif=exif)
        write(f"turned.{name}", out.getvalue(), ImageOps.exif_transpose)
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    for form, name in {"JPEG": "jpg", "PNG": "png", "BMP": "bmp", "TIFF": "tif"}.items():
        out = io.BytesIO()
        drawing().save(out, form)
        data = out.getvalue()
        write(f"cut.{name}", data[:-200], lambda image: image)


main()
