/* {{title}}. */
#include <stdlib.h>
#include <string.h>

#include "mortise.h"

// @if filter webhook timer configurer
static const char *const default_prefix = "[{{name}}] ";
// @end
// @if configurer
/* The prefix that is configured; NULL if it is the default. */
static char *configured;
// @end
// @if filter webhook timer

static const char *prefix(void) {
  // @if configurer
  return configured != NULL ? configured : default_prefix;
  // @else
  return default_prefix;
  // @end
}
// @end

void exports_mortise_plugin_manifest_describe(mortise_plugin_types_manifest_t *manifest) {
  memset(manifest, 0, sizeof *manifest);
  manifest->id = mortise_text("{{id}}");
  manifest->name = mortise_text("{{title}}");
  manifest->version = mortise_text("0.1.0");
  manifest->description = mortise_text("Says what it does, in a sentence.");
  // @if filter
  mortise_want(manifest, MORTISE_PLUGIN_TYPES_PERMISSION_FILTER_MESSAGES, "to put a prefix before titles", NULL);
  // @end
  // @if listener
  mortise_want(manifest, MORTISE_PLUGIN_TYPES_PERMISSION_READ_MESSAGES, "to count messages", "*", NULL);
  // @end
  // @if webhook
  mortise_want(manifest, MORTISE_PLUGIN_TYPES_PERMISSION_WEBHOOK, "to be told what to send", NULL);
  // @end
  // @if timer
  mortise_want(manifest, MORTISE_PLUGIN_TYPES_PERMISSION_TIMERS, "to speak up every hour", NULL);
  // @end
  // @if webhook timer
  mortise_want(manifest, MORTISE_PLUGIN_TYPES_PERMISSION_SEND_MESSAGES, "to send what it was told, or on time", NULL);
  // @end
}
// @if timer lifecycle

/* Called when the instance comes up. */
bool exports_mortise_plugin_lifecycle_start(mortise_plugin_types_user_t *user, plugin_string_t *error) {
  mortise_plugin_types_user_free(user);
  // @if timer
  return mortise_every_ms("hourly", 60 * 60 * 1000, error);
  // @else
  (void)error;
  return true;
  // @end
}

bool exports_mortise_plugin_lifecycle_stop(mortise_plugin_types_stop_reason_t reason, plugin_string_t *error) {
  (void)reason, (void)error;
  return true;
}
// @end
// @if configurer

/* The configuration is one line, "prefix: TEXT". */
void exports_mortise_plugin_configurer_defaults(plugin_string_t *text) {
  *text = mortise_text("prefix: \"%s\"\n", default_prefix);
}

bool exports_mortise_plugin_configurer_schema(plugin_string_t *schema) {
  *schema = mortise_text("{\"type\":\"object\",\"properties\":{\"prefix\":{\"type\":\"string\","
                         "\"maxLength\":64,\"description\":\"Put before each title.\"}}}");
  return true;
}

bool exports_mortise_plugin_configurer_apply(plugin_string_t *config,
                                             exports_mortise_plugin_configurer_list_problem_t *problems) {
  static const char *const names[] = {"prefix", NULL};
  char *unknown = mortise_config_unknown(*config, names);
  char *value = mortise_config_value(*config, "prefix");
  plugin_string_free(config);
  if (unknown != NULL) {
    free(value);
    problems->len = 1;
    problems->ptr = calloc(1, sizeof *problems->ptr);
    problems->ptr->path = mortise_text("%s", unknown);
    problems->ptr->text = mortise_text("there is no such setting; there is prefix");
    free(unknown);
    return false;
  }
  if (value != NULL && strlen(value) > 64) {
    free(value);
    problems->len = 1;
    problems->ptr = calloc(1, sizeof *problems->ptr);
    problems->ptr->path = mortise_text("prefix");
    problems->ptr->text = mortise_text("write at most 64 characters");
    return false;
  }
  free(configured);
  configured = value;
  return true;
}
// @end
// @if filter

/* Has a say in every message before it is stored. */
bool exports_mortise_plugin_filter_filter(mortise_plugin_types_draft_t *draft, mortise_plugin_types_verdict_t *verdict,
                                          plugin_string_t *error) {
  (void)error;
  if (mortise_begins(draft->content.title, prefix())) {
    verdict->tag = MORTISE_PLUGIN_TYPES_VERDICT_KEEP;
    mortise_plugin_types_draft_free(draft);
    return true;
  }
  verdict->tag = MORTISE_PLUGIN_TYPES_VERDICT_REPLACE;
  verdict->val.replace = draft->content;
  plugin_string_t title = draft->content.title;
  verdict->val.replace.title = mortise_text("%s%.*s", prefix(), (int)title.len, (const char *)title.ptr);
  plugin_string_free(&title);
  mortise_plugin_types_application_free(&draft->application);
  return true;
}
// @end
// @if webhook

/* Answers requests to the plugin's secret address. */
void exports_mortise_plugin_webhook_handle(mortise_plugin_types_webhook_request_t *request,
                                           mortise_plugin_types_webhook_response_t *response) {
  memset(response, 0, sizeof *response);
  plugin_string_t title = mortise_text("%swebhook", prefix()), error;
  char *name = mortise_c_text(title);
  char *body = mortise_c_text((plugin_string_t){request->body.ptr, request->body.len});
  response->status = 200;
  if (mortise_send(name, body, 5, &error) == 0) {
    response->status = 502;
    response->body.ptr = error.ptr;
    response->body.len = error.len;
  }
  plugin_string_free(&title);
  free(name);
  free(body);
  mortise_plugin_types_webhook_request_free(request);
}
// @end
// @if listener

/* Is given every stored message. */
bool exports_mortise_plugin_listener_on_messages(exports_mortise_plugin_listener_list_message_t *messages,
                                                 plugin_string_t *error) {
  char *before = mortise_load("count");
  unsigned long count = (before != NULL ? strtoul(before, NULL, 10) : 0) + messages->len;
  free(before);
  exports_mortise_plugin_listener_list_message_free(messages);
  plugin_string_t text = mortise_text("%lu", count);
  char *value = mortise_c_text(text);
  bool stored = mortise_store("count", value);
  if (!stored) {
    *error = mortise_text("the count could not be stored");
  }
  plugin_string_free(&text);
  free(value);
  return stored;
}
// @end
// @if timer

/* Called when the timer comes due. */
bool exports_mortise_plugin_timer_on_timer(plugin_string_t *name, plugin_string_t *error) {
  plugin_string_free(name);
  plugin_string_t text = mortise_text("%stimer", prefix());
  char *title = mortise_c_text(text);
  bool sent = mortise_send(title, "an hour has passed", 5, error) != 0;
  plugin_string_free(&text);
  free(title);
  return sent;
}
// @end
// @if displayer

/* Shown on the plugin's page. */
void exports_mortise_plugin_displayer_display(plugin_string_t *base_url, plugin_string_t *page) {
  if (base_url != NULL) {
    plugin_string_free(base_url);
  }
  char *count = mortise_load("count");
  *page = mortise_text("# {{title}}\n\n%s messages so far.\n", count != NULL ? count : "0");
  free(count);
}
// @end
