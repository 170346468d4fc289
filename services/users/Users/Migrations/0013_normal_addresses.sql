-- Addresses were compared as they were typed. From now on they are stored in Unicode's normal form C, in which equal addresses are equal.
-- Of two accounts that have the same address in two forms, none is changed or merged: each signs in with what it typed, and the log of this migration names them.
UPDATE users u SET email = normalize(u.email, NFC)
WHERE u.email IS NOT NFC NORMALIZED AND NOT EXISTS (SELECT FROM users t WHERE t.id <> u.id AND normalize(t.email, NFC) = normalize(u.email, NFC));

DO $$
DECLARE twins text;
BEGIN
    SELECT string_agg(t.id::text, ', ' ORDER BY t.id) INTO twins
    FROM users t WHERE EXISTS (SELECT FROM users o WHERE o.id <> t.id AND o.email IS NOT NULL AND normalize(o.email, NFC) = normalize(t.email, NFC));
    IF twins IS NOT NULL THEN
        RAISE WARNING 'Accounts with one address in two forms of Unicode: %', twins;
    END IF;
END
$$;
