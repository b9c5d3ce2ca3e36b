CREATE TABLE sample_items (
  id TEXT PRIMARY KEY NOT NULL,
  user_id TEXT NOT NULL,
  display_name TEXT NOT NULL CHECK (length(display_name) > 0),
  version INTEGER NOT NULL CHECK (version > 0),
  create_time INTEGER NOT NULL,
  update_time INTEGER NOT NULL
) STRICT;

-- A list is of one user, newest first: ids are UUIDs of version 7.
CREATE INDEX sample_items_by_user ON sample_items (user_id, id);
