/* The commands. Each is given what follows its word, and adds its answer or its
 * error to what it is given for that. */
#include "everything.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MIB (1u << 20)

static unsigned long long calls;

char *word_of(char **rest) {
  char *word = *rest, *space = strchr(word, ' ');
  if (space != NULL) {
    *space = 0;
    *rest = space + 1;
  } else {
    *rest = word + strlen(word);
  }
  return word;
}

bool number_of(char **rest, uint64_t *number, answer_t *error) {
  char *word = word_of(rest), *end = word;
  *number = strtoull(word, &end, 10);
  if (end == word || *end != 0) {
    say(error, "`%s` is not the number that belongs here", word);
    return false;
  }
  return true;
}

/* A text of its own, borrowed for a call of the host. */
static plugin_string_t borrowed(const char *text) { return (plugin_string_t){(uint8_t *)text, strlen(text)}; }

/* What the SDK says that the host refused. */
static bool handed_back(plugin_string_t *error, answer_t *answer) {
  say_bytes(answer, error->ptr, error->len);
  plugin_string_free(error);
  return false;
}

/* What the host refused. */
static bool refused(mortise_plugin_types_error_t *error, answer_t *answer) {
  plugin_string_t text = mortise_refusal(error);
  return handed_back(&text, answer);
}

/* What the system refused. */
static bool failed(const char *what, answer_t *answer) {
  say(answer, "%s: %s", what, strerror(errno));
  return false;
}

/* N times x, to be freed. */
static char *xs(uint64_t n) {
  char *text = malloc((size_t)n + 1);
  if (text == NULL) {
    abort();
  }
  memset(text, 'x', (size_t)n);
  text[n] = 0;
  return text;
}

static bool do_say(char *rest, answer_t *answer) {
  say_bytes(answer, rest, strlen(rest));
  return true;
}

static bool do_fail(char *rest, answer_t *answer) {
  say_bytes(answer, rest, strlen(rest));
  return false;
}

static bool do_user(char *rest, answer_t *answer) {
  (void)rest;
  if (user.id == 0) {
    say(answer, "null");
  } else {
    say_user(answer, &user);
  }
  return true;
}

static bool do_calls(char *rest, answer_t *answer) {
  (void)rest;
  say(answer, "%llu", calls);
  return true;
}

/* ---- messages ---- */

static bool sends(const char *application, const char *title, const char *body, int32_t priority, const char *extras,
                  answer_t *answer) {
  mortise_plugin_types_outgoing_t message;
  memset(&message, 0, sizeof message);
  if (application != NULL) {
    message.application = (plugin_option_string_t){true, borrowed(application)};
  }
  if (extras != NULL) {
    message.content.extras = (plugin_option_string_t){true, borrowed(extras)};
  }
  message.content.title = borrowed(title);
  message.content.body = borrowed(body);
  message.content.priority = priority;
  uint64_t id;
  mortise_plugin_types_error_t error;
  if (!mortise_plugin_messages_send(&message, &id, &error)) {
    return refused(&error, answer);
  }
  say(answer, "%llu", (unsigned long long)id);
  return true;
}

static bool do_send(char *rest, answer_t *answer) { return sends(NULL, "sent", rest, 5, NULL, answer); }

static bool do_send_as(char *rest, answer_t *answer) {
  char *name = word_of(&rest);
  return sends(name, "sent", rest, 5, NULL, answer);
}

static bool do_send_priority(char *rest, answer_t *answer) {
  int32_t priority = (int32_t)strtol(word_of(&rest), NULL, 10);
  return sends(NULL, "sent", rest, priority, NULL, answer);
}

static bool do_send_extras(char *rest, answer_t *answer) { return sends(NULL, "sent", "sent", 5, rest, answer); }

static bool do_send_long(char *rest, answer_t *answer) {
  uint64_t title_length, body_length;
  if (!number_of(&rest, &title_length, answer) || !number_of(&rest, &body_length, answer)) {
    return false;
  }
  char *title = xs(title_length), *body = xs(body_length);
  bool sent = sends(NULL, title, body, 5, NULL, answer);
  free(title);
  free(body);
  return sent;
}

static bool do_get(char *rest, answer_t *answer) {
  uint64_t id;
  mortise_plugin_messages_option_message_t found;
  mortise_plugin_types_error_t error;
  if (!number_of(&rest, &id, answer)) {
    return false;
  }
  if (!mortise_plugin_messages_get(id, &found, &error)) {
    return refused(&error, answer);
  }
  if (found.is_some) {
    say_message(answer, &found.val);
  } else {
    say(answer, "null");
  }
  mortise_plugin_messages_option_message_free(&found);
  return true;
}

typedef bool (*list_t)(uint64_t *before, uint32_t limit, mortise_plugin_messages_list_message_t *messages,
                       mortise_plugin_types_error_t *error);

/* A page of messages, [BEFORE [LIMIT]]. */
static bool page(list_t list, char *rest, answer_t *answer) {
  uint64_t before = 0, limit = 10;
  bool from_start = *rest == 0 || *rest == '-';
  if (from_start) {
    word_of(&rest);
  } else if (!number_of(&rest, &before, answer)) {
    return false;
  }
  if (*rest != 0 && !number_of(&rest, &limit, answer)) {
    return false;
  }
  mortise_plugin_messages_list_message_t messages;
  mortise_plugin_types_error_t error;
  if (!list(from_start ? NULL : &before, (uint32_t)limit, &messages, &error)) {
    return refused(&error, answer);
  }
  say_messages(answer, messages.ptr, messages.len);
  mortise_plugin_messages_list_message_free(&messages);
  return true;
}

static bool do_sent(char *rest, answer_t *answer) { return page(mortise_plugin_messages_sent, rest, answer); }

static bool do_received(char *rest, answer_t *answer) { return page(mortise_plugin_messages_received, rest, answer); }

static bool do_remove(char *rest, answer_t *answer) {
  uint64_t id;
  mortise_plugin_types_error_t error;
  if (!number_of(&rest, &id, answer)) {
    return false;
  }
  return mortise_plugin_messages_remove(id, &error) || refused(&error, answer);
}

static bool do_update(char *rest, answer_t *answer) {
  uint64_t id;
  plugin_string_t error;
  if (!number_of(&rest, &id, answer)) {
    return false;
  }
  return mortise_update(id, "updated", rest, 6, &error) || handed_back(&error, answer);
}

static bool do_expire(char *rest, answer_t *answer) {
  uint64_t id, at_ms;
  mortise_plugin_types_error_t error;
  if (!number_of(&rest, &id, answer)) {
    return false;
  }
  bool never = *rest == '-';
  if (!never && !number_of(&rest, &at_ms, answer)) {
    return false;
  }
  return mortise_plugin_messages_expire(id, never ? NULL : &at_ms, &error) || refused(&error, answer);
}

/* The names between commas, borrowed, in a list to be freed. */
static plugin_list_string_t names_of(const char *text) {
  plugin_list_string_t names = {NULL, 1};
  for (const char *at = text; (at = strchr(at, ',')) != NULL; at++) {
    names.len++;
  }
  names.ptr = calloc(names.len, sizeof *names.ptr);
  if (names.ptr == NULL) {
    abort();
  }
  for (size_t i = 0; i < names.len; i++) {
    size_t length = strcspn(text, ",");
    names.ptr[i] = (plugin_string_t){(uint8_t *)text, length};
    text += length + 1;
  }
  return names;
}

static bool do_send_to(char *rest, answer_t *answer) {
  plugin_list_string_t users = names_of(word_of(&rest));
  mortise_plugin_types_outgoing_t message = {
      .content = {.title = borrowed("sent"), .body = borrowed(rest), .priority = 5}};
  mortise_plugin_messages_list_delivery_t deliveries;
  mortise_plugin_types_error_t error;
  bool sent = mortise_plugin_messages_send_to(&users, &message, &deliveries, &error);
  free(users.ptr);
  if (!sent) {
    return refused(&error, answer);
  }
  say_deliveries(answer, &deliveries);
  mortise_plugin_messages_list_delivery_free(&deliveries);
  return true;
}

/* Turns hexadecimal digits into bytes, in their place. */
static plugin_list_u8_t unhex(char *digits) {
  plugin_list_u8_t bytes = {(uint8_t *)digits, strlen(digits) / 2};
  for (size_t i = 0; i < bytes.len; i++) {
    char pair[] = {digits[2 * i], digits[2 * i + 1], 0};
    bytes.ptr[i] = (uint8_t)strtoul(pair, NULL, 16);
  }
  return bytes;
}

static bool do_image(char *rest, answer_t *answer) {
  char *word = word_of(&rest);
  plugin_string_t name = borrowed(word);
  plugin_list_u8_t image = unhex(rest);
  mortise_plugin_types_error_t error;
  return mortise_plugin_messages_set_image(strcmp(word, "-") == 0 ? NULL : &name, &image, &error) ||
         refused(&error, answer);
}

/* ---- storage ---- */

static bool stores(const char *key, const void *bytes, size_t length, answer_t *answer) {
  plugin_string_t name = borrowed(key);
  plugin_list_u8_t value = {(uint8_t *)bytes, length};
  mortise_plugin_types_error_t error;
  return mortise_plugin_storage_set(&name, &value, &error) || refused(&error, answer);
}

static bool loads(const char *key, plugin_option_list_u8_t *value, answer_t *answer) {
  plugin_string_t name = borrowed(key);
  mortise_plugin_types_error_t error;
  return mortise_plugin_storage_get(&name, value, &error) || refused(&error, answer);
}

static bool do_store(char *rest, answer_t *answer) {
  char *key = word_of(&rest);
  return stores(key, rest, strlen(rest), answer);
}

static bool do_store_bytes(char *rest, answer_t *answer) {
  char *key = word_of(&rest);
  uint64_t length;
  if (!number_of(&rest, &length, answer)) {
    return false;
  }
  void *zeros = calloc(1, (size_t)length + 1);
  if (zeros == NULL) {
    abort();
  }
  bool stored = stores(key, zeros, (size_t)length, answer);
  free(zeros);
  return stored;
}

static bool do_load(char *rest, answer_t *answer) {
  plugin_option_list_u8_t value;
  if (!loads(rest, &value, answer)) {
    return false;
  }
  if (value.is_some) {
    say_bytes(answer, value.val.ptr, value.val.len);
  } else {
    say(answer, "(none)");
  }
  plugin_option_list_u8_free(&value);
  return true;
}

static bool do_count(char *rest, answer_t *answer) {
  (void)rest;
  answer_t before = {0};
  plugin_option_list_u8_t value;
  if (!loads("count", &value, answer)) {
    return false;
  }
  if (value.is_some) {
    say_bytes(&before, value.val.ptr, value.val.len);
  }
  plugin_option_list_u8_free(&value);
  unsigned long long count = (before.text != NULL ? strtoull(before.text, NULL, 10) : 0) + 1;
  free(before.text);
  char text[24];
  int length = snprintf(text, sizeof text, "%llu", count);
  if (!stores("count", text, (size_t)length, answer)) {
    return false;
  }
  say(answer, "%s", text);
  return true;
}

static bool do_unset(char *rest, answer_t *answer) {
  plugin_string_t name = borrowed(rest);
  mortise_plugin_types_error_t error;
  return mortise_plugin_storage_remove(&name, &error) || refused(&error, answer);
}

static bool do_keys(char *rest, answer_t *answer) {
  plugin_string_t prefix = borrowed(rest);
  plugin_list_string_t keys;
  mortise_plugin_types_error_t error;
  if (!mortise_plugin_storage_keys(&prefix, &keys, &error)) {
    return refused(&error, answer);
  }
  say(answer, "[");
  for (size_t i = 0; i < keys.len; i++) {
    say(answer, i > 0 ? "," : "");
    say_text(answer, keys.ptr[i]);
  }
  say(answer, "]");
  plugin_list_string_free(&keys);
  return true;
}

/* ---- timers ---- */

static bool sets(const char *name, mortise_plugin_types_schedule_t when, answer_t *answer) {
  plugin_string_t timer = borrowed(name);
  mortise_plugin_types_error_t error;
  return mortise_plugin_timers_set(&timer, &when, &error) || refused(&error, answer);
}

static bool do_every(char *rest, answer_t *answer) {
  char *name = word_of(&rest);
  mortise_plugin_types_schedule_t when = {.tag = MORTISE_PLUGIN_TYPES_SCHEDULE_EVERY_MS};
  return number_of(&rest, &when.val.every_ms, answer) && sets(name, when, answer);
}

static bool do_once(char *rest, answer_t *answer) {
  char *name = word_of(&rest);
  mortise_plugin_types_schedule_t when = {.tag = MORTISE_PLUGIN_TYPES_SCHEDULE_ONCE_AT_MS};
  return number_of(&rest, &when.val.once_at_ms, answer) && sets(name, when, answer);
}

static bool do_cron(char *rest, answer_t *answer) {
  char *name = word_of(&rest);
  mortise_plugin_types_schedule_t when = {.tag = MORTISE_PLUGIN_TYPES_SCHEDULE_CRON};
  when.val.cron = borrowed(rest);
  return sets(name, when, answer);
}

static bool do_cron_in(char *rest, answer_t *answer) {
  char *name = word_of(&rest), *zone = word_of(&rest);
  plugin_string_t error;
  return mortise_cron(name, rest, zone, &error) || handed_back(&error, answer);
}

static bool do_every_with(char *rest, answer_t *answer) {
  plugin_string_t name = borrowed(word_of(&rest));
  mortise_plugin_types_schedule_t when = {.tag = MORTISE_PLUGIN_TYPES_SCHEDULE_EVERY_MS};
  mortise_plugin_types_timer_options_t options = {.missed = MORTISE_PLUGIN_TYPES_MISSED_RUNS_ONCE};
  mortise_plugin_types_error_t error;
  if (!number_of(&rest, &when.val.every_ms, answer) || !number_of(&rest, &options.jitter_ms, answer)) {
    return false;
  }
  if (strcmp(rest, "skip") == 0) {
    options.missed = MORTISE_PLUGIN_TYPES_MISSED_RUNS_SKIP;
  }
  return mortise_plugin_timers_set_with(&name, &when, &options, &error) || refused(&error, answer);
}

static bool do_cancel(char *rest, answer_t *answer) {
  plugin_string_t name = borrowed(rest);
  mortise_plugin_types_error_t error;
  return mortise_plugin_timers_cancel(&name, &error) || refused(&error, answer);
}

/* ---- the log, and the system ---- */

static void logs(mortise_plugin_types_level_t level, const char *text) {
  /* All of it, for the host to cut: mortise_log cuts by itself. */
  plugin_string_t entry = borrowed(text);
  mortise_plugin_log_write(level, &entry);
}

static bool do_log(char *rest, answer_t *answer) {
  static const char *const levels[] = {"trace", "debug", "info", "warn", "error"};
  char *name = word_of(&rest);
  for (uint8_t level = 0; level < sizeof levels / sizeof *levels; level++) {
    if (strcmp(name, levels[level]) == 0) {
      logs(level, rest);
      return true;
    }
  }
  say(answer, "`%s` is no level", name);
  return false;
}

static bool do_log_long(char *rest, answer_t *answer) {
  uint64_t length;
  if (!number_of(&rest, &length, answer)) {
    return false;
  }
  char *text = xs(length);
  logs(MORTISE_PLUGIN_TYPES_LEVEL_INFO, text);
  free(text);
  return true;
}

static bool do_log_flood(char *rest, answer_t *answer) {
  uint64_t times;
  if (!number_of(&rest, &times, answer)) {
    return false;
  }
  char *text = xs(1024);
  while (times-- > 0) {
    logs(MORTISE_PLUGIN_TYPES_LEVEL_INFO, text);
  }
  free(text);
  return true;
}

static bool do_print(char *rest, answer_t *answer) {
  (void)answer;
  puts(rest);
  fflush(stdout);
  return true;
}

static bool do_eprint(char *rest, answer_t *answer) {
  (void)answer;
  fprintf(stderr, "%s\n", rest);
  return true;
}

static bool calls_out(const char *method, const char *url, const char *body, answer_t *answer) {
  mortise_response_t response;
  plugin_string_t error;
  if (!mortise_http(method, url, body, &response, &error)) {
    return handed_back(&error, answer);
  }
  say(answer, "%d ", response.status);
  say_bytes(answer, response.body != NULL ? response.body : "", response.length);
  mortise_response_free(&response);
  return true;
}

static bool do_http(char *rest, answer_t *answer) { return calls_out("GET", rest, NULL, answer); }

static bool do_http_post(char *rest, answer_t *answer) {
  char *url = word_of(&rest);
  return calls_out("POST", url, rest, answer);
}

static bool do_read_file(char *rest, answer_t *answer) {
  FILE *file = fopen(rest, "rb");
  if (file == NULL) {
    return failed(rest, answer);
  }
  char part[4096];
  for (size_t length; (length = fread(part, 1, sizeof part, file)) > 0;) {
    say_bytes(answer, part, length);
  }
  fclose(file);
  return true;
}

static bool do_write_file(char *rest, answer_t *answer) {
  char *path = word_of(&rest);
  FILE *file = fopen(path, "wb");
  if (file == NULL) {
    return failed(path, answer);
  }
  bool written = fputs(rest, file) >= 0;
  written = fclose(file) == 0 && written;
  return written || failed(path, answer);
}

static int by_name(const void *one, const void *other) {
  return strcmp(*(char *const *)one, *(char *const *)other);
}

static bool do_list_dir(char *rest, answer_t *answer) {
  DIR *folder = opendir(rest);
  if (folder == NULL) {
    return failed(rest, answer);
  }
  char **names = NULL;
  size_t count = 0;
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
      continue;
    }
    names = realloc(names, (count + 1) * sizeof *names);
    if (names == NULL || (names[count++] = strdup(entry->d_name)) == NULL) {
      abort();
    }
  }
  closedir(folder);
  if (count > 0) {
    qsort(names, count, sizeof *names, by_name);
  }
  say(answer, "[");
  for (size_t i = 0; i < count; i++) {
    say(answer, i > 0 ? "," : "");
    say_text(answer, borrowed(names[i]));
    free(names[i]);
  }
  say(answer, "]");
  free(names);
  return true;
}

static bool do_env(char *rest, answer_t *answer) {
  const char *value = getenv(rest);
  say(answer, "%s", value != NULL ? value : "(none)");
  return true;
}

static bool do_now(char *rest, answer_t *answer) {
  (void)rest;
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) {
    return failed("the time", answer);
  }
  say(answer, "%lld", (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000);
  return true;
}

static bool do_random(char *rest, answer_t *answer) {
  (void)rest;
  uint64_t number;
  if (getentropy(&number, sizeof number) != 0) {
    return failed("random numbers", answer);
  }
  say(answer, "%llu", (unsigned long long)number);
  return true;
}

static bool do_sleep_ms(char *rest, answer_t *answer) {
  uint64_t ms;
  if (!number_of(&rest, &ms, answer)) {
    return false;
  }
  struct timespec time = {(time_t)(ms / 1000), (long)(ms % 1000 * 1000000)};
  return nanosleep(&time, NULL) == 0 || failed("sleeping", answer);
}

static bool do_big_string(char *rest, answer_t *answer) {
  uint64_t length;
  if (!number_of(&rest, &length, answer)) {
    return false;
  }
  char *text = xs(length);
  say_bytes(answer, text, (size_t)length);
  free(text);
  return true;
}

/* ---- what no plugin should do ---- */

static bool do_panic(char *rest, answer_t *answer) {
  (void)answer;
  fprintf(stderr, "%s\n", rest);
  abort();
}

static bool do_exit(char *rest, answer_t *answer) {
  uint64_t code;
  if (number_of(&rest, &code, answer)) {
    exit((int)code);
  }
  return false;
}

/* What the compiler cannot foresee, so that it leaves these as they are. */
static volatile int more = 1;

static bool do_loop(char *rest, answer_t *answer) {
  (void)rest, (void)answer;
  while (more) {
  }
  return true;
}

static int deeper(int depth) {
  volatile char frame[256];
  frame[depth & 255] = (char)depth;
  return more ? deeper(depth + 1) + frame[depth & 255] : depth;
}

static bool do_recurse(char *rest, answer_t *answer) {
  (void)rest;
  say(answer, "%d", deeper(0));
  return true;
}

static bool do_allocate(char *rest, answer_t *answer) {
  (void)rest, (void)answer;
  while (more) {
    volatile char *taken = malloc(MIB);
    if (taken == NULL) {
      abort();
    }
    for (size_t i = 0; i < MIB; i += 1024) {
      taken[i] = 1;
    }
  }
  return true;
}

static const struct {
  const char *word;
  bool (*does)(char *rest, answer_t *answer);
} commands[] = {
    {"allocate", do_allocate},
    {"big-string", do_big_string},
    {"calls", do_calls},
    {"cancel", do_cancel},
    {"count", do_count},
    {"cron", do_cron},
    {"cron-in", do_cron_in},
    {"env", do_env},
    {"eprint", do_eprint},
    {"every", do_every},
    {"every-with", do_every_with},
    {"exit", do_exit},
    {"expire", do_expire},
    {"fail", do_fail},
    {"get", do_get},
    {"http", do_http},
    {"http-post", do_http_post},
    {"image", do_image},
    {"keys", do_keys},
    {"list-dir", do_list_dir},
    {"load", do_load},
    {"log", do_log},
    {"log-flood", do_log_flood},
    {"log-long", do_log_long},
    {"loop", do_loop},
    {"now", do_now},
    {"once", do_once},
    {"panic", do_panic},
    {"print", do_print},
    {"random", do_random},
    {"read-file", do_read_file},
    {"received", do_received},
    {"recurse", do_recurse},
    {"remove", do_remove},
    {"say", do_say},
    {"send", do_send},
    {"send-as", do_send_as},
    {"send-extras", do_send_extras},
    {"send-long", do_send_long},
    {"send-priority", do_send_priority},
    {"send-to", do_send_to},
    {"sent", do_sent},
    {"sleep-ms", do_sleep_ms},
    {"store", do_store},
    {"store-bytes", do_store_bytes},
    {"unset", do_unset},
    {"update", do_update},
    {"user", do_user},
    {"write-file", do_write_file},
};

bool run(const char *command, answer_t *answer) {
  calls++;
  char *text = strdup(command), *rest = text;
  if (text == NULL) {
    abort();
  }
  size_t length = strlen(text);
  if (length > 0 && text[length - 1] == '\n') {
    text[length - 1] = 0;
  }
  const char *word = word_of(&rest);
  bool done = false, known = false;
  for (size_t i = 0; i < sizeof commands / sizeof *commands && !known; i++) {
    known = strcmp(word, commands[i].word) == 0;
    if (known) {
      done = commands[i].does(rest, answer);
    }
  }
  if (!known) {
    say(answer, "`%s` is no command", word);
  }
  free(text);
  return done;
}
