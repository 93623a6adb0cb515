-- What apps behind the gateway learn. An event is written without a number, so that sign-ins wait
-- for no counter, and numbered by whoever reads first after its commit: a reader that saw 7 has not
-- missed a 6 that commits late. The events of a user are inserted in their order, because whoever
-- writes one has the user's row.
CREATE TABLE vestibule.events (
    inserted bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sequence bigint UNIQUE,
    record json NOT NULL
);
CREATE INDEX events_unnumbered ON vestibule.events (inserted) WHERE sequence IS NULL;

CREATE TABLE vestibule.event_counter (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    latest bigint NOT NULL,
    swept bigint NOT NULL
);
INSERT INTO vestibule.event_counter (latest, swept) VALUES (0, 0);

-- Up to which event all were delivered or have a delivery, and which gateway delivers.
CREATE TABLE vestibule.webhooks (
    name text COLLATE "C" PRIMARY KEY,
    up_to bigint NOT NULL,
    holder uuid,
    leased_until timestamptz
);

CREATE TABLE vestibule.deliveries (
    webhook text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    state text NOT NULL,
    record json NOT NULL,
    PRIMARY KEY (webhook, sequence)
);
CREATE INDEX deliveries_by_state ON vestibule.deliveries (webhook, state, sequence);
