"""Runs models with ONNX Runtime as a contestant of the benchmark."""
import onnxruntime

import contestant


class Subject:
    """A session whose inputs and outputs lie where it wants them, so that a run is nothing but the run. The first run finds out how
    large outputs are."""

    def __init__(self, request, inputs):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = request["threads"]
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(request["model"], options, providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()
        for node in self.session.get_inputs():
            self.binding.bind_ortvalue_input(node.name, onnxruntime.OrtValue.ortvalue_from_numpy(inputs[node.name]))
        self.names = [node.name for node in self.session.get_outputs()]
        for name in self.names:
            self.binding.bind_output(name)
        self.first = None

    def run(self):
        self.session.run_with_iobinding(self.binding)
        if self.first is None:
            outputs = self.binding.get_outputs()
            self.binding.clear_binding_outputs()
            for name, value in zip(self.names, outputs):
                self.binding.bind_ortvalue_output(name, value)
            self.first = outputs[0]

    def output(self):
        return self.first.numpy()


onnxruntime.set_default_logger_severity(3)
contestant.serve(Subject, "ONNX Runtime " + onnxruntime.__version__)
