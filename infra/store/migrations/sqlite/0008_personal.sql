-- What entries say of people: there only commitments stand, here their texts. Rows are deleted when somebody
-- is to be forgotten, or with their entry's content; nothing of the record changes by that.
CREATE TABLE personal (
    position   INTEGER NOT NULL REFERENCES entries (position),
    commitment TEXT    NOT NULL,
    salt       BLOB    NOT NULL CHECK (length(salt) = 32),
    -- A JSON string.
    body       TEXT    NOT NULL,
    PRIMARY KEY (position, commitment)
) STRICT, WITHOUT ROWID;
