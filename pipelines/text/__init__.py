"""Text, as every package reads it: the chat format, facts, embeddings, personal data, HTML pages."""
