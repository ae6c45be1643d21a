"""The gateway: OpenAI's HTTP interface in front of every deployed version.

wire         what clients send and get: the fields of OpenAI's interface that are honoured
refusals     every way of saying no, in OpenAI's error body
doorkeeper   before anything is read: how large, how slow, and whether the client is still there
keys         who may ask what, and how often
catalogue    which versions answer now, and by which policy
chat         one request on its way to its answer
endpoints    the URLs
metrics, traces   what Prometheus and MLflow are told
gateway      what all requests share, opened and closed with the process
app          the FastAPI application, and the process that serves it
"""
