-- How far the journal was looked through for what decisions and revocations are findings of.
CREATE TABLE looked (
    "only"   INTEGER PRIMARY KEY CHECK ("only" = 1),
    position INTEGER NOT NULL
) STRICT;
INSERT INTO looked ("only", position) VALUES (1, 0);
