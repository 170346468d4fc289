-- What holds stock is little among what ever was reserved.
CREATE INDEX reservations_open ON reservations (order_id DESC) WHERE status IN ('reserved', 'shipping');

-- A parcel by the number that the customer has.
CREATE INDEX shipments_by_tracking_number ON shipments (tracking_number, id DESC) WHERE tracking_number IS NOT NULL;
