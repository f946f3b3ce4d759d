#include "mortise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The most of a log entry that the host keeps. */
#define MOST_LOG 8192

/* Lines of the log appear when they are written: a component's output would be
 * buffered whole otherwise, and what is buffered at a trap is lost. */
__attribute__((constructor)) static void buffer_lines(void) { setvbuf(stdout, NULL, _IOLBF, BUFSIZ); }

/* Borrows a text: the host copies what it is given. */
static plugin_string_t borrowed(const char *text) {
  return (plugin_string_t){(uint8_t *)text, strlen(text)};
}

/* Memory that has to be there. */
static void *have(void *memory) {
  if (memory == NULL) {
    abort();
  }
  return memory;
}

static plugin_string_t text_of(const char *format, va_list values) {
  va_list again;
  va_copy(again, values);
  int length = vsnprintf(NULL, 0, format, again);
  va_end(again);
  size_t size = length < 0 ? 0 : (size_t)length;
  char *text = have(malloc(size + 1));
  vsnprintf(text, size + 1, format, values);
  return (plugin_string_t){(uint8_t *)text, size};
}

plugin_string_t mortise_text(const char *format, ...) {
  va_list values;
  va_start(values, format);
  plugin_string_t text = text_of(format, values);
  va_end(values);
  return text;
}

static char *copied(const void *bytes, size_t length) {
  char *copy = have(malloc(length + 1));
  memcpy(copy, bytes, length);
  copy[length] = 0;
  return copy;
}

char *mortise_c_text(plugin_string_t text) { return copied(text.ptr, text.len); }

bool mortise_begins(plugin_string_t text, const char *prefix) {
  size_t length = strlen(prefix);
  return text.len >= length && memcmp(text.ptr, prefix, length) == 0;
}

void mortise_log(mortise_plugin_types_level_t level, const char *format, ...) {
  char text[MOST_LOG];
  va_list values;
  va_start(values, format);
  vsnprintf(text, sizeof text, format, values);
  va_end(values);
  plugin_string_t entry = borrowed(text);
  mortise_plugin_log_write(level, &entry);
}

plugin_string_t mortise_refusal(mortise_plugin_types_error_t *error) {
  static const char *const kinds[] = {"denied", "invalid", "exhausted", "unavailable"};
  /* Each kind has a text, in the same place. */
  plugin_string_t why = error->val.denied;
  const char *kind = kinds[error->tag < 4 ? error->tag : 3];
  plugin_string_t text = mortise_text("%s: %.*s", kind, (int)why.len, (const char *)why.ptr);
  mortise_plugin_types_error_free(error);
  return text;
}

void mortise_describe(mortise_plugin_types_manifest_t *manifest, const char *id, const char *name,
                      const char *version) {
  memset(manifest, 0, sizeof *manifest);
  manifest->id = mortise_text("%s", id);
  manifest->name = mortise_text("%s", name);
  manifest->version = mortise_text("%s", version);
}

/* Adds names, ended by NULL, to a list. */
static void add_names(plugin_list_string_t *names, va_list values) {
  for (const char *name; (name = va_arg(values, const char *)) != NULL;) {
    names->ptr = have(realloc(names->ptr, (names->len + 1) * sizeof *names->ptr));
    names->ptr[names->len++] = mortise_text("%s", name);
  }
}

void mortise_want(mortise_plugin_types_manifest_t *manifest, uint8_t permission, const char *reason, ...) {
  size_t at = manifest->wants.len++;
  manifest->wants.ptr =
      have(realloc(manifest->wants.ptr, manifest->wants.len * sizeof *manifest->wants.ptr));
  mortise_plugin_types_request_t *request = &manifest->wants.ptr[at];
  memset(request, 0, sizeof *request);
  request->permission.tag = permission;
  request->reason = mortise_text("%s", reason);
  /* All lists of names are in the same place. */
  va_list values;
  va_start(values, reason);
  add_names(&request->permission.val.read_messages, values);
  va_end(values);
}

void mortise_listen(mortise_plugin_types_manifest_t *manifest, int32_t min_priority, ...) {
  memset(&manifest->listens, 0, sizeof manifest->listens);
  manifest->listens.is_some = true;
  manifest->listens.val.min_priority = (plugin_option_s32_t){true, min_priority};
  va_list values;
  va_start(values, min_priority);
  add_names(&manifest->listens.val.applications, values);
  va_end(values);
}

static mortise_plugin_types_content_t content_of(const char *title, const char *body, int32_t priority) {
  return (mortise_plugin_types_content_t){
      .title = borrowed(title), .body = borrowed(body), .priority = priority};
}

uint64_t mortise_send(const char *title, const char *body, int32_t priority, plugin_string_t *error) {
  mortise_plugin_types_outgoing_t message = {.content = content_of(title, body, priority)};
  uint64_t id = 0;
  mortise_plugin_types_error_t refusal;
  if (!mortise_plugin_messages_send(&message, &id, &refusal)) {
    *error = mortise_refusal(&refusal);
    return 0;
  }
  return id;
}

uint64_t mortise_send_to(const char *user, const char *title, const char *body, int32_t priority,
                         plugin_string_t *error) {
  plugin_string_t name = borrowed(user);
  plugin_list_string_t users = {&name, 1};
  mortise_plugin_types_outgoing_t message = {.content = content_of(title, body, priority)};
  mortise_plugin_messages_list_delivery_t deliveries;
  mortise_plugin_types_error_t refusal;
  if (!mortise_plugin_messages_send_to(&users, &message, &deliveries, &refusal)) {
    *error = mortise_refusal(&refusal);
    return 0;
  }
  uint64_t id = 0;
  if (deliveries.len != 1) {
    *error = mortise_text("invalid: `%s` is not one user", user);
  } else if (deliveries.ptr->outcome.is_err) {
    *error = mortise_refusal(&deliveries.ptr->outcome.val.err);
  } else {
    id = deliveries.ptr->outcome.val.ok;
  }
  mortise_plugin_messages_list_delivery_free(&deliveries);
  return id;
}

bool mortise_update(uint64_t id, const char *title, const char *body, int32_t priority, plugin_string_t *error) {
  mortise_plugin_types_content_t content = content_of(title, body, priority);
  mortise_plugin_types_error_t refusal;
  bool updated = mortise_plugin_messages_update(id, &content, &refusal);
  if (!updated) {
    *error = mortise_refusal(&refusal);
  }
  return updated;
}

char *mortise_load(const char *key) {
  plugin_string_t name = borrowed(key);
  plugin_option_list_u8_t found;
  mortise_plugin_types_error_t refusal;
  if (!mortise_plugin_storage_get(&name, &found, &refusal)) {
    mortise_plugin_types_error_free(&refusal);
    return NULL;
  }
  char *value = found.is_some ? copied(found.val.ptr, found.val.len) : NULL;
  plugin_option_list_u8_free(&found);
  return value;
}

bool mortise_store(const char *key, const char *value) {
  plugin_string_t name = borrowed(key);
  plugin_list_u8_t bytes = {(uint8_t *)value, strlen(value)};
  mortise_plugin_types_error_t refusal;
  bool stored = mortise_plugin_storage_set(&name, &bytes, &refusal);
  if (!stored) {
    mortise_plugin_types_error_free(&refusal);
  }
  return stored;
}

bool mortise_every_ms(const char *name, uint64_t period_ms, plugin_string_t *error) {
  plugin_string_t timer = borrowed(name);
  mortise_plugin_types_schedule_t when = {.tag = MORTISE_PLUGIN_TYPES_SCHEDULE_EVERY_MS,
                                          .val = {.every_ms = period_ms}};
  mortise_plugin_types_error_t refusal;
  bool set = mortise_plugin_timers_set(&timer, &when, &refusal);
  if (!set) {
    *error = mortise_refusal(&refusal);
  }
  return set;
}

bool mortise_cron(const char *name, const char *expression, const char *zone, plugin_string_t *error) {
  plugin_string_t timer = borrowed(name);
  mortise_plugin_types_schedule_t when = {.tag = MORTISE_PLUGIN_TYPES_SCHEDULE_CRON,
                                          .val = {.cron = borrowed(expression)}};
  mortise_plugin_types_timer_options_t options = {.missed = MORTISE_PLUGIN_TYPES_MISSED_RUNS_ONCE};
  if (zone != NULL) {
    options.zone = (plugin_option_string_t){true, borrowed(zone)};
  }
  mortise_plugin_types_error_t refusal;
  bool set = mortise_plugin_timers_set_with(&timer, &when, &options, &refusal);
  if (!set) {
    *error = mortise_refusal(&refusal);
  }
  return set;
}

char *mortise_config_value(plugin_string_t config, const char *name) {
  const char *at = (const char *)config.ptr;
  const char *end = at + config.len;
  size_t length = strlen(name);
  while (at < end) {
    const char *line_end = memchr(at, '\n', (size_t)(end - at));
    if (line_end == NULL) {
      line_end = end;
    }
    bool found = (size_t)(line_end - at) > length && memcmp(at, name, length) == 0 && at[length] == ':';
    if (found) {
      const char *from = at + length + 1, *to = line_end;
      while (from < to && *from == ' ') from++;
      while (to > from && (to[-1] == ' ' || to[-1] == '\r')) to--;
      if (to - from >= 2 && (*from == '"' || *from == '\'') && to[-1] == *from) {
        from++;
        to--;
      }
      return copied(from, (size_t)(to - from));
    }
    at = line_end + 1;
  }
  return NULL;
}

uint64_t mortise_config_number(plugin_string_t config, const char *name) {
  char *text = mortise_config_value(config, name);
  uint64_t number = text == NULL || *text == '-' ? 0 : strtoull(text, NULL, 10);
  free(text);
  return number;
}

void mortise_config_read(plugin_string_t config, const char *name, char **text) {
  free(*text);
  *text = mortise_config_value(config, name);
}

char *mortise_config_unknown(plugin_string_t config, const char *const *names) {
  const char *at = (const char *)config.ptr;
  const char *end = at + config.len;
  while (at < end) {
    const char *line_end = memchr(at, '\n', (size_t)(end - at));
    if (line_end == NULL) line_end = end;
    const char *colon = memchr(at, ':', (size_t)(line_end - at));
    /* Of a comment, an empty line and the lines below a name there is none. */
    bool named = *at != '#' && *at != ' ' && *at != '-' && *at != '\r' && *at != '\n';
    if (named) {
      const char *to = colon == NULL ? line_end : colon;
      while (to > at && (to[-1] == ' ' || to[-1] == '\r')) to--;
      size_t length = (size_t)(to - at);
      bool known = false;
      for (const char *const *name = names; colon != NULL && *name != NULL && !known; name++) {
        known = strlen(*name) == length && memcmp(*name, at, length) == 0;
      }
      if (!known) return copied(at, length);
    }
    at = line_end + 1;
  }
  return NULL;
}

mortise_plugin_types_problem_t *mortise_problem(const char *path, plugin_string_t text) {
  mortise_plugin_types_problem_t *problem = have(malloc(sizeof *problem));
  *problem = (mortise_plugin_types_problem_t){mortise_text("%s", path), text};
  return problem;
}

void mortise_respond(mortise_plugin_types_webhook_response_t *response, uint16_t status, const char *format, ...) {
  va_list values;
  va_start(values, format);
  plugin_string_t text = text_of(format, values);
  va_end(values);
  mortise_plugin_types_header_t *type = have(malloc(sizeof *type));
  *type = (mortise_plugin_types_header_t){mortise_text("content-type"), mortise_text("text/plain; charset=utf-8")};
  *response = (mortise_plugin_types_webhook_response_t){
      .status = status, .headers = {type, 1}, .body = {text.ptr, text.len}};
}
