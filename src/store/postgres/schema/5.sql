-- Marks are swept by their time.
CREATE INDEX end_marks_by_time ON vestibule.end_marks (((record->>'at')::bigint));
