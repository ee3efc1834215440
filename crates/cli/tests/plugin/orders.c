// A plugin in plain C, small and soon compiled, in any version: it serves contract "orders" and does nothing.

#include <stdlib.h>

#include "polywire_plugin.h"

#define TEXT(text) {(const uint8_t *)(text), sizeof(text) - 1}

#ifndef NAME
#define NAME "orders"
#endif
#ifndef RELEASE
#define RELEASE "1.4.0"
#endif

static int32_t init(const pw_host *host, pw_slice config, void **made, const pw_sink *err) {
  (void)host;
  (void)config;
  (void)made;
  (void)err;
  abort();  // Nobody configures what is published.
}

static int32_t call(void *self, const pw_call *call, const pw_sink *out) {
  (void)self;
  (void)call;
  (void)out;
  return PW_FAILED;
}

static int32_t self_test(void *self, const pw_sink *err) {
  (void)self;
  (void)err;
  return 1;
}

static int32_t quiesce(void *self, uint32_t timeout_ms) {
  (void)self;
  (void)timeout_ms;
  return 0;
}

static uint32_t live_threads(void) { return 0; }

static void destroy(void *self) { (void)self; }

static int32_t fini(void) { return 0; }

static const pw_slice methods[] = {TEXT("count"), TEXT("shipped")};

#ifdef NAMELESS
#define FINGERPRINT
#else
#define FINGERPRINT .fingerprint = {0xab, 0xcd},
#endif

#define CONTRACT(version) \
  {.size = sizeof(pw_contract), .name = TEXT("orders"), .semver = TEXT(version), FINGERPRINT .methods = methods, .n_methods = 2}

static const pw_contract contracts[] = {
    CONTRACT("1.4.0"),
#ifdef TWO_MAJORS
    CONTRACT("2.0.0"),
#endif
};

#ifdef DESCRIBES
// It tells its contracts itself, and tries what it may not.
static int32_t describe(const pw_host *host, const pw_contract **told, uint32_t *n_told, const pw_sink *err) {
  static const char headers[] =
      "\x08\0\x05\0\0\0" "contract" "stock"
      "\x06\0\x04\0\0\0" "method" "left";
  pw_slice line = TEXT("what I serve"), warehouse = TEXT("warehouse");
  host->log(host->ctx, PW_LOG_INFO, line);
  pw_call left = {
      .size = sizeof left,
      .contract = PW_BY_NAME,
      .method = PW_BY_NAME,
      .headers = {(const uint8_t *)headers, sizeof headers - 1},
  };
  if (host->invoke(host->ctx, warehouse, &left, err) == PW_OK) return 1;
  *told = contracts;
  *n_told = sizeof contracts / sizeof contracts[0];
  return 0;
}
#endif

extern const pw_plugin_v1 polywire_plugin_v1;
const pw_plugin_v1 polywire_plugin_v1 = {
    .magic = PW_MAGIC,
    .abi_major = PW_ABI_MAJOR,
    .abi_minor = PW_ABI_MINOR,
    .size = sizeof(pw_plugin_v1),
    .flags = PW_CAN_UNLOAD,
    .name = TEXT(NAME),
    .release = TEXT(RELEASE),
#ifdef DESCRIBES
    .describe = describe,
#else
    .contracts = contracts,
    .n_contracts = sizeof contracts / sizeof contracts[0],
#endif
    .init = init,
    .call = call,
    .self_test = self_test,
    .quiesce = quiesce,
    .live_threads = live_threads,
    .destroy = destroy,
    .fini = fini,
};
