CREATE TABLE users (
  id TEXT PRIMARY KEY NOT NULL,
  email TEXT NOT NULL UNIQUE CHECK (email = lower(email)),
  display_name TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('CUSTOMER', 'ADMIN')),
  password_hash TEXT NOT NULL CHECK (password_hash LIKE '$argon2id$%'),
  version INTEGER NOT NULL CHECK (version > 0),
  create_time INTEGER NOT NULL,
  update_time INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
  id TEXT PRIMARY KEY NOT NULL,
  user_id TEXT NOT NULL REFERENCES users (id),
  refresh_token_hash TEXT NOT NULL UNIQUE,
  create_time INTEGER NOT NULL,
  expire_time INTEGER NOT NULL CHECK (expire_time > create_time)
) STRICT;

CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_expire_time ON sessions (expire_time);

-- Key pairs that access tokens are signed with, made by the service itself. Private: they are nowhere else.
CREATE TABLE signing_keys (
  kid TEXT PRIMARY KEY NOT NULL,
  private_jwk TEXT NOT NULL CHECK (json_valid(private_jwk)),
  create_time INTEGER NOT NULL
) STRICT;
