"""A deployed model answers one question at a time, word by word."""

from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

from pipelines import chat, signing
from pipelines.artifacts import Deployment


class Advisor:
    """A deployment, loaded once and asked often.

    Raises:
        WeaverError: the deployment is not what was signed; nothing of it is loaded.
    """

    def __init__(self, deployment: Deployment, system_prompt: str, max_new_tokens: int) -> None:
        signing.verify(Path(deployment.uri))
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        device = "cuda" if torch.cuda.is_available() else "cpu"
        dtype = torch.bfloat16 if device == "cuda" else torch.float32
        self.tokenizer = AutoTokenizer.from_pretrained(deployment.uri)
        model: Any = AutoModelForCausalLM.from_pretrained(deployment.uri, dtype=dtype, use_safetensors=True)
        self.model = model.to(device).eval()
        self.system_prompt, self.max_new_tokens = system_prompt, max_new_tokens

    def stream(self, question: str) -> Iterator[str]:
        """The answer to a question (and the record below it, if it has one), piece by piece as it is generated."""
        from transformers import TextIteratorStreamer

        text = chat.prompt(self.tokenizer, {"instruction": question, "input": ""}, self.system_prompt)
        inputs = self.tokenizer(text, return_tensors="pt", add_special_tokens=False).to(self.model.device)
        streamer = TextIteratorStreamer(self.tokenizer, skip_prompt=True, skip_special_tokens=True)
        generation = dict(
            **inputs,
            streamer=streamer,
            max_new_tokens=self.max_new_tokens,
            do_sample=False,
            pad_token_id=self.tokenizer.eos_token_id,
        )
        thread = Thread(target=self.model.generate, kwargs=generation, daemon=True)
        thread.start()
        yield from streamer
        thread.join()
