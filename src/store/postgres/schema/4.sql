-- What keys of rate limits owe at all gateways together (`limits.rates.shared`). It is worth nothing
-- after a crash, so it is not logged. Times are in microseconds; the clock is the server's.
CREATE UNLOGGED TABLE vestibule.rates (
    key bytea PRIMARY KEY,
    -- When all that passed is paid back.
    owed_until bigint NOT NULL,
    -- Of what was added last.
    cost bigint NOT NULL,
    period bigint NOT NULL
);
-- A key that has used up more than half of its limit is near it.
CREATE INDEX rates_near_limit ON vestibule.rates ((owed_until - period / 2));
