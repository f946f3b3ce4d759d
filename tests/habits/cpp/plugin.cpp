// A plugin whose author writes C++ as usual, for the tests: it sorts the words of a body,
// and counts them in the title. sum.c is in C.
#include <algorithm>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "mortise.h"

extern "C" int sum(int one, int other);

namespace {

struct Settings {
  std::string word;
};

std::unique_ptr<Settings> settings = std::make_unique<Settings>();

std::string owned(plugin_string_t text) { return {reinterpret_cast<const char *>(text.ptr), text.len}; }

plugin_string_t handed(const std::string &text) { return mortise_text("%s", text.c_str()); }

void replace(plugin_string_t &text, const std::string &by) {
  plugin_string_free(&text);
  text = handed(by);
}

}  // namespace

void exports_mortise_plugin_manifest_describe(mortise_plugin_types_manifest_t *manifest) {
  *manifest = {};
  manifest->id = handed("test.habits-cpp");
  manifest->name = handed("Habits in C++");
  manifest->version = handed("0.1.0");
  mortise_want(manifest, MORTISE_PLUGIN_TYPES_PERMISSION_FILTER_MESSAGES, "to be tested", nullptr);
}

void exports_mortise_plugin_configurer_defaults(plugin_string_t *text) { *text = handed("word: b\n"); }

bool exports_mortise_plugin_configurer_schema(plugin_string_t *) { return false; }

bool exports_mortise_plugin_configurer_apply(plugin_string_t *config,
                                             exports_mortise_plugin_configurer_list_problem_t *) {
  std::istringstream lines(owned(*config));
  plugin_string_free(config);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("word: ", 0) == 0) settings->word = line.substr(6);
  }
  return true;
}

bool exports_mortise_plugin_filter_filter(mortise_plugin_types_draft_t *draft, mortise_plugin_types_verdict_t *verdict,
                                          plugin_string_t *) {
  std::istringstream body(owned(draft->content.body));
  std::vector<std::string> words;
  std::map<std::string, int> counts;
  for (std::string word; body >> word;) {
    words.push_back(word);
    counts[word] = sum(counts[word], 1);
  }
  std::sort(words.begin(), words.end());
  std::ostringstream sorted;
  for (const auto &word : words) sorted << word << '\n';
  replace(draft->content.body, sorted.str());
  replace(draft->content.title, settings->word + " " + std::to_string(counts[settings->word]));
  verdict->tag = MORTISE_PLUGIN_TYPES_VERDICT_REPLACE;
  verdict->val.replace = draft->content;
  draft->content = {};
  mortise_plugin_types_draft_free(draft);
  return true;
}
