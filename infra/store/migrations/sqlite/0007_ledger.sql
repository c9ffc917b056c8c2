-- The ledger: a Merkle tree (RFC 6962) whose leaves are the entries, by their position from 1.

-- How many entries are in it.
CREATE TABLE tree (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    size INTEGER NOT NULL
) STRICT;
INSERT INTO tree (only, size) VALUES (1, 0);

-- Its complete subtrees: the one over the leaves from place << level to before (place + 1) << level.
-- Leaves, at level 0, are in `entries`.
CREATE TABLE tree_nodes (
    level INTEGER NOT NULL CHECK (level > 0),
    place INTEGER NOT NULL,
    hash  BLOB    NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (level, place)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER tree_nodes_are_not_changed BEFORE UPDATE ON tree_nodes
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only');
END;

CREATE TRIGGER tree_nodes_are_not_deleted BEFORE DELETE ON tree_nodes
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only');
END;

-- What was signed of it: notes (c2sp.org/signed-note).
CREATE TABLE checkpoints (
    size INTEGER NOT NULL PRIMARY KEY,
    at   INTEGER NOT NULL,
    note TEXT    NOT NULL
) STRICT;

CREATE TRIGGER checkpoints_are_not_changed BEFORE UPDATE ON checkpoints
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only');
END;

CREATE TRIGGER checkpoints_are_not_deleted BEFORE DELETE ON checkpoints
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only');
END;
