/* What the files of the conformance plugin in C have in common. */
#ifndef EVERYTHING_H
#define EVERYTHING_H

#include "mortise.h"

/* A text that grows: a command's answer, or its error. Begin with {0}. */
typedef struct {
  char *text; /* ended by a zero beyond its length; NULL while it is empty */
  size_t length;
} answer_t;

/* Adds to an answer. */
void say(answer_t *answer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void say_bytes(answer_t *answer, const void *bytes, size_t length);
/* Adds to an answer a value of the contract in its data form. */
void say_text(answer_t *answer, plugin_string_t text);
void say_user(answer_t *answer, const mortise_plugin_types_user_t *user);
void say_messages(answer_t *answer, const mortise_plugin_types_message_t *messages, size_t length);
void say_message(answer_t *answer, const mortise_plugin_types_message_t *message);
void say_deliveries(answer_t *answer, const mortise_plugin_messages_list_delivery_t *deliveries);
void say_request(answer_t *answer, const mortise_plugin_types_webhook_request_t *request);
/* Hands an answer over as the contract's text. */
plugin_string_t handed(answer_t *answer);

/* The user whom start was given; an id of 0 is none. */
extern mortise_plugin_types_user_t user;

/* Does a command. Where it answers false, the answer is an error. */
bool run(const char *command, answer_t *answer);

/* Takes the first word off a text, in its place. */
char *word_of(char **rest);
/* The same of a number; where it is none, false, with what is wrong. */
bool number_of(char **rest, uint64_t *number, answer_t *error);

#endif
