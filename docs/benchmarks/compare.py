"""Times the crate and its peers in turn on the same images, and checks that they agree.

compare.py WEIGHTS IMAGES THROUGHPUT [SECONDS] [ROUNDS]

IMAGES holds 64 resized images as bytes; THROUGHPUT is the built example of that name. Each
round gives every contender SECONDS; the best round of each counts, since anything else that runs
on the machine can only slow a round down. "per CPU second" divides by the processor time of all the
contender's threads, which a busy machine changes little. "of the limit" is that rate in relation to
the one at which a core multiplies and adds in registers alone, measured in the same run.

POMONA_ISA=avx2 compares on AVX2: Pomona and OpenVINO use no more then. ONNX Runtime and LiteRT have no
setting for it and use what the processor has.
"""

import os
import subprocess
import sys
import tempfile
import time

import numpy as np

if os.environ.get("POMONA_ISA") == "avx2":
    os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX2"

from network import onnx_model, tflite_model

BATCHES = (1, 8)


def onnxruntime_f32(weights, threads, batch):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = ort.InferenceSession(onnx_model(weights), options, ["CPUExecutionProvider"])
    return lambda nhwc, nchw: session.run(None, {"input": nchw})[0]


def openvino(precision):
    def make(weights, threads, batch):
        import openvino as ov

        core = ov.Core()
        model = core.read_model(onnx_model(weights))
        model.reshape([batch, 3, 224, 224])
        compiled = core.compile_model(model, "CPU", {
            "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": precision})
        request = compiled.create_infer_request()

        def run(nhwc, nchw):
            request.infer({0: nchw}, share_inputs=True)
            return request.get_output_tensor().data

        return run

    return make


def xnnpack(weights, threads, batch):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=tflite_model(weights, batch), num_threads=threads)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    output = interpreter.get_output_details()[0]["index"]

    def run(nhwc, nchw):
        interpreter.set_tensor(source, nhwc)
        interpreter.invoke()
        return interpreter.get_tensor(output)

    return run


PEERS = {
    "XNNPACK f32 (LiteRT)": xnnpack,
    "OpenVINO f32": openvino("f32"),
    "ONNX Runtime f32": onnxruntime_f32,
    "OpenVINO bf16": openvino("bf16"),
}
OURS = {
    "Pomona f32": "f32",
    "Pomona f32 (AVX-512 only)": "avx512",
    "Pomona bf16": "bf16",
    "Pomona bf16 (AVX-512 only)": "avx512_bf16",
}
if "POMONA_ISA" in os.environ:
    OURS = {"Pomona f32": "f32"}
    del PEERS["OpenVINO bf16"]


def processor():
    """The processor's name, as Linux has it."""
    with open("/proc/cpuinfo") as file:
        names = {line.split(": ", 1)[1].strip() for line in file if line.startswith("model name")}
    return ", ".join(names) or "unknown"


def rate(run, nhwc, nchw, batch, seconds):
    """Images a second of the clock, and of processor time."""
    images, started, busy = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - started < seconds:
        first = images % len(nhwc)
        run(nhwc[first : first + batch], nchw[first : first + batch])
        images += batch
    return np.array([
        images / (time.perf_counter() - started), images / (time.process_time() - busy)])


def main():
    weights, images, throughput = sys.argv[1:4]
    seconds = float(sys.argv[4]) if len(sys.argv) > 4 else 2.0
    rounds = int(sys.argv[5]) if len(sys.argv) > 5 else 3
    raw = np.fromfile(images, np.uint8).reshape(-1, 224, 224, 3)
    nhwc = raw.astype(np.float32) / 127.5 - 1
    nchw = np.ascontiguousarray(nhwc.transpose(0, 3, 1, 2))

    def ours(precision, threads, path=None):
        command = [throughput, weights, images, str(threads), str(seconds), precision]
        result = subprocess.run(command + ([path] if path else []), capture_output=True, text=True)
        return np.array(result.stdout.split(), float) if result.returncode == 0 else None

    reference = None
    for name, precision in OURS.items():
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "features")
            if ours(precision, 1, path) is None:
                print(f"{name}: not on this processor")
                continue
            features = np.fromfile(path, np.float32).reshape(len(raw), -1)
        reference = features if reference is None else reference
        report(name, features, reference)
    runners = {}
    for threads in (1, 2):
        for name, make in PEERS.items():
            for batch in BATCHES:
                try:
                    run = make(weights, threads, batch)
                    features = np.concatenate([
                        np.array(run(nhwc[i : i + batch], nchw[i : i + batch]))
                        for i in range(0, len(raw), batch)])
                except Exception as error:
                    print(f"{name}, {threads} threads, batch {batch}: {error}")
                    continue
                if threads == 1:
                    report(f"{name}, batch {batch}", features, reference)
                runners[name, threads, batch] = run

    for threads in (1, 2):
        best, limits = {}, []

        def keep(name, rates):
            if rates is not None:
                best[name] = np.maximum(best.get(name, 0), rates[:2])
                if name == "Pomona f32":
                    limits.append(rates[2:])

        for _ in range(rounds):
            for name, precision in OURS.items():
                keep(name, ours(precision, threads))
            for name in PEERS:
                for batch in BATCHES:
                    if run := runners.get((name, threads, batch)):
                        keep(name, rate(run, nhwc, nchw, batch, seconds))
        clock, busy = best["Pomona f32"]
        limit, operations = np.max(limits, axis=0)
        print(f"\n{processor()}: {operations / 1e9:.0f} GFLOP/s of f32 in registers, "
              f"{limit:.0f} images/s a core\n")
        print(f"| {threads} thread{'s' * (threads > 1)} | images/s | per CPU second "
              "| Pomona f32 is faster by | by CPU time | of the limit |")
        print("|---|---|---|---|---|---|")
        for name, value in sorted(best.items(), key=lambda item: -item[1][1]):
            share = "" if "bf16" in name else f"{value[1] / limit:.0%}"
            print(f"| {name} | {value[0]:.0f} | {value[1]:.0f} | {clock / value[0]:.2f} "
                  f"| {busy / value[1]:.2f} | {share} |")


def report(name, features, reference):
    difference = np.abs(features - reference).max()
    cosine = (features * reference).sum(1) / (
        np.linalg.norm(features, axis=1) * np.linalg.norm(reference, axis=1))
    print(f"{name}: differs from Pomona f32 by {difference:.1e}, lowest cosine {cosine.min():.6f}")
    assert "bf16" in name or difference < 1e-4, name


main()
