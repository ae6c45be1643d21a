"""The gateway: an OpenAI-compatible HTTP API in front of every deployed version.

app              the FastAPI application and the process that serves it
request_body     middleware: size and time limits of a request's body, cancellation when the client disconnects
endpoints        the URLs; authentication
schemas          request and response bodies: the fields of OpenAI's API that are supported
api_errors       errors, in OpenAI's format
api_keys         who may use which models, and rate limits
catalogue        the routes and serving policies that are in force
routing          which version and endpoint answers a request (traffic_split, endpoint_stats)
completions      one chat request: cache, knowledge, endpoints, fallbacks (sse: the same as a stream)
retrieval        the knowledge indexes, searched in threads
grounding        what a conversation is answered from (own_record: its own?), and whether the answer keeps to it
recording        the log entry, metrics and trace of a finished request
response_cache   answers that may be used again (semantic_cache: for another wording)
state            what all requests share
prometheus, traces   metrics and MLflow traces
"""
