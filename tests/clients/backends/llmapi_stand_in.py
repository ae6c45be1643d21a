"""A stand-in for NVIDIA's llmapi program, where there is no GPU: its interface to Triton, and in place of the model an
echo of the prompt, a word at a time.
"""

from pathlib import Path

import numpy as np
import triton_python_backend_utils as pb


class TritonPythonModel:
    @classmethod
    def auto_complete_config(cls, config):  # of model.yaml; NVIDIA's reads it with PyYAML, which is not in here
        decoupled = "decoupled: true" in Path(pb.get_model_dir(), "model.yaml").read_text()
        config.set_model_transaction_policy({"decoupled": decoupled})
        config.set_max_batch_size(0)
        return config

    def execute(self, requests):
        for request in requests:
            self.generate(request, request.get_response_sender())

    def generate(self, request, sender):
        given = {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}
        assert given["streaming"][0] and given["sampling_param_exclude_input_from_output"][0]
        words = [*given["text_input"][0].decode().split()[-4:], f"{given['sampling_param_temperature'][0]:g}"]
        stop = [word.decode() for word in given.get("sampling_param_stop", [])]
        words = words[: given["sampling_param_max_tokens"][0]]
        words = words[: min([words.index(word) for word in stop if word in words], default=len(words))]
        for count in range(1, len(words) + 1):
            last = count == len(words)
            output = {"text_output": " ".join(words[:count]).encode(), "finish_reason": b"length" if last else b"None"}
            tensors = [pb.Tensor(name, np.array([text], dtype=np.object_)) for name, text in output.items()]
            sender.send(pb.InferenceResponse(tensors), flags=pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL if last else 0)
