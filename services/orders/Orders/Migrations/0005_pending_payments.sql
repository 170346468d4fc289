-- A provider gives the failure that it once answered under an idempotency key to every repeat for a day: the next request goes under the key's next generation.
ALTER TABLE payments ADD COLUMN key_generation integer NOT NULL DEFAULT 0;

-- What a pending payment waits for, in the provider's words, and where its customer has to go.
ALTER TABLE payments ADD COLUMN waits_for text;
ALTER TABLE payments ADD COLUMN next_action_url text;
