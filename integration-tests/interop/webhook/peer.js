// Speaks to services on Polywire over webhooks, with standardwebhooks and cloudevents and nothing of Polywire's.
//
//     PROVIDER=http://127.0.0.1:7421 TOKEN=... node peer.js consume [wrong] | call lamp [^1.2 [wrong]] | send A-7
//
// Prints lines of JSON. docs/interop/webhook.md explains it.
"use strict";

const { randomBytes, randomUUID } = require("node:crypto");
const http = require("node:http");
const { CloudEvent, HTTP } = require("cloudevents");
const { Webhook, WebhookVerificationError } = require("standardwebhooks");

// How the provider calls itself, in ORIGIN, is what it configures as origin.
const { PROVIDER, TOKEN, ORIGIN } = process.env;

const newSecret = () => `whsec_${randomBytes(32).toString("base64")}`;
const say = (what) => console.log(JSON.stringify(what));

// Asks the provider; resolves to the status, the headers and the document of its answer.
async function ask(method, path, document, headers = {}) {
  const answer = await fetch(PROVIDER + path, {
    method,
    body: document === undefined ? undefined : JSON.stringify(document),
    headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json", ...headers },
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, document: text ? JSON.parse(text) : null };
}

// The keys that deliveries to us are signed with, by name.
class Keys {
  known = new Map();
  some = new Promise((resolve) => { this.resolve = resolve; });

  trust(name, secret) {
    this.known.set(name, new Webhook(secret));
    this.resolve();
  }

  // The names of the keys that have signed this; rejects with WebhookVerificationError when none has.
  async signers(headers, body) {
    // The provider may knock before its answer with the key has arrived.
    await this.some;
    const names = [];
    let refused;
    for (const [name, key] of this.known) {
      try {
        key.verify(body, headers);
        names.push(name);
      } catch (error) {
        if (!(error instanceof WebhookVerificationError)) throw error;
        refused = error;
      }
    }
    if (names.length === 0) throw refused;
    return names;
  }
}

const keys = new Keys();

// What has arrived, each with the names of the keys that have signed it, and who waits for more.
const arrived = [];
const waiting = [];

function keep(one) {
  const next = waiting.shift();
  if (next) next(one);
  else arrived.push(one);
}

const next = () => new Promise((resolve) => {
  if (arrived.length > 0) resolve(arrived.shift());
  else waiting.push(resolve);
});

// Takes what the provider delivers.
async function sink(request, response) {
  const answer = (status, headers, body) => response.writeHead(status, headers).end(body);
  if (request.method === "OPTIONS") {
    // Whoever else asks is not told that it may deliver.
    const expected = request.headers["webhook-request-origin"] === ORIGIN;
    return answer(204, expected ? { Allow: "POST", "WebHook-Allowed-Origin": ORIGIN } : {});
  }
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString();
  let signed;
  try {
    signed = await keys.signers(request.headers, body);
  } catch (error) {
    say({ refused: error.message });
    return answer(401);
  }
  const event = HTTP.toEvent({ headers: request.headers, body });
  event.validate();
  if (event.type === "polywire.subscription.verify") {
    return answer(200, { "Content-Type": "application/json" }, JSON.stringify(event.data));
  }
  // Keep it before you answer: what was answered does not come again.
  keep({ signed, event });
  return answer(202);
}

// Starts a sink on a free port of this machine; resolves to its URL.
async function listen() {
  const server = http.createServer((request, response) => {
    sink(request, response).catch((error) => {
      console.error(error);
      response.writeHead(500).end();
    });
  });
  await new Promise((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  return `http://127.0.0.1:${server.address().port}/hooks`;
}

// Subscribes to an event of the contract "orders"; resolves to the subscription, and the secret of its key.
async function subscribe(sink, event, version = "^1.2") {
  const wish = { contract: "orders", version, events: [event], sink, lease_seconds: 3600 };
  const created = await ask("POST", "/webhooks/subscriptions", wish, { "idempotency-key": randomUUID() });
  if (created.status !== 201) throw new Error(created.document.detail);
  // This once.
  return [created.document, created.document.keys[0].secret];
}

// Waits until the sink has consented; resolves to the subscription, which then is active.
async function wait(subscription) {
  const path = `/webhooks/subscriptions/${subscription.id}/verify`;
  while (subscription.state === "pending") {
    subscription = (await ask("POST", path, undefined, { prefer: "wait=20" })).document;
  }
  return subscription;
}

// Has a new key made; resolves to its name and secret. The one before signs on for as long as they overlap.
async function rotate(subscription, overlapSeconds = 3600) {
  const path = `/webhooks/subscriptions/${subscription.id}/rotate`;
  const rotated = await ask("POST", path, { overlap_seconds: overlapSeconds }, { prefer: "wait=20" });
  const [newest] = rotated.document.keys;
  return [newest.kid, newest.secret];
}

// Registers us as a caller of the contract "orders", once our sink has consented; resolves to our id and our key.
async function register(sink) {
  const secret = newSecret();
  keys.trust("ours", secret);
  const caller = await ask("POST", "/webhooks/callers", { contract: "orders", sink, secret });
  if (caller.status !== 201) throw new Error(caller.document.detail);
  return [caller.document.id, new Webhook(secret)];
}

// Sends an operation or a command; resolves to the status, the headers and the document of the answer, and the id.
async function request(caller, key, kind, interaction, data, require = "^1.2", seconds = 5) {
  const event = new CloudEvent({
    id: randomUUID(),
    source: "/orders",
    type: `orders.${interaction}`,
    datacontenttype: "application/json",
    contractkind: kind,
    contractinteraction: interaction,
    contractrequire: require,
    contracttimeout: seconds * 1000,
    data,
  });
  const { headers, body } = HTTP.structured(event);
  const now = new Date();
  const answer = await fetch(`${PROVIDER}/webhooks/requests`, {
    method: "POST",
    body,
    headers: {
      ...headers,
      authorization: `Bearer ${TOKEN}`,
      "webhook-subscription": caller,
      "webhook-id": event.id,
      "webhook-timestamp": String(Math.floor(now.getTime() / 1000)),
      "webhook-signature": key.sign(event.id, now, body),
    },
  });
  return { status: answer.status, headers: answer.headers, document: await answer.json(), id: event.id };
}

// The reply to a call; rejects when there is none in time.
async function reply(to, seconds = 5) {
  const late = new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`no reply within ${seconds} s`)), seconds * 1000).unref();
  });
  for (;;) {
    const { event } = await Promise.race([next(), late]);
    if (event.contractreplyto === to) return event;
  }
}

// An event, as the tests compare it.
function told({ signed, event }) {
  const { id, type, source, contractversion, sequence, data } = event;
  return { id, type, source, contractversion, sequence, data, signed };
}

async function consume(sink, wrong) {
  let [subscription, secret] = await subscribe(sink, "shipped");
  if (wrong) {
    keys.trust("k1", newSecret());
    while (subscription.reason === undefined) {
      await new Promise((resolve) => { setTimeout(resolve, 50); });
      subscription = (await ask("GET", `/webhooks/subscriptions/${subscription.id}`)).document;
    }
    return say({ state: subscription.state, reason: subscription.reason });
  }
  keys.trust("k1", secret);
  subscription = await wait(subscription);
  say({ state: subscription.state, version: subscription.version });
  say(told(await next()));
  keys.trust(...await rotate(subscription));
  say({ rotated: [...keys.known.keys()].sort() });
  let delivery;
  do {
    delivery = await next();
    say(told(delivery));
  } while (delivery.signed.length < 2);
  // A demonstration leaves nothing behind; you would go on, and renew the lease.
  const ended = await ask("DELETE", `/webhooks/subscriptions/${subscription.id}`);
  return say({ ended: ended.status });
}

async function call(sink, item, require, wrong) {
  const [caller, own] = await register(sink);
  const key = wrong ? new Webhook(newSecret()) : own;
  const { status, headers, document, id } =
    await request(caller, key, "operation", "quote", { item, quantity: 2 }, require, 30);
  if (status !== 202) return say({ status, problem: document.type, caller: headers.get("webhook-caller") });
  const replied = await reply(id, 30);
  const { contractversion, datacontenttype, data } = replied;
  return say({ taken: document.contractversion, version: contractversion, media: datacontenttype, data });
}

async function send(sink, order) {
  const [caller, key] = await register(sink);
  const { status, id } = await request(caller, key, "command", "cancel", { order }, "^1.2", 30);
  say({ status, id });
}

async function main() {
  const [action, ...rest] = process.argv.slice(2);
  await { consume, call, send }[action](await listen(), ...rest);
}

main().then(() => process.exit(), (error) => {
  console.error(error);
  process.exit(1);
});
