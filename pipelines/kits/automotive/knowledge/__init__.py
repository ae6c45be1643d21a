"""What the kit's public records say, as passages of a knowledge base; see core/kits.py."""
