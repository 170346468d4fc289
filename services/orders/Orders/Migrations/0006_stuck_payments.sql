-- Since when the operation under way is wanted. Of operations that an earlier version began it is not known; they count from the payment's beginning.
ALTER TABLE payments ADD COLUMN operation_since timestamptz;

-- For the gauge, which looks for what is under way among everything that ever was.
CREATE INDEX payments_under_way ON payments (operation) WHERE operation IS NOT NULL;
