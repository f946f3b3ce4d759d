/* HMAC-SHA256, as FIPS 180-4 and RFC 2104 have it, and the check of a signature. */
#include "mortise.h"

#include <string.h>
#include <strings.h>

#define BLOCK 64

typedef struct {
  uint32_t state[8];
  uint64_t length;
  uint8_t block[BLOCK];
} hash_t;

static const uint32_t begin[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotated(uint32_t value, int bits) { return value >> bits | value << (32 - bits); }

static void compress(hash_t *hash) {
  uint32_t words[64], s[8];
  for (int i = 0; i < 16; i++) {
    const uint8_t *at = hash->block + i * 4;
    words[i] = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
  }
  for (int i = 16; i < 64; i++) {
    uint32_t a = words[i - 15], b = words[i - 2];
    words[i] = words[i - 16] + (rotated(a, 7) ^ rotated(a, 18) ^ a >> 3) + words[i - 7] +
               (rotated(b, 17) ^ rotated(b, 19) ^ b >> 10);
  }
  memcpy(s, hash->state, sizeof s);
  for (int i = 0; i < 64; i++) {
    uint32_t choice = (s[4] & s[5]) ^ (~s[4] & s[6]), majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
    uint32_t one = s[7] + (rotated(s[4], 6) ^ rotated(s[4], 11) ^ rotated(s[4], 25)) + choice + constants[i] + words[i];
    uint32_t two = (rotated(s[0], 2) ^ rotated(s[0], 13) ^ rotated(s[0], 22)) + majority;
    memmove(s + 1, s, 7 * sizeof *s);
    s[4] += one;
    s[0] = one + two;
  }
  for (int i = 0; i < 8; i++) hash->state[i] += s[i];
}

static void add(hash_t *hash, const void *bytes, size_t length) {
  const uint8_t *at = bytes;
  for (size_t i = 0; i < length; i++) {
    hash->block[hash->length++ % BLOCK] = at[i];
    if (hash->length % BLOCK == 0) compress(hash);
  }
}

static void finish(hash_t *hash, uint8_t digest[32]) {
  static const uint8_t padding[BLOCK] = {0x80};
  uint64_t bits = hash->length * 8;
  uint8_t length[8];
  for (int i = 0; i < 8; i++) length[i] = (uint8_t)(bits >> (56 - 8 * i));
  add(hash, padding, 1 + (BLOCK + 55 - hash->length % BLOCK) % BLOCK);
  add(hash, length, sizeof length);
  for (int i = 0; i < 32; i++) digest[i] = (uint8_t)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
}

static hash_t started(void) {
  hash_t hash = {.length = 0};
  memcpy(hash.state, begin, sizeof begin);
  return hash;
}

void mortise_hmac_sha256(const void *key, size_t key_length, const void *bytes, size_t length, uint8_t mac[32]) {
  uint8_t pad[BLOCK] = {0};
  if (key_length > BLOCK) {
    hash_t hash = started();
    add(&hash, key, key_length);
    finish(&hash, pad);
  } else if (key_length > 0) {
    memcpy(pad, key, key_length);
  }
  for (int i = 0; i < BLOCK; i++) pad[i] ^= 0x36;
  hash_t inner = started();
  add(&inner, pad, BLOCK);
  add(&inner, bytes, length);
  finish(&inner, mac);
  for (int i = 0; i < BLOCK; i++) pad[i] ^= 0x36 ^ 0x5c;
  hash_t outer = started();
  add(&outer, pad, BLOCK);
  add(&outer, mac, 32);
  finish(&outer, mac);
}

bool mortise_is_signed(const mortise_plugin_types_webhook_request_t *request, const char *header,
                       const char *secret) {
  static const char digits[] = "0123456789abcdef", prefix[] = "sha256=";
  if (secret == NULL || *secret == 0) return false;
  uint8_t mac[32];
  mortise_hmac_sha256(secret, strlen(secret), request->body.ptr, request->body.len, mac);
  char expected[sizeof prefix + 64];
  memcpy(expected, prefix, sizeof prefix);
  for (int i = 0; i < 32; i++) {
    expected[sizeof prefix - 1 + 2 * i] = digits[mac[i] >> 4];
    expected[sizeof prefix + 2 * i] = digits[mac[i] & 15];
  }
  for (size_t i = 0; i < request->headers.len; i++) {
    plugin_string_t name = request->headers.ptr[i].name, value = request->headers.ptr[i].value;
    if (name.len != strlen(header) || strncasecmp((const char *)name.ptr, header, name.len) != 0) continue;
    if (value.len != sizeof expected - 1) return false;
    /* All characters are compared, so that the time does not depend on them. */
    volatile uint8_t different = 0;
    for (size_t at = 0; at < value.len; at++) different |= value.ptr[at] ^ (uint8_t)expected[at];
    return different == 0;
  }
  return false;
}
