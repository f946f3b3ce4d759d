/* Makes messages silent whose titles begin with a word. */
#include <stdlib.h>
#include <string.h>

#include "mortise.h"

/* What the user configured; a word of NULL is none. */
static char *begins;
static int32_t priority;

void exports_mortise_plugin_manifest_describe(mortise_plugin_types_manifest_t *manifest) {
  memset(manifest, 0, sizeof *manifest);
  manifest->id = mortise_text("io.mortise.c-quiet");
  manifest->name = mortise_text("Quiet");
  manifest->version = mortise_text("0.1.0");
  manifest->description = mortise_text("Makes messages silent whose titles begin with a word.");
  manifest->author = mortise_text("The Mortise developers");
  manifest->license = mortise_text("MIT OR Apache-2.0");
  mortise_want(manifest, MORTISE_PLUGIN_TYPES_PERMISSION_FILTER_MESSAGES, "to change their priority", NULL);
}

void exports_mortise_plugin_configurer_defaults(plugin_string_t *text) {
  *text = mortise_text("# Titles that begin so get the priority; 0 is silent, 10 urgent.\n"
                       "begins: \"[ci]\"\npriority: 0\n");
}

bool exports_mortise_plugin_configurer_schema(plugin_string_t *schema) {
  *schema = mortise_text("{\"type\":\"object\",\"properties\":{"
                         "\"begins\":{\"type\":\"string\",\"description\":\"What titles begin with.\"},"
                         "\"priority\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":10}}}");
  return true;
}

static bool problem(exports_mortise_plugin_configurer_list_problem_t *problems, const char *path, const char *text) {
  problems->len = 1;
  problems->ptr = calloc(1, sizeof *problems->ptr);
  if (problems->ptr == NULL) {
    abort();
  }
  problems->ptr->path = mortise_text("%s", path);
  problems->ptr->text = mortise_text("%s", text);
  return false;
}

bool exports_mortise_plugin_configurer_apply(plugin_string_t *config,
                                             exports_mortise_plugin_configurer_list_problem_t *problems) {
  static const char *const names[] = {"begins", "priority", NULL};
  char *unknown = mortise_config_unknown(*config, names);
  if (unknown != NULL) {
    plugin_string_free(config);
    bool refused = problem(problems, unknown, "there is no such setting; there are begins and priority");
    free(unknown);
    return refused;
  }
  char *word = mortise_config_value(*config, "begins");
  char *number = mortise_config_value(*config, "priority");
  plugin_string_free(config);
  char *end = number;
  long wanted = number != NULL ? strtol(number, &end, 10) : 0;
  bool good = wanted >= 0 && wanted <= 10 && (number == NULL || (end != number && *end == 0));
  free(number);
  if (!good) {
    free(word);
    return problem(problems, "priority", "write a number from 0 to 10");
  }
  free(begins);
  begins = word;
  priority = (int32_t)wanted;
  return true;
}

bool exports_mortise_plugin_filter_filter(mortise_plugin_types_draft_t *draft, mortise_plugin_types_verdict_t *verdict,
                                          plugin_string_t *error) {
  (void)error;
  if (begins == NULL || *begins == 0 || !mortise_begins(draft->content.title, begins)) {
    verdict->tag = MORTISE_PLUGIN_TYPES_VERDICT_KEEP;
    mortise_plugin_types_draft_free(draft);
    return true;
  }
  verdict->tag = MORTISE_PLUGIN_TYPES_VERDICT_REPLACE;
  verdict->val.replace = draft->content;
  verdict->val.replace.priority = priority;
  mortise_plugin_types_application_free(&draft->application);
  return true;
}
