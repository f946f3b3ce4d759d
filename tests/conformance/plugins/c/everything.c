/* The conformance plugin in C. ../../PLUGIN.md says what it does; commands.c
 * has its commands. */
#include "everything.h"

#include <stdlib.h>
#include <string.h>

mortise_plugin_types_user_t user;

/* What is configured; NULL for what is not. */
static char *on_start, *on_stop, *on_display;

void exports_mortise_plugin_manifest_describe(mortise_plugin_types_manifest_t *manifest) {
  static const char reason[] = "to be tested with it";
  memset(manifest, 0, sizeof *manifest);
  manifest->id = mortise_text("test.everything");
  manifest->name = mortise_text("Everything");
  manifest->version = mortise_text("0.1.0");
  manifest->description = mortise_text("Has every capability and does as it is told.");
  manifest->author = mortise_text("Mortise's tests");
  manifest->license = mortise_text("MIT OR Apache-2.0");
  manifest->website = mortise_text("https://example.org/everything");
  mortise_want(manifest, MORTISE_PLUGIN_TYPES_PERMISSION_SEND_MESSAGES, reason, NULL);
  mortise_want(manifest, MORTISE_PLUGIN_TYPES_PERMISSION_READ_MESSAGES, reason, "*", NULL);
  mortise_want(manifest, MORTISE_PLUGIN_TYPES_PERMISSION_FILTER_MESSAGES, reason, NULL);
  mortise_want(manifest, MORTISE_PLUGIN_TYPES_PERMISSION_WEBHOOK, reason, NULL);
  mortise_want(manifest, MORTISE_PLUGIN_TYPES_PERMISSION_COOKIES, reason, "session", NULL);
  mortise_want(manifest, MORTISE_PLUGIN_TYPES_PERMISSION_HTTP, reason, "127.0.0.1:*", NULL);
  mortise_want(manifest, MORTISE_PLUGIN_TYPES_PERMISSION_ENVIRONMENT, reason, "MORTISE_TEST", NULL);
  mortise_want(manifest, MORTISE_PLUGIN_TYPES_PERMISSION_TIMERS, reason, NULL);
  mortise_want(manifest, MORTISE_PLUGIN_TYPES_PERMISSION_SEND_TO_USERS, reason, "*", NULL);
  mortise_listen(manifest, -1000, NULL);
}

/* Does a command that was configured, and logs its answer. */
static bool run_and_log(const char *command, plugin_string_t *error) {
  answer_t answer = {0};
  if (command == NULL) {
    return true;
  }
  if (!run(command, &answer)) {
    *error = handed(&answer);
    return false;
  }
  mortise_log(MORTISE_PLUGIN_TYPES_LEVEL_INFO, "%s", answer.text != NULL ? answer.text : "");
  free(answer.text);
  return true;
}

/* Does a command, and keeps its answer in the storage. */
static bool run_and_store(plugin_string_t command, plugin_string_t *error) {
  answer_t answer = {0};
  char *text = mortise_c_text(command);
  bool done = run(text, &answer);
  free(text);
  if (done && !mortise_store("answer", answer.text != NULL ? answer.text : "")) {
    done = false;
    free(answer.text);
    answer = (answer_t){0};
    say(&answer, "the answer cannot be stored");
  }
  if (done) {
    free(answer.text);
  } else {
    *error = handed(&answer);
  }
  return done;
}

bool exports_mortise_plugin_lifecycle_start(mortise_plugin_types_user_t *given, plugin_string_t *error) {
  user = *given;
  return run_and_log(on_start, error);
}

bool exports_mortise_plugin_lifecycle_stop(mortise_plugin_types_stop_reason_t reason, plugin_string_t *error) {
  static const char *const reasons[] = {"disabled", "reloading", "idle", "shutting_down"};
  mortise_log(MORTISE_PLUGIN_TYPES_LEVEL_INFO, "stopped: %s", reasons[reason]);
  return run_and_log(on_stop, error);
}

void exports_mortise_plugin_configurer_defaults(plugin_string_t *text) {
  *text = mortise_text("on_start: \"\"\non_stop: \"\"\non_display: \"\"\nrefuse: \"\"\n");
}

bool exports_mortise_plugin_configurer_schema(plugin_string_t *schema) {
  *schema = mortise_text("{\"type\":\"object\",\"properties\":{\"on_start\":{\"type\":\"string\"},"
                         "\"on_stop\":{\"type\":\"string\"},\"on_display\":{\"type\":\"string\"},"
                         "\"refuse\":{\"type\":\"string\"}}}");
  return true;
}

/* A value that is configured; NULL if it is empty. */
static char *value_of(plugin_string_t config, const char *name) {
  char *value = mortise_config_value(config, name);
  if (value != NULL && *value == 0) {
    free(value);
    return NULL;
  }
  return value;
}

static void configure(char **value, plugin_string_t config, const char *name) {
  free(*value);
  *value = value_of(config, name);
}

bool exports_mortise_plugin_configurer_apply(plugin_string_t *config,
                                             exports_mortise_plugin_configurer_list_problem_t *problems) {
  char *refuse = value_of(*config, "refuse");
  if (refuse != NULL) {
    problems->len = 1;
    problems->ptr = calloc(1, sizeof *problems->ptr);
    if (problems->ptr == NULL) {
      abort();
    }
    problems->ptr->path = mortise_text("refuse");
    problems->ptr->text = mortise_text("%s", refuse);
    free(refuse);
  } else {
    configure(&on_start, *config, "on_start");
    configure(&on_stop, *config, "on_stop");
    configure(&on_display, *config, "on_display");
  }
  plugin_string_free(config);
  return refuse == NULL;
}

void exports_mortise_plugin_displayer_display(plugin_string_t *base_url, plugin_string_t *page) {
  answer_t answer = {0}, error = {0};
  if (on_display == NULL) {
    say(&answer, "# Everything\n\nat ");
    if (base_url != NULL) {
      say_bytes(&answer, base_url->ptr, base_url->len);
    } else {
      say(&answer, "(none)");
    }
    say(&answer, "\n");
  } else if (!run(on_display, &answer)) {
    say(&error, "error: %s", answer.text != NULL ? answer.text : "");
    free(answer.text);
    answer = error;
  }
  if (base_url != NULL) {
    plugin_string_free(base_url);
  }
  *page = handed(&answer);
}

/* Answers with a header, whose texts become the response's. */
static void with_header(mortise_plugin_types_webhook_response_t *response, plugin_string_t name,
                        plugin_string_t value) {
  response->headers.len = 1;
  response->headers.ptr = calloc(1, sizeof *response->headers.ptr);
  if (response->headers.ptr == NULL) {
    abort();
  }
  response->headers.ptr->name = name;
  response->headers.ptr->value = value;
}

static void with_text(mortise_plugin_types_webhook_response_t *response, answer_t *answer) {
  plugin_string_t body = handed(answer);
  with_header(response, mortise_text("content-type"), mortise_text("text/plain; charset=utf-8"));
  response->body = (plugin_list_u8_t){body.ptr, body.len};
}

void exports_mortise_plugin_webhook_handle(mortise_plugin_types_webhook_request_t *request,
                                           mortise_plugin_types_webhook_response_t *response) {
  memset(response, 0, sizeof *response);
  response->status = 200;
  answer_t answer = {0};
  char *path = mortise_c_text(request->path);
  if (*path == 0) {
    char *command = mortise_c_text((plugin_string_t){request->body.ptr, request->body.len});
    response->status = run(command, &answer) ? 200 : 500;
    free(command);
    with_text(response, &answer);
  } else if (strcmp(path, "echo") == 0) {
    say_request(&answer, request);
    with_text(response, &answer);
  } else if (strncmp(path, "status/", 7) == 0) {
    response->status = (uint16_t)atoi(path + 7);
    response->body = request->body;
    request->body = (plugin_list_u8_t){0};
  } else if (strncmp(path, "header/", 7) == 0) {
    char *name = path + 7, *value = strchr(name, '/');
    int length = value != NULL ? (int)(value - name) : (int)strlen(name);
    with_header(response, mortise_text("%.*s", length, name), mortise_text("%s", value != NULL ? value + 1 : ""));
  } else if (strncmp(path, "header-of/", 10) == 0) {
    plugin_string_t found = {0};
    for (size_t i = request->headers.len; i-- > 0;) {
      plugin_string_t name = request->headers.ptr[i].name;
      if (name.len == strlen(path + 10) && mortise_begins(name, path + 10)) {
        found = request->headers.ptr[i].value;
      }
    }
    say(&answer, "%.*s", (int)(found.ptr != NULL ? found.len : 6), found.ptr != NULL ? (char *)found.ptr : "(none)");
    with_text(response, &answer);
  } else {
    response->status = 404;
  }
  free(path);
  mortise_plugin_types_webhook_request_free(request);
}

bool exports_mortise_plugin_filter_filter(mortise_plugin_types_draft_t *draft, mortise_plugin_types_verdict_t *verdict,
                                          plugin_string_t *error) {
  mortise_plugin_types_content_t *content = &draft->content;
  answer_t answer = {0};
  char *title = mortise_c_text(content->title);
  bool done = true;
  verdict->tag = MORTISE_PLUGIN_TYPES_VERDICT_REPLACE;
  if (strcmp(title, "keep") == 0) {
    verdict->tag = MORTISE_PLUGIN_TYPES_VERDICT_KEEP;
  } else if (strncmp(title, "drop ", 5) == 0) {
    verdict->tag = MORTISE_PLUGIN_TYPES_VERDICT_DROP;
    verdict->val.drop = mortise_text("%s", title + 5);
  } else {
    bool replace = strcmp(title, "replace") == 0 || strncmp(title, "replace ", 8) == 0;
    if (replace) {
      say(&answer, "%s", strlen(title) > 8 ? title + 8 : "");
    } else {
      done = run(title, &answer);
    }
    if (done) {
      plugin_string_free(&content->body);
      content->body = handed(&answer);
      if (!replace) {
        plugin_string_free(&content->title);
        content->title = mortise_text("result");
      }
      verdict->val.replace = *content;
      *content = (mortise_plugin_types_content_t){0};
    } else {
      *error = handed(&answer);
    }
  }
  free(title);
  mortise_plugin_types_draft_free(draft);
  return done;
}

bool exports_mortise_plugin_listener_on_messages(exports_mortise_plugin_listener_list_message_t *messages,
                                                 plugin_string_t *error) {
  bool done = true;
  for (size_t i = 0; done && i < messages->len; i++) {
    done = run_and_store(messages->ptr[i].content.title, error);
  }
  exports_mortise_plugin_listener_list_message_free(messages);
  return done;
}

bool exports_mortise_plugin_timer_on_timer(plugin_string_t *name, plugin_string_t *error) {
  bool done = run_and_store(*name, error);
  plugin_string_free(name);
  return done;
}
