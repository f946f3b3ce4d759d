/* Fetches a JSON address again and again, and sends a message when a field changes. */
#include <stdlib.h>
#include <string.h>

#include "mortise.h"

static char *url, *field;

void exports_mortise_plugin_manifest_describe(mortise_plugin_types_manifest_t *manifest) {
  mortise_describe(manifest, "org.example.poller", "Poller", "1.0.0");
  mortise_want(manifest, MORTISE_PLUGIN_TYPES_PERMISSION_HTTP, "to fetch the address in its configuration", "*:*", NULL);
  mortise_want(manifest, MORTISE_PLUGIN_TYPES_PERMISSION_TIMERS, "to fetch it again and again", NULL);
  mortise_want(manifest, MORTISE_PLUGIN_TYPES_PERMISSION_SEND_MESSAGES, "to report a change", NULL);
}

void exports_mortise_plugin_configurer_defaults(plugin_string_t *text) {
  *text = mortise_text("# The address, its field to compare, and the minutes between two requests.\n"
                       "url: https://api.example.org/status\nfield: state\nminutes: 10\n");
}

bool exports_mortise_plugin_configurer_schema(plugin_string_t *schema) {
  *schema = mortise_text("{\"type\":\"object\",\"properties\":{\"url\":{\"type\":\"string\"},\"field\":{\"type\":\"string\"},"
                         "\"minutes\":{\"type\":\"integer\",\"minimum\":1}},"
                         "\"required\":[\"url\",\"field\",\"minutes\"],\"additionalProperties\":false}");
  return true;
}

bool exports_mortise_plugin_configurer_apply(plugin_string_t *config,
                                             exports_mortise_plugin_configurer_list_problem_t *problems) {
  plugin_string_t error;
  bool set = mortise_every_ms("poll", mortise_config_number(*config, "minutes") * 60000, &error);
  if (set) {
    mortise_config_read(*config, "url", &url);
    mortise_config_read(*config, "field", &field);
  } else {
    *problems = (exports_mortise_plugin_configurer_list_problem_t){mortise_problem("minutes", error), 1};
  }
  plugin_string_free(config);
  return set;
}

bool exports_mortise_plugin_timer_on_timer(plugin_string_t *name, plugin_string_t *error) {
  plugin_string_free(name);
  char *json = mortise_get(url, error), *value = json == NULL ? NULL : mortise_json_value(json, field);
  if (json != NULL && value == NULL) *error = mortise_text("%s answered without %s", url, field);
  free(json);
  if (value == NULL) return false;
  char *last = mortise_load("last");
  bool done = last == NULL || strcmp(last, value) == 0 || mortise_send(field, value, 5, error) != 0;
  if (done) mortise_store("last", value);
  free(last);
  free(value);
  return done;
}
