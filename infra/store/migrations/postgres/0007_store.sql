-- What SQLite's first seven migrations come to. Times are microseconds since 1970-01-01T00:00:00Z; exact times
-- stand in the JSON beside them. Whoever writes is alone in that (see src/store/postgres.rs), so positions have
-- no gaps and are seen in their order. Texts are compared byte by byte, as SQLite compares them.

CREATE FUNCTION postern_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the % is append-only', TG_ARGV[0];
END
$$;

-- The journal. Everything that happened, in the order in which it was recorded.
CREATE TABLE entries (
    position  BIGINT PRIMARY KEY,
    id        TEXT   COLLATE "C" NOT NULL UNIQUE,
    at        BIGINT NOT NULL,
    kind      TEXT   COLLATE "C" NOT NULL,
    -- RFC 8785 (JSON Canonicalization Scheme), UTF-8.
    canonical BYTEA  NOT NULL,
    -- SHA-256 over 0x00 and the canonical bytes (RFC 6962, section 2.1).
    leaf_hash BYTEA  NOT NULL CHECK (length(leaf_hash) = 32)
);
CREATE TRIGGER entries_are_not_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON entries
    FOR EACH STATEMENT EXECUTE FUNCTION postern_append_only('journal');

-- Where a decision let a digest run. Written with the decision's entry, made of nothing else.
CREATE TABLE deployments (
    digest     TEXT   COLLATE "C" NOT NULL,
    target     TEXT   COLLATE "C" NOT NULL,
    at         BIGINT NOT NULL,
    entry_id   TEXT   COLLATE "C" NOT NULL REFERENCES entries (id),
    -- Whether the request had conformed to the policy. Otherwise something else let it through: dry run,
    -- break-glass, or a check that was let fail open.
    conformant BIGINT NOT NULL,
    PRIMARY KEY (digest, target, entry_id)
);
CREATE INDEX deployments_by_target ON deployments (target);
CREATE INDEX deployments_by_time ON deployments (digest, target, at);

-- Where a decision did not let a digest run. Written with the decision's entry, made of nothing else.
CREATE TABLE denials (
    digest   TEXT   COLLATE "C" NOT NULL,
    target   TEXT   COLLATE "C" NOT NULL,
    at       BIGINT NOT NULL,
    entry_id TEXT   COLLATE "C" NOT NULL REFERENCES entries (id),
    PRIMARY KEY (digest, target, entry_id)
);
CREATE INDEX denials_by_target ON denials (target);
CREATE INDEX denials_by_time ON denials (digest, target, at);

-- Uses of the emergency door. Written with the decision's entry, made of nothing else.
CREATE TABLE break_glass_uses (
    entry_id TEXT   COLLATE "C" PRIMARY KEY REFERENCES entries (id),
    caller   TEXT   COLLATE "C" NOT NULL,
    at       BIGINT NOT NULL
);
CREATE INDEX break_glass_uses_by_caller ON break_glass_uses (caller, at);

-- Who had an occurrence signed. Written with the signing's entry, made of nothing else.
CREATE TABLE signings (
    occurrence TEXT COLLATE "C" NOT NULL,
    entry_id   TEXT COLLATE "C" NOT NULL REFERENCES entries (id),
    PRIMARY KEY (occurrence, entry_id)
);

-- The revocation list as it stands; its past is in the journal.
CREATE TABLE revocations (
    what TEXT COLLATE "C" PRIMARY KEY,
    body TEXT NOT NULL
);

-- Audit events that were taken in.
CREATE TABLE seen_events (
    event_key   TEXT   COLLATE "C" PRIMARY KEY,
    content     TEXT   NOT NULL,
    received_at BIGINT NOT NULL,
    raw         BYTEA  NOT NULL
);

-- What could not be read as an event.
CREATE TABLE quarantine (
    id          TEXT   COLLATE "C" PRIMARY KEY,
    received_at BIGINT NOT NULL,
    route       TEXT   NOT NULL,
    reason      TEXT   NOT NULL,
    raw         BYTEA  NOT NULL
);

-- Cases. What they are asked for has columns of its own; all of it stands in their bodies, too.
CREATE TABLE cases (
    id        TEXT   COLLATE "C" PRIMARY KEY,
    revision  BIGINT NOT NULL,
    closed    BIGINT NOT NULL,
    opened_at BIGINT NOT NULL,
    body      TEXT   NOT NULL,
    state     TEXT   COLLATE "C" NOT NULL,
    category  TEXT   COLLATE "C" NOT NULL,
    -- INFO 0, LOW 1, MEDIUM 2, HIGH 3, CRITICAL 4.
    severity  BIGINT NOT NULL,
    owner     TEXT   COLLATE "C",
    target    TEXT   COLLATE "C",
    -- When time alone changes it: an open case is due, the exception of a closed one ends.
    due_at    BIGINT
);
CREATE INDEX cases_by_age ON cases (opened_at, id);
CREATE INDEX cases_by_state ON cases (state, opened_at, id);
CREATE INDEX cases_by_target ON cases (target, opened_at, id);
CREATE INDEX cases_due ON cases (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE findings (
    id      TEXT   COLLATE "C" PRIMARY KEY,
    case_id TEXT   COLLATE "C" REFERENCES cases (id),
    at      BIGINT NOT NULL,
    body    TEXT   NOT NULL
);
CREATE INDEX findings_by_case ON findings (case_id, at);

CREATE TABLE correlations (
    correlation_key TEXT COLLATE "C" NOT NULL,
    case_id         TEXT COLLATE "C" NOT NULL REFERENCES cases (id),
    PRIMARY KEY (correlation_key, case_id)
);

-- Texts that justified a case, by the hash of their normal form.
CREATE TABLE justifications (
    hash    TEXT COLLATE "C" NOT NULL,
    case_id TEXT COLLATE "C" NOT NULL REFERENCES cases (id),
    PRIMARY KEY (hash, case_id)
);

-- Drills; their declarations are in the journal.
CREATE TABLE drills (
    id      TEXT   COLLATE "C" PRIMARY KEY,
    target  TEXT   COLLATE "C" NOT NULL,
    from_at BIGINT NOT NULL,
    until   BIGINT NOT NULL,
    body    TEXT   NOT NULL
);
CREATE INDEX drills_by_target ON drills (target, until);

-- The outbox: alerts, and for each what becomes of it at each output. Lane 0 is urgent (break-glass, trust, a
-- blinded audit), 1 is the rest.
CREATE TABLE notifications (
    id     TEXT   COLLATE "C" PRIMARY KEY,
    at     BIGINT NOT NULL,
    routed BIGINT NOT NULL DEFAULT 0,
    body   TEXT   NOT NULL,
    lane   BIGINT NOT NULL
);
CREATE INDEX notifications_to_route ON notifications (lane, at, id) WHERE routed = 0;

CREATE TABLE deliveries (
    notification_id TEXT   COLLATE "C" NOT NULL REFERENCES notifications (id),
    output          TEXT   COLLATE "C" NOT NULL,
    state           TEXT   COLLATE "C" NOT NULL DEFAULT 'PENDING'
                    CHECK (state IN ('PENDING', 'DELIVERED', 'DEAD')),
    due_at          BIGINT NOT NULL,
    attempts        BIGINT NOT NULL DEFAULT 0,
    last_error      TEXT,
    lane            BIGINT NOT NULL,
    PRIMARY KEY (notification_id, output)
);
CREATE INDEX deliveries_due ON deliveries (output, lane, due_at, notification_id) WHERE state = 'PENDING';
-- What was given up is counted and listed without a look at all that was delivered.
CREATE INDEX deliveries_dead ON deliveries (output) WHERE state = 'DEAD';

-- Attestations.
CREATE TABLE occurrences (
    name           TEXT   COLLATE "C" PRIMARY KEY,
    note           TEXT   COLLATE "C" NOT NULL,
    note_id        TEXT   COLLATE "C" NOT NULL,
    digest         TEXT   COLLATE "C" NOT NULL,
    payload_sha256 TEXT   COLLATE "C" NOT NULL,
    key_ids        TEXT   COLLATE "C" NOT NULL,
    created_at     BIGINT NOT NULL,
    body           TEXT   NOT NULL,
    payload_sha384 TEXT   COLLATE "C",
    payload_sha512 TEXT   COLLATE "C",
    UNIQUE (note, digest, payload_sha256, key_ids)
);
CREATE INDEX occurrences_by_digest ON occurrences (digest, note_id, created_at);
CREATE INDEX occurrences_by_payload ON occurrences (payload_sha256);
CREATE INDEX occurrences_by_payload_sha384 ON occurrences (payload_sha384);
CREATE INDEX occurrences_by_payload_sha512 ON occurrences (payload_sha512);

-- What events said, for later ones. `rowid` grows with every further one, as SQLite's own does.
CREATE TABLE facts (
    rowid    BIGINT GENERATED ALWAYS AS IDENTITY,
    fact_key TEXT   COLLATE "C" NOT NULL,
    source   TEXT   COLLATE "C" NOT NULL,
    at       BIGINT NOT NULL,
    body     TEXT   NOT NULL,
    PRIMARY KEY (fact_key, source)
);
CREATE INDEX facts_by_age ON facts (fact_key, at);
CREATE INDEX facts_by_arrival ON facts (fact_key, rowid);

-- What should have happened by a certain time.
CREATE TABLE expectations (
    id      TEXT   COLLATE "C" PRIMARY KEY,
    due_at  BIGINT NOT NULL,
    settled BIGINT NOT NULL DEFAULT 0,
    body    TEXT   NOT NULL
);
CREATE INDEX expectations_due ON expectations (settled, due_at);

-- When something was last heard of a project or account.
CREATE TABLE heard (
    project TEXT   COLLATE "C" PRIMARY KEY,
    at      BIGINT NOT NULL
);

-- Parts of entries that their log has split.
CREATE TABLE parts (
    uid         TEXT   COLLATE "C" NOT NULL,
    place       BIGINT NOT NULL,
    total       BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    raw         BYTEA  NOT NULL,
    PRIMARY KEY (uid, place)
);
CREATE INDEX parts_by_age ON parts (received_at);

-- How far the log of a resource was compared with what was delivered.
CREATE TABLE reconciled (
    resource         TEXT   COLLATE "C" PRIMARY KEY,
    watched_from     BIGINT NOT NULL,
    complete_through BIGINT NOT NULL
);

-- The ledger: a Merkle tree (RFC 6962) whose leaves are the entries, by their position from 1.
-- How many entries are in it.
CREATE TABLE tree (
    "only" BIGINT PRIMARY KEY CHECK ("only" = 1),
    size   BIGINT NOT NULL
);
INSERT INTO tree ("only", size) VALUES (1, 0);

-- Its complete subtrees: the one over the leaves from place << level to before (place + 1) << level.
-- Leaves, at level 0, are in `entries`.
CREATE TABLE tree_nodes (
    level BIGINT NOT NULL CHECK (level > 0),
    place BIGINT NOT NULL,
    hash  BYTEA  NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (level, place)
);
CREATE TRIGGER tree_nodes_are_not_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON tree_nodes
    FOR EACH STATEMENT EXECUTE FUNCTION postern_append_only('ledger');

-- What was signed of it: notes (c2sp.org/signed-note).
CREATE TABLE checkpoints (
    size BIGINT PRIMARY KEY,
    at   BIGINT NOT NULL,
    note TEXT   NOT NULL
);
CREATE TRIGGER checkpoints_are_not_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION postern_append_only('ledger');
