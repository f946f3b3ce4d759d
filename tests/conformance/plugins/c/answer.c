/* Answers, and the contract's values in their data form. */
#include "everything.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void say_bytes(answer_t *answer, const void *bytes, size_t length) {
  char *grown = realloc(answer->text, answer->length + length + 1);
  if (grown == NULL) {
    abort();
  }
  memcpy(grown + answer->length, bytes, length);
  answer->text = grown;
  answer->length += length;
  answer->text[answer->length] = 0;
}

void say(answer_t *answer, const char *format, ...) {
  va_list values, again;
  va_start(values, format);
  va_copy(again, values);
  int length = vsnprintf(NULL, 0, format, again);
  va_end(again);
  char *text = malloc((size_t)length + 1);
  if (length < 0 || text == NULL) {
    abort();
  }
  vsnprintf(text, (size_t)length + 1, format, values);
  va_end(values);
  say_bytes(answer, text, (size_t)length);
  free(text);
}

plugin_string_t handed(answer_t *answer) {
  say_bytes(answer, "", 0); /* Even an empty one is a text of its own. */
  plugin_string_t text = {(uint8_t *)answer->text, answer->length};
  memset(answer, 0, sizeof *answer);
  return text;
}

void say_text(answer_t *answer, plugin_string_t text) {
  say(answer, "\"");
  for (size_t i = 0; i < text.len; i++) {
    uint8_t byte = text.ptr[i];
    if (byte == '"' || byte == '\\') {
      say(answer, "\\%c", byte);
    } else if (byte < 0x20) {
      say(answer, "\\u%04x", byte);
    } else {
      say_bytes(answer, &byte, 1);
    }
  }
  say(answer, "\"");
}

static void say_optional(answer_t *answer, const plugin_option_string_t *text) {
  if (text->is_some) {
    say_text(answer, text->val);
  } else {
    say(answer, "null");
  }
}

static void say_base64(answer_t *answer, const uint8_t *bytes, size_t length) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  say(answer, "\"");
  for (size_t at = 0; at < length; at += 3) {
    uint32_t group = (uint32_t)bytes[at] << 16;
    group |= at + 1 < length ? (uint32_t)bytes[at + 1] << 8 : 0;
    group |= at + 2 < length ? bytes[at + 2] : 0;
    char four[] = {digits[group >> 18], digits[group >> 12 & 63], digits[group >> 6 & 63], digits[group & 63]};
    memset(four + 2, '=', at + 1 >= length ? 2 : 0);
    memset(four + 3, '=', at + 2 >= length ? 1 : 0);
    say_bytes(answer, four, sizeof four);
  }
  say(answer, "\"");
}

void say_user(answer_t *answer, const mortise_plugin_types_user_t *given) {
  say(answer, "{\"id\":%llu,\"name\":", (unsigned long long)given->id);
  say_text(answer, given->name);
  say(answer, ",\"admin\":%s}", given->admin ? "true" : "false");
}

void say_message(answer_t *answer, const mortise_plugin_types_message_t *message) {
  say(answer, "{\"id\":%llu,\"application\":{\"id\":%llu,\"name\":", (unsigned long long)message->id,
      (unsigned long long)message->application.id);
  say_text(answer, message->application.name);
  say(answer, "},\"content\":{\"title\":");
  say_text(answer, message->content.title);
  say(answer, ",\"body\":");
  say_text(answer, message->content.body);
  say(answer, ",\"priority\":%d,\"extras\":", message->content.priority);
  say_optional(answer, &message->content.extras);
  say(answer, "},\"created_ms\":%llu}", (unsigned long long)message->created_ms);
}

void say_messages(answer_t *answer, const mortise_plugin_types_message_t *messages, size_t length) {
  say(answer, "[");
  for (size_t i = 0; i < length; i++) {
    say(answer, i > 0 ? "," : "");
    say_message(answer, &messages[i]);
  }
  say(answer, "]");
}

static void say_error(answer_t *answer, const mortise_plugin_types_error_t *error) {
  static const char *const kinds[] = {"denied", "invalid", "exhausted", "unavailable"};
  say(answer, "{\"%s\":", kinds[error->tag]);
  say_text(answer, error->val.denied); /* Each kind has a text, in the same place. */
  say(answer, "}");
}

void say_deliveries(answer_t *answer, const mortise_plugin_messages_list_delivery_t *deliveries) {
  say(answer, "[");
  for (size_t i = 0; i < deliveries->len; i++) {
    const mortise_plugin_types_delivery_t *delivery = &deliveries->ptr[i];
    say(answer, i > 0 ? ",{\"user\":" : "{\"user\":");
    say_text(answer, delivery->user);
    if (delivery->outcome.is_err) {
      say(answer, ",\"outcome\":{\"err\":");
      say_error(answer, &delivery->outcome.val.err);
    } else {
      say(answer, ",\"outcome\":{\"ok\":%llu", (unsigned long long)delivery->outcome.val.ok);
    }
    say(answer, "}}");
  }
  say(answer, "]");
}

void say_request(answer_t *answer, const mortise_plugin_types_webhook_request_t *request) {
  say(answer, "{\"method\":");
  say_text(answer, request->method);
  say(answer, ",\"path\":");
  say_text(answer, request->path);
  say(answer, ",\"query\":");
  say_optional(answer, &request->query);
  say(answer, ",\"headers\":[");
  for (size_t i = 0; i < request->headers.len; i++) {
    say(answer, i > 0 ? ",{\"name\":" : "{\"name\":");
    say_text(answer, request->headers.ptr[i].name);
    say(answer, ",\"value\":");
    say_text(answer, request->headers.ptr[i].value);
    say(answer, "}");
  }
  say(answer, "],\"body\":");
  say_base64(answer, request->body.ptr, request->body.len);
  say(answer, ",\"client\":");
  say_text(answer, request->client);
  say(answer, ",\"scheme\":");
  say_text(answer, request->scheme);
  say(answer, ",\"host\":");
  say_text(answer, request->host);
  say(answer, ",\"base_path\":");
  say_text(answer, request->base_path);
  say(answer, "}");
}
