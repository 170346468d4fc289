-- Whose order moved the stock, or the tenant of the operator who did something: what other tenants' operators are not shown. Stock and products belong to no tenant.
ALTER TABLE movements ADD COLUMN tenant_id text;
ALTER TABLE product_history ADD COLUMN tenant_id text;
