-- How many pieces of each product with a recipe have been shipped, ever: a sum over all orders, kept here so that nobody has to read them all. A trigger counts, so that a
-- replica of the version before does, too. Counting takes the rows in the order of their skus, as everything does that locks several.
LOCK TABLE reservations IN SHARE ROW EXCLUSIVE MODE;

CREATE TABLE recipe_shipments (
    sku     text COLLATE "C" PRIMARY KEY REFERENCES products,
    shipped bigint NOT NULL CHECK (shipped >= 0)
) WITH (fillfactor = 40, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200);

CREATE FUNCTION count_shipped_recipes() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO recipe_shipments AS counted (sku, shipped)
    SELECT p.sku, sum((item ->> 'quantity')::bigint) FROM jsonb_array_elements(NEW.items) AS item JOIN products p ON p.sku = item ->> 'sku' AND p.is_composite
    GROUP BY p.sku ORDER BY p.sku
    ON CONFLICT (sku) DO UPDATE SET shipped = counted.shipped + excluded.shipped;
    RETURN NULL;
END
$$;
CREATE TRIGGER shipped_recipes_count AFTER UPDATE OF status ON reservations
    FOR EACH ROW WHEN (NEW.has_recipes AND NEW.status = 'shipped' AND OLD.status <> 'shipped') EXECUTE FUNCTION count_shipped_recipes();

INSERT INTO recipe_shipments (sku, shipped)
SELECT p.sku, sum((item ->> 'quantity')::bigint)
FROM reservations r, jsonb_array_elements(r.items) AS item JOIN products p ON p.sku = item ->> 'sku' AND p.is_composite
WHERE r.has_recipes AND r.status = 'shipped' GROUP BY p.sku;

DROP INDEX reservations_of_recipes;
CREATE INDEX reservations_of_open_recipes ON reservations USING gin (items jsonb_path_ops) WHERE has_recipes AND status IN ('reserved', 'shipping');
