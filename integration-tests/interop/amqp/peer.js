// Speaks to services on Polywire over RabbitMQ, with amqplib and nothing of Polywire's.
//
//     AMQP_URL=amqp://... node peer.js call lamp | send A-7 | publish A-7 | consume
//
// Prints one line of JSON. docs/interop/amqp.md explains it.
"use strict";

const { randomUUID } = require("node:crypto");
const amqp = require("amqplib");

// What [transport.amqp] configures as namespace, with a dot; nothing by default.
const PREFIX = process.env.PREFIX ?? "";

const json = (body) => Buffer.from(JSON.stringify(body));

// Calls an operation of the contract "orders"; resolves to the answer.
async function call(channel, operation, body, require = "^1.2", floor = "v1.2", seconds = 5) {
  const answer = new Promise((resolve, reject) => {
    channel.once("return", () => reject(new Error(`nobody provides orders at ${require}`)));
    setTimeout(() => reject(new Error(`no answer within ${seconds} s`)), seconds * 1000).unref();
    channel.consume("amq.rabbitmq.reply-to", resolve, { noAck: true }).catch(reject);
  });
  channel.publish("", `${PREFIX}call.orders.${floor}`, json(body), {
    type: operation,
    messageId: randomUUID(),
    correlationId: "1",
    replyTo: "amq.rabbitmq.reply-to",
    expiration: String(seconds * 1000),
    contentType: "application/json",
    headers: { contract: "orders", "contract-require": require },
    mandatory: true,
  });
  return answer;
}

// Sends a command of the contract "orders"; resolves once the broker has stored it.
async function send(channel, command, body, require = "^1.2", floor = "v1.2") {
  const messageId = randomUUID();
  let returned = false;
  channel.once("return", () => { returned = true; });
  channel.publish("", `${PREFIX}cmd.orders.${floor}`, json(body), {
    type: command,
    messageId,
    persistent: true,
    contentType: "application/json",
    headers: { contract: "orders", "contract-require": require },
    mandatory: true,
  });
  await channel.waitForConfirms();
  if (returned) throw new Error(`no provider of orders at ${require} has ever run`);
  return messageId;
}

// Publishes an event of the contract "orders", as its provider would; resolves to its id.
async function publish(channel, event, body, version = "1.4.0", track = "v1") {
  await channel.assertExchange(`${PREFIX}evt.orders`, "topic", { durable: true });
  const id = randomUUID();
  channel.publish(`${PREFIX}evt.orders`, `${track}.${event}`, json(body), {
    type: event,
    messageId: id,
    persistent: true,
    contentType: "application/json",
    headers: {
      contract: "orders",
      "contract-version": version,
      cloudEvents_specversion: "1.0",
      cloudEvents_id: id,
      cloudEvents_source: "/warehouse",
      cloudEvents_type: `orders.${track}.${event}`,
    },
  });
  await channel.waitForConfirms();
  return id;
}

// Hands the events of the contract "orders" that arrive in a durable queue of ours to a handler; each is acked once handled.
async function consume(channel, event, queue, handler, track = "v1") {
  await channel.assertExchange(`${PREFIX}evt.orders`, "topic", { durable: true });
  await channel.assertQueue(queue, { durable: true, arguments: { "x-queue-type": "quorum" } });
  await channel.bindQueue(queue, `${PREFIX}evt.orders`, `${track}.${event}`);
  await channel.prefetch(100);
  await channel.consume(queue, async (message) => {
    // The queue was deleted: nothing comes any more.
    if (message === null) return;
    await handler(message.properties.headers, JSON.parse(message.content));
    channel.ack(message);
  });
  console.log("ready");
}

async function run(channel, action, ...rest) {
  if (action === "call") {
    const [item, ...options] = rest;
    try {
      const answer = await call(channel, "quote", { item, quantity: 2 }, ...options);
      const { contentType, headers } = answer.properties;
      return { content_type: contentType, version: headers["contract-version"], body: JSON.parse(answer.content) };
    } catch (error) {
      return { error: error.message };
    }
  }
  if (action === "send") return { id: await send(channel, "cancel", { order: rest[0] }) };
  if (action === "publish") return { id: await publish(channel, "shipped", { order: rest[0] }) };
  const queue = `${PREFIX}node.shipped`;
  const found = await new Promise((resolve, reject) => {
    consume(channel, "shipped", queue, (headers, body) => resolve({ headers, body })).catch(reject);
  });
  // A demonstration leaves nothing behind; you would go on.
  await channel.deleteQueue(queue);
  const event = Object.keys(found.headers).sort().filter((key) => key.startsWith("cloudEvents_"));
  return { event: Object.fromEntries(event.map((key) => [key, found.headers[key]])), body: found.body };
}

async function main() {
  const connection = await amqp.connect(process.env.AMQP_URL);
  const channel = await connection.createConfirmChannel();
  console.log(JSON.stringify(await run(channel, ...process.argv.slice(2))));
  await connection.close();
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
