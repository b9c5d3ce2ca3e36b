-- Products get an integer key of their own: the rowids that SQLite gives to a table without one may change in a VACUUM,
-- and the search refers to them. Products are numbered in the order of their creation.
CREATE TABLE new_products (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  display_name TEXT NOT NULL,
  -- What names are sorted by, made of display_name by the code. The default is for processes of the version before,
  -- which may still run: what they create comes first until it is changed.
  name_sort_key TEXT NOT NULL DEFAULT '',
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

INSERT INTO new_products
SELECT
  NULL, id, display_name, name_sort_key(display_name), description, category, currency, price_minor, available, held,
  sold, state, version, create_time, update_time
FROM products
ORDER BY create_time, id;

DROP TABLE products;
ALTER TABLE new_products RENAME TO products;

-- One index for each order, in all categories and in one. Lists run over active products only. Those by time and by name
-- end with the price, so that a list skips what costs too little or too much without reading the product.
CREATE INDEX products_by_time ON products (create_time, id, currency, price_minor) WHERE state = 'ACTIVE';
CREATE INDEX products_by_name ON products (name_sort_key, id, currency, price_minor) WHERE state = 'ACTIVE';
CREATE INDEX products_by_price ON products (currency, price_minor, id) WHERE state = 'ACTIVE';
CREATE INDEX products_by_category_time ON products (category, create_time, id, currency, price_minor) WHERE state = 'ACTIVE';
CREATE INDEX products_by_category_name ON products (category, name_sort_key, id, currency, price_minor) WHERE state = 'ACTIVE';
CREATE INDEX products_by_category_price ON products (category, currency, price_minor, id) WHERE state = 'ACTIVE';

-- The words of the active products by products.seq, without the texts themselves.
CREATE VIRTUAL TABLE product_search USING fts5 (
  display_name,
  description,
  category,
  content = '',
  contentless_delete = 1,
  tokenize = 'unicode61 remove_diacritics 2'
);

INSERT INTO product_search (rowid, display_name, description, category)
SELECT seq, display_name, description, category FROM products WHERE state = 'ACTIVE';

CREATE TRIGGER product_search_insert AFTER INSERT ON products WHEN new.state = 'ACTIVE'
BEGIN
  INSERT INTO product_search (rowid, display_name, description, category)
  VALUES (new.seq, new.display_name, new.description, new.category);
END;

CREATE TRIGGER product_search_update AFTER UPDATE OF display_name, description, category, state ON products
WHEN (old.display_name, old.description, old.category, old.state)
  IS NOT (new.display_name, new.description, new.category, new.state)
BEGIN
  DELETE FROM product_search WHERE rowid = old.seq;
  INSERT INTO product_search (rowid, display_name, description, category)
  SELECT new.seq, new.display_name, new.description, new.category WHERE new.state = 'ACTIVE';
END;

CREATE TRIGGER product_search_delete AFTER DELETE ON products
BEGIN
  DELETE FROM product_search WHERE rowid = old.seq;
END;
