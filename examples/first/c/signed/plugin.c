/* A webhook that sends a message for each event that is signed with a secret. */
#include <stdlib.h>

#include "mortise.h"

static char *secret;

void exports_mortise_plugin_manifest_describe(mortise_plugin_types_manifest_t *manifest) {
  mortise_describe(manifest, "org.example.signed", "Signed", "1.0.0");
  mortise_want(manifest, MORTISE_PLUGIN_TYPES_PERMISSION_WEBHOOK, "to receive events", NULL);
  mortise_want(manifest, MORTISE_PLUGIN_TYPES_PERMISSION_SEND_MESSAGES, "to report them", NULL);
}

void exports_mortise_plugin_configurer_defaults(plugin_string_t *text) {
  *text = mortise_text("# The sender's secret.\nsecret: \"\"\n");
}

bool exports_mortise_plugin_configurer_schema(plugin_string_t *schema) {
  *schema = mortise_text("{\"type\":\"object\",\"properties\":{\"secret\":{\"type\":\"string\",\"writeOnly\":true}},"
                         "\"additionalProperties\":false}");
  return true;
}

bool exports_mortise_plugin_configurer_apply(plugin_string_t *config,
                                             exports_mortise_plugin_configurer_list_problem_t *problems) {
  (void)problems;
  free(secret);
  secret = mortise_config_value(*config, "secret");
  plugin_string_free(config);
  return true;
}

void exports_mortise_plugin_webhook_handle(mortise_plugin_types_webhook_request_t *request,
                                           mortise_plugin_types_webhook_response_t *response) {
  if (!mortise_is_signed(request, "x-hub-signature-256", secret)) {
    mortise_respond(response, 401, "the signature is missing or wrong\n");
  } else {
    char *body = mortise_c_text((plugin_string_t){request->body.ptr, request->body.len});
    char *title = mortise_json_value(body, "title");
    plugin_string_t error;
    bool sent = mortise_send("Event", title == NULL ? "without a title" : title, 5, &error) != 0;
    mortise_respond(response, sent ? 204 : 503, "%.*s", sent ? 0 : (int)error.len, sent ? "" : (char *)error.ptr);
    if (!sent) plugin_string_free(&error);
    free(title);
    free(body);
  }
  mortise_plugin_types_webhook_request_free(request);
}
