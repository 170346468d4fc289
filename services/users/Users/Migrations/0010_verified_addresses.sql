-- Whether somebody has followed a link that was mailed to the address. Accounts of before are taken to be their owners'.
ALTER TABLE users ADD COLUMN email_verified boolean NOT NULL DEFAULT true;
ALTER TABLE user_list ADD COLUMN email_verified boolean NOT NULL DEFAULT true;

-- The address that a ticket is about, when that is not the one of the account.
ALTER TABLE account_tickets ADD COLUMN email text;

-- A password that somebody else has chosen, and that lets nobody in before its owner has chosen another.
ALTER TABLE users ADD COLUMN password_is_initial boolean NOT NULL DEFAULT false;
