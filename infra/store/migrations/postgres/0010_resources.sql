-- The trust chain: policies, attestors, notes, keys, and who may do what with them.
CREATE TABLE resources (
    name       TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    collection TEXT   NOT NULL,
    -- How often it was written.
    revision   BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    body       TEXT   NOT NULL
);
CREATE INDEX resources_by_collection ON resources (collection, name);

CREATE INDEX occurrences_by_note ON occurrences (note, name);
