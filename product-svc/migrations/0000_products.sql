CREATE TABLE products (
  id TEXT PRIMARY KEY NOT NULL,
  display_name TEXT NOT NULL,
  description TEXT NOT NULL,
  category TEXT NOT NULL,
  currency TEXT NOT NULL CHECK (length(currency) = 3),
  price_minor INTEGER NOT NULL CHECK (price_minor > 0),
  available INTEGER NOT NULL CHECK (available >= 0),
  held INTEGER NOT NULL CHECK (held >= 0),
  sold INTEGER NOT NULL CHECK (sold >= 0),
  state TEXT NOT NULL CHECK (state IN ('ACTIVE', 'ARCHIVED')),
  version INTEGER NOT NULL CHECK (version > 0),
  create_time INTEGER NOT NULL,
  update_time INTEGER NOT NULL
) STRICT;

-- Lists run over active products only, newest first: ids are UUIDs of version 7.
CREATE INDEX products_active ON products (id) WHERE state = 'ACTIVE';
CREATE INDEX products_active_by_category ON products (category, id) WHERE state = 'ACTIVE';

-- Every change of stock by an administrator, the first stock included: for each product the sum of its deltas is
-- available + held + sold.
CREATE TABLE stock_adjustments (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  product_id TEXT NOT NULL REFERENCES products (id),
  quantity_delta INTEGER NOT NULL,
  reason TEXT NOT NULL,
  create_time INTEGER NOT NULL
) STRICT;

CREATE INDEX stock_adjustments_by_product ON stock_adjustments (product_id);

-- One row for each order that was ever heard of, for ever: it makes hold, sell and release happen once.
CREATE TABLE reservations (
  order_id TEXT PRIMARY KEY NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('HELD', 'REJECTED', 'SOLD', 'RELEASED')),
  version INTEGER NOT NULL CHECK (version > 0),
  create_time INTEGER NOT NULL,
  update_time INTEGER NOT NULL
) STRICT;

CREATE TABLE reservation_lines (
  order_id TEXT NOT NULL REFERENCES reservations (order_id),
  product_id TEXT NOT NULL REFERENCES products (id),
  quantity INTEGER NOT NULL CHECK (quantity > 0),
  PRIMARY KEY (order_id, product_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX reservation_lines_by_product ON reservation_lines (product_id);
