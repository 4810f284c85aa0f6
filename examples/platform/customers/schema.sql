CREATE TABLE IF NOT EXISTS customers (
    id      TEXT PRIMARY KEY,
    name    TEXT NOT NULL,
    plan    TEXT NOT NULL,
    profile TEXT NOT NULL -- JSON
);

CREATE TABLE IF NOT EXISTS orders (
    id       INTEGER PRIMARY KEY,
    customer TEXT NOT NULL REFERENCES customers (id),
    cents    INTEGER NOT NULL,
    paid     BOOLEAN NOT NULL
);

CREATE TABLE IF NOT EXISTS runs (
    execution     TEXT PRIMARY KEY,
    agent         TEXT NOT NULL,
    customer_user TEXT NOT NULL,
    outcome       TEXT NOT NULL,
    finished      TEXT NOT NULL
);

-- cus_legacy was imported from an older system that cut profiles off at 16
-- characters: the row that real databases always have, and that makes a run fail.
INSERT OR IGNORE INTO customers (id, name, plan, profile) VALUES
    ('cus_acme',    'Acme Freight',   'enterprise', '{"segment":"logistics","contact":"Ada Marsh"}'),
    ('cus_borealis','Borealis Books', 'starter',    '{"segment":"retail","contact":"Ben Okafor"}'),
    ('cus_legacy',  'Legacy Imports', 'starter',    '{"segment":"whol');

INSERT OR IGNORE INTO orders (id, customer, cents, paid) VALUES
    (1, 'cus_acme',     129900, TRUE),
    (2, 'cus_acme',      89900, TRUE),
    (3, 'cus_acme',      45000, FALSE),
    (4, 'cus_borealis',   1900, TRUE),
    (5, 'cus_borealis',   2900, FALSE);
