-- Whether the request had conformed to the policy. Otherwise something else let it through: dry run,
-- break-glass, or a check that was let fail open.
ALTER TABLE deployments ADD COLUMN conformant INTEGER NOT NULL DEFAULT 0;

UPDATE deployments SET conformant = 1 WHERE entry_id IN
    (SELECT id FROM entries WHERE kind = 'DECISION'
         AND json_extract(CAST(canonical AS TEXT), '$.body.verdict') = 'CONFORMANT');

CREATE INDEX deployments_by_time ON deployments (digest, target, at);
CREATE INDEX denials_by_time ON denials (digest, target, at);

-- Whether a key has facts that were not there before: the greatest row of a key is found at once.
CREATE INDEX facts_by_arrival ON facts (fact_key);

-- What a key signs is named by SHA-384 or SHA-512, too. NULL in what was stored before.
ALTER TABLE occurrences ADD COLUMN payload_sha384 TEXT;
ALTER TABLE occurrences ADD COLUMN payload_sha512 TEXT;
CREATE INDEX occurrences_by_payload_sha384 ON occurrences (payload_sha384);
CREATE INDEX occurrences_by_payload_sha512 ON occurrences (payload_sha512);
