-- Marks about parts of an issuer's sessions are found by the issuer: those of one of its keys, and
-- those of a time in which it was switched off.
ALTER TABLE vestibule.end_marks ADD COLUMN issuer_scope bytea;
CREATE INDEX end_marks_issuer ON vestibule.end_marks (issuer_scope)
    WHERE issuer_scope IS NOT NULL;
