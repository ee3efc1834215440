"""Speaks to services on Polywire over webhooks, with standardwebhooks and cloudevents and nothing of Polywire's.

    PROVIDER=http://127.0.0.1:7421 TOKEN=... python peer.py consume [wrong] | call lamp [^1.2 [wrong]] | send A-7

Prints lines of JSON. docs/interop/webhook.md explains it.
"""

import base64
import json
import os
import queue
import secrets
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cloudevents.core.bindings.http import HTTPMessage, from_http_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from standardwebhooks import Webhook, WebhookVerificationError

PROVIDER = os.environ["PROVIDER"]
TOKEN = os.environ["TOKEN"]
# How the provider calls itself: what it configures as origin.
ORIGIN = os.environ["ORIGIN"]

# What has arrived, each with the names of the keys that have signed it.
ARRIVED = queue.Queue()


def ask(method, path, document=None, **headers):
    """Asks the provider; returns the status, the headers and the document of its answer."""
    body = None if document is None else json.dumps(document).encode()
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", **headers}
    request = urllib.request.Request(PROVIDER + path, body, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, json.loads(answer.read() or "null")
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers, json.loads(refused.read() or "null")


class Keys:
    """The keys that deliveries to us are signed with, by name."""

    def __init__(self):
        self.known = {}
        self.some = threading.Event()

    def trust(self, name, secret):
        self.known[name] = Webhook(secret)
        self.some.set()

    def signers(self, headers, body):
        """The names of the keys that have signed this; raises WebhookVerificationError when none has."""
        # The provider may knock before its answer with the key has arrived.
        self.some.wait(10)
        names, refused = [], WebhookVerificationError("No key is known")
        for name, key in self.known.items():
            try:
                key.verify(body, headers, json_parse=False)
                names.append(name)
            except WebhookVerificationError as error:
                refused = error
        if not names:
            raise refused
        return names


KEYS = Keys()


class Sink(BaseHTTPRequestHandler):
    """Takes what the provider delivers."""

    protocol_version = "HTTP/1.1"

    def do_OPTIONS(self):
        # Whoever else asks is not told that it may deliver.
        expected = self.headers["WebHook-Request-Origin"] == ORIGIN
        self.answer(204, {"Allow": "POST", "WebHook-Allowed-Origin": ORIGIN} if expected else {})

    def do_POST(self):
        headers, body = dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))
        try:
            signers = KEYS.signers(headers, body)
        except WebhookVerificationError as error:
            say({"refused": str(error)})
            self.answer(401)
            return
        event = from_http_event(HTTPMessage(headers, body))
        if event.get_type() == "polywire.subscription.verify":
            self.answer(200, {"Content-Type": "application/json"}, json.dumps(event.get_data()).encode())
            return
        # Keep it before you answer: what was answered does not come again.
        ARRIVED.put((signers, event))
        self.answer(202)

    def answer(self, status, headers=None, body=b""):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def listen():
    """Starts a sink on a free port of this machine; returns its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/hooks"


def subscribe(sink, event, version="^1.2"):
    """Subscribes to an event of the contract "orders"; returns the subscription, and the secret of its key."""
    wish = {"contract": "orders", "version": version, "events": [event], "sink": sink, "lease_seconds": 3600}
    status, _, created = ask("POST", "/webhooks/subscriptions", wish, **{"Idempotency-Key": str(uuid.uuid4())})
    if status != 201:
        raise LookupError(created["detail"])
    # This once.
    return created, created["keys"][0]["secret"]


def wait(subscription):
    """Waits until the sink has consented; returns the subscription, which then is active."""
    path = f"/webhooks/subscriptions/{subscription['id']}/verify"
    while subscription["state"] == "pending":
        _, _, subscription = ask("POST", path, Prefer="wait=20")
    return subscription


def rotate(subscription, overlap_seconds=3600):
    """Has a new key made; returns its name and secret. The one before signs on for as long as they overlap."""
    path = f"/webhooks/subscriptions/{subscription['id']}/rotate"
    _, _, rotated = ask("POST", path, {"overlap_seconds": overlap_seconds}, Prefer="wait=20")
    newest = rotated["keys"][0]
    return newest["kid"], newest["secret"]


def register(sink):
    """Registers us as a caller of the contract "orders", once our sink has consented; returns our id and our key."""
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    KEYS.trust("ours", secret)
    status, _, caller = ask("POST", "/webhooks/callers", {"contract": "orders", "sink": sink, "secret": secret})
    if status != 201:
        raise LookupError(caller["detail"])
    return caller["id"], Webhook(secret)


def request(caller, key, kind, interaction, data, require="^1.2", seconds=5):
    """Sends an operation or a command; returns the status, the headers and the document of the answer, and the id."""
    event = CloudEvent(
        {
            "id": str(uuid.uuid4()),
            "source": "/orders",
            "type": f"orders.{interaction}",
            "datacontenttype": "application/json",
            "contractkind": kind,
            "contractinteraction": interaction,
            "contractrequire": require,
            "contracttimeout": seconds * 1000,
        },
        data,
    )
    message, now = to_structured_event(event), datetime.now(timezone.utc)
    headers = {
        **message.headers,
        "Authorization": f"Bearer {TOKEN}",
        "webhook-subscription": caller,
        "webhook-id": event.get_id(),
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": key.sign(event.get_id(), now, message.body.decode()),
    }
    posted = urllib.request.Request(f"{PROVIDER}/webhooks/requests", message.body, headers, method="POST")
    try:
        with urllib.request.urlopen(posted, timeout=60) as answer:
            return answer.status, answer.headers, json.loads(answer.read()), event.get_id()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers, json.loads(refused.read()), event.get_id()


def reply(to, seconds=5):
    """The reply to a call; raises queue.Empty when there is none in time."""
    until = time.monotonic() + seconds
    while True:
        _, event = ARRIVED.get(timeout=max(0, until - time.monotonic()))
        if event.get_extension("contractreplyto") == to:
            return event


def say(what):
    print(json.dumps(what), flush=True)


def told(signers, event):
    """An event, as the tests compare it."""
    extensions = ["contractversion", "sequence"]
    return {
        "id": event.get_id(),
        "type": event.get_type(),
        "source": event.get_source(),
        **{name: event.get_extension(name) for name in extensions},
        "data": event.get_data(),
        "signed": signers,
    }


def consume(sink, *wrong):
    subscription, secret = subscribe(sink, "shipped")
    if wrong:
        KEYS.trust("k1", "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode())
        path = f"/webhooks/subscriptions/{subscription['id']}"
        while "reason" not in subscription:
            time.sleep(0.05)
            _, _, subscription = ask("GET", path)
        say({"state": subscription["state"], "reason": subscription["reason"]})
        return
    KEYS.trust("k1", secret)
    subscription = wait(subscription)
    say({"state": subscription["state"], "version": subscription["version"]})
    say(told(*ARRIVED.get(timeout=60)))
    KEYS.trust(*rotate(subscription))
    say({"rotated": sorted(KEYS.known)})
    signers = []
    while len(signers) < 2:
        signers, event = ARRIVED.get(timeout=60)
        say(told(signers, event))
    # A demonstration leaves nothing behind; you would go on, and renew the lease.
    status, _, _ = ask("DELETE", f"/webhooks/subscriptions/{subscription['id']}")
    say({"ended": status})


def call(sink, item, require="^1.2", *wrong):
    caller, key = register(sink)
    if wrong:
        key = Webhook(secrets.token_bytes(32))
    status, headers, answer, id = request(
        caller, key, "operation", "quote", {"item": item, "quantity": 2}, require, seconds=30
    )
    if status != 202:
        say({"status": status, "problem": answer["type"], "caller": headers["webhook-caller"]})
        return
    replied = reply(id, seconds=30)
    version, media = replied.get_extension("contractversion"), replied.get_attributes()["datacontenttype"]
    say({"taken": answer["contractversion"], "version": version, "media": media, "data": replied.get_data()})


def send(sink, order):
    caller, key = register(sink)
    status, _, _, id = request(caller, key, "command", "cancel", {"order": order}, seconds=30)
    say({"status": status, "id": id})


if __name__ == "__main__":
    {"consume": consume, "call": call, "send": send}[sys.argv[1]](listen(), *sys.argv[2:])
