-- Dead letters under their name.

DROP INDEX plugin_set_aside_of_message;
ALTER TABLE plugin_set_aside RENAME TO dead_letters;
CREATE INDEX dead_letters_of_message ON dead_letters (message_id);
