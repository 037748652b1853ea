-- For which name a passkey was made: it opens nothing under another one. Empty: made before this was kept.

alter table passkeys add column rp_id text not null default '';
