/* A plugin whose author writes C as usual, for the tests. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mortise.h"

void exports_mortise_plugin_manifest_describe(mortise_plugin_types_manifest_t *manifest) {
  memset(manifest, 0, sizeof *manifest);
  manifest->id = mortise_text("test.habits");
  manifest->name = mortise_text("Habits");
  manifest->version = mortise_text("0.1.0");
  mortise_want(manifest, MORTISE_PLUGIN_TYPES_PERMISSION_TIMERS, "to be tested", NULL);
}

void exports_mortise_plugin_configurer_defaults(plugin_string_t *text) { *text = mortise_text("depth: 3\n"); }

bool exports_mortise_plugin_configurer_schema(plugin_string_t *schema) {
  (void)schema;
  return false;
}

bool exports_mortise_plugin_configurer_apply(plugin_string_t *config,
                                             exports_mortise_plugin_configurer_list_problem_t *problems) {
  static const char *const names[] = {"depth", "word", NULL};
  char *unknown = mortise_config_unknown(*config, names);
  plugin_string_free(config);
  if (unknown == NULL) return true;
  problems->len = 1;
  problems->ptr = calloc(1, sizeof *problems->ptr);
  problems->ptr->path = mortise_text("%s", unknown);
  problems->ptr->text = mortise_text("there is no such setting");
  free(unknown);
  return false;
}

bool exports_mortise_plugin_timer_on_timer(plugin_string_t *name, plugin_string_t *error) {
  (void)error;
  printf("the first line\n");
  printf("timer %.*s\nthe third line\n", (int)name->len, (const char *)name->ptr);
  if (mortise_begins(*name, "trap")) __builtin_trap();
  plugin_string_free(name);
  return true;
}
