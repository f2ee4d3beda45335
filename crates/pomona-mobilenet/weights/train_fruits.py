"""Trains, writes and measures `fruits.safetensors`, the weights that Pomona ships.

The images are Fruits-360 (version 2020.05.18, MIT, Mihai Oltean and Horea Muresan) as the public
repository `Cranked/Fruit360` on GitHub holds them, folders `Training` and `Test`:

    git clone https://github.com/Cranked/Fruit360 images
    python -m venv venv
    venv/bin/pip install torch tensorflow-cpu pillow numpy safetensors
    venv/bin/python train_fruits.py prepare images arrays        # decode and resize once, 3.9 GB
    venv/bin/python train_fruits.py train arrays fruits.ckpt       # continues where it was stopped
    venv/bin/python train_fruits.py export arrays fruits.ckpt fruits.safetensors
    venv/bin/python train_fruits.py evaluate arrays fruits.safetensors
    venv/bin/python train_fruits.py reference fruits.safetensors ../tests/data/fruits_keras.json

The order of the images and every random change of one depend on the seed and the step alone, so
a run that is stopped and continued sees what an uninterrupted one does. The first epochs see
images at half the side, at a quarter of the price. PyTorch trains and Keras measures: on two
cores of a Xeon with AVX-512, one thread a process, an image of 128 pixels took PyTorch 23 ms of
processor time and Keras 33 ms. Memory that stays with the allocator is worth a quarter of that:

    export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000 OMP_WAIT_POLICY=PASSIVE
"""

import argparse
import json
import math
import os
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import distributed, multiprocessing
from torch.nn import functional

from fruits_network import EPSILON, MobileNetV2, load_checkpoint, trainable_decay
from fruits_images import SIZE, Images, prepare


def prepare_images(options: argparse.Namespace) -> None:
    """Decodes and resizes the images once."""
    prepare(options.images, options.arrays)


def train(options: argparse.Namespace) -> None:
    """Trains, in processes that share each batch and average their gradients."""
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    os.environ.setdefault("MASTER_PORT", "29631")
    multiprocessing.spawn(train_part, args=(options,), nprocs=options.processes)


def train_part(rank: int, options: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    distributed.init_process_group("gloo", rank=rank, world_size=options.processes)
    images = Images(options.arrays, "Training")
    torch.manual_seed(options.seed)
    model = MobileNetV2(len(images.classes), options.width)
    model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(trainable_decay(model, options.weight_decay), lr=0.0, fused=True)
    per_epoch = len(images.labels) // options.batch
    sides = side_of_steps(options.stages)
    total = len(sides)
    step = 0
    if options.checkpoint.exists():
        saved = load_checkpoint(options.checkpoint)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        step = saved["step"]
        print(f"continues at step {step} of {total}", flush=True)
    share = options.batch // options.processes
    window, since, cpu = [], time.time(), time.process_time()
    while step < total:
        epoch, position = divmod(step, per_epoch)
        order = np.random.default_rng([options.seed, epoch]).permutation(len(images.labels))
        first = position * options.batch + rank * share
        rows = np.sort(order[first : first + share])
        rng = np.random.default_rng([options.seed, step, rank, 1])
        x, y = augmented(images, rows, sides[step], rng)
        for group in optimizer.param_groups:
            group["lr"] = rate(step, total, options)
        model.train()
        loss = functional.cross_entropy(model(x), y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        average_gradients(model, options.processes)
        optimizer.step()
        window.append(loss.item())
        step += 1
        if rank == 0 and (step % 50 == 0 or step == total):
            now, used = time.time(), time.process_time()
            speed = len(window) * options.batch / (now - since)
            busy = (used - cpu) / (now - since)
            print(
                f"step {step}/{total} epoch {epoch} size {sides[step - 1]} "
                f"loss {np.mean(window):.4f} {speed:.1f} images/s, {busy:.2f} of a core",
                flush=True,
            )
            window, since, cpu = [], now, used
        if rank == 0 and (step % 200 == 0 or step == total):
            save_checkpoint(options.checkpoint, model, optimizer, step)
    distributed.destroy_process_group()


def augmented(images, rows, size, rng):
    """A batch, flipped at random and a little brighter or darker, at a side of `size`."""
    x = torch.from_numpy(images.pixels[rows]).permute(0, 3, 1, 2).float()
    flips = torch.from_numpy(rng.random(len(rows)) < 0.5)
    x[flips] = x[flips].flip(3)
    brightness = rng.uniform(0.9, 1.1, (len(rows), 1, 1, 1)).astype(np.float32)
    x = (x * torch.from_numpy(brightness)).clamp_(0, 255)
    if size != SIZE:
        x = functional.interpolate(
            x, (size, size), mode="bilinear", antialias=True, align_corners=False
        )
    x = x.contiguous(memory_format=torch.channels_last)
    return x, torch.from_numpy(images.labels[rows])


def side_of_steps(stages: str) -> list[int]:
    """The side of the images in each step."""
    sides = []
    for stage in stages.split(","):
        side, steps = stage.split(":")
        sides += [int(side)] * int(steps)
    return sides


def rate(step: int, total: int, options: argparse.Namespace) -> float:
    """Linear warm-up, then half a cosine down to zero."""
    warm = min(1.0, (step + 1) / options.warm_up)
    along = max(0, step - options.warm_up) / (total - options.warm_up)
    return options.rate * warm * 0.5 * (1 + math.cos(math.pi * along))


def average_gradients(model, processes: int) -> None:
    if processes == 1:
        return
    gradients = [p.grad for p in model.parameters()]
    flat = torch.cat([g.reshape(-1) for g in gradients])
    distributed.all_reduce(flat)
    flat /= processes
    at = 0
    for gradient in gradients:
        gradient.copy_(flat[at : at + gradient.numel()].view(gradient.shape))
        at += gradient.numel()


def save_checkpoint(path: Path, model, optimizer, step: int) -> None:
    partial = path.with_suffix(".partial")
    torch.save(
        {
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "step": step,
        },
        partial,
    )
    partial.replace(path)


def export(options: argparse.Namespace) -> None:
    """Writes the weights in float16 with what was measured on just those."""
    import fruits_keras

    saved = load_checkpoint(options.checkpoint)
    tensors = {}
    for name, tensor in saved["model"].items():
        if name.endswith("num_batches_tracked"):
            continue
        if not name.startswith("classifier"):
            name = f"mobilenet_v2.{name}"
        # In C order: `save_file` writes the buffer as it lies, and kernels lie channels last.
        half = tensor.numpy().astype(np.float16, order="C")
        if not np.isfinite(half).all():
            raise SystemExit(f"{name} has values beyond float16")
        tensors[name] = half
    # What is measured is what a reader of the file gets.
    save_file(tensors, options.file)
    stored, _ = fruits_keras.read(options.file)
    test = Images(options.arrays, "Test")
    measured = fruits_keras.measure(fruits_keras.keras_model(stored, options.width), test)
    print(json.dumps(measured, indent=2, ensure_ascii=False))
    total = len(side_of_steps(options.stages))
    metadata = {
        "format": "pt",
        "padding": "same",
        "batch_norm_epsilon": str(EPSILON),
        "input_size": str(SIZE),
        "width": str(options.width),
        "labels": json.dumps(test.classes, ensure_ascii=False),
        "accuracy": f"{measured['accuracy']:.5f}",
        "accuracy_of": f"top-1 on the {measured['images']} images of Test that are of these "
        f"classes, {measured['right']} right; {measured['of_other_classes']} of classes without "
        "training images left out; float16 weights as stored",
        "dataset": "Fruits-360 2020.05.18 (Cranked/Fruit360), MIT, "
        "copyright 2017 Mihai Oltean, Horea Muresan",
        "license": "Apache-2.0",
        "seed": str(options.seed),
        "training": f"{saved['step']} of {total} steps of {options.batch} images, sides "
        f"{options.stages}, AdamW {options.rate}, weight decay {options.weight_decay}; see docs/src/fruits.md",
        "training_script": "crates/pomona-mobilenet/weights/train_fruits.py",
    }
    save_file(tensors, options.file, metadata)


def evaluate(options: argparse.Namespace) -> None:
    """Measures a file on `Test` with Keras."""
    import fruits_keras

    tensors, metadata = fruits_keras.read(options.file)
    test = Images(options.arrays, "Test")
    if json.loads(metadata["labels"]) != test.classes:
        raise SystemExit(f"{options.file} has other classes than {options.arrays}")
    model = fruits_keras.keras_model(tensors, float(metadata["width"]))
    measured = fruits_keras.measure(model, test)
    print(json.dumps(measured, indent=2, ensure_ascii=False))


def reference(options: argparse.Namespace) -> None:
    """Writes what Keras computes for a drawn image."""
    import fruits_keras

    fruits_keras.write_reference(options.file, options.reference)


def main() -> None:
    recipe = argparse.ArgumentParser(add_help=False)
    recipe.add_argument(
        "--stages",
        default="64:1810,96:290,128:750",
        help="SIDE:STEPS, the sides of the images and how long each lasts",
    )
    recipe.add_argument("--width", type=float, default=1.0)
    recipe.add_argument("--batch", type=int, default=64)
    recipe.add_argument("--rate", type=float, default=2e-3, help="highest learning rate")
    recipe.add_argument("--warm-up", type=int, default=500, help="steps")
    recipe.add_argument("--weight-decay", type=float, default=2e-4)
    recipe.add_argument("--processes", type=int, default=2, help="each takes its share of a batch")
    recipe.add_argument("--seed", type=int, default=360)

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name, run, *paths, parents=()):
        added = commands.add_parser(name, parents=parents, help=run.__doc__)
        for path in paths:
            added.add_argument(path, type=Path)
        added.set_defaults(run=run)

    command("prepare", prepare_images, "images", "arrays")
    command("train", train, "arrays", "checkpoint", parents=[recipe])
    command("export", export, "arrays", "checkpoint", "file", parents=[recipe])
    command("evaluate", evaluate, "arrays", "file")
    command("reference", reference, "file", "reference")
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
