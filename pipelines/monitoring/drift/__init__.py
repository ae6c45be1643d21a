"""Whether the requests, answers and new rows of a template have moved away from what its champion was trained for."""
