/* For writing plugins for Mortise in C, as WebAssembly components.
 *
 * plugin.h beside the plugin is generated from the contract and has all of it;
 * this header makes the usual things short. A plugin defines the functions that
 * plugin.h declares as exports_mortise_plugin_*: those of the capabilities in
 * its plugin.toml, and exports_mortise_plugin_manifest_describe.
 *
 * Memory: what a plugin is given in arguments is its own, to be freed with the
 * functions in plugin.h or kept; what it answers has to come from malloc, as
 * what mortise_text makes does, and is freed by the bindings. */
#ifndef MORTISE_H
#define MORTISE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A text in memory of its own, made as printf does. */
plugin_string_t mortise_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same text, ended by a zero, to be freed. */
char *mortise_c_text(plugin_string_t text);

/* Whether a text begins with another. */
bool mortise_begins(plugin_string_t text, const char *prefix);

/* Writes a line into the instance's log, at most 8 KiB of it. */
void mortise_log(mortise_plugin_types_level_t level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A refusal of the host as a text, "denied: ..."; frees it. */
plugin_string_t mortise_refusal(mortise_plugin_types_error_t *error);

/* Begins a manifest, with everything else empty. */
void mortise_describe(mortise_plugin_types_manifest_t *manifest, const char *id, const char *name,
                      const char *version);

/* Asks for a permission, one of MORTISE_PLUGIN_TYPES_PERMISSION_*, for a reason.
 * The names, ended by NULL, are those of hosts, applications, cookies, users or
 * environment variables, where the permission has some. */
void mortise_want(mortise_plugin_types_manifest_t *manifest, uint8_t permission, const char *reason, ...)
    __attribute__((sentinel));

/* Names the messages that the listener wants: of at least this priority, INT32_MIN
 * for any, and of these applications, ended by NULL; of all if there are none. */
void mortise_listen(mortise_plugin_types_manifest_t *manifest, int32_t min_priority, ...) __attribute__((sentinel));

/* Sends a message to the user. Answers its id, or 0 with what the host says,
 * which is to be freed. */
uint64_t mortise_send(const char *title, const char *body, int32_t priority, plugin_string_t *error);

/* The same to one user, by name; needs the permission send-to-users. */
uint64_t mortise_send_to(const char *user, const char *title, const char *body, int32_t priority,
                         plugin_string_t *error);

/* Replaces the content of a message that this plugin sent. */
bool mortise_update(uint64_t id, const char *title, const char *body, int32_t priority, plugin_string_t *error);

/* The value last stored under a key as a text, to be freed; NULL if there is
 * none, or the host refuses. */
char *mortise_load(const char *key);

/* Stores a text durably. */
bool mortise_store(const char *key, const char *value);

/* Sets a timer that fires again and again. */
bool mortise_every_ms(const char *name, uint64_t period_ms, plugin_string_t *error);

/* The same by a cron expression, in a time zone such as "Europe/Berlin"; NULL is
 * the user's. */
bool mortise_cron(const char *name, const char *expression, const char *zone, plugin_string_t *error);

/* The value in the line "name: value" of a configuration, without quotes around
 * it, to be freed; NULL if there is no such line. Enough for a plugin whose
 * configuration is a few texts and numbers. */
char *mortise_config_value(plugin_string_t config, const char *name);

/* The same value as a number; 0 if there is no such line, or no number in it. */
uint64_t mortise_config_number(plugin_string_t config, const char *name);

/* Puts the same value in the place of a text, which is freed; NULL if there is none. */
void mortise_config_read(plugin_string_t config, const char *name, char **text);

/* The first name in a configuration that is none of these, ended by NULL, to be
 * freed; NULL if there is none. Whatever the value, a misspelt name is a problem
 * for the user to mend, and not a setting that is silently left out. */
char *mortise_config_unknown(plugin_string_t config, const char *const *names);

/* One problem of a configuration, at a path such as "minutes", for the list that the
 * configurer answers. The text becomes its own. */
mortise_plugin_types_problem_t *mortise_problem(const char *path, plugin_string_t text);

/* The value of a field in a JSON object, to be freed: of a text its content, of
 * anything else its JSON as written. NULL if this is no object or has no such field. */
char *mortise_json_value(const char *json, const char *name);

/* The HMAC-SHA256 of bytes. */
void mortise_hmac_sha256(const void *key, size_t key_length, const void *bytes, size_t length, uint8_t mac[32]);

/* Whether a header of a request is "sha256=" and the HMAC-SHA256 of the body in
 * hexadecimal, as GitHub's X-Hub-Signature-256 is; compared in constant time. False
 * without a secret. */
bool mortise_is_signed(const mortise_plugin_types_webhook_request_t *request, const char *header,
                       const char *secret);

/* Makes the answer to a webhook request of a plain text, made as printf does. */
void mortise_respond(mortise_plugin_types_webhook_response_t *response, uint16_t status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A whole response, to be freed with mortise_response_free. */
typedef struct {
  uint16_t status;
  char *body; /* ended by a zero beyond its length */
  size_t length;
} mortise_response_t;

/* Sends an HTTP request to a server that the permission http names, and waits
 * for the whole response, of at most 8 MiB; redirects are not followed. The
 * body may be NULL. Answers false with what went wrong, which is to be freed. */
bool mortise_http(const char *method, const char *url, const char *body,
                  mortise_response_t *response, plugin_string_t *error);

/* Sends a GET request in the same way. Answers the body, to be freed, if the status is
 * 200 to 299, else NULL with what went wrong. */
char *mortise_get(const char *url, plugin_string_t *error);

void mortise_response_free(mortise_response_t *response);

#ifdef __cplusplus
}
#endif

#endif
