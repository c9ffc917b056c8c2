-- How far the log of a resource was compared with what was delivered.
CREATE TABLE reconciled (
    resource         TEXT    NOT NULL PRIMARY KEY,
    watched_from     INTEGER NOT NULL,
    complete_through INTEGER NOT NULL
) STRICT;
