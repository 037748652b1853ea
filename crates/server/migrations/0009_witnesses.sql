-- Witnesses: what this server cosigned of the ledgers of others, and what others cosigned of its own.

-- The head that this server cosigned last of each log: kept before the cosignature is handed out, never taken back.
create table witnessed_logs (
    -- The log's name for itself.
    origin text primary key,
    size bigint not null,
    -- In hexadecimal digits.
    root text not null,
    -- The signed note as the log sent it.
    checkpoint text not null,
    cosigned_at bigint not null,
    -- Another one that the log signed and that does not go on from there: what proves that it is forked. Empty: there was none.
    refused text not null,
    refused_at bigint not null
);

-- What each witness cosigned last of each stream of this ledger.
create table ledger_cosignatures (
    log text not null,
    -- The witness's key.
    witness text not null,
    size bigint not null,
    -- The signed note with the witness's cosignature; empty when there was none yet.
    checkpoint text not null,
    cosigned_at bigint not null,
    -- Why it does not cosign at present; empty: it does.
    trouble text not null,
    -- The same in words.
    said text not null,
    -- Since when that is so.
    since bigint not null,
    primary key (log, witness)
);

-- Of each stream the checkpoint that is shown with the cosignatures of several witnesses.
create table ledger_cosigned (
    log text primary key,
    size bigint not null,
    checkpoint text not null
);
