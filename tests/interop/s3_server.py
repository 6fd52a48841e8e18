"""An S3 server for tests (moto), on a free port of the loopback, with one bucket named `events`.

Prints the port on standard output and serves until standard input ends.
"""

import logging
import sys
import threading

import boto3
from moto.server import ThreadedMotoServer


class OneAtATime:
    """Answers requests one after another. moto looks whether an object exists and stores it in two steps: on a busy machine
    two conditional puts of one name both got through, which S3 rules out.
    """

    def __init__(self, app):
        self.app = app
        self.lock = threading.Lock()

    def __call__(self, environ, start_response):
        with self.lock:
            return list(self.app(environ, start_response))


def main():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    server._server.app = OneAtATime(server._server.app)
    host, port = server.get_host_and_port()
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_bucket(Bucket="events")
    print(port, flush=True)
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main()
