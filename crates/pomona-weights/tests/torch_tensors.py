#!/usr/bin/env python3
# Writes tests/data/tensors.bin: what torch.save makes of a state_dict, small enough to read by eye.
import pathlib

import torch

weight = torch.arange(6, dtype=torch.float32).reshape(2, 3) / 2
state = {
    "weight": weight,
    "transposed": weight.t(),
    "bias": torch.tensor([-1.0, 2.0]),
    "half": torch.tensor([0.25, -3.0], dtype=torch.float16),
    "norm.num_batches_tracked": torch.tensor(7),
}
torch.save(state, pathlib.Path(__file__).parent / "data" / "tensors.bin")
