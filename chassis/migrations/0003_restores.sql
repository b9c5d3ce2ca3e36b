-- When the database was put back from a backup: others may remember what it does not. Whoever restores writes this, also into
-- files from before this migration.
CREATE TABLE IF NOT EXISTS restores (time INTEGER PRIMARY KEY NOT NULL CHECK (time >= 0)) STRICT;
