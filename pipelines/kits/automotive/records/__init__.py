"""Public records that the dataset builders ask about."""
