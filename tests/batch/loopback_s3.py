"""S3 on loopback: moto's server in a thread, reached by its URL alone."""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Any, Self

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "loopback-key-id",
    "AWS_SECRET_ACCESS_KEY": "loopback-secret-key",
    "AWS_DEFAULT_REGION": "us-east-1",
}
#: One retry instead of minutes of them: on loopback a failure stays one.
FEW_RETRIES = {"METAFLOW_S3_RETRY_COUNT": "1", "METAFLOW_S3_TRANSIENT_RETRY_COUNT": "1"}


class LoopbackS3:
    """An S3 with one empty bucket, `plumbline`."""

    bucket = "plumbline"

    def __enter__(self) -> Self:
        from moto.server import ThreadedMotoServer

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.url = f"http://{host}:{port}"
        self.client().create_bucket(Bucket=self.bucket)
        return self

    def __exit__(
        self, _t: type[BaseException] | None, _e: BaseException | None, _b: TracebackType | None
    ) -> None:
        self._server.stop()

    def client(self) -> Any:
        """boto3's client of it."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=CREDENTIALS["AWS_DEFAULT_REGION"],
        )

    def environment(self) -> dict[str, str]:
        """What a process needs to reach it, through boto3 and through Metaflow."""
        return {
            **CREDENTIALS,
            **FEW_RETRIES,
            "AWS_ENDPOINT_URL_S3": self.url,
            "METAFLOW_S3_ENDPOINT_URL": self.url,
        }

    def keys(self, prefix: str = "") -> list[str]:
        """All keys under a prefix."""
        pages = self.client().get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=self.bucket, Prefix=prefix)
        return [item["Key"] for page in found for item in page.get("Contents", ())]

    def read(self, key: str) -> bytes:
        """An object's bytes."""
        return self.client().get_object(Bucket=self.bucket, Key=key)["Body"].read()
