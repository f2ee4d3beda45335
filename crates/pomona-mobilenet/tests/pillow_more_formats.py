"""Makes small JPEG 2000 and JPEG XL files of every mode x option x damage, and asks Pillow.

    apt-get install libopenjp2-tools libjxl-tools
    pip install pillow numpy imagecodecs pillow-jxl-plugin
    python tests/pillow_more_formats.py

writes `tests/data/more_formats.zlib` and `more_formats.tsv`, as `pillow_matrix.py` writes those of the other
formats. The verdicts in the repository are those of Pillow 13.0.0 and pillow-jxl-plugin 1.3.8.
"""

import itertools
import subprocess
import tempfile
from pathlib import Path

import imagecodecs
import numpy as np
import pillow_jxl  # noqa: F401, Pillow's plug-in
from PIL import Image

from pillow_matrix import H, W, damaged, exif, image, noise, saved, write


def made(program, suffix, im, *options, **png):
    """What a program writes of an image, or nothing where it refuses the options."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in.png"), Path(folder, f"out.{suffix}")
        im.save(source, **png)
        names = ["-i", source, "-o", target] if program == "opj_compress" else [source, target]
        done = subprocess.run([program, *names, *options], capture_output=True)
        return target.read_bytes() if done.returncode == 0 and target.exists() else None


def ramps(width, height):
    """An image that takes more memory than bytes."""
    y, x = np.mgrid[0:height, 0:width]
    return Image.fromarray(np.stack([x, y, x + y], -1).astype(np.uint8))


def deep(mode, size):
    """16 bits a sample."""
    values = np.frombuffer(noise(size[0] * size[1] * 2, 3), "<u2").reshape(size[1], size[0])
    return Image.fromarray(values) if mode == "I;16" else None


MODES = ("L", "LA", "RGB", "RGBA")


def jpeg2000_files():
    for mode, size in itertools.product(MODES, [(W, H), (1, 1), (64, 48)]):
        im = image(mode, size)
        for bare in (False, True):
            tag = f"jp2/{mode}-{size[0]}-{'j2k' if bare else 'jp2'}"
            yield tag, saved(im, "JPEG2000", no_jp2=bare)
            yield f"{tag}/irreversible", saved(im, "JPEG2000", no_jp2=bare, irreversible=True)
            yield f"{tag}/rates", saved(im, "JPEG2000", no_jp2=bare, quality_layers=[9, 5, 2])
            yield f"{tag}/rate", saved(im, "JPEG2000", no_jp2=bare, quality_layers=[7])
    big = (90, 40)
    for mode in ("L", "RGB", "RGBA"):
        im = image(mode, big)
        for name, options in {
            "tiles": dict(tile_size=(64, 32)),
            "tiles-odd": dict(tile_size=(33, 17), tile_offset=(3, 5), offset=(7, 6)),
            "offset": dict(offset=(11, 9), tile_size=(110, 60)),
            "few": dict(num_resolutions=1),
            "two": dict(num_resolutions=2),
            "blocks": dict(codeblock_size=(4, 4)),
            "blocks-wide": dict(codeblock_size=(64, 16)),
            "precincts": dict(precinct_size=(32, 32), codeblock_size=(16, 16)),
            "no-mct": dict(mct=0),
            "plt": dict(plt=True),
            "comment": dict(comment=b"abc"),
            "psnr": dict(quality_mode="dB", quality_layers=[20, 30]),
        }.items():
            yield f"jp2-option/{mode}-{name}", saved(im, "JPEG2000", **options)
            yield f"jp2-option/{mode}-{name}-rates", saved(im, "JPEG2000", **{"quality_layers": [12, 4], **options})
        for order in ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL"):
            yield f"jp2-option/{mode}-{order}", saved(
                im, "JPEG2000", progression=order, quality_layers=[8, 3], precinct_size=(64, 64), tile_size=(64, 64)
            )
    for size in [(W, H), (64, 48)]:
        yield f"jp2-deep/I;16-{size[0]}", saved(deep("I;16", size), "JPEG2000")
        yield f"jp2-deep/I;16-{size[0]}-rate", saved(deep("I;16", size), "JPEG2000", quality_layers=[4])
    for mode in ("L", "RGB"):
        im = image(mode, big)
        for name, options in {
            # 1 bypass, 2 reset, 4 restart, 8 vertical, 16 termination, 32 symbols.
            **{f"style{style}": ["-M", str(style)] for style in (1, 2, 4, 8, 16, 32, 63)},
            "sop": ["-SOP"],
            "eph": ["-EPH"],
            "sop-eph": ["-SOP", "-EPH"],
            "parts": ["-TP", "R"],
            "region": ["-ROI", "c=0,U=4"],
            "subsampled": ["-s", "2,2"],
            "order-change": ["-POC", "T1=0,0,1,5,3,CPRL"],
        }.items():
            for rate in ([], ["-r", "10,4"]):
                data = made("opj_compress", "jp2", im, *options, *rate)
                if data:
                    yield f"jp2-tool/{mode}-{name}{'-rates' if rate else ''}", data
    for bits, channels in itertools.product((1, 4, 7, 9, 12, 16), (1, 3)):
        samples = np.frombuffer(noise(W * H * channels * 2, 7), "<u2") >> (16 - bits)
        samples = samples.astype("u1" if bits <= 8 else "u2").reshape(H, W, channels).squeeze()
        yield f"jp2-bits/{bits}-{channels}", imagecodecs.jpeg2k_encode(samples, level=0, bitspersample=bits, reversible=True)
    for name, im, options in [
        ("L", image("L", (33, 17)), {}),
        ("RGB", image("RGB", (33, 17)), dict(no_jp2=True)),
        ("layers", image("RGB", (33, 17)), dict(quality_layers=[9, 5, 2])),
        ("tiles", image("RGB", (33, 17)), dict(tile_size=(16, 16), num_resolutions=3)),
    ]:
        yield from damaged(f"jp2-damage/{name}", saved(im, "JPEG2000", **options), 8, 16)


    large = ramps(1000, 700)
    yield "jp2-large/ramps", saved(large, "JPEG2000")
    yield "jp2-large/tiles", saved(large, "JPEG2000", tile_size=(256, 256))
    yield "jp2-large/blocks", saved(ramps(300, 200), "JPEG2000", codeblock_size=(4, 4), quality_layers=[20, 10, 5, 2])


def jxl_files():
    yield "jxl-large/ramps", saved(ramps(1000, 700), "JXL", lossless=True)
    yield "jxl-large/squeeze", made("cjxl", "jxl", ramps(1000, 700), "-d", "0", "-R", "1")
    yield "jxl-large/grey", saved(ramps(1000, 700).convert("L"), "JXL", lossless=True, effort=1)
    for mode, size in itertools.product(MODES, [(W, H), (1, 1), (64, 48), (270, 30)]):
        im = image(mode, size)
        for effort in (1, 3, 7, 9):
            tag = f"jxl/{mode}-{size[0]}-{effort}"
            yield tag, saved(im, "JXL", lossless=True, effort=effort)
        yield f"jxl/{mode}-{size[0]}-container", saved(im, "JXL", lossless=True, use_container=True)
        yield f"jxl/{mode}-{size[0]}-lossy", saved(im, "JXL", quality=85)
    colors = image("P", (64, 48)).convert("RGB")
    yield "jxl/palette", saved(colors, "JXL", lossless=True)
    flat = Image.new("RGB", (64, 48), (9, 200, 77))
    yield "jxl/flat", saved(flat, "JXL", lossless=True)
    yield "jxl/noise", saved(Image.frombytes("RGB", (W, H), noise(W * H * 3)), "JXL", lossless=True)
    photo = saved(image("RGB", (64, 48)), "JPEG", quality=80)
    tools = {
        "squeeze": ["-d", "0", "-R", "1"],
        "progressive": ["-d", "0", "-p"],
        "groups0": ["-d", "0", "-g", "0"],
        "groups3": ["-d", "0", "-g", "3"],
        "no-palette": ["-d", "0", "--modular_palette_colors=0"],
        "lossy-palette": ["-d", "0", "--modular_lossy_palette", "--modular_palette_colors=0"],
        "predictor6": ["-d", "0", "-P", "6"],
        "predictor15": ["-d", "0", "-P", "15", "-e", "9"],
        "patches": ["-d", "0", "--patches=1", "-e", "9"],
        "modular": ["-d", "1", "-m", "1"],
        "container": ["-d", "0", "--container=1"],
        "noise": ["-d", "1", "--photon_noise_iso=3200"],
        "half": ["-d", "1", "--resampling=2"],
        "half-lossless": ["-d", "0", "--resampling=2"],
        "premultiplied": ["-d", "0", "--premultiply=1"],
    }
    for mode in ("L", "RGB", "RGBA"):
        for name, options in tools.items():
            data = made("cjxl", "jxl", image(mode, (270, 30)), *options)
            if data:
                yield f"jxl-tool/{mode}-{name}", data
    for orientation in range(1, 9):
        # cjxl puts it into the header, which decoders apply.
        data = made("cjxl", "jxl", image("RGB", (33, 17)), "-d", "0", exif=exif(orientation)[6:])
        yield f"jxl-turned/{orientation}", data
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in.jpg"), Path(folder, "out.jxl")
        source.write_bytes(photo)
        subprocess.run(["cjxl", source, target], capture_output=True)
        yield "jxl-tool/jpeg", target.read_bytes()
    deep_grey = made("cjxl", "jxl", deep("I;16", (W, H)), "-d", "0")
    if deep_grey:
        yield "jxl-tool/grey-16", deep_grey
    for name, im, effort in [("L", image("L", (33, 17)), 7), ("RGB", image("RGB", (33, 17)), 7), ("RGBA", image("RGBA", (33, 17)), 1)]:
        yield from damaged(f"jxl-damage/{name}", saved(im, "JXL", lossless=True, effort=effort), 2, 16)


if __name__ == "__main__":
    write("more_formats", (jpeg2000_files, jxl_files), ["JPEG2000", "JXL"])
