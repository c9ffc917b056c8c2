-- Times are microseconds since 1970-01-01T00:00:00Z; exact times stand in the JSON beside them.

-- The journal. Everything that happened, in the order in which it was recorded.
CREATE TABLE entries (
    position  INTEGER PRIMARY KEY,
    id        TEXT    NOT NULL UNIQUE,
    at        INTEGER NOT NULL,
    kind      TEXT    NOT NULL,
    -- RFC 8785 (JSON Canonicalization Scheme), UTF-8.
    canonical BLOB    NOT NULL,
    -- SHA-256 over 0x00 and the canonical bytes (RFC 6962, section 2.1).
    leaf_hash BLOB    NOT NULL CHECK (length(leaf_hash) = 32)
) STRICT;

CREATE TRIGGER entries_are_not_changed BEFORE UPDATE ON entries
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;

CREATE TRIGGER entries_are_not_deleted BEFORE DELETE ON entries
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;

-- INSERT OR REPLACE would delete without the trigger above.
CREATE TRIGGER entries_are_not_replaced BEFORE INSERT ON entries
WHEN EXISTS (SELECT 1 FROM entries WHERE id = NEW.id OR position = NEW.position)
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;

-- Where a decision let a digest run. Written with the decision's entry, made of nothing else.
CREATE TABLE deployments (
    digest   TEXT    NOT NULL,
    target   TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    entry_id TEXT    NOT NULL REFERENCES entries (id),
    PRIMARY KEY (digest, target, entry_id)
) STRICT;

-- Uses of the emergency door. Written with the decision's entry, made of nothing else.
CREATE TABLE break_glass_uses (
    entry_id TEXT    NOT NULL PRIMARY KEY REFERENCES entries (id),
    caller   TEXT    NOT NULL,
    at       INTEGER NOT NULL
) STRICT;
CREATE INDEX break_glass_uses_by_caller ON break_glass_uses (caller, at);

-- The revocation list as it stands; its past is in the journal.
CREATE TABLE revocations (
    what TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL
) STRICT;

-- Audit events that were taken in.
CREATE TABLE seen_events (
    event_key   TEXT    NOT NULL PRIMARY KEY,
    content     TEXT    NOT NULL,
    received_at INTEGER NOT NULL,
    raw         BLOB    NOT NULL
) STRICT;

-- What could not be read as an event.
CREATE TABLE quarantine (
    id          TEXT    NOT NULL PRIMARY KEY,
    received_at INTEGER NOT NULL,
    route       TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    raw         BLOB    NOT NULL
) STRICT;

CREATE TABLE cases (
    id        TEXT    NOT NULL PRIMARY KEY,
    revision  INTEGER NOT NULL,
    closed    INTEGER NOT NULL,
    opened_at INTEGER NOT NULL,
    body      TEXT    NOT NULL
) STRICT;
CREATE INDEX cases_by_age ON cases (opened_at, id);

CREATE TABLE findings (
    id      TEXT    NOT NULL PRIMARY KEY,
    case_id TEXT    REFERENCES cases (id),
    at      INTEGER NOT NULL,
    body    TEXT    NOT NULL
) STRICT;
CREATE INDEX findings_by_case ON findings (case_id, at);

CREATE TABLE correlations (
    correlation_key TEXT NOT NULL,
    case_id         TEXT NOT NULL REFERENCES cases (id),
    PRIMARY KEY (correlation_key, case_id)
) STRICT;

-- The outbox: alerts, and for each what becomes of it at each output.
CREATE TABLE notifications (
    id     TEXT    NOT NULL PRIMARY KEY,
    at     INTEGER NOT NULL,
    routed INTEGER NOT NULL DEFAULT 0,
    body   TEXT    NOT NULL
) STRICT;
CREATE INDEX notifications_to_route ON notifications (routed, at);

CREATE TABLE deliveries (
    notification_id TEXT    NOT NULL REFERENCES notifications (id),
    output          TEXT    NOT NULL,
    state           TEXT    NOT NULL DEFAULT 'PENDING' CHECK (state IN ('PENDING', 'DELIVERED', 'DEAD')),
    due_at          INTEGER NOT NULL,
    attempts        INTEGER NOT NULL DEFAULT 0,
    last_error      TEXT,
    PRIMARY KEY (notification_id, output)
) STRICT;
CREATE INDEX deliveries_due ON deliveries (output, state, due_at);

-- Attestations.
CREATE TABLE occurrences (
    name           TEXT    NOT NULL PRIMARY KEY,
    note           TEXT    NOT NULL,
    note_id        TEXT    NOT NULL,
    digest         TEXT    NOT NULL,
    payload_sha256 TEXT    NOT NULL,
    key_ids        TEXT    NOT NULL,
    created_at     INTEGER NOT NULL,
    body           TEXT    NOT NULL,
    UNIQUE (note, digest, payload_sha256, key_ids)
) STRICT;
CREATE INDEX occurrences_by_digest ON occurrences (digest, note_id, created_at);
