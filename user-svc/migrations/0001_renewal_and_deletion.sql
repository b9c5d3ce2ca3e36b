-- Which sessions of a user count: those of the same epoch. A new password begins another one.
ALTER TABLE users ADD COLUMN session_epoch INTEGER NOT NULL DEFAULT 1 CHECK (session_epoch > 0);

-- Sessions from before could not be renewed, and their refresh tokens name no generation: here they end.
DROP TABLE sessions;

-- user_id refers to no row: the user may be deleted before the last of many sessions is.
CREATE TABLE sessions (
  id TEXT PRIMARY KEY NOT NULL,
  user_id TEXT NOT NULL,
  epoch INTEGER NOT NULL CHECK (epoch > 0),
  version INTEGER NOT NULL CHECK (version > 0),
  refresh_token_hash TEXT NOT NULL,
  create_time INTEGER NOT NULL,
  refresh_time INTEGER NOT NULL CHECK (refresh_time >= create_time),
  expire_time INTEGER NOT NULL CHECK (expire_time > create_time)
) STRICT;

CREATE INDEX sessions_by_user ON sessions (user_id, epoch, id);
CREATE INDEX sessions_by_expire_time ON sessions (expire_time);

-- Epochs that are over and may still have sessions in the table, which are to be told of and removed.
CREATE TABLE ended_epochs (
  user_id TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  reason TEXT NOT NULL CHECK (reason IN ('PASSWORD_CHANGED', 'USER_DELETED')),
  end_time INTEGER NOT NULL,
  PRIMARY KEY (user_id, epoch)
) STRICT, WITHOUT ROWID;

-- What is left of an account. vacuum_time is null until the file was rewritten after it.
CREATE TABLE deleted_users (
  id TEXT PRIMARY KEY NOT NULL,
  version INTEGER NOT NULL CHECK (version > 1),
  delete_time INTEGER NOT NULL,
  vacuum_time INTEGER CHECK (vacuum_time > delete_time)
) STRICT;

CREATE INDEX deleted_users_before_vacuum ON deleted_users (delete_time) WHERE vacuum_time IS NULL;

-- A request claim holds a hash of e-mail address and name: it is forgotten with its account.
CREATE INDEX request_claims_by_resource ON request_claims (resource);

INSERT INTO secrets (name, value) VALUES ('refresh_token', randomblob(32));
