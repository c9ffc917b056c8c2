-- How far the journal was looked through for what decisions and revocations are findings of.
CREATE TABLE looked (
    "only"   BIGINT PRIMARY KEY CHECK ("only" = 1),
    position BIGINT NOT NULL
);
INSERT INTO looked ("only", position) VALUES (1, 0);
