-- The three roles. Flyway replaces the placeholders of the passwords.
CREATE ROLE eventgate_owner LOGIN PASSWORD '${eventgate_owner_password}';
CREATE ROLE eventgate_writer LOGIN PASSWORD '${eventgate_writer_password}';
CREATE ROLE eventgate_reader LOGIN PASSWORD '${eventgate_reader_password}';

-- Whoever migrates acts for the owner.
GRANT eventgate_owner TO CURRENT_USER;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO eventgate_owner;
GRANT USAGE ON SCHEMA public TO eventgate_writer, eventgate_reader;
