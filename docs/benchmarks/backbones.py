"""The networks of `image_features` against ONNX Runtime: same weights, same images, same machine.

    python backbones.py RATES FOLDER [SECONDS] [ROUNDS] [NETWORK ...]

RATES is the example `rates` of pomona-backbones, FOLDER keeps the weights and models that are made. Needs
torch, timm, onnx, onnxruntime, safetensors and numpy below 2.

- Weights are random and follow from the names of their tensors, as in the crate's tests
  (`timm_reference.py`), so that nothing is downloaded. Speed does not depend on them.
- timm's model is exported to ONNX with its batch norms folded, and runs with ONNX Runtime's default
  optimizations. Its input is normalised f32; Pomona gets bytes and is charged for the conversion.
- Features must agree to 1e-4 of the largest, or the script stops.
- Contenders are timed in turn in every round. The rate of a contender is the median of its rounds, of
  the better of its batches; "by CPU time" divides by the processor time of all of its threads.
"""

import pathlib
import subprocess
import sys
import time

import numpy as np
import onnxruntime as ort
import timm
import torch
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parents[1] / "crates/pomona-backbones/tests"))
from timm_reference import MODELS, tensor  # noqa: E402

# Images a call, of ONNX Runtime and of Pomona.
BATCHES = {"dinov2_small": (1, 2)}
IMAGES = 8
TOLERANCE = 1e-4


def prepare(name, folder):
    """Writes weights, model and images; returns the side of an image, its mean and deviation."""
    model = timm.create_model(MODELS[name], pretrained=False, num_classes=0, exportable=True).eval()
    config = model.default_cfg
    size = config["input_size"][1]
    state = {
        key: tensor(key, tuple(value.shape))
        for key, value in model.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    model.load_state_dict(state, strict=False)
    weights = folder / f"{name}.safetensors"
    save_file({key: value.numpy() for key, value in state.items()}, weights)
    onnx = folder / f"{name}.onnx"
    if not onnx.exists():
        torch.onnx.export(
            model, torch.zeros(2, 3, size, size), str(onnx), opset_version=17,
            input_names=["input"], output_names=["features"],
            dynamic_axes={"input": {0: "n"}, "features": {0: "n"}})
    # Waves and edges, no two alike.
    y, x, channel, image = np.ogrid[:size, :size, :3, :IMAGES]
    wave = np.sin((x * (image + 2) + y * (channel + 3)) / 40.0)
    edge = np.where((x + image * 17) % 90 < 45, 60.0, 0.0)
    pixels = (97 + 95 * wave + edge).clip(0, 255).astype(np.uint8).transpose(3, 0, 1, 2)
    np.ascontiguousarray(pixels).tofile(folder / f"{name}.images")
    mean, deviation = (np.array(config[key], np.float32) for key in ("mean", "std"))
    values = (pixels.astype(np.float32) / 255 - mean) / deviation
    return weights, onnx, np.ascontiguousarray(values.transpose(0, 3, 1, 2))


def session(path, threads):
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return ort.InferenceSession(str(path), options, ["CPUExecutionProvider"])


def rate(runner, values, batch, seconds):
    """Images a second of the clock, and of processor time."""
    images, started, busy = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - started < seconds:
        first = images % len(values)
        runner.run(None, {"input": values[first : first + batch]})
        images += batch
    return images / (time.perf_counter() - started), images / (time.process_time() - busy)


def compare(name, rates, folder, seconds, rounds):
    weights, onnx, values = prepare(name, folder)
    batches = BATCHES.get(name, (1, 8))

    def ours(threads, batch, seconds, features=()):
        command = [rates, name, weights, folder / f"{name}.images", threads, seconds, batch, *features]
        run = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True)
        return tuple(float(number) for number in run.stdout.split())

    file = folder / f"{name}.features"
    ours(1, batches[1], 0, [file])
    features = np.fromfile(file, np.float32).reshape(len(values), -1)
    expected = session(onnx, 2).run(None, {"input": values})[0]
    error = np.abs(features - expected).max() / np.abs(expected).max()
    print(f"{name}: differs from ONNX Runtime by {error:.1e} of the largest feature", flush=True)
    assert error < TOLERANCE, name
    lines = []
    for threads in (1, 2):
        runner = session(onnx, threads)
        measured = {}
        for batch in batches:
            runner.run(None, {"input": values[:batch]})
        for _ in range(rounds):
            for batch in batches:
                for contender, result in (
                    ("Pomona", ours(threads, batch, seconds)),
                    ("ONNX Runtime", rate(runner, values, batch, seconds)),
                ):
                    measured.setdefault((contender, batch), []).append(result)
        medians = {key: np.median(results, axis=0) for key, results in measured.items()}
        for key, median in medians.items():
            print(f"  {threads} threads, {key[0]}, batch {key[1]}: {median[0]:.1f} images/s, "
                  f"{median[1]:.1f} a CPU second", flush=True)
        pomona, peer = (
            np.max([medians[contender, batch] for batch in batches], axis=0)
            for contender in ("Pomona", "ONNX Runtime"))
        lines.append(f"| `{name}` | {threads} | {pomona[0]:.1f} | {peer[0]:.1f} "
                     f"| {pomona[0] / peer[0]:.2f} | {pomona[1] / peer[1]:.2f} |")
    return lines


def main():
    rates, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 3.0
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 5
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for name in sys.argv[5:] or MODELS:
        lines += compare(name, rates, folder, seconds, rounds)
    print("\n| network | threads | Pomona, images/s | ONNX Runtime | ratio | by CPU time |")
    print("|---|---|---|---|---|---|")
    print("\n".join(lines))


main()
