-- What did not arrive is little among what was sent: what is asked for by that is found here, and the rest without an index.
CREATE INDEX mails_not_sent ON mails (status, id DESC) WHERE status IN ('failed', 'suppressed');
CREATE INDEX webhook_deliveries_not_taken ON webhook_deliveries (status, id DESC) WHERE status IN ('failed', 'cancelled');
