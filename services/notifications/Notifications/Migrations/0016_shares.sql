-- Mails that wait, by tenant. The version before looks for them by mails_due: a later one may drop that.
CREATE INDEX mails_waiting ON mails (coalesce(tenant_id, ''), due_at) WHERE status = 'pending';
