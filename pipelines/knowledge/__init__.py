"""Knowledge: records and documents → passages → an index per template → search.

documents   a dealership's files: added, replaced, removed; each exists completely or not at all
reading     PDF, Word, HTML, Markdown, text and tables → blocks with headings and pages
chunks      blocks → passages, with the template's policy on personal data applied
index       the passages of a template in LanceDB; one version is live, and is switched in one step
search      exact keys, BM25 and embeddings over the live version, in memory
reindex     a new version beside the live one, checked by held-out questions (index_gate), then live
unanswered  questions that were declined for want of a record
"""
