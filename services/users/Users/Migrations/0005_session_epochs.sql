-- How often all sessions of an account have been ended: tokens carry it, and those of a smaller one are refused.
ALTER TABLE users ADD COLUMN session_epoch integer NOT NULL DEFAULT 0;
