"""Images for the nodes' jobs: small PNG files of noise, and files that are no images."""

import random
import struct
import zlib


def png(seed, side=48):
    """An RGB image; a seed always gives the same one."""
    noise = random.Random(seed)
    tint = [noise.randrange(256) for _ in range(3)]
    rows = b"".join(
        b"\0" + bytes((value + noise.randrange(40)) % 256 for _ in range(side) for value in tint) for _ in range(side)
    )

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def upload(put, slow):
    """Three folders: `good`, `bad` with a third of no images, and `slow` with many."""
    for number in range(120):
        label = ("Apple Red", "Kiwi", "Pear")[number % 3]
        put(f"good/{label}/{number}.png", png(number))
    for number in range(30):
        put(f"bad/Kiwi/{number}.png", b"no image" if number % 3 == 0 else png(number))
    some = [png(number) for number in range(50)]
    for number in range(slow):
        put(f"slow/Kiwi/{number}.png", some[number % 50])
