-- Roles are bundles of permissions that an installation names itself.
ALTER TABLE users DROP CONSTRAINT users_role_check;
ALTER TABLE users ADD CONSTRAINT users_role_check CHECK (role ~ '^[a-z][a-z0-9-]{0,39}$');

ALTER TABLE user_list ADD COLUMN role text NOT NULL DEFAULT 'customer';
UPDATE user_list SET role = users.role FROM users WHERE users.id = user_list.id AND users.role <> 'customer';
CREATE INDEX user_list_operators ON user_list (id) WHERE role <> 'customer';
