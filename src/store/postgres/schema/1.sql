-- Records are JSON text, as in the embedded store: `json`, not `jsonb`, because `jsonb` has no
-- U+0000. Keys that come from tokens are SHA-256 values, because an index entry has a greatest
-- size and a `sub` may be longer. Times are seconds since 1970.

CREATE TABLE vestibule.users (
    id uuid PRIMARY KEY,
    record json NOT NULL
);

-- What no two users share: identities and addresses.
CREATE TABLE vestibule.user_keys (
    key bytea PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES vestibule.users ON DELETE CASCADE
);
CREATE INDEX user_keys_user ON vestibule.user_keys (user_id);

-- What users are looked for by and may share: `sub`.
CREATE TABLE vestibule.user_subjects (
    subject bytea,
    user_id uuid REFERENCES vestibule.users ON DELETE CASCADE,
    PRIMARY KEY (subject, user_id)
);
CREATE INDEX user_subjects_user ON vestibule.user_subjects (user_id);

-- No reference to users: the end of an unknown session is remembered, too.
CREATE TABLE vestibule.sessions (
    sid uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    issuer_scope bytea NOT NULL,
    opened_at bigint NOT NULL,
    remember_until bigint NOT NULL,
    record json NOT NULL
);
CREATE INDEX sessions_by_user ON vestibule.sessions (user_id, opened_at, sid);
CREATE INDEX sessions_by_time ON vestibule.sessions (opened_at, sid);
CREATE INDEX sessions_by_end ON vestibule.sessions (remember_until);

CREATE TABLE vestibule.login_cookies (
    cookie bytea PRIMARY KEY,
    until bigint NOT NULL,
    record json NOT NULL
);
CREATE INDEX login_cookies_by_end ON vestibule.login_cookies (until);

CREATE TABLE vestibule.end_marks (
    scope bytea PRIMARY KEY,
    user_id uuid,
    of_signing_key boolean NOT NULL,
    record json NOT NULL
);
CREATE INDEX end_marks_user ON vestibule.end_marks (user_id);
CREATE INDEX end_marks_of_signing_keys ON vestibule.end_marks (scope) WHERE of_signing_key;

CREATE TABLE vestibule.tombstones (
    identity bytea PRIMARY KEY,
    until bigint NOT NULL,
    record json NOT NULL
);
CREATE INDEX tombstones_by_end ON vestibule.tombstones (until);

CREATE TABLE vestibule.spent (
    id bytea PRIMARY KEY,
    until bigint NOT NULL
);
CREATE INDEX spent_by_end ON vestibule.spent (until);

CREATE TABLE vestibule.signing_keys (
    kid text PRIMARY KEY,
    record json NOT NULL
);

CREATE TABLE vestibule.settings (
    name text COLLATE "C" PRIMARY KEY,
    value text NOT NULL
);

CREATE TABLE vestibule.changes (
    sequence bigint PRIMARY KEY,
    at bigint NOT NULL,
    record json NOT NULL
);

-- One row. Whoever numbers a change holds it until the commit, so that numbers become visible in
-- their order: a reader that saw 7 has not missed a 6 that commits late.
CREATE TABLE vestibule.change_counter (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    latest bigint NOT NULL,
    swept bigint NOT NULL
);
INSERT INTO vestibule.change_counter (latest, swept) VALUES (0, 0);

CREATE TABLE vestibule.audit (
    id uuid PRIMARY KEY,
    at bigint NOT NULL,
    record json NOT NULL
);
CREATE INDEX audit_by_time ON vestibule.audit (at);
