"""Runs an ONNX model in ONNX Runtime on given images and prints the largest difference from given logits.

    pip install onnxruntime numpy && python3 tests/reference/check_onnx.py MODEL IMAGES LOGITS CHANNELS HEIGHT WIDTH

Images and logits are files of float32. Ends with 77 where ONNX Runtime is not installed.
"""

import sys

try:
    import numpy
    import onnxruntime
except ImportError:
    print("onnxruntime is not installed")
    sys.exit(77)

model, images, logits = sys.argv[1:4]
shape = [-1] + [int(size) for size in sys.argv[4:7]]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
inputs = numpy.fromfile(images, numpy.float32).reshape(shape)
found = session.run(["logits"], {"images": inputs})[0]
print(abs(found.flatten() - numpy.fromfile(logits, numpy.float32)).max())
