-- The trust chain: policies, attestors, notes, keys, and who may do what with them.
CREATE TABLE resources (
    name       TEXT    NOT NULL PRIMARY KEY,
    collection TEXT    NOT NULL,
    -- How often it was written.
    revision   INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    body       TEXT    NOT NULL
) STRICT;
CREATE INDEX resources_by_collection ON resources (collection, name);

CREATE INDEX occurrences_by_note ON occurrences (note, name);
