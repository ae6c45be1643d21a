"""Files that people bring: found in folders and object stores, unpacked within limits, decoded, and read as tables.

What a row of a table means is for its reader's caller: a training row (datasets/upload) or a passage (knowledge).
"""
