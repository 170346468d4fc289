CREATE TABLE things (
    id   uuid PRIMARY KEY,
    name text NOT NULL
);

CREATE TABLE journal (
    id   uuid PRIMARY KEY,
    line text NOT NULL
);
