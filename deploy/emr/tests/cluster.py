"""EMR's part in the tests: moto never changes the state of a cluster or a step by itself, nor runs a step."""

import json
import threading
import time

from moto.emr.models import emr_backends

ACCOUNT = "123456789012"


class Player:
    """Plays a cluster through its states, in moto's memory, while `emr` looks at it through the AWS CLI."""

    def __init__(self, emr, stack, region="eu-west-3"):
        self.emr = emr
        self.stack = stack
        self.backend = emr_backends[ACCOUNT][region]
        self.known = set(self.backend.clusters)
        self.threads = []
        self.failure = None
        self.over = threading.Event()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Where the test has failed nobody starts the cluster any more that a thread waits for.
        self.over.set()
        for thread in self.threads:
            thread.join(600)
        for name in set(self.backend.clusters) - self.known:
            self.backend.clusters[name].terminate()
        assert self.failure is None, self.failure

    @property
    def cluster(self):
        """The cluster that was started last."""
        return max(self._new(), key=lambda cluster: cluster.creation_datetime)

    def _new(self):
        """The test's clusters, but for one that the server is just making."""
        clusters = list(self.backend.clusters.items())
        return [cluster for name, cluster in clusters if name not in self.known and hasattr(cluster, "fleets")]

    def play(self, step, status=None, cluster="TERMINATING", steps=1):
        """In the background: waits for a step, and ends it and the cluster in these states.

        `status` is what the primary leaves in the bucket, as pomona-job writes it.
        """
        thread = threading.Thread(target=self._play, args=(step, status, cluster, steps))
        thread.start()
        self.threads.append(thread)

    def _play(self, step, status, state, steps):
        try:
            cluster = self._wait(steps)
            running = cluster.steps[-1]
            for passing in ("STARTING", "BOOTSTRAPPING", "RUNNING"):
                cluster.state = passing
                time.sleep(0.05)
            if status is not None:
                self.leave(running.name, "status.json", json.dumps(status))
            running.state = step
            cluster.state = state
        except Exception as failure:
            self.failure = failure

    def _wait(self, steps):
        deadline = time.monotonic() + 500
        while time.monotonic() < deadline and not self.over.is_set():
            if self._new() and len(self.cluster.steps) == steps:
                return self.cluster
            time.sleep(0.05)
        raise TimeoutError("no cluster was started")

    def leave(self, job, name, text):
        """Puts an object of a job into the bucket."""
        self.put(f"jobs/{job}/{name}", text)

    def put(self, key, text):
        self.emr.client("s3").put_object(Bucket=self.stack["Bucket"], Key=key, Body=text.encode())
