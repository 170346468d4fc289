-- What the token server (OpenIddict) keeps: its clients, people's sessions (authorizations), and the codes and refresh tokens of those. Access tokens are not written down.
CREATE TABLE oauth_applications (
    id                        uuid         PRIMARY KEY,
    application_type          varchar(50)  NULL,
    client_id                 varchar(100) NULL,
    client_secret             text         NULL,
    client_type               varchar(50)  NULL,
    concurrency_token         varchar(50)  NULL,
    consent_type              varchar(50)  NULL,
    display_name              text         NULL,
    display_names             text         NULL,
    json_web_key_set          text         NULL,
    permissions               text         NULL,
    post_logout_redirect_uris text         NULL,
    properties                text         NULL,
    redirect_uris             text         NULL,
    requirements              text         NULL,
    settings                  text         NULL
);
CREATE UNIQUE INDEX oauth_applications_client ON oauth_applications (client_id);

CREATE TABLE oauth_authorizations (
    id                uuid         PRIMARY KEY,
    application_id    uuid         NULL REFERENCES oauth_applications,
    concurrency_token varchar(50)  NULL,
    creation_date     timestamptz  NULL,
    properties        text         NULL,
    scopes            text         NULL,
    status            varchar(50)  NULL,
    subject           varchar(400) NULL,
    type              varchar(50)  NULL
);
CREATE INDEX oauth_authorizations_application ON oauth_authorizations (application_id, status, subject, type);
CREATE INDEX oauth_authorizations_subject ON oauth_authorizations (subject);

CREATE TABLE oauth_tokens (
    id                uuid         PRIMARY KEY,
    application_id    uuid         NULL REFERENCES oauth_applications,
    authorization_id  uuid         NULL REFERENCES oauth_authorizations,
    concurrency_token varchar(50)  NULL,
    creation_date     timestamptz  NULL,
    expiration_date   timestamptz  NULL,
    payload           text         NULL,
    properties        text         NULL,
    redemption_date   timestamptz  NULL,
    reference_id      varchar(100) NULL,
    status            varchar(50)  NULL,
    subject           varchar(400) NULL,
    type              varchar(150) NULL
);
CREATE UNIQUE INDEX oauth_tokens_reference ON oauth_tokens (reference_id);
CREATE INDEX oauth_tokens_application ON oauth_tokens (application_id, status, subject, type);
CREATE INDEX oauth_tokens_subject ON oauth_tokens (subject);
CREATE INDEX oauth_tokens_authorization ON oauth_tokens (authorization_id);
CREATE INDEX oauth_tokens_age ON oauth_tokens (creation_date);

CREATE TABLE oauth_scopes (
    id                uuid         PRIMARY KEY,
    concurrency_token varchar(50)  NULL,
    description       text         NULL,
    descriptions      text         NULL,
    display_name      text         NULL,
    display_names     text         NULL,
    name              varchar(200) NULL,
    properties        text         NULL,
    resources         text         NULL
);
CREATE UNIQUE INDEX oauth_scopes_name ON oauth_scopes (name);

-- refresh_tokens stays for replicas of the version before, until they are replaced. Who is signed in by one of those signs in once more.
