// Polywire runtime plugins: the interface between a plugin and its host, version 1.
//
// Generated from crates/plugin-abi/src/raw.rs; do not edit. A plugin is a shared library that exports the data symbol
// polywire_plugin_v1. Structures that begin with their size only ever grow at their end: set it with sizeof, and do not
// look at fields beyond the size that you find. No function may unwind or longjmp across the boundary.
//
// SPDX-License-Identifier: MIT OR Apache-2.0


#pragma once

#include <stddef.h>
#include <stdint.h>

// What a descriptor begins with: "PWPL" in a file of a little-endian machine.
#define PW_MAGIC 1280333648

// The major version of this interface, which is in the symbol's name as well.
#define PW_ABI_MAJOR 1

// The minor version of this interface.
#define PW_ABI_MINOR 0

// Done; the sink has the reply.
#define PW_OK 0

// Failed; the sink has a problem document (RFC 9457): the application's own error, or one of Polywire's.
#define PW_FAILED 1

// The contract has no such method; nothing was done.
#define PW_NO_SUCH_METHOD 2

// The contract's version is not served; nothing was done.
#define PW_VERSION 3

// A bound is reached; nothing was done.
#define PW_OVERLOADED 4

// The host cancelled the call.
#define PW_CANCELLED 5

// The handler panicked; the host forgets what is in the sink.
#define PW_PANICKED 6

// Flag: the library may be closed once `fini` returned 0.
#define PW_CAN_UNLOAD 1

// Flag: `call` may run on several threads at once; without it the host makes one call at a time.
#define PW_CONCURRENT 2

// Flag: the plugin has threads of its own.
#define PW_OWN_THREADS 4

// Flag: calls end soon and never wait.
#define PW_SHORT 8

// Level of a log line: something failed.
#define PW_LOG_ERROR 1

// Level of a log line: something may be wrong.
#define PW_LOG_WARN 2

// Level of a log line: worth knowing.
#define PW_LOG_INFO 3

// Level of a log line: for whoever looks for a fault.
#define PW_LOG_DEBUG 4

// Verdict on an event: done with.
#define PW_ACK 0

// Verdict on an event: deliver it again.
#define PW_RETRY 1

// Verdict on an event: never going to work; set it aside with the reason.
#define PW_REJECT 2

// Verdict on an event: not for this version of the subscriber; set it aside with the reason, for replay.
#define PW_PARK 3

// Verdict on an event: give it back to the group at once, as if it had not been delivered.
#define PW_RETURN 4

// Instead of an index into the descriptor: the contract or the method is named by the headers `contract` and `method`.
#define PW_BY_NAME UINT32_MAX

// Extension `polywire.threads/1`: what to do when a thread of the host ends that the plugin has left values on.
typedef struct pw_threads_v1 {
  // The size of this structure.
  uint32_t size;
  // Given back to each function.
  void *ctx;
  // Runs `run(arg)` on the calling thread when that ends, unless `fini` ran before. 0: it will.
  int32_t (*at_exit)(void *ctx, void (*run)(void *arg), void *arg);
} pw_threads_v1;

// Bytes that the other side owns, borrowed until the function that got them returns. Text is UTF-8 without a
// terminating zero. With `len` 0, `ptr` may be null.
typedef struct pw_slice {
  // The first byte.
  const uint8_t *ptr;
  // How many there are.
  size_t len;
} pw_slice;

// One message: a call or a command to the plugin, anything from it to its host.
typedef struct pw_call {
  // The size of this structure.
  uint32_t size;
  // Names the call; unique among those that run in the same direction. From the plugin, 0 is one that is not given up.
  uint64_t id;
  // How much time there is from entry, in nanoseconds; 0 means no limit.
  uint64_t timeout_ns;
  // The index of the contract in the descriptor, or `PW_BY_NAME`.
  uint32_t contract;
  // The index of the method in its contract, or `PW_BY_NAME`.
  uint32_t method;
  // Entries one after another: name length (2 bytes), value length (4 bytes), both little-endian; name; value.
  // The names are those of HTTP requests, such as `contract-message-id` and `traceparent`.
  struct pw_slice headers;
  // The payload.
  struct pw_slice body;
} pw_call;

// Where an answer is written: memory of whoever passes the sink, valid until the function that got it returns.
typedef struct pw_sink {
  // Given back to `write`.
  void *ctx;
  // Appends bytes. 0: taken. Anything else: the bound is reached, nothing of this and later writes is taken.
  int32_t (*write)(void *ctx, struct pw_slice bytes);
} pw_sink;

// Extension `polywire.events/1`: events of the plugin's own contracts, to whoever subscribes at the host.
typedef struct pw_events_v1 {
  // The size of this structure.
  uint32_t size;
  // Given back to each function.
  void *ctx;
  // Publishes one event; returns a result code, after which the host has taken it or has written a problem document.
  int32_t (*publish)(void *ctx, const struct pw_call *event, const struct pw_sink *problem);
} pw_events_v1;

// Extension `polywire.channels/1`: calls and commands of the plugin to other services, through the channels that its host
// configures. `call` and `send` wait, on the calling thread; none of this is for a plugin that says it is short.
//
// A `pw_call` names contract and method by header, and says by `contract-require`, such as `^1.2`, which versions it takes where
// the channel's configuration says nothing. Its `timeout_ns` of 0 is the channel's own timeout. What is under way when `quiesce`
// is called is given up, and nothing is taken from then on.
typedef struct pw_channels_v1 {
  // The size of this structure.
  uint32_t size;
  // Given back to each function.
  void *ctx;
  // Tells what a channel is, as a JSON document in `out`: its contract, what it requires, its timeout, what it can do. Opens
  // nothing and does not wait.
  int32_t (*describe)(void *ctx, struct pw_slice channel, const struct pw_sink *out);
  // Calls an operation; returns a result code. `fields` gets what the reply says beside its payload, encoded as headers are:
  // `contract-version`, and `contract-offer`, `-digest`, `-status`, `-instance`, `-since`, `-sunset`, `-link` where they are
  // known; it may be null. `out` gets the payload, or a problem document.
  int32_t (*call)(void *ctx,
                  struct pw_slice channel,
                  const struct pw_call *call,
                  const struct pw_sink *fields,
                  const struct pw_sink *out);
  // Sends a command; returns a result code once the channel has taken responsibility. `fields` gets `contract-message-id`, and
  // the same as of a reply where whoever took it is known; it may be null. `out` gets a problem document where there is one.
  int32_t (*send)(void *ctx,
                  struct pw_slice channel,
                  const struct pw_call *command,
                  const struct pw_sink *fields,
                  const struct pw_sink *out);
  // Gives up the call or the command of this id that is under way, if there is one; whoever waits for it is answered at once.
  void (*cancel)(void *ctx, uint64_t call_id);
} pw_channels_v1;

// Extension `polywire.subscriptions/1`: events of other services to the plugin, through the channels that its host configures.
// `subscribe`, `next` and `settle` wait, on the calling thread; none of this is for a plugin that says it is short.
//
// A `pw_call` names the event as its method; `contract-group` names the group that it joins, and without it the plugin is a group of
// its own that ends with the subscription. `contract-prefetch` says how many events may be unsettled.
typedef struct pw_subscriptions_v1 {
  // The size of this structure.
  uint32_t size;
  // Given back to each function.
  void *ctx;
  // Joins a group; returns a result code. `subscription` gets a number for the other functions, `out` a problem document where
  // there is one.
  int32_t (*subscribe)(void *ctx,
                       struct pw_slice channel,
                       const struct pw_call *call,
                       uint64_t *subscription,
                       const struct pw_sink *out);
  // Waits for the next event, for at most so long; one thread at a time. `PW_OK`: `delivery` gets its number, `fields` what it
  // says beside its payload, encoded as headers are, `out` its payload; or `delivery` gets 0, since none came. `PW_CANCELLED`:
  // none will come any more.
  int32_t (*next)(void *ctx,
                  uint64_t subscription,
                  uint64_t timeout_ns,
                  uint64_t *delivery,
                  const struct pw_sink *fields,
                  const struct pw_sink *out);
  // Says what becomes of an event; returns a result code. `after_ns` is how long a retry waits, 0 what the channel's policy says;
  // `reason` is for whoever finds what was rejected or parked. What is never settled returns to its group with the
  // subscription's end.
  int32_t (*settle)(void *ctx,
                    uint64_t subscription,
                    uint64_t delivery,
                    uint32_t verdict,
                    uint64_t after_ns,
                    struct pw_slice reason,
                    const struct pw_sink *out);
  // Leaves the group. Does not wait; a thread in `next` is answered.
  void (*unsubscribe)(void *ctx, uint64_t subscription);
} pw_subscriptions_v1;

// One version of one contract that the plugin serves.
typedef struct pw_contract {
  // The size of this structure, the same in every element of an array: it is how far apart they are.
  uint32_t size;
  // The contract's name.
  struct pw_slice name;
  // Its semantic version.
  struct pw_slice semver;
  // The SHA-256 of its canonical document; all zero when it is not known.
  uint8_t fingerprint[32];
  // The names of its operations, commands and events.
  const struct pw_slice *methods;
  // How many there are.
  uint32_t n_methods;
} pw_contract;

// What a host does for its plugins. Valid until `fini` returned; every function may be called on any thread.
typedef struct pw_host {
  // The size of this structure.
  uint32_t size;
  // Given back to each function.
  void *ctx;
  // Writes a line to the host's log.
  void (*log)(void *ctx, uint32_t level, struct pw_slice message);
  // Whether the host has given up a call: 1 yes, 0 no. Poll it in long work.
  int32_t (*cancelled)(void *ctx, uint64_t call_id);
  // Calls out through one of the host's channels; returns a result code. `polywire.channels/1` tells more of the reply.
  int32_t (*invoke)(void *ctx, struct pw_slice channel, const struct pw_call *call, const struct pw_sink *out);
  // What else the host has, by id and version such as `polywire.events/1`; null when it does not have it.
  const void *(*extension)(void *ctx, struct pw_slice id);
} pw_host;

// What a plugin is: exported as the data symbol `polywire_plugin_v1`.
//
// The host calls, in this order: `describe` if there is one; `init` and `self_test`; `call` as often as it likes;
// `quiesce`, `destroy`, `live_threads` until it is 0; `fini` once nothing is left of any instance.
typedef struct pw_plugin_v1 {
  // `PW_MAGIC`.
  uint32_t magic;
  // `PW_ABI_MAJOR`.
  uint16_t abi_major;
  // `PW_ABI_MINOR`.
  uint16_t abi_minor;
  // The size of this structure.
  uint32_t size;
  // The flags of this plugin.
  uint32_t flags;
  // Its name.
  struct pw_slice name;
  // The semantic version of its release.
  struct pw_slice release;
  // Names the build, in any text; may be empty.
  struct pw_slice build_id;
  // The contracts that it serves; null when `describe` tells them.
  const struct pw_contract *contracts;
  // How many there are.
  uint32_t n_contracts;
  // Makes an instance. 0: made. Anything else: not made, and `err` has the reason as text.
  int32_t (*init)(const struct pw_host *host, struct pw_slice config, void **instance, const struct pw_sink *err);
  // Answers one call or runs one command; returns a result code.
  int32_t (*call)(void *instance, const struct pw_call *call, const struct pw_sink *out);
  // Checks an instance before anything is sent to it. 0: good. Anything else: `err` has the reason as text.
  int32_t (*self_test)(void *instance, const struct pw_sink *err);
  // Stops the instance's own timers, threads and connections, within this time. 0: stopped.
  int32_t (*quiesce)(void *instance, uint32_t timeout_ms);
  // How many threads of this library have not ended.
  uint32_t (*live_threads)(void);
  // Ends an instance and frees it.
  void (*destroy)(void *instance);
  // Lets go of everything that the library holds of the process. 0: it may be closed. Nothing is called afterwards.
  int32_t (*fini)(void);
  // Tells the contracts of a library that computes them, valid until `fini`. 0: told. May be null otherwise.
  int32_t (*describe)(const struct pw_host *host,
                      const struct pw_contract **contracts,
                      uint32_t *n_contracts,
                      const struct pw_sink *err);
} pw_plugin_v1;

#ifdef __cplusplus
extern "C"
#else
extern
#endif
const pw_plugin_v1 polywire_plugin_v1;
