"""MobileNetV2 from the project's safetensors file as an ONNX model and as a TFLite model.

Batch norms are folded in float64, as the crate does. The input is normalised float32, so that the
peers are not charged for the conversion from bytes, which the crate's own time includes.
"""

import flatbuffers
import numpy as np
import tflite
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

# Blocks whose depthwise convolution halves the plane.
STRIDES = {1: 2, 3: 2, 6: 2, 13: 2}


def layers(path):
    """(kind, kernel OIHW, bias, stride, relu6, residual) of every convolution, in order."""
    tensors = load_file(path)

    def folded(name):
        kernel = tensors[f"{name}.convolution.weight"].astype(np.float64)
        part = lambda p: tensors[f"{name}.normalization.{p}"].astype(np.float64)
        scale = part("weight") / np.sqrt(part("running_var") + 1e-3)
        bias = part("bias") - part("running_mean") * scale
        return (kernel * scale[:, None, None, None]).astype(np.float32), bias.astype(np.float32)

    root = "mobilenet_v2"
    result = [("conv", *folded(f"{root}.conv_stem.first_conv"), 2, True, False)]
    for block in range(17):
        stride = STRIDES.get(block, 1)
        name = f"{root}.conv_stem" if block == 0 else f"{root}.layer.{block - 1}"
        entering = len(result)
        if block > 0:
            result.append(("expand", *folded(f"{name}.expand_1x1"), 1, True, False))
        result.append(("depthwise", *folded(f"{name}.conv_3x3"), stride, True, False))
        kernel, bias = folded(f"{name}.reduce_1x1")
        channels = result[entering][1].shape[1] if block > 0 else 0
        residual = stride == 1 and channels == kernel.shape[0]
        result.append(("project", kernel, bias, 1, False, residual))
    result.append(("last", *folded(f"{root}.conv_1x1"), 1, True, False))
    return result


def onnx_model(path):
    """NCHW float32 in, features out, the batch size free."""
    nodes, constants = [], []

    def constant(name, value):
        constants.append(numpy_helper.from_array(value, name))
        return name

    constant("zero", np.float32(0)), constant("six", np.float32(6))
    x = entering = "input"
    for index, (kind, kernel, bias, stride, relu6, residual) in enumerate(layers(path)):
        if kind == "expand":
            entering = x
        names = [x, constant(f"k{index}", kernel), constant(f"b{index}", bias)]
        size = kernel.shape[2]
        nodes.append(helper.make_node(
            "Conv", names, [f"c{index}"], kernel_shape=[size, size], strides=[stride, stride],
            auto_pad="SAME_UPPER" if size == 3 else "VALID",
            group=kernel.shape[0] if kind == "depthwise" else 1))
        x = f"c{index}"
        if relu6:
            nodes.append(helper.make_node("Clip", [x, "zero", "six"], [f"r{index}"]))
            x = f"r{index}"
        if residual:
            nodes.append(helper.make_node("Add", [x, entering], [f"a{index}"]))
            x = f"a{index}"
    nodes.append(helper.make_node("GlobalAveragePool", [x], ["pooled"]))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["features"]))
    value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph(
        nodes, "mobilenet_v2", [value("input", ["n", 3, 224, 224])], [value("features", ["n", 1280])],
        constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model.SerializeToString()


class Flat:
    """The few tables of the TFLite schema that a float network needs."""

    def __init__(self, batch):
        self.builder = flatbuffers.Builder(32 << 20)
        self.batch = batch
        self.buffers = [self.table("Buffer")]
        self.tensors, self.operators, self.codes = [], [], []

    def table(self, name, **fields):
        getattr(tflite, f"{name}Start")(self.builder)
        for field, value in fields.items():
            getattr(tflite, f"{name}Add{field}")(self.builder, value)
        return getattr(tflite, f"{name}End")(self.builder)

    def ints(self, values):
        return self.builder.CreateNumpyVector(np.asarray(values, np.int32))

    def offsets(self, values):
        self.builder.StartVector(4, len(values), 4)
        for value in reversed(values):
            self.builder.PrependUOffsetTRelative(value)
        return self.builder.EndVector()

    def tensor(self, shape, data=None, kind=tflite.TensorType.FLOAT32):
        buffer = 0
        if data is not None:
            bytes_ = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            # The kernels want weights on 16 bytes, which the schema asks of this vector.
            self.builder.StartVector(1, len(bytes_), 16)
            self.builder.head -= len(bytes_)
            self.builder.Bytes[self.builder.head : self.builder.head + len(bytes_)] = bytes_.tobytes()
            vector = self.builder.EndVector()
            self.buffers.append(self.table("Buffer", Data=vector))
            buffer = len(self.buffers) - 1
        name = self.builder.CreateString(f"t{len(self.tensors)}")
        shape = self.ints(shape)
        self.tensors.append(self.table("Tensor", Shape=shape, Type=kind, Buffer=buffer, Name=name))
        return len(self.tensors) - 1

    def operator(self, code, inputs, output, options_type, options):
        if code not in self.codes:
            self.codes.append(code)
        inputs, outputs = self.ints(inputs), self.ints([output])
        self.operators.append(self.table(
            "Operator", OpcodeIndex=self.codes.index(code), Inputs=inputs, Outputs=outputs,
            BuiltinOptionsType=options_type, BuiltinOptions=options))

    def model(self, inputs, outputs):
        inputs, outputs = self.ints([inputs]), self.ints([outputs])
        tensors, operators = self.offsets(self.tensors), self.offsets(self.operators)
        graph = self.table(
            "SubGraph", Tensors=tensors, Inputs=inputs, Outputs=outputs, Operators=operators)
        codes = self.offsets([
            self.table("OperatorCode", DeprecatedBuiltinCode=code, BuiltinCode=code, Version=1)
            for code in self.codes])
        graphs, buffers = self.offsets([graph]), self.offsets(self.buffers)
        model = self.table(
            "Model", Version=3, OperatorCodes=codes, Subgraphs=graphs, Buffers=buffers)
        self.builder.Finish(model, b"TFL3")
        return bytes(self.builder.Output())


def tflite_model(path, batch):
    """NHWC float32 in, features out, for a fixed batch size."""
    flat = Flat(batch)
    activation = {True: tflite.ActivationFunctionType.RELU6, False: tflite.ActivationFunctionType.NONE}
    size = 224
    source = x = entering = flat.tensor([batch, size, size, 3])
    for kind, kernel, bias, stride, relu6, residual in layers(path):
        if kind == "expand":
            entering = x
        size = -(-size // stride)
        channels = kernel.shape[0]
        output = flat.tensor([batch, size, size, channels])
        bias = flat.tensor([channels], bias)
        common = dict(Padding=tflite.Padding.SAME, StrideW=stride, StrideH=stride,
                      FusedActivationFunction=activation[relu6], DilationWFactor=1, DilationHFactor=1)
        if kind == "depthwise":
            weights = np.transpose(kernel, (1, 2, 3, 0))
            weights = flat.tensor(weights.shape, weights)
            options = flat.table("DepthwiseConv2DOptions", DepthMultiplier=1, **common)
            flat.operator(tflite.BuiltinOperator.DEPTHWISE_CONV_2D, [x, weights, bias], output,
                          tflite.BuiltinOptions.DepthwiseConv2DOptions, options)
        else:
            weights = np.transpose(kernel, (0, 2, 3, 1))
            weights = flat.tensor(weights.shape, weights)
            options = flat.table("Conv2DOptions", **common)
            flat.operator(tflite.BuiltinOperator.CONV_2D, [x, weights, bias], output,
                          tflite.BuiltinOptions.Conv2DOptions, options)
        x = output
        if residual:
            output = flat.tensor([batch, size, size, channels])
            options = flat.table("AddOptions", FusedActivationFunction=activation[False])
            flat.operator(tflite.BuiltinOperator.ADD, [x, entering], output,
                          tflite.BuiltinOptions.AddOptions, options)
            x = output
    axes = flat.tensor([2], np.array([1, 2], np.int32), tflite.TensorType.INT32)
    output = flat.tensor([batch, 1280])
    options = flat.table("ReducerOptions", KeepDims=False)
    flat.operator(tflite.BuiltinOperator.MEAN, [x, axes], output,
                  tflite.BuiltinOptions.ReducerOptions, options)
    return flat.model(source, output)
