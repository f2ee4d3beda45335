#!/usr/bin/env python3
# Writes tests/data/NAME.json: timm's features of a drawn image, for weights that follow from the
# names of their tensors, so that the tests make the same weights and nobody stores them.
#
#     python3 -m venv --system-site-packages env   # with torch and torchvision
#     env/bin/pip install timm
#     env/bin/python timm_reference.py
#
# Written with torch 1.13, timm 1.0.31 and Pillow 9.4.
import json
import pathlib

import numpy
import timm
import torch
from PIL import Image
from timm.data import create_transform, resolve_data_config

MODELS = {
    "resnet18": "resnet18.a1_in1k",
    "efficientnet_b0": "tf_efficientnet_b0.ns_jft_in1k",
    "mobilenetv4_conv_small": "mobilenetv4_conv_small.e2400_r224_in1k",
    "dinov2_small": "vit_small_patch14_dinov2.lvd142m",
}


def numbers(name, count):
    """count values from 0 to 1: SplitMix64 from the FNV-1a of the name."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x100000001B3) % 2**64
    with numpy.errstate(over="ignore"):
        state = numpy.uint64(seed) + numpy.arange(1, count + 1, dtype=numpy.uint64) * numpy.uint64(
            0x9E3779B97F4A7C15
        )
        state = (state ^ (state >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        state = state ^ (state >> numpy.uint64(31))
    return (state >> numpy.uint64(40)).astype(numpy.float32) / numpy.float32(2**24)


def bounds(name, shape):
    """The range of a tensor's values, such that activations keep their size."""
    last = name.rsplit(".", 1)[-1]
    if last == "running_var" or (last == "weight" and len(shape) == 1):
        return 0.8, 1.2
    if last == "gamma":
        return 0.2, 0.4
    if len(shape) == 1:
        return -0.1, 0.1
    if last in ("cls_token", "pos_embed"):
        return -0.5, 0.5
    limit = (3.0 / float(numpy.prod(shape[1:]))) ** 0.5
    return -limit, limit


def tensor(name, shape):
    low, high = (numpy.float32(bound) for bound in bounds(name, shape))
    values = low + (high - low) * numbers(name, int(numpy.prod(shape)))
    return torch.from_numpy(values.reshape(shape))


def image():
    y, x = numpy.mgrid[0:260, 0:300]
    red = (x * 255 // 299).astype(numpy.uint8)
    green = (y * 255 // 259).astype(numpy.uint8)
    inside = (x - 150) ** 2 + (y - 130) ** 2 < 90**2
    blue = numpy.where(inside, 200, (x + 2 * y) % 256).astype(numpy.uint8)
    return Image.fromarray(numpy.stack([red, green, blue], axis=2))


def main():
    for name, model_name in MODELS.items():
        model = timm.create_model(model_name, pretrained=False, num_classes=0).eval()
        state = {}
        for key, value in model.state_dict().items():
            if not key.endswith("num_batches_tracked"):
                state[key] = tensor(key, tuple(value.shape))
        model.load_state_dict(state, strict=False)
        config = resolve_data_config({}, model=model)
        pixels = create_transform(**config)(image())
        with torch.no_grad():
            features = model(pixels[None])[0]
        reference = {
            "model": model_name,
            "input_size": config["input_size"][1],
            "crop_pct": config["crop_pct"],
            "mean": config["mean"],
            "std": config["std"],
            "pixels": [round(float(value), 6) for value in pixels.flatten()[:: pixels.numel() // 64]],
            "tensors": {key: list(value.shape) for key, value in state.items()},
            "features": [float(f"{value:.7g}") for value in features],
        }
        if name == "dinov2_small":
            # With GELU by its tanh approximation, which features must not have.
            tanh = timm.create_model(
                model_name, pretrained=False, num_classes=0, act_layer="gelu_tanh"
            ).eval()
            tanh.load_state_dict(state, strict=False)
            with torch.no_grad():
                approximate = tanh(pixels[None])[0]
            reference["features_tanh"] = [float(f"{value:.7g}") for value in approximate]
        file = pathlib.Path(__file__).parent / "data" / f"{name}.json"
        file.write_text(json.dumps(reference, separators=(",", ":")) + "\n")
        print(name, len(features), float(features.abs().mean()), float(features.abs().max()), config)


if __name__ == "__main__":
    main()
