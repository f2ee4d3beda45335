"""Draws small images in every format and mode, and writes what Pillow makes of them.

    pip install pillow numpy
    python tests/pillow_reference.py

writes `tests/data/pillow/`: the files, and `reference.tsv` with a line a file: name, Pillow's format,
mode, width and height, sha256 of `convert('RGB')` and of that resized to 224 x 224. The digests in
the repository are those of Pillow 13.0.0.
"""

import hashlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

TARGET = Path(__file__).parent / "data" / "pillow"


def drawing(width, height, channels, seed=0):
    """Smooth shapes with an edge and some texture: compresses well, and still hits every branch."""
    y, x = np.mgrid[0:height, 0:width].astype(float)
    y, x = y / max(height - 1, 1), x / max(width - 1, 1)
    planes = []
    for channel in range(channels):
        plane = 127 + 90 * np.sin((3 + channel) * x + seed) * np.cos((5 - channel) * y)
        plane += 60 * (((x - 0.5) ** 2 + (y - 0.4) ** 2) < 0.06 * (channel + 1))
        plane += 12 * ((np.arange(width)[None, :] * 7 + np.arange(height)[:, None] * 3) % 5 - 2)
        planes.append(plane)
    return np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8)


def image(mode, size, seed=0):
    bands = {"1": 1, "L": 1, "LA": 2, "P": 3, "RGB": 3, "RGBA": 4, "CMYK": 4}[mode]
    pixels = drawing(*size, bands, seed)
    if mode == "P":
        return Image.fromarray(pixels).quantize(37, dither=0)
    if mode == "1":
        return Image.fromarray(pixels[..., 0]).convert("1")
    if mode == "CMYK":
        return Image.frombytes("CMYK", size, pixels.tobytes())
    if bands == 1:
        return Image.fromarray(pixels[..., 0])
    return Image.fromarray(pixels)


def saved(image, form, **options):
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def png(width, height, depth, kind, rows, extra=b"", interlace=0):
    """A PNG written by hand, for the kinds that Pillow does not write."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlace)
    data = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows))
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", header) + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def bmp(width, height, bits, rows, compression=0, tail=b"", palette=b"", colors=0):
    """A BMP written by hand."""
    data = b"".join(bytes(r) + b"\0" * (-len(r) % 4) for r in rows)
    offset = 54 + len(tail) + len(palette)
    info = struct.pack(
        "<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(data), 0, 0, colors, 0
    )
    return struct.pack("<2sIHHI", b"BM", offset + len(data), 0, 0, offset) + info + tail + palette + data


def gif(screen, frame, origin, pixels, palette, transparent=None):
    """A GIF whose frame need not cover its screen. LZW with a clear code before each pixel."""
    out = b"GIF89a" + struct.pack("<HHBBB", *screen, 0xF7, 3, 0) + palette
    if transparent is not None:
        out += b"!\xf9\x04\x01\0\0" + bytes([transparent]) + b"\0"
    out += b"," + struct.pack("<HHHHB", *origin, *frame, 0) + b"\x08"
    bits, count = 0, 0
    packed = bytearray()
    for code in [c for p in pixels for c in (256, p)] + [257]:
        bits |= code << count
        count += 9
        while count >= 8:
            packed.append(bits & 255)
            bits >>= 8
            count -= 8
    packed.append(bits & 255)
    for start in range(0, len(packed), 255):
        block = packed[start : start + 255]
        out += bytes([len(block)]) + bytes(block)
    return out + b"\0;"


def files():
    rgb = image("RGB", (61, 47))
    # JPEG: subsamplings, qualities, kinds, colors, sizes.
    for sampling, name in enumerate(["444", "422", "420"]):
        for quality in [30, 92]:
            yield f"sampling_{name}_q{quality}.jpg", saved(
                rgb, "JPEG", subsampling=sampling, quality=quality
            )
    for quality in [30, 92]:
        yield f"progressive_q{quality}.jpg", saved(rgb, "JPEG", progressive=True, quality=quality)
    # Pillow does not write these two; on a square of whole blocks another factor of the same product
    # makes a valid file, if a scrambled image.
    square = image("RGB", (64, 64))
    for name, sampling, old, new in [("440", 1, 0x21, 0x12), ("411", 2, 0x22, 0x41)]:
        data = bytearray(saved(square, "JPEG", subsampling=sampling, quality=80))
        luma = data.index(b"\xff\xc0") + 11
        assert data[luma] == old
        data[luma] = new
        yield f"sampling_{name}.jpg", bytes(data)
    yield "progressive_grey.jpg", saved(image("L", (33, 50)), "JPEG", progressive=True)
    yield "grey.jpg", saved(image("L", (61, 47)), "JPEG")
    yield "cmyk.jpg", saved(image("CMYK", (40, 30)), "JPEG", quality=80)
    yield "rgb_in_jpeg.jpg", saved(rgb, "JPEG", keep_rgb=True)
    yield "restarts.jpg", saved(rgb, "JPEG", restart_marker_blocks=2)
    yield "optimized.jpg", saved(rgb, "JPEG", optimize=True, quality=70)
    exif = Image.Exif()
    exif[0x0112] = 6
    yield "rotated_by_exif.jpg", saved(rgb, "JPEG", exif=exif)
    for size in [(1, 1), (2, 2), (3, 7), (8, 8), (9, 17), (1, 500), (500, 1), (100, 100), (224, 224)]:
        yield "size_%dx%d.jpg" % size, saved(image("RGB", size), "JPEG", quality=60)
    for size in [(640, 480), (1000, 37), (37, 1000), (224, 300), (300, 224),
                 (230, 236), (230, 237), (100, 240)]:
        yield "size_%dx%d.jpg" % size, saved(image("RGB", size), "JPEG", quality=25)
    good = saved(rgb, "JPEG")
    scan = good.index(b"\xff\xda")
    yield "bytes_before_marker.jpg", good[:scan] + b"abc" + good[scan:]
    yield "bytes_after_end.jpg", good + b"more"
    bad = bytearray(saved(rgb, "JPEG", restart_marker_blocks=2))
    bad[bad.index(b"\xff\xda") + 90] ^= 0x55
    yield "damaged_scan.jpg", bytes(bad)

    # PNG.
    for mode in ["1", "L", "LA", "P", "RGB", "RGBA"]:
        yield f"mode_{mode}.png", saved(image(mode, (61, 47)), "PNG")
    yield "palette_transparent.png", saved(image("P", (20, 15)), "PNG", transparency=3)
    yield "grey_transparent.png", saved(image("L", (20, 15)), "PNG", transparency=130)
    wide = (drawing(20, 15, 4).astype(np.uint32) * 257 + 91).clip(0, 65535).astype(">u2")
    yield "grey_16.png", png(20, 15, 16, 0, [(r // 200).astype(">u2").tobytes() for r in wide[..., 0]])
    yield "rgb_16.png", png(20, 15, 16, 2, [r.tobytes() for r in wide[..., :3]])
    yield "grey_alpha_16.png", png(20, 15, 16, 4, [r.tobytes() for r in wide[..., :2]])
    yield "rgba_16.png", png(20, 15, 16, 6, [r.tobytes() for r in wide])
    for depth in [2, 4]:
        rows = [[(x * 37 + y * 11) & 255 for x in range(6)] for y in range(15)]
        yield f"grey_{depth}.png", png(48 // depth - 1, 15, depth, 0, rows)
        ramp = bytes((i * 7 + c * 50) % 256 for i in range(1 << depth) for c in range(3))
        chunk = struct.pack(">I", len(ramp)) + b"PLTE" + ramp
        chunk += struct.pack(">I", zlib.crc32(b"PLTE" + ramp))
        yield f"palette_{depth}.png", png(48 // depth - 1, 15, depth, 3, rows, chunk)
    frames = [image("RGB", (24, 18), seed) for seed in range(3)]
    yield "animated.png", saved(frames[0], "PNG", save_all=True, append_images=frames[1:])
    yield "size_1x1.png", saved(image("RGB", (1, 1)), "PNG")

    # WebP.
    yield "lossy.webp", saved(rgb, "WEBP", quality=60)
    yield "lossy_high.webp", saved(rgb, "WEBP", quality=95)
    yield "lossless.webp", saved(rgb, "WEBP", lossless=True)
    yield "lossy_alpha.webp", saved(image("RGBA", (61, 47)), "WEBP", quality=70)
    yield "lossless_alpha.webp", saved(image("RGBA", (61, 47)), "WEBP", lossless=True, exact=True)
    yield "animated.webp", saved(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    yield "lossy_odd.webp", saved(image("RGB", (17, 33)), "WEBP", quality=80)
    yield "lossy_photo.webp", saved(image("RGB", (200, 150), 3), "WEBP", quality=40)

    # BMP.
    for mode in ["1", "L", "P", "RGB", "RGBA"]:
        yield f"mode_{mode}.bmp", saved(image(mode, (31, 17)), "BMP")
    words = [
        b"".join(struct.pack("<H", (x * 2477 + y * 977) & 0xFFFF) for x in range(31)) for y in range(17)
    ]
    yield "rgb_555.bmp", bmp(31, 17, 16, words)
    yield "rgb_565.bmp", bmp(31, 17, 16, words, 3, struct.pack("<III", 0xF800, 0x7E0, 0x1F))
    yield "top_down.bmp", bmp(31, -17, 16, words)
    quads = [r.tobytes() for r in drawing(31, 17, 4)]
    yield "rgbx_32.bmp", bmp(31, 17, 32, quads)
    ramp = bytes(v for i in range(16) for v in ((i * 3) & 255, i * 16, 255 - i * 9, 0))
    nibbles = [[(x * 37 + y * 11) & 255 for x in range(16)] for y in range(17)]
    yield "palette_4.bmp", bmp(31, 17, 4, nibbles, palette=ramp, colors=16)
    runs = b"".join(bytes([20, (y * 5) & 15, 0, 3, 1, 2, 3, 0, 8, 7, 0, 0]) for y in range(17)) + b"\0\1"
    yield "rle_8.bmp", bmp(31, 17, 8, [runs], 1, palette=ramp, colors=16)

    # GIF.
    yield "plain.gif", saved(image("P", (61, 47)), "GIF")
    yield "grey.gif", saved(image("L", (61, 47)), "GIF")
    yield "interlaced.gif", saved(image("P", (40, 29)), "GIF", interlace=1)
    yield "transparent.gif", saved(image("P", (40, 29)), "GIF", transparency=2)
    yield "animated.gif", saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    ramp = bytes((i * 5 + c * 60 + 9) % 256 for i in range(256) for c in range(3))
    dots = [(i * 29) % 256 for i in range(8 * 6)]
    yield "part_of_screen.gif", gif((20, 16), (8, 6), (5, 4), dots, ramp)
    yield "part_transparent.gif", gif((20, 16), (8, 6), (5, 4), dots, ramp, transparent=77)
    yield "beyond_screen.gif", gif((10, 9), (8, 6), (5, 4), dots, ramp)

    # TIFF.
    for mode in ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"]:
        yield f"mode_{mode}.tif", saved(image(mode, (31, 17)), "TIFF")
    for compression in ["tiff_lzw", "tiff_adobe_deflate", "packbits"]:
        yield f"{compression}.tif", saved(image("RGB", (31, 17)), "TIFF", compression=compression)
    yield "fax.tif", saved(image("1", (31, 17)), "TIFF", compression="group4")
    yield "predictor.tif", saved(
        image("RGB", (31, 17)), "TIFF", compression="tiff_lzw", tiffinfo={317: 2}
    )
    yield "pages.tif", saved(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    grey16 = Image.fromarray((drawing(20, 15, 1)[..., 0].astype(np.uint16) * 3))
    yield "grey_16.tif", saved(grey16, "TIFF")
    for bits, colors in [(1, 2), (4, 16)]:
        few = Image.fromarray(drawing(21, 15, 3)).quantize(colors, dither=0)
        yield f"palette_{bits}.tif", saved(few, "TIFF", bits=bits)
    yield "white_is_zero.tif", saved(image("L", (20, 15)), "TIFF", tiffinfo={262: 0})


def digest(image):
    return hashlib.sha256(image.tobytes()).hexdigest()


def main():
    TARGET.mkdir(parents=True, exist_ok=True)
    for old in TARGET.iterdir():
        old.unlink()
    lines, total = [], 0
    for name, data in files():
        (TARGET / name).write_bytes(data)
        total += len(data)
        with Image.open(io.BytesIO(data)) as image:
            described = [image.format, image.mode, str(image.size[0]), str(image.size[1])]
            # The size is known for certain only when the pixels are there.
            rgb = image.convert("RGB")
            described[2:] = [str(rgb.size[0]), str(rgb.size[1])]
        lines.append("\t".join([name, *described, digest(rgb), digest(rgb.resize((224, 224)))]))
    (TARGET / "reference.tsv").write_text("\n".join(lines) + "\n")
    print(f"{len(lines)} files, {total} bytes")


if __name__ == "__main__":
    main()
