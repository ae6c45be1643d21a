"""Serving: publish a promoted version, load it on backends, run its canary, and move the traffic to it.

model_store          versions that were published, in a folder or an S3 bucket (model_repositories)
registered_version   what MLflow has of a version
canary               golden questions before a version gets traffic
traffic_ramp         the traffic, step by step, with rollback
deploy               the stage that does all of this
experiments          shadow versions and A/B tests beside the champion
deployment_pointer   which version is deployed
"""
