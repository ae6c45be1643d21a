"""What an industry brings: one package a kit. `pipelines.core.kits` says what a kit holds and how it is found."""
