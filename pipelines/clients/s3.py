"""The client for S3 object stores, which the AWS_ variables configure, and the translation of its errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pipelines.core.errors import Unavailable, WeaverError


def s3_client() -> Any:
    """A client with the endpoint and the keys of the AWS_ variables, which boto3 reads itself.

    Raises:
        WeaverError: the settings are incomplete or invalid.
    """
    import boto3
    from botocore.config import Config

    limits = Config(connect_timeout=5, read_timeout=60, retries={"max_attempts": 3, "mode": "standard"})
    with translate_s3_error("S3"):
        return boto3.Session().client("s3", config=limits)  # the default session would keep earlier keys


@contextmanager
def translate_s3_error(subject: str) -> Iterator[None]:
    """Raise boto3's errors as WeaverError, or as Unavailable if a retry may succeed.

    Args:
        subject: what is read or written, to begin the message with.
    """
    from boto3.exceptions import Boto3Error, RetriesExceededError
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, NoCredentialsError, NoRegionError
    from botocore.exceptions import ConnectionError as NotConnected

    try:
        yield
    except ClientError as error:
        code = error.response["Error"].get("Code", "")
        if error.response["ResponseMetadata"].get("HTTPStatusCode", 0) >= 500:
            raise Unavailable(f"{subject}: {error}", "Try again when the object store works again.") from error
        remedy = {
            "404": "Check the bucket and the key.",
            "NoSuchKey": "Check the key.",
            "NoSuchBucket": "Check the bucket.",
            "412": "It changed while it was read: add it again.",
            "PreconditionFailed": "It changed while it was read: add it again.",
        }.get(code, "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the permissions of that key.")
        raise WeaverError(f"{subject}: {error}", remedy) from error
    except (NoCredentialsError, NoRegionError) as error:
        raise WeaverError(
            f"{subject}: {error}", "Set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION."
        ) from error
    except (HTTPClientError, NotConnected, RetriesExceededError) as error:
        raise Unavailable(
            f"{subject}: {error}", "Check that the object store is running, and check AWS_ENDPOINT_URL."
        ) from error
    except (BotoCoreError, Boto3Error, ValueError) as error:
        raise WeaverError(f"{subject}: {error}", "Check AWS_ENDPOINT_URL and the other AWS_ variables.") from error
