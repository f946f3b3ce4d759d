/* Values in JSON, one field at a time. */
#include "mortise.h"

#include <stdlib.h>
#include <string.h>

/* Objects and lists within each other that are looked into. */
#define DEEPEST 64

static const char *after_space(const char *at) { return at + strspn(at, " \t\r\n"); }

/* The end of the text that begins at a quote; NULL if it has none. */
static const char *after_text(const char *at) {
  for (at++; *at != '"'; at++) {
    if (*at == 0 || (*at == '\\' && *++at == 0)) return NULL;
  }
  return at + 1;
}

/* The end of a value; NULL if it has none. */
static const char *after_value(const char *at) {
  char open[DEEPEST];
  size_t depth = 0;
  do {
    if (*at == '"') {
      at = after_text(at);
      if (at == NULL) return NULL;
    } else if (*at == '{' || *at == '[') {
      if (depth == DEEPEST) return NULL;
      open[depth++] = *at++ == '{' ? '}' : ']';
    } else if (depth > 0 && *at == open[depth - 1]) {
      depth--;
      at++;
    } else if (depth > 0 && (*at == ',' || *at == ':')) {
      at++;
    } else {
      size_t length = strcspn(at, "{}[]\",: \t\r\n");
      if (length == 0) return NULL;
      at += length;
    }
    if (depth > 0) at = after_space(at);
  } while (depth > 0);
  return at;
}

/* Four hexadecimal digits; -1 if they are none. */
static int32_t unit_at(const char *at) {
  int32_t unit = 0;
  for (int i = 0; i < 4; i++) {
    const char *digits = "0123456789abcdef", *found = *at != 0 ? strchr(digits, *at | 32) : NULL;
    if (found == NULL) return -1;
    unit = unit * 16 + (int32_t)(found - digits);
    at++;
  }
  return unit;
}

static char *put(char *to, uint32_t code) {
  if (code < 0x80) {
    *to++ = (char)code;
  } else if (code < 0x800) {
    *to++ = (char)(0xc0 | code >> 6);
    *to++ = (char)(0x80 | (code & 63));
  } else {
    if (code < 0x10000) {
      *to++ = (char)(0xe0 | code >> 12);
    } else {
      *to++ = (char)(0xf0 | code >> 18);
      *to++ = (char)(0x80 | (code >> 12 & 63));
    }
    *to++ = (char)(0x80 | (code >> 6 & 63));
    *to++ = (char)(0x80 | (code & 63));
  }
  return to;
}

/* The text between quotes. It is never longer than its source: a code of six
 * characters has at most three bytes, one of twelve has four. A surrogate alone, or a
 * zero, becomes the replacement character. */
static char *text_between(const char *from, const char *to) {
  char *text = malloc((size_t)(to - from) + 1), *at = text;
  if (text == NULL) abort();
  while (from < to) {
    if (*from != '\\') {
      *at++ = *from++;
      continue;
    }
    static const char names[] = "bfnrt", meant[] = "\b\f\n\r\t";
    char name = from[1];
    const char *found = strchr(names, name);
    from += 2;
    if (name != 'u') {
      *at++ = found != NULL ? meant[found - names] : name;
      continue;
    }
    int32_t code = to - from >= 4 ? unit_at(from) : -1;
    if (code < 0) {
      *at++ = name;
      continue;
    }
    from += 4;
    if (code >= 0xd800 && code < 0xdc00 && to - from >= 6 && from[0] == '\\' && from[1] == 'u') {
      int32_t low = unit_at(from + 2);
      if (low >= 0xdc00 && low < 0xe000) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        from += 6;
      }
    }
    at = put(at, code == 0 || (code >= 0xd800 && code < 0xe000) ? 0xfffd : (uint32_t)code);
  }
  *at = 0;
  return text;
}

char *mortise_json_value(const char *json, const char *name) {
  const char *at = after_space(json);
  if (*at != '{') return NULL;
  do {
    at = after_space(at + 1);
    const char *key = at, *key_end = *at == '"' ? after_text(at) : NULL;
    if (key_end == NULL) return NULL;
    at = after_space(key_end);
    if (*at != ':') return NULL;
    const char *value = after_space(at + 1), *value_end = after_value(value);
    if (value_end == NULL) return NULL;
    char *found = text_between(key + 1, key_end - 1);
    bool same = strcmp(found, name) == 0;
    free(found);
    if (same && *value == '"') return text_between(value + 1, value_end - 1);
    if (same) return mortise_c_text((plugin_string_t){(uint8_t *)value, (size_t)(value_end - value)});
    at = after_space(value_end);
  } while (*at == ',');
  return NULL;
}
