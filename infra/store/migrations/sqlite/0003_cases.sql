-- What cases are asked for. All of it stands in their bodies, too.
ALTER TABLE cases ADD COLUMN state TEXT NOT NULL DEFAULT '';
ALTER TABLE cases ADD COLUMN category TEXT NOT NULL DEFAULT '';
-- INFO 0, LOW 1, MEDIUM 2, HIGH 3, CRITICAL 4.
ALTER TABLE cases ADD COLUMN severity INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cases ADD COLUMN owner TEXT;
ALTER TABLE cases ADD COLUMN target TEXT;
-- When time alone changes it: an open case is due, the exception of a closed one ends.
ALTER TABLE cases ADD COLUMN due_at INTEGER;

UPDATE cases SET
    state = json_extract(body, '$.state'),
    category = json_extract(body, '$.category'),
    severity = CASE json_extract(body, '$.severity')
        WHEN 'CRITICAL' THEN 4 WHEN 'HIGH' THEN 3 WHEN 'MEDIUM' THEN 2 WHEN 'LOW' THEN 1 ELSE 0 END,
    owner = json_extract(body, '$.owner'),
    target = json_extract(body, '$.target'),
    due_at = 1000000 * CASE json_extract(body, '$.state')
        WHEN 'CLOSED' THEN unixepoch(json_extract(body, '$.exceptionUntil'))
        ELSE unixepoch(json_extract(body, '$.dueAt')) END;

CREATE INDEX cases_by_state ON cases (state, opened_at, id);
CREATE INDEX cases_by_target ON cases (target, opened_at, id);
CREATE INDEX cases_due ON cases (due_at) WHERE due_at IS NOT NULL;

-- Texts that justified a case, by the hash of their normal form.
CREATE TABLE justifications (
    hash    TEXT NOT NULL,
    case_id TEXT NOT NULL REFERENCES cases (id),
    PRIMARY KEY (hash, case_id)
) STRICT;

-- Drills; their declarations are in the journal.
CREATE TABLE drills (
    id      TEXT    NOT NULL PRIMARY KEY,
    target  TEXT    NOT NULL,
    from_at INTEGER NOT NULL,
    until   INTEGER NOT NULL,
    body    TEXT    NOT NULL
) STRICT;
CREATE INDEX drills_by_target ON drills (target, until);

-- Who had an occurrence signed. Written with the signing's entry, made of nothing else.
CREATE TABLE signings (
    occurrence TEXT NOT NULL,
    entry_id   TEXT NOT NULL REFERENCES entries (id),
    PRIMARY KEY (occurrence, entry_id)
) STRICT;

INSERT INTO signings (occurrence, entry_id)
SELECT json_extract(CAST(canonical AS TEXT), '$.body.occurrence'), id FROM entries
WHERE kind = 'SIGNING' AND json_extract(CAST(canonical AS TEXT), '$.body.occurrence') IS NOT NULL;
