"""S3 object stores, as the AWS_ variables name them: one client, and its errors in our words."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pipelines.core.errors import Unavailable, WeaverError


def s3_client() -> Any:
    """A client for where, and who, the AWS_ variables say; boto3 reads them itself."""
    import boto3
    from botocore.config import Config

    limits = Config(connect_timeout=5, read_timeout=60, retries={"max_attempts": 3, "mode": "standard"})
    with translate_s3_error("S3"):
        return boto3.Session().client("s3", config=limits)  # the default session would keep the keys of before


@contextmanager
def translate_s3_error(what: str) -> Iterator[None]:
    """boto3's errors in our words: for the user to mend, or, if no answer came, worth another try."""
    from boto3.exceptions import Boto3Error, RetriesExceededError
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, NoCredentialsError, NoRegionError
    from botocore.exceptions import ConnectionError as NotConnected

    try:
        yield
    except ClientError as error:
        code = error.response["Error"].get("Code", "")
        if error.response["ResponseMetadata"].get("HTTPStatusCode", 0) >= 500:
            raise Unavailable(f"{what}: {error}", "Try again when the object store is well.") from error
        remedy = {
            "404": "Check the bucket and the key.",
            "NoSuchKey": "Check the key.",
            "NoSuchBucket": "Check the bucket.",
            "412": "It changed while it was read: add it again.",
            "PreconditionFailed": "It changed while it was read: add it again.",
        }.get(code, "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and what they may do.")
        raise WeaverError(f"{what}: {error}", remedy) from error
    except (NoCredentialsError, NoRegionError) as error:
        raise WeaverError(f"{what}: {error}", "Set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION.") from error
    except (HTTPClientError, NotConnected, RetriesExceededError) as error:
        raise Unavailable(f"{what}: {error}", "Check that the object store runs, and AWS_ENDPOINT_URL.") from error
    except (BotoCoreError, Boto3Error, ValueError) as error:
        raise WeaverError(f"{what}: {error}", "Check AWS_ENDPOINT_URL and the AWS_ settings.") from error
