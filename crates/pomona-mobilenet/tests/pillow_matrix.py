"""Makes small images of every format x mode x depth x compression x flag x damage, and asks Pillow.

    pip install pillow numpy imagecodecs
    python tests/pillow_matrix.py

writes `tests/data/matrix.zlib` (the files one after the other, deflated) and `tests/data/matrix.tsv`, a
line a file: name, length, and what Pillow makes of it under three settings: as it is, with
`ImageFile.LOAD_TRUNCATED_IMAGES`, and through `ImageOps.exif_transpose`. A verdict is `-` for an error,
or mode, width, height and 16 digits of the sha256 of `convert('RGB')`; `=` repeats the first. The
verdicts in the repository are those of Pillow 13.0.0.
"""

import hashlib
import io
import random
import struct
import warnings
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import Image, ImageFile, ImageOps

TARGET = Path(__file__).parent / "data"
W, H = 19, 13


def noise(count, seed=0):
    return random.Random(seed).randbytes(count)


def drawing(width, height, channels, seed=0):
    y, x = np.mgrid[0:height, 0:width].astype(float)
    planes = [127 + 100 * np.sin(0.3 * x + c + seed) * np.cos(0.4 * y - c) for c in range(channels)]
    return np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8)


def image(mode, size=(W, H), seed=0):
    bands = {"1": 1, "L": 1, "LA": 2, "P": 3, "RGB": 3, "RGBA": 4, "CMYK": 4}[mode]
    pixels = drawing(*size, bands, seed)
    if mode == "P":
        return Image.fromarray(pixels).quantize(11, dither=0)
    if mode == "1":
        return Image.fromarray(pixels[..., 0]).convert("1")
    if mode == "CMYK":
        return Image.frombytes("CMYK", size, pixels.tobytes())
    return Image.fromarray(pixels[..., 0] if bands == 1 else pixels)


def saved(im, form, **options):
    out = io.BytesIO()
    im.save(out, form, **options)
    return out.getvalue()


def exif(orientation, order="<"):
    head = b"II*\0" if order == "<" else b"MM\0*"
    entry = struct.pack(order + "HHIHH", 0x112, 3, 1, orientation, 0)
    return b"Exif\0\0" + head + struct.pack(order + "IH", 8, 1) + entry + b"\0\0\0\0"


def xmp(orientation, element=False):
    if element:
        inside = f"<x><tiff:Orientation>{orientation}</tiff:Orientation></x>"
    else:
        inside = f'<x tiff:Orientation="{orientation}"/>'
    return inside.encode()


def damaged(name, data, start=0, count=12):
    """Cut at several places, and with a bit turned at several."""
    for i in range(count):
        end = start + (len(data) - start) * (i + 1) // (count + 1)
        yield f"{name}/cut{end}", data[:end]
    for end in range(max(start, len(data) - 6), len(data)):
        yield f"{name}/cut{end}", data[:end]
    chooser = random.Random(len(data))
    for _ in range(count):
        at = chooser.randrange(start, len(data))
        changed = bytearray(data)
        changed[at] ^= 1 << chooser.randrange(8)
        yield f"{name}/flip{at}", bytes(changed)


# PNG


def chunk(name, data, crc=None, length=None):
    sum_ = zlib.crc32(name + data) if crc is None else crc
    return struct.pack(">I", len(data) if length is None else length) + name + data + struct.pack(">I", sum_)


PNG = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def ihdr(depth, kind, interlace=0, width=W, height=H, compression=0, filters=0):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, compression, filters, interlace))


def filtered(depth, kind, interlace, width=W, height=H, filters=(0, 1, 2, 3, 4)):
    """Any bytes are an image: rows of noise behind each filter in turn."""
    passes = [(0, 0, 1, 1)]
    if interlace:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows, seed = [], 0
    for x, y, dx, dy in passes:
        columns = max(0, -(-(width - x) // dx))
        if columns == 0:
            continue
        for _ in range(max(0, -(-(height - y) // dy))):
            size = (columns * depth * CHANNELS[kind] + 7) // 8
            rows.append(bytes([filters[seed % len(filters)]]) + noise(size, seed))
            seed += 1
    return rows


def png_files():
    plte = chunk(b"PLTE", noise(768, 5))
    end = chunk(b"IEND", b"")
    kinds = [(1, 0), (2, 0), (4, 0), (8, 0), (16, 0), (8, 2), (16, 2), (1, 3), (2, 3), (4, 3), (8, 3),
             (8, 4), (16, 4), (8, 6), (16, 6), (3, 0), (16, 3), (4, 2), (8, 5)]
    for depth, kind in kinds:
        for interlace in (0, 1):
            for width, height in [(W, H), (1, 1), (3, 2), (9, 5)]:
                channels = CHANNELS.get(kind, 1)
                rows = filtered(depth, kind if kind in CHANNELS else 0, interlace, width, height)
                data = zlib.compress(b"".join(rows))
                palette = plte if kind == 3 else b""
                yield f"png/{depth}-{kind}-{interlace}-{width}x{height}", (
                    PNG + ihdr(depth, kind, interlace, width, height) + palette + chunk(b"IDAT", data) + end
                )
                del channels
    for depth, kind, interlace in [(8, 2, 0), (8, 2, 1), (8, 3, 0), (4, 3, 1), (1, 0, 0), (16, 0, 0), (8, 6, 0)]:
        tag = f"png-damage/{depth}-{kind}-{interlace}"
        rows = filtered(depth, kind, interlace)
        data = zlib.compress(b"".join(rows), 1)
        front = PNG + ihdr(depth, kind, interlace)
        head = front + (plte if kind == 3 else b"")
        idat = chunk(b"IDAT", data)
        yield from damaged(f"{tag}/whole", head + idat + end, len(head), 20)
        yield f"{tag}/no-end", head + idat
        yield f"{tag}/no-checksum", head + idat[:-4]
        yield f"{tag}/no-adler", head + chunk(b"IDAT", data[:-4]) + end
        yield f"{tag}/no-adler-no-end", head + chunk(b"IDAT", data[:-4])
        yield f"{tag}/half-adler", head + chunk(b"IDAT", data[:-2]) + end
        wrong = data[:-1] + bytes([data[-1] ^ 1])
        yield f"{tag}/wrong-adler", head + chunk(b"IDAT", wrong) + end
        yield f"{tag}/wrong-adler-apart", head + chunk(b"IDAT", wrong[:-4]) + chunk(b"IDAT", wrong[-4:]) + end
        yield f"{tag}/wrong-data-crc", head + chunk(b"IDAT", data, 7) + end
        yield f"{tag}/wrong-header-crc", PNG + ihdr(depth, kind, interlace)[:-1] + b"\0" + head[len(front):] + idat + end
        yield f"{tag}/wrong-end-crc", head + idat + chunk(b"IEND", b"", 7)
        yield f"{tag}/wrong-gamma-crc", head + chunk(b"gAMA", b"\0\0\1\0", 7) + idat + end
        yield f"{tag}/wrong-unknown-crc", head + chunk(b"ABCD", b"x", 7) + idat + end
        yield f"{tag}/unknown-critical", head + chunk(b"ABCD", b"xyz") + idat + end
        yield f"{tag}/unknown-private", head + chunk(b"abCd", b"xyz") + idat + end
        yield f"{tag}/odd-name", head + chunk(b"a_9d", b"xyz") + idat + end
        yield f"{tag}/bad-name", head + chunk(b"a-#d", b"xyz") + idat + end
        yield f"{tag}/bad-name-after", head + idat + chunk(b"a-#d", b"xyz") + end
        yield f"{tag}/unknown-after", head + idat + chunk(b"ABCD", b"xyz") + end
        yield f"{tag}/unknown-after-cut", head + idat + chunk(b"ABCD", b"xyz", length=900)
        yield f"{tag}/text-after-cut", head + idat + chunk(b"tEXt", b"a\0z", length=900)
        yield f"{tag}/noise-after", head + idat + noise(50, 3)
        yield f"{tag}/data-after", head + idat + chunk(b"IDAT", b"more") + end
        yield f"{tag}/data-after-cut", head + idat + chunk(b"IDAT", b"more", length=99)
        yield f"{tag}/noise-in-data", head + chunk(b"IDAT", data + noise(60, 4)) + end
        yield f"{tag}/split", head + b"".join(chunk(b"IDAT", data[i:i + 7]) for i in range(0, len(data), 7)) + end
        yield f"{tag}/empty-data", head + chunk(b"IDAT", b"") + idat + chunk(b"IDAT", b"") + end
        yield f"{tag}/no-data", head + chunk(b"IDAT", b"") + end
        yield f"{tag}/no-data-chunk", head + end
        yield f"{tag}/interrupted", head + chunk(b"IDAT", data[:40]) + chunk(b"tEXt", b"a\0b") + chunk(b"IDAT", data[40:]) + end
        yield f"{tag}/ddat", head + chunk(b"IDAT", data[:40]) + chunk(b"DDAT", data[40:]) + end
        yield f"{tag}/long-data", head + chunk(b"IDAT", data, length=len(data) + 500)
        yield f"{tag}/short-data", head + chunk(b"IDAT", data, length=len(data) - 9) + end
        for part in (0, 1, len(rows) // 2, len(rows) - 1):
            few = b"".join(rows[:part])
            yield f"{tag}/rows{part}", head + chunk(b"IDAT", zlib.compress(few)) + end
            yield f"{tag}/rows{part}-open", head + chunk(b"IDAT", zlib.compress(few)[:-4]) + end
            yield f"{tag}/rows{part}-part", head + chunk(b"IDAT", zlib.compress(few + b"\0\1")) + end
        yield f"{tag}/rows-more", head + chunk(b"IDAT", zlib.compress(b"".join(rows + rows))) + end
        odd = filtered(depth, kind, interlace, filters=(0, 0, 0, 0, 0, 5))
        yield f"{tag}/filter5", head + chunk(b"IDAT", zlib.compress(b"".join(odd))) + end
        yield f"{tag}/no-palette", front + idat + end
        yield f"{tag}/short-palette", front + chunk(b"PLTE", noise(20, 1)) + idat + end
        yield f"{tag}/long-palette", front + chunk(b"PLTE", noise(900, 1)) + idat + end
        yield f"{tag}/two-palettes", head + chunk(b"PLTE", noise(99, 1)) + idat + end
        yield f"{tag}/palette-crc", front + chunk(b"PLTE", noise(768, 1), 9) + idat + end
        yield f"{tag}/two-headers", PNG + ihdr(8, 0, 0, 4, 4) + ihdr(depth, kind, interlace) + head[len(front):] + idat + end
        yield f"{tag}/late-header", PNG + chunk(b"gAMA", b"\0\0\1\0") + ihdr(depth, kind, interlace) + head[len(front):] + idat + end
        yield f"{tag}/no-header", PNG + idat + end
        yield f"{tag}/interlace2", PNG + ihdr(depth, kind, 2) + head[len(front):] + idat + end
        yield f"{tag}/compression1", PNG + ihdr(depth, kind, interlace, compression=1) + head[len(front):] + idat + end
        yield f"{tag}/filters1", PNG + ihdr(depth, kind, interlace, filters=1) + head[len(front):] + idat + end
        for name in (b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"pHYs", b"acTL", b"fcTL", b"iCCP", b"zTXt", b"iTXt", b"tEXt", b"eXIf"):
            for content in (b"", b"\0", b"a\0\0", noise(40, 2)):
                label = name.decode()
                yield f"{tag}/{label}{len(content)}", head + chunk(name, content) + idat + end
    colors = head_rgb = PNG + ihdr(8, 2)
    idat = chunk(b"IDAT", zlib.compress(b"".join(filtered(8, 2, 0))))
    for orientation in range(10):
        for order in "<>":
            content = exif(orientation, order)[6:]
            yield f"png-exif/{orientation}{order}", colors + chunk(b"eXIf", content) + idat + end
        yield f"png-exif/after{orientation}", colors + idat + chunk(b"eXIf", exif(orientation)[6:]) + end
        text = b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(orientation)
        yield f"png-exif/xmp{orientation}", head_rgb + chunk(b"iTXt", text) + idat + end
    frames = [image("RGB", seed=seed) for seed in range(3)]
    animated = saved(frames[0], "PNG", save_all=True, append_images=frames[1:])
    yield from damaged("png-animated", animated, 8, 16)


# JPEG


def jpeg_files():
    rgb = image("RGB", (37, 29))
    bases = {}
    for sampling in (0, 1, 2):
        for quality in (20, 75, 95):
            bases[f"s{sampling}q{quality}"] = saved(rgb, "JPEG", subsampling=sampling, quality=quality)
        bases[f"s{sampling}progressive"] = saved(rgb, "JPEG", subsampling=sampling, progressive=True)
        bases[f"s{sampling}restart"] = saved(rgb, "JPEG", subsampling=sampling, restart_marker_blocks=1)
        bases[f"s{sampling}optimized"] = saved(rgb, "JPEG", subsampling=sampling, optimize=True)
    bases["grey"] = saved(image("L", (37, 29)), "JPEG")
    bases["grey-progressive"] = saved(image("L", (37, 29)), "JPEG", progressive=True)
    bases["cmyk"] = saved(image("CMYK", (37, 29)), "JPEG")
    bases["cmyk-progressive"] = saved(image("CMYK", (37, 29)), "JPEG", progressive=True)
    bases["rgb"] = saved(rgb, "JPEG", keep_rgb=True)
    bases["size1"] = saved(image("RGB", (1, 1)), "JPEG")
    for name, data in bases.items():
        yield f"jpeg/{name}", data
        yield f"jpeg/{name}/no-jfif", data[:2] + data[20:]
        yield f"jpeg/{name}/noise-after", data + noise(40)
        scan = data.index(b"\xff\xda")
        yield f"jpeg/{name}/noise-before-scan", data[:scan] + b"abc" + data[scan:]
        yield f"jpeg/{name}/comment", data[:2] + b"\xff\xfe\0\7hello" + data[2:]
    for name in ["s0q75", "s2q75", "s2progressive", "s1restart", "grey", "grey-progressive", "cmyk", "cmyk-progressive"]:
        yield from damaged(f"jpeg-damage/{name}", bases[name], bases[name].index(b"\xff\xda"), 16)
        yield from damaged(f"jpeg-head/{name}", bases[name][:bases[name].index(b"\xff\xda")], 2, 6)
        yield from damaged(f"jpeg-tail/{name}", bases[name], len(bases[name]) - 12, 12)
        scan = bases[name].index(b"\xff\xda")
        for at in range(scan + 2, scan + 14):
            changed = bytearray(bases[name])
            changed[at] ^= 1
            yield f"jpeg-scan/{name}/flip{at - scan}", bytes(changed)
        # Bits within the coefficients: of some, the transform overflows.
        first, chooser = scan + 14, random.Random(name)
        for i in range(60):
            at = chooser.randrange(first, len(bases[name]))
            changed = bytearray(bases[name])
            changed[at] ^= 1 << chooser.randrange(8)
            yield f"jpeg-overflow/{name}/{i}", bytes(changed)
    for quality in range(1, 101, 3):
        specks = noise(24 * 16 * 3, quality)
        for sampling, content in [(0, specks), (2, bytes(255 * (speck & 1) for speck in specks))]:
            im = Image.frombytes("RGB", (24, 16), content)
            yield f"jpeg-noise/s{sampling}q{quality}", saved(im, "JPEG", quality=quality, subsampling=sampling)
    for name in ["s0q75", "s2progressive", "grey", "cmyk"]:
        for orientation in range(10):
            for order in "<>":
                head = exif(orientation, order)
                app1 = b"\xff\xe1" + struct.pack(">H", len(head) + 2) + head
                data = bases[name]
                yield f"jpeg-exif/{name}{orientation}{order}", data[:2] + app1 + data[2:]
                if order == ">":
                    yield f"jpeg-exif/{name}{orientation}cut", (data[:2] + app1 + data[2:])[:-60]
            for element in (False, True):
                packet = b"http://ns.adobe.com/xap/1.0/\0" + xmp(orientation, element)
                app1 = b"\xff\xe1" + struct.pack(">H", len(packet) + 2) + packet
                yield f"jpeg-xmp/{name}{orientation}{element}", bases[name][:2] + app1 + bases[name][2:]


# GIF


def lzw(pixels, bits):
    out, acc, count = bytearray(), 0, 0
    size = bits + 1
    for code in [c for p in pixels for c in (1 << bits, p)] + [(1 << bits) + 1]:
        acc |= code << count
        count += size
        while count >= 8:
            out.append(acc & 255)
            acc >>= 8
            count -= 8
    out.append(acc & 255)
    return bytes(out)


def blocks(data):
    return b"".join(bytes([len(data[i:i + 60])]) + data[i:i + 60] for i in range(0, len(data), 60)) + b"\0"


def gif(screen=(W, H), frame=(W, H), origin=(0, 0), bits=3, table=None, local=None, interlace=0,
        transparent=None, extra=b"", version=b"GIF89a", pixels=None, trailer=b";"):
    table = noise(3 << bits, 1) if table is None else table
    flags = (0x80 | (bits - 1)) if table else 0
    out = version + struct.pack("<HHBBB", *screen, flags, 1, 0) + table + extra
    if transparent is not None:
        out += b"!\xf9\x04\1\0\0" + bytes([transparent]) + b"\0"
    flags = (interlace << 6) | ((0x80 | (bits - 1)) if local else 0)
    out += b"," + struct.pack("<HHHHB", *origin, *frame, flags) + (local or b"") + bytes([max(bits, 2)])
    if pixels is None:
        pixels = [b & ((1 << bits) - 1) for b in noise(frame[0] * frame[1], 8)]
    return out + blocks(lzw(pixels, max(bits, 2))) + trailer


def gif_files():
    for bits in range(1, 9):
        for interlace in (0, 1):
            yield f"gif/bits{bits}-{interlace}", gif(bits=bits, interlace=interlace)
    ramp = bytes(i for i in range(8) for _ in range(3))
    for name, options in {
        "ramp": dict(table=ramp), "no-table": dict(table=b""), "local": dict(local=noise(24, 9)),
        "local-ramp": dict(local=ramp), "local-only": dict(table=b"", local=noise(24, 9)),
        "part": dict(frame=(7, 5), origin=(3, 4)), "beyond": dict(frame=(15, 12), origin=(9, 8)),
        "transparent": dict(transparent=3), "part-transparent": dict(frame=(7, 5), origin=(3, 4), transparent=5),
        "part-ramp": dict(frame=(7, 5), origin=(3, 4), table=ramp, transparent=5),
        "comment": dict(extra=b"!\xfe\5hello\0"), "empty-comment": dict(extra=b"!\xfe\0"),
        "application": dict(extra=b"!\xff\x0bNETSCAPE2.0\3\1\0\0\0"), "plain": dict(extra=b"!\1\0"),
        "empty-control": dict(extra=b"!\xf9\0"), "short-control": dict(extra=b"!\xf9\2\1\1\0"),
        "noise": dict(extra=b"\0\1\2xyz"), "87a": dict(version=b"GIF87a"), "no-trailer": dict(trailer=b""),
        "noise-after": dict(trailer=b"garbage"), "tiny": dict(screen=(1, 1), frame=(1, 1)),
        "no-screen": dict(screen=(0, 0)), "empty-frame": dict(frame=(0, 0)), "one-row": dict(screen=(W, 1), frame=(W, 1), interlace=1),
        "few-pixels": dict(pixels=[1] * 50), "more-pixels": dict(pixels=[2] * (W * H + 50)),
        "no-pixels": dict(pixels=[]), "rows3": dict(interlace=1, frame=(W, 3), screen=(W, 3)),
    }.items():
        yield f"gif/{name}", gif(**options)
    for name, data in {
        "plain": saved(image("P", (40, 30)), "GIF"), "interlaced": saved(image("P", (40, 30)), "GIF", interlace=1),
        "grey": saved(image("L", (40, 30)), "GIF"), "by-hand": gif(),
        "animated": saved(image("RGB"), "GIF", save_all=True, append_images=[image("RGB", seed=2)]),
    }.items():
        yield f"gif-damage/{name}", data
        yield from damaged(f"gif-damage/{name}", data, 13, 30)
    for bits in (0, 1, 9, 12, 13, 200):
        data = bytearray(gif())
        data[13 + 24 + 10] = bits
        yield f"gif-damage/code{bits}", bytes(data)


# BMP


def bmp(bits, header=40, compression=0, width=W, height=H, masks=(), colors=0, table=None, data=None, offset=None):
    stride = (width * bits + 31) // 32 * 4
    if data is None:
        data = noise(stride * abs(height), bits)
    if table is None:
        table = noise((colors or 1 << bits) * (3 if header == 12 else 4), 3) if bits <= 8 else b""
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", header, width, height, 1, bits, compression, len(data), 2835, 2835, colors, 0)
    extra = b"".join(struct.pack("<I", mask) for mask in masks)
    if header > 40:
        info += extra[:header - 40].ljust(header - 40, b"\0")
    else:
        info += extra
    place = 14 + len(info) + len(table) if offset is None else offset
    return struct.pack("<2sIHHI", b"BM", 14 + len(info) + len(table) + len(data), 0, 0, place) + info + table + data


def bmp_files():
    for header in (12, 40, 52, 56, 64, 108, 124, 16, 41):
        for bits in (1, 2, 4, 8, 16, 24, 32):
            yield f"bmp/{header}-{bits}", bmp(bits, header)
    for bits in (1, 4, 8, 16, 24, 32):
        yield f"bmp/top-down-{bits}", bmp(bits, height=-H)
        data = bmp(bits)
        yield from damaged(f"bmp-damage/{bits}", data, 14, 10)
        yield f"bmp/offset0-{bits}", bmp(bits, offset=0)
        yield f"bmp/offset-short-{bits}", bmp(bits, offset=54)
        yield f"bmp/offset-far-{bits}", bmp(bits, offset=5000)
        for compression in (1, 2, 3, 4, 5, 6):
            yield f"bmp/compression{compression}-{bits}", bmp(bits, compression=compression)
        padding = (-(W * bits + 7) // 8) % 4
        del padding
        for cut in range(1, 6):
            yield f"bmp-damage/{bits}-short{cut}", data[:-cut]
            yield f"bmp-damage/{bits}-top-down-short{cut}", bmp(bits, height=-H)[:-cut]
    for bits in (1, 4, 8):
        for colors in (1, 2, 3, 16, 255, 256, 300):
            yield f"bmp/colors{colors}-{bits}", bmp(bits, colors=colors)
            ramp = bytes(v for i in range(colors) for v in (i & 255, i & 255, i & 255, 0))
            yield f"bmp/ramp{colors}-{bits}", bmp(bits, colors=colors, table=ramp)
        black_white = bytes([0, 0, 0, 0, 255, 255, 255, 0])
        yield f"bmp/black-white-{bits}", bmp(bits, colors=2, table=black_white)
        yield f"bmp/white-black-{bits}", bmp(bits, colors=2, table=black_white[4:] + black_white[:4])
    layouts = {
        16: [(0xF800, 0x7E0, 0x1F), (0x7C00, 0x3E0, 0x1F), (0x1F, 0x7E0, 0xF800)],
        24: [(0xFF0000, 0xFF00, 0xFF), (0xFF, 0xFF00, 0xFF0000)],
        32: [(0xFF0000, 0xFF00, 0xFF, 0), (0xFF000000, 0xFF0000, 0xFF00, 0), (0xFF000000, 0xFF00, 0xFF, 0),
             (0xFF000000, 0xFF0000, 0xFF00, 0xFF), (0xFF, 0xFF00, 0xFF0000, 0xFF000000),
             (0xFF0000, 0xFF00, 0xFF, 0xFF000000), (0xFF000000, 0xFF00, 0xFF, 0xFF0000), (0, 0, 0, 0),
             (0xFF, 0xFF00, 0xFF0000, 0)],
    }
    for bits, masks in layouts.items():
        for i, mask in enumerate(masks):
            for header in (40, 52, 56, 108, 124):
                yield f"bmp/fields{bits}-{i}-{header}", bmp(bits, header, 3, masks=mask[:3] if header == 40 else mask)
    runs = b"".join(bytes([9, y & 15, 0, 3, 1, 2, 3, 0, 7, 7, 0, 0]) for y in range(H)) + b"\0\1"
    variants = {
        "plain": runs, "no-end": runs[:-2], "jump": bytes([4, 1, 0, 2, 3, 2, 5, 7]) + runs, "short": runs[:30] + b"\0\1",
        "long-run": bytes([40, 3, 0, 0]) * H, "even": bytes([0, 4, 1, 2, 3, 4, 15, 9, 0, 0]) * H,
        "odd": bytes([0, 5, 17, 34, 51, 68, 85, 0, 14, 9, 0, 0]) * H, "jump-far": bytes([0, 2, 200, 200]) * 3,
        "no-lines": bytes([19, 5]) * H, "empty": b"",
        "all": b"".join(bytes([19, y & 255, 0, 0]) for y in range(H)), "noise": noise(400, 6),
    }
    for name, data in variants.items():
        for bits, compression in [(8, 1), (4, 2), (8, 2), (4, 1), (1, 1), (24, 1)]:
            for height in (H, -H):
                yield f"bmp-rle/{name}-{bits}-{compression}-{height}", bmp(bits, compression=compression, height=height, data=data)
        yield f"bmp-rle/{name}-odd-place", bmp(8, compression=1, colors=5, data=b"\0" + data, offset=14 + 40 + 20 + 1)
    yield "bmp/zero", bmp(24, width=0)
    yield "bmp/wide-negative", bmp(24, width=-5, data=b"")


# TIFF


def pack_bits(data):
    out = bytearray()
    for i in range(0, len(data), 100):
        part = data[i:i + 100]
        out += bytes([len(part) - 1]) + part
    return bytes(out)


def tiff(tags, strips, order="<", big=False, tiled=False):
    """A directory, then what does not fit into it, then strips or tiles."""
    offset_size = 8 if big else 4
    tags = dict(tags)
    places, counts = (324, 325) if tiled else (273, 279)
    tags.setdefault(places, [0] * len(strips))
    tags.setdefault(counts, [len(strip) for strip in strips])
    entry = 20 if big else 12
    start = 16 if big else 8
    behind = start + (8 if big else 2) + entry * len(tags) + offset_size
    kinds = {1: "B", 3: "H", 4: "I", 7: "B", 16: "Q"}

    def packed(tag, values):
        if isinstance(values, bytes):
            return 7, len(values), values
        values = values if isinstance(values, (list, tuple)) else [values]
        kind = 4 if tag in (places, counts, 256, 257) else 3
        return kind, len(values), b"".join(struct.pack(order + kinds[kind], v) for v in values)

    size = sum(len(packed(t, v)[2]) + 1 for t, v in tags.items() if len(packed(t, v)[2]) > offset_size)
    at = behind + size
    where = []
    for strip in strips:
        where.append(at)
        at += len(strip)
    if all(v == 0 for v in tags[places]):
        tags[places] = where
    body, extra = b"", b""
    for tag in sorted(tags):
        kind, count, data = packed(tag, tags[tag])
        if len(data) <= offset_size:
            value = data.ljust(offset_size, b"\0")
        else:
            value = struct.pack(order + ("Q" if big else "I"), behind + len(extra))
            extra += data + b"\0" * 0
        body += struct.pack(order + ("HHQ" if big else "HHI"), tag, kind, count) + value
    mark = b"II" if order == "<" else b"MM"
    if big:
        head = mark + struct.pack(order + "HHHQ", 43, 8, 0, 16) + struct.pack(order + "Q", len(tags))
    else:
        head = mark + struct.pack(order + "HI", 42, 8) + struct.pack(order + "H", len(tags))
    out = head + body + b"\0" * offset_size + extra
    out = out.ljust(behind + size, b"\0")
    return out + b"".join(strips)


COMPRESS = {
    1: bytes,
    5: lambda data: imagecodecs.lzw_encode(data),
    8: lambda data: zlib.compress(data),
    32946: lambda data: zlib.compress(data),
    32773: pack_bits,
    50000: lambda data: imagecodecs.zstd_encode(data),
}

TIFF_KINDS = [
    # photometric, bits, samples, format, extra
    *[(p, b, 1, 1, ()) for p in (0, 1) for b in (1, 2, 4, 8, 12, 16, 32)],
    *[(p, b, 1, 2, ()) for p in (0, 1) for b in (8, 16, 32)],
    *[(p, b, 1, 3, ()) for p in (0, 1) for b in (16, 32, 64)],
    *[(1, 8, 2, 1, (e,)) for e in (0, 1, 2)],
    (2, 8, 3, 1, ()), (2, 8, 4, 1, ()), *[(2, 8, 4, 1, (e,)) for e in (0, 1, 2, 999)],
    *[(2, 8, 5, 1, (e, 0)) for e in (0, 1, 2)], *[(2, 8, 6, 1, (e, 0, 0)) for e in (0, 1, 2)],
    (2, 16, 3, 1, ()), (2, 16, 4, 1, ()), *[(2, 16, 4, 1, (e,)) for e in (0, 1, 2)],
    *[(3, b, 1, 1, ()) for b in (1, 2, 4, 8, 16)], (3, 8, 2, 1, (0,)), (3, 8, 2, 1, (2,)),
    (5, 8, 4, 1, ()), (5, 8, 5, 1, (0,)), (5, 8, 6, 1, (0, 0)), (5, 16, 4, 1, ()),
    (6, 8, 3, 1, ()), (6, 8, 1, 1, ()), (8, 8, 3, 1, ()), (9, 8, 3, 1, ()),
]


def samples(count, bits, fmt, order, seed=1):
    """Noise; of floating-point numbers, some around 0 to 255."""
    if fmt == 3 and bits == 32:
        values = np.frombuffer(noise(count * 2, seed), "<u2").astype(np.float32) / 128 - 120
        return values.astype(order + "f4").tobytes()
    if fmt in (1, 2) and bits in (16, 32):
        values = np.frombuffer(noise(count * 2, seed), "<i2").astype(np.int64) // 50
        values[::7] *= 31
        return (values & (2**bits - 1)).astype(f"{order}u{bits // 8}").tobytes()
    return noise((count * bits + 7) // 8, seed)


def tiff_image(kind, compression=1, order="<", rows=None, planar=1, predictor=1, fill=1, tile=None,
               big=False, size=(W, H), extra_tags=(), level=None):
    photometric, bits, channels, fmt, extra = kind
    width, height = size
    tags = {256: width, 257: height, 258: [bits] * channels, 259: compression, 262: photometric, 277: channels, 284: planar}
    if fmt != 1:
        tags[339] = [fmt] * channels
    if extra:
        tags[338] = list(extra)
    if fill != 1:
        tags[266] = fill
    if predictor != 1:
        tags[317] = predictor
    if photometric == 3:
        tags[320] = [v for v in np.frombuffer(noise(6 << min(bits, 8), 4), "<u2").tolist()]
    if photometric == 6:
        tags[530] = [1, 1]
    tags.update(dict(extra_tags))
    planes = channels if planar == 2 else 1
    per_plane = channels // planes
    strips, seed = [], 1
    if tile:
        tags[322], tags[323] = tile
        across, down = -(-width // tile[0]), -(-height // tile[1])
        shapes = [tile] * (across * down)
    else:
        rows = rows or height
        tags[278] = rows
        shapes = [(width, min(rows, height - y)) for y in range(0, height, rows)]
    for _ in range(planes):
        for w, h in shapes:
            row = lambda s: samples(w * per_plane, bits, fmt, order, s)
            data = b"".join(row(seed + y) for y in range(h))
            seed += h
            strips.append(COMPRESS[compression](data))
    return tiff(tags, strips, order, big, bool(tile))


def tiff_files():
    for kind in TIFF_KINDS:
        label = "-".join(map(str, kind[:4])) + "-" + ",".join(map(str, kind[4]))
        for order in "<>":
            for compression in COMPRESS:
                yield f"tiff/{label}/{order}{compression}", tiff_image(kind, compression, order)
            yield f"tiff/{label}/{order}rows5", tiff_image(kind, 1, order, rows=5)
            yield f"tiff/{label}/{order}fill2", tiff_image(kind, 1, order, fill=2)
            yield f"tiff/{label}/{order}fill2-8", tiff_image(kind, 8, order, fill=2)
            yield f"tiff/{label}/{order}tiles", tiff_image(kind, 1, order, tile=(16, 16))
            yield f"tiff/{label}/{order}tiles-8", tiff_image(kind, 8, order, tile=(16, 16))
            yield f"tiff/{label}/{order}predictor-8", tiff_image(kind, 8, order, predictor=2)
            if kind[3] == 3:
                yield f"tiff/{label}/{order}predictor3-8", tiff_image(kind, 8, order, predictor=3)
            if kind[2] > 1:
                yield f"tiff/{label}/{order}planes", tiff_image(kind, 1, order, planar=2)
                yield f"tiff/{label}/{order}planes-8", tiff_image(kind, 8, order, planar=2)
        yield f"tiff/{label}/big", tiff_image(kind, 1, "<", big=True)
        yield f"tiff/{label}/big-8", tiff_image(kind, 8, ">", big=True)
    rgb, grey = (2, 8, 3, 1, ()), (1, 8, 1, 1, ())
    for orientation in range(10):
        for name, compression, order in [("raw", 1, "<"), ("lzw", 5, ">")]:
            yield f"tiff-turned/{name}{orientation}", tiff_image(rgb, compression, order, extra_tags={274: orientation})
        yield f"tiff-turned/cut{orientation}", tiff_image(grey, 1, extra_tags={274: orientation})[:-40]
    for compression in COMPRESS:
        for predictor in (1, 2):
            data = tiff_image(rgb, compression, rows=5, predictor=predictor)
            yield from damaged(f"tiff-damage/{compression}-{predictor}", data, len(data) * 2 // 5, 14)
            yield f"tiff-rows/{compression}-{predictor}", data
            yield f"tiff-predictor/{compression}-{predictor}-16", tiff_image((2, 16, 3, 1, ()), compression, predictor=predictor)
            yield f"tiff-predictor/{compression}-{predictor}-16>", tiff_image((2, 16, 3, 1, ()), compression, ">", predictor=predictor)
    for bits in (1, 4, 8):
        data = tiff_image((3, bits, 1, 1, ()), 1)
        yield from damaged(f"tiff-damage/palette{bits}", data, 8, 14)
    for name, tags in {
        "no-rows": {278: 100000}, "no-samples": {277: 7}, "predictor9": {317: 9}, "planar3": {284: 3},
        "fill3": {266: 3}, "format4": {339: [4, 4, 4]}, "mixed-bits": {258: [8, 8, 16]}, "one-bits": {258: 8},
        "many-bits": {258: [8, 8, 8, 8]}, "no-compression": {259: 77}, "lzma": {259: 34925}, "old-jpeg": {259: 6},
        "fax3": {259: 3}, "width0": {256: 0},
    }.items():
        yield f"tiff-odd/{name}", tiff_image(rgb, 1, extra_tags=tags)
    strips = [noise(W * 5 * 3, i) for i in range(3)]
    tags = {256: W, 257: H, 258: [8, 8, 8], 259: 1, 262: 2, 277: 3, 278: 5}
    yield "tiff-odd/few-strips", tiff(tags, strips[:2])
    yield "tiff-odd/more-strips", tiff(tags, strips + strips[:1])
    yield "tiff-odd/wrong-counts", tiff({**tags, 279: [3, 4, 5]}, strips)
    yield "tiff-odd/no-strips", tiff({**tags, 273: [], 279: []}, [])
    for sampling, name in [(0, "444"), (2, "420")]:
        for rows in (16, 64):
            for mode in ("L", "RGB", "YCbCr", "CMYK"):
                if mode != "YCbCr" and sampling:
                    continue
                im = image("RGB", (45, 37)).convert(mode) if mode != "CMYK" else image("CMYK", (45, 37))
                yield f"tiff-jpeg/{mode}-{name}-{rows}", saved(im, "TIFF", compression="jpeg", quality=80, tiffinfo={278: rows})
    for mode in ("1", "L", "P", "RGB", "RGBA", "CMYK", "LA"):
        for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd", "group3", "group4", "tiff_ccitt", "lzma", "webp"):
            try:
                yield f"tiff-saved/{mode}-{compression}", saved(image(mode), "TIFF", compression=compression)
            except (OSError, ValueError):
                pass
    fax = saved(image("1", (70, 40)), "TIFF", compression="group4")
    yield from damaged("tiff-damage/group4", fax, 8, 20)
    fax = saved(image("1", (200, 90)), "TIFF", compression="group4", tiffinfo={278: 40})
    yield from damaged("tiff-damage/group4-strips", fax, 8, 60)
    for compression in (1, 8):
        data = tiff_image(rgb, compression)
        yield from damaged(f"tiff-directory/{compression}", data[: len(data) // 3], 8, 30)
        yield from damaged(f"tiff-directory/{compression}-whole", data, 8, 30)


# WebP


def riff(chunks):
    body = b"WEBP" + b"".join(n + struct.pack("<I", len(d)) + d + b"\0" * (len(d) % 2) for n, d in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_files():
    bases = {}
    for mode in ("RGB", "RGBA"):
        for name, options in {"lossy": dict(quality=60), "lossless": dict(lossless=True), "exact": dict(lossless=True, exact=True),
                              "q95": dict(quality=95), "fast": dict(quality=30, method=0)}.items():
            for size in [(W, H), (1, 1), (33, 17), (64, 48)]:
                bases[f"{mode}-{name}-{size[0]}"] = saved(image(mode, size), "WEBP", **options)
    few = image("P", (33, 17)).convert("RGB")
    bases["palette"] = saved(few, "WEBP", lossless=True)
    for name, data in bases.items():
        yield f"webp/{name}", data
        yield f"webp/{name}/noise-after", data + noise(20)
    for name in ["RGB-lossy-33", "RGBA-lossy-33", "RGB-lossless-33", "RGBA-exact-33", "palette"]:
        yield from damaged(f"webp-damage/{name}", bases[name], 12, 14)
    frames = [image("RGBA", seed=seed) for seed in range(3)]
    for lossless in (False, True):
        animated = saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=lossless)
        yield f"webp-animated/{lossless}", animated
        yield from damaged(f"webp-animated/{lossless}", animated, 30, 10)
    for name in ["RGB-lossy-19", "RGBA-lossy-19", "RGB-lossless-19", "RGBA-exact-19"]:
        still = bases[name]
        inner = still[12:]
        if inner[:4] == b"VP8X":
            inner = inner[18:]
        for flags in (0, 1, 2, 3):
            for alpha in (0, 0x10):
                for x, y in [(0, 0), (4, 6)]:
                    head = bytes([alpha | 2, 0, 0, 0]) + struct.pack("<I", 29)[:3] + struct.pack("<I", 24)[:3]
                    place = b"".join(struct.pack("<I", v)[:3] for v in (x // 2, y // 2, W - 1, H - 1, 100))
                    frame = place + bytes([flags]) + inner
                    chunks = [(b"VP8X", head), (b"ANIM", b"\x20\x40\x60\x80\0\0"), (b"ANMF", frame), (b"ANMF", frame)]
                    yield f"webp-frame/{name}-{flags}-{alpha}-{x}", riff(chunks)
    for orientation in range(10):
        for order in "<>":
            yield f"webp-exif/{orientation}{order}", saved(image("RGB"), "WEBP", exif=exif(orientation, order))
        yield f"webp-exif/xmp{orientation}", saved(image("RGBA"), "WEBP", xmp=xmp(orientation))


def verdict(data, formats, transpose=False):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=formats) as im:
                mode = im.mode
                if transpose:
                    im = ImageOps.exif_transpose(im)
                rgb = im.convert("RGB")
                size = rgb.size
                return f"{mode} {size[0]} {size[1]} {hashlib.sha256(rgb.tobytes()).hexdigest()[:16]}"
    except Exception:
        return "-"


def write(target, parts, formats):
    lines, blob, seen = [], bytearray(), set()
    for part in parts:
        for name, data in part():
            if data in seen:
                continue
            seen.add(data)
            first = verdict(data, formats)
            ImageFile.LOAD_TRUNCATED_IMAGES = True
            padded = verdict(data, formats)
            ImageFile.LOAD_TRUNCATED_IMAGES = False
            turned = verdict(data, formats, True)
            others = ["=" if other == first else other for other in (padded, turned)]
            lines.append("\t".join([name, str(len(data)), first, *others]))
            blob += data
    (TARGET / f"{target}.tsv").write_text("\n".join(lines) + "\n")
    packed = zlib.compress(bytes(blob), 9)
    (TARGET / f"{target}.zlib").write_bytes(packed)
    good = sum(line.split("\t")[2] != "-" for line in lines)
    print(f"{len(lines)} files, {good} that Pillow reads, {len(blob)} bytes, {len(packed)} deflated")


if __name__ == "__main__":
    files = (png_files, jpeg_files, gif_files, bmp_files, tiff_files, webp_files)
    write("matrix", files, ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"])
