"""Statistics that more than one package decides by."""
