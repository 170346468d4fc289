-- An order by the number that stands in mails. The shadow becomes the table when the read model is made anew.
CREATE INDEX orders_by_number ON orders (right(id::text, 8));
CREATE INDEX orders_shadow_by_number ON orders_shadow (right(id::text, 8));

-- Payments by status. Captured are nearly all: those are found without an index.
CREATE INDEX payments_not_captured ON payments (status, id DESC) WHERE status <> 'captured';
