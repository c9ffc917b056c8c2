-- Times are microseconds since 1970-01-01T00:00:00Z.

-- Where a decision did not let a digest run. Written with the decision's entry, made of nothing else.
CREATE TABLE denials (
    digest   TEXT    NOT NULL,
    target   TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    entry_id TEXT    NOT NULL REFERENCES entries (id),
    PRIMARY KEY (digest, target, entry_id)
) STRICT;
CREATE INDEX denials_by_target ON denials (target);
CREATE INDEX deployments_by_target ON deployments (target);

-- What events said, for later ones.
CREATE TABLE facts (
    fact_key TEXT    NOT NULL,
    source   TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    body     TEXT    NOT NULL,
    PRIMARY KEY (fact_key, source)
) STRICT;
CREATE INDEX facts_by_age ON facts (fact_key, at);

-- What should have happened by a certain time.
CREATE TABLE expectations (
    id      TEXT    NOT NULL PRIMARY KEY,
    due_at  INTEGER NOT NULL,
    settled INTEGER NOT NULL DEFAULT 0,
    body    TEXT    NOT NULL
) STRICT;
CREATE INDEX expectations_due ON expectations (settled, due_at);

-- When something was last heard of a project or account.
CREATE TABLE heard (
    project TEXT    NOT NULL PRIMARY KEY,
    at      INTEGER NOT NULL
) STRICT;

-- Parts of entries that their log has split.
CREATE TABLE parts (
    uid         TEXT    NOT NULL,
    place       INTEGER NOT NULL,
    total       INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    raw         BLOB    NOT NULL,
    PRIMARY KEY (uid, place)
) STRICT;
CREATE INDEX parts_by_age ON parts (received_at);

CREATE INDEX occurrences_by_payload ON occurrences (payload_sha256);
